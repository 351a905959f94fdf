"""Which broker a url means."""

from __future__ import annotations

from contextlib import suppress
from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

from attrs import frozen

from dlmsd.config.rules import Refusal

_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}
_EXPECTED: Final = "expected mqtt://HOST:PORT or mqtts://HOST:PORT"


@frozen
class Broker:
    """Host, in small letters, port and whether TLS is spoken.

    One broker is one however its url is written.
    """

    host: str
    port: int
    tls: bool

    @classmethod
    def parse(cls, text: str) -> Broker:
        """Raises Refusal for anything but ``mqtt(s)://host[:port]``."""
        if not text.isascii() or not text.isprintable() or " " in text:
            raise Refusal(_EXPECTED)
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError:
            raise Refusal(_EXPECTED) from None
        _check(parts)
        assert parts.hostname is not None
        if port == 0:
            raise Refusal(f"{_EXPECTED}; the port is a number from 1 to 65535")
        return cls(parts.hostname, port or _PORTS[parts.scheme], parts.scheme == "mqtts")

    @property
    def server(self) -> tuple[str, int]:
        """Which ThingsBoard it is: the usual ports of a host, given as 0, lead to the same, and
        so do all names of this machine for itself."""
        host = self.host.removesuffix(".")
        with suppress(ValueError):
            address = ip_address(host)
            host = "localhost" if address.is_loopback else str(address)
        return host, 0 if self.port in _PORTS.values() else self.port


def url(value: object) -> str:
    """The rule for ``sinks[].url``."""
    if not isinstance(value, str):
        raise Refusal(_EXPECTED)
    Broker.parse(value)
    return value


def _check(parts: SplitResult) -> None:
    if parts.scheme not in _PORTS or not parts.hostname:
        raise Refusal(_EXPECTED)
    if "@" in parts.netloc:
        raise Refusal(f"{_EXPECTED}; user and password go to username and password")
    if parts.path or parts.query or parts.fragment:
        raise Refusal(f"{_EXPECTED} and nothing behind it; the topic goes to its own key, topic")
