"""Where the page listens: the shape of a Twisted server endpoint."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Final

from attrs import frozen

from dlmsd.config.rules import Refusal

_FIELD: Final = r"(?:[^\\:]|\\.)+"
_ENDPOINT: Final = re.compile(rf"{_FIELD}(?::{_FIELD})+")
_EXPECTED: Final = "expected an endpoint: tcp:PORT:interface=ADDRESS, ssl:PORT:... or unix:PATH"
_ARGUMENTS: Final = {
    "tcp": ("port", "interface", "backlog"),
    "ssl": (
        *("port", "interface", "backlog", "privateKey", "certKey"),
        *("sslmethod", "extraCertChain", "dhParameters"),
    ),
    "unix": ("address", "mode", "backlog", "lockfile"),
}


@frozen
class Listen:
    """A parsed endpoint: ``tcp``, ``ssl`` or ``unix`` and its arguments by name."""

    kind: str
    arguments: dict[str, str]

    @classmethod
    def parse(cls, text: str) -> Listen:
        """Raises Refusal for what Twisted would not take, and for other kinds."""
        if not _ENDPOINT.fullmatch(text):
            raise Refusal(_EXPECTED)
        kind, *fields = re.findall(_FIELD, text)
        if kind not in _ARGUMENTS:
            raise Refusal(_EXPECTED)
        arguments: dict[str, str] = {}
        for index, one in enumerate(fields):
            name, equals, value = one.partition("=")
            if not equals:
                # By position only the first is clear to a reader; Twisted takes more.
                name, value = (_ARGUMENTS[kind][0], one) if index == 0 else ("", one)
            if name not in _ARGUMENTS[kind] or name in arguments:
                raise Refusal(f"{_EXPECTED}; {kind}: takes {', '.join(_ARGUMENTS[kind])}")
            arguments[name] = re.sub(r"\\(.)", r"\1", value)
        endpoint = cls(kind, arguments)
        endpoint._check()
        return endpoint

    def _check(self) -> None:
        if self.kind == "unix":
            if not self.arguments.get("address"):
                raise Refusal(_EXPECTED)
            return
        port = self.arguments.get("port", "")
        if not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65535:
            raise Refusal(f"{_EXPECTED}; the port is a number from 0 to 65535")

    @property
    def exposed(self) -> bool:
        """Whether others than this machine reach it without TLS."""
        return self.kind == "tcp" and not self.loopback

    @property
    def loopback(self) -> bool:
        """Whether it is a port that only this machine reaches."""
        interface = self.arguments.get("interface", "")
        if self.kind == "unix" or interface == "localhost":
            return self.kind != "unix"
        try:
            return ip_address(interface).is_loopback
        except ValueError:
            return False

    @property
    def url(self) -> str:
        """Where a browser on this machine finds it; nothing for a socket that has no port."""
        if self.kind == "unix":
            return ""
        interface = self.arguments.get("interface", "")
        host = "localhost" if interface in ("", "0.0.0.0", "::") else interface  # noqa: S104
        host = f"[{host}]" if ":" in host else host
        scheme = "https" if self.kind == "ssl" else "http"
        return f"{scheme}://{host}:{self.arguments['port']}/"


def listen(value: object) -> str:
    """The rule for ``web.listen``."""
    if not isinstance(value, str):
        raise Refusal(_EXPECTED)
    Listen.parse(value)
    return value
