"""Orders that are noted, and carried out when a test says so."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import msgspec
from twisted.internet.defer import Deferred

from dlmsd.meter.excerpt import Excerpt
from dlmsd.meter.supply import Supply
from dlmsd.model import MeterState, MeterStatus, Reading, ReloadStatus
from dlmsd.store.metrics import Figures


class MemoryOrders:
    """``asked`` is what came; ``readings`` are who waits for one, in order."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None]] = []
        self.readings: list[Deferred[Reading]] = []
        self.overridden: list[tuple[str, dict[str, object], str]] = []
        self.broken: Exception | None = None
        self.slow: Deferred[None] | None = None

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

    async def stats(self, meter: str) -> tuple[MeterStatus, Figures]:
        self._note("stats", meter)
        status = MeterStatus(meter, "h:1", "p", 5.0, MeterState.READING, good=3, recent=0.75)
        return status, Figures(good=9, failed=1, timed=2, read_ms=3000, least_ms=1000, most_ms=2000)

    async def profile(self, meter: str, start: int, end: int) -> Excerpt:
        self._note(f"profile {start} {end}", meter)
        told: Any = SimpleNamespace(
            rows={start: {"e": Decimal("1.50")}}, units={"e": "Wh"}, complete=False, reached=9
        )
        excerpt: Excerpt = told
        return excerpt

    async def set_clock(self, meter: str, who: str, *, force: bool) -> tuple[Any, ...]:
        self._note(f"set_clock by {who}{' by force' if force else ''}", meter)
        return tuple(SimpleNamespace(difference=one, uncertainty=0.5) for one in (7.5, 0.0004))

    async def switch(self, meter: str, who: str, *, on: bool) -> Supply:
        self._note(f"switch {'on' if on else 'off'} by {who}", meter)
        return Supply(on, "connected" if on else "disconnected")

    async def override(self, meter: str, wanted: Mapping[str, object], who: str) -> None:
        self.overridden.append((meter, dict(wanted), who))
        if self.broken is not None:
            raise self.broken
        if self.slow is not None:
            await self.slow

    async def renamed(self, meter: str, old: str, new: str, who: str) -> None:
        self._note(f"{old} is now {new} by {who}", meter)

    def _note(self, name: str, meter: str | None) -> None:
        self.asked.append((name, meter))
        if self.broken is not None:
            raise self.broken
