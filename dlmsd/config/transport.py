"""What the options of the way to a meter need from each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from dlmsd.config.misfit import Misfit, misfit
from dlmsd.config.values import MeterOptions

_OF_TLS: Final = ("server_name", "ca_file", "cert_file", "key_file")
COMMON: Final = ("framing", "tls", *_OF_TLS)
"""What meters that share a connection have in common."""

TRANSPORT: Final = frozenset(("transport", "host", "port", *COMMON))
"""All keys that are judged here."""


def misfits(options: MeterOptions) -> Iterator[Misfit]:
    """Everything about one meter."""
    if not options.host and options.transport != "push":
        yield misfit("host", "is required", "transport")
    if options.transport == "udp" and options.framing != "wrapper":
        message = 'transport "udp" needs framing = "wrapper": HDLC is not sent in datagrams'
        yield misfit("framing", message, "transport")
    yield from _tls(options)


def _tls(options: MeterOptions) -> Iterator[Misfit]:
    if options.tls and options.transport != "tcp":
        yield misfit("tls", 'only with transport = "tcp"', "transport")
    for key in _OF_TLS:
        if getattr(options, key) is not None and not options.tls:
            yield misfit(key, "only with tls = true", "tls")
    if options.key_file is not None and options.cert_file is None:
        yield misfit("key_file", "needs cert_file, the certificate of this key", "cert_file")
