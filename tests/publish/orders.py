"""Orders that are noted, and carried out when a test says so."""

from __future__ import annotations

from collections.abc import Awaitable

import msgspec
from twisted.internet.defer import Deferred

from dlmsd.model import Reading, ReloadStatus


class MemoryOrders:
    """``asked`` is what came; ``readings`` are who waits for one, in order."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None]] = []
        self.readings: list[Deferred[Reading]] = []
        self.broken: Exception | None = None

    def read_now(self, meter: str) -> Awaitable[Reading]:
        self._note("read_now", meter)
        self.readings.append(Deferred())
        return self.readings[-1]

    async def reconnect(self, meter: str) -> None:
        self._note("reconnect", meter)

    async def reload(self, trigger: str) -> ReloadStatus:
        self._note("reload", trigger)
        return ReloadStatus(1, trigger, added=("x",))

    def status(self, meter: str | None = None) -> msgspec.Raw:
        self._note("status", meter)
        return msgspec.Raw(b'{"exact":136.50}')

    def _note(self, name: str, meter: str | None) -> None:
        self.asked.append((name, meter))
        if self.broken is not None:
            raise self.broken
