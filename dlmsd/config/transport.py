"""What the options of the way to a meter need from each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from dlmsd.config.misfit import Misfit, misfit
from dlmsd.config.values import MeterOptions

TRANSPORT: Final = frozenset(("transport", "framing", "host", "port"))
"""All keys that are judged here."""


def misfits(options: MeterOptions) -> Iterator[Misfit]:
    """Everything about one meter."""
    if not options.host:
        yield misfit("host", "is required", "transport")
    if options.transport == "udp" and options.framing != "wrapper":
        message = 'transport "udp" needs framing = "wrapper": HDLC is not sent in datagrams'
        yield misfit("framing", message, "transport")
