"""Where readings go: what has become of the deliveries to each sink."""

from __future__ import annotations

from collections import Counter
from typing import Final

from attrs import frozen

from dlmsd.web.api.parts import Parts
from dlmsd.web.operation import Answer, Call, Operation, Reply

_FATES: Final = ("committed", "delivered", "queued", "quarantined", "dropped")


@frozen
class SinkAccount:
    """Deliveries to a sink over the life of the outbox: ``committed`` is the sum of the others.

    How a sink is now is in /api/status. ``configured`` is false for one that is no more.
    ``reconnections`` counts connections that stood again after an end, since the start.
    """

    name: str
    configured: bool
    committed: int
    delivered: int
    queued: int
    quarantined: int
    dropped: int
    reconnections: int


class Sinks:
    """The operation of /api/sinks."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def operations(self) -> list[Operation]:
        return [
            Operation(
                method="GET",
                path="/api/sinks",
                work=self.list,
                summary="What has become of the deliveries to each sink",
                tag="system",
                answers={200: Answer("The sinks, by name", list[SinkAccount])},
            )
        ]

    async def list(self, call: Call) -> Reply:
        known = self._parts.board.sinks
        sums: dict[str, Counter[str]] = {name: Counter() for name in known}
        for (_, sink), account in (await self._parts.outbox.accounts()).items():
            fates = {fate: getattr(account, fate) for fate in _FATES}
            sums.setdefault(sink, Counter()).update(fates)
        return Reply(
            [
                SinkAccount(
                    name=name,
                    configured=name in known,
                    **{fate: fates[fate] for fate in _FATES},
                    reconnections=known[name].reconnections if name in known else 0,
                )
                for name, fates in sorted(sums.items())
            ]
        )
