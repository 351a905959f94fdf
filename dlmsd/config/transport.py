"""What the options of the way to a meter need from each other."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Final

from dlmsd.config.misfit import Misfit, misfit
from dlmsd.config.values import MeterOptions
from dlmsd.dlms.mode_e import RATES

_OF_TLS: Final = ("server_name", "ca_file", "cert_file", "key_file")
_OF_LINE: Final = ("baudrate", "opening", "opening_address")
COMMON: Final = ("framing", "tls", *_OF_TLS, *_OF_LINE)
"""What meters that share a connection have in common."""

TRANSPORT: Final = frozenset(("transport", "host", "port", "device", "announces", *COMMON))
"""All keys that are judged here."""


def misfits(options: MeterOptions) -> Iterator[Misfit]:
    """Everything about one meter."""
    serial = options.transport == "serial"
    wanted, other = ("device", "host") if serial else ("host", "device")
    if not getattr(options, wanted) and options.transport not in ("push", "dial-in"):
        yield misfit(wanted, "is required", "transport")
    if getattr(options, other):
        yield misfit(other, f'not with transport = "{options.transport}"', "transport")
    if options.transport == "udp" and options.framing != "wrapper":
        message = 'transport "udp" needs framing = "wrapper": HDLC is not sent in datagrams'
        yield misfit("framing", message, "transport")
    if (options.transport, options.referencing, options.security) == ("udp", "sn", "none"):
        message = (
            'over transport "udp" short names need security: their answers bear no invoke-id, so '
            "that a late one would be taken for the value of another object"
        )
        yield misfit("referencing", message, "transport", "security")
    if serial and options.framing != "hdlc":
        yield misfit("framing", 'transport "serial" needs framing = "hdlc"', "transport")
    yield from _tls(options)
    yield from _opening(options)
    yield from _call(options)


def _tls(options: MeterOptions) -> Iterator[Misfit]:
    if options.tls and options.transport != "tcp":
        yield misfit("tls", 'only with transport = "tcp"', "transport")
    for key in _OF_TLS:
        if getattr(options, key) is not None and not options.tls:
            yield misfit(key, "only with tls = true", "tls")
    if options.key_file is not None and options.cert_file is None:
        yield misfit("key_file", "needs cert_file, the certificate of this key", "cert_file")


def _call(options: MeterOptions) -> Iterator[Misfit]:
    if options.transport != "dial-in":
        if options.announces is not None:
            yield misfit("announces", 'only with transport = "dial-in"', "transport")
    elif options.host:
        try:
            ip_address(options.host)
        except ValueError:
            yield misfit("host", "an address is needed to know a caller by", "transport")
    elif options.announces is None:
        message = "is required, or host: by what is the meter known when it calls?"
        yield misfit("announces", message, "transport", "host")


def _opening(options: MeterOptions) -> Iterator[Misfit]:
    if options.opening == "none":
        if options.opening_address:
            yield misfit("opening_address", 'only with opening = "mode-e"', "opening")
    elif options.transport != "serial":
        message = 'only with transport = "serial": no other changes its baud rate'
        yield misfit("opening", message, "transport")
    elif options.baudrate not in RATES.values():
        message = f'opening "mode-e" has at most {max(RATES.values())} Bd'
        yield misfit("baudrate", message, "opening")
