"""What the server keeps of a device, and who carries it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from attrs import Factory as Fresh
from attrs import define, field, frozen

from tests.thingsboard.values import Record, Value


@frozen
class Credentials:
    """``id`` is the token, or the certificate's SHA3 (A3); ``basic`` what MQTT basic asks for;
    ``certificate`` is it in Base64, where it was given."""

    type: str = "ACCESS_TOKEN"
    id: str = ""
    basic: Mapping[str, str] = {}
    certificate: str = field(default="", eq=False)

    @classmethod
    def of_certificate(cls, pem: str) -> Credentials:
        """R8, P4: lines and markers go, of what is left it is the SHA3-256."""
        text = re.sub(r"-----(BEGIN|END) CERTIFICATE-----|[\r\n]", "", pem)
        digest = hashlib.sha3_256(text.encode()).hexdigest()
        return cls("X509_CERTIFICATE", digest, certificate=text)


@frozen
class Filters:
    """T9: topics of a device profile with transport MQTT, each with + and # where wanted."""

    telemetry: str = "v1/devices/me/telemetry"
    attributes: str = "v1/devices/me/attributes"


def matches(filter: str, topic: str) -> bool:
    """Whether a topic fits a filter (T9, T8)."""
    wanted, levels = filter.split("/"), topic.split("/")
    if wanted[-1] == "#":
        wanted, levels = wanted[:-1], levels[: len(wanted) - 1]
    return len(wanted) == len(levels) and all(
        one in ("+", level) for one, level in zip(wanted, levels, strict=True)
    )


class Link(Protocol):
    """A device's session: its own connection, or its place on a gateway's."""

    @property
    def listens(self) -> bool:
        """Whether the server may ask it (T4, G7)."""

    def taken_over(self) -> None:
        """Another session has the device now (A4, G12)."""

    def dismissed(self) -> None:
        """Its credentials changed, or it is gone (C8)."""

    def ask(self, number: int, method: str, params: Any) -> None:
        """A request of RPC (T4, G7)."""

    def shared(self, body: Mapping[str, Any]) -> None:
        """An update of shared attributes (T2, G8)."""


@define(eq=False)
class Device:
    """A device of the tenant."""

    id: str
    name: str
    type: str
    credentials: Credentials
    created: int
    label: str = ""
    info: dict[str, Any] = Fresh(dict)
    version: int = 1
    client: dict[str, Value] = Fresh(dict)
    shared: dict[str, Value] = Fresh(dict)
    server: dict[str, Value] = Fresh(dict)
    telemetry: dict[str, dict[int, Value]] = Fresh(dict)
    """By key, by Unix milliseconds: what comes twice is there once."""
    link: Link | None = None
    gateway: Device | None = None
    """The last gateway that carried it."""
    provisioned: bool = False
    waiting: list[tuple[float, str, Any]] = Fresh(list)
    """Persistent requests: until when, method, params (G14)."""
    requests: int = 0
    active: float = 0.0
    """When it was last heard of, by the server's clock."""

    @property
    def is_gateway(self) -> bool:
        return self.info.get("gateway") is True

    def keep(self, records: Sequence[Record]) -> None:
        """Store telemetry."""
        for record in records:
            for key, value in record.values.items():
                self.telemetry.setdefault(key, {})[record.ts] = value

    def series(self, key: str) -> list[tuple[int, Value]]:
        """Everything of one key, in the order of time."""
        return sorted(self.telemetry.get(key, {}).items())

    def scope(self, name: str) -> dict[str, Value]:
        """Attributes by REST's name of the scope."""
        return {
            "CLIENT_SCOPE": self.client,
            "SHARED_SCOPE": self.shared,
            "SERVER_SCOPE": self.server,
        }[name]


def points(records: Sequence[Record]) -> int:
    """How many values there are (L5)."""
    return sum(len(record.values) for record in records)
