"""Profiles: the meter models that a meter can be added as."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from dlmsd.web.api.parts import Parts
from dlmsd.web.operation import Answer, Call, Operation, Reply


@frozen
class ProfileView:
    """What a profile says, null where it says nothing; ``measurements`` are what it reads."""

    name: str
    transport: str | None
    framing: str | None
    port: int | None
    client_id: int | None
    server_id: int | None
    logical_device: int | None
    authentication: str | None
    interval: float | None
    timeout: float | None
    identify: bool | None
    measurements: tuple[str, ...]


class Profiles:
    """The operation of /api/profiles."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def operations(self) -> list[Operation]:
        return [
            Operation(
                method="GET",
                path="/api/profiles",
                work=self.list,
                summary="Meter models by name, the shipped ones too",
                tag="configuration",
                answers={200: Answer("The profiles", list[ProfileView])},
            )
        ]

    async def list(self, call: Call) -> Reply:
        profiles = self._parts.reload.configuration.profiles
        return Reply([self._view(name, profiles[name]) for name in sorted(profiles)])

    def _view(self, name: str, profile: Any) -> ProfileView:
        said = profile.said
        return ProfileView(
            name,
            said.get("transport"),
            said.get("framing"),
            said.get("port"),
            said.get("client"),
            said.get("physical_device"),
            said.get("logical_device"),
            said.get("authentication"),
            _seconds(said.get("interval")),
            _seconds(said.get("timeout")),
            said.get("identify"),
            tuple(profile.read),
        )


def _seconds(said: Any) -> float | None:
    return None if said is None else float(said)
