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
    """

    name: str
    configured: bool
    committed: int
    delivered: int
    queued: int
    quarantined: int
    dropped: int


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
        known = set(self._parts.board.sinks)
        sums: dict[str, Counter[str]] = {name: Counter() for name in known}
        for (_, sink), account in (await self._parts.outbox.accounts()).items():
            fates = {fate: getattr(account, fate) for fate in _FATES}
            sums.setdefault(sink, Counter()).update(fates)
        return Reply(
            [
                SinkAccount(name, name in known, *(fates[fate] for fate in _FATES))
                for name, fates in sorted(sums.items())
            ]
        )
