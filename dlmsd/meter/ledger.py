"""What the book of gaps is told of one meter: in order, and again where it refuses."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from typing import Final

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from dlmsd.errors import StoreError
from dlmsd.meter.backfill import OF_PROFILES, Backfill, GapBook
from dlmsd.model import GapCause, GapStart

# How long (seconds) a book that refuses is left alone while nothing else is stored either, and
# a sink that took nothing: a look costs a query.
PATIENCE: Final = 60.0
# Beginnings and ends that wait for the book. They come with readings that are stored, so a disk
# that is full lets none of them pile up; beyond this, gaps that follow each other become one.
_MOST: Final = 100


@frozen
class _Remember:
    """What earlier lives have left."""


@frozen
class _Relief:
    """There is room again: what sinks have lost can be owed to them once more."""


@frozen
class _End:
    began: int
    to_ts: int


class Ledger:
    """Of one meter; what is over goes to ``backfill``, if it has one."""

    _log = Logger()

    def __init__(
        self,
        meter: str,
        book: GapBook,
        clock: IReactorTime,
        backfill: Backfill | None,
        sinks: Collection[str],
    ) -> None:
        self._meter = meter
        self._book = book
        self._clock = clock
        self._backfill = backfill
        self._sinks = sinks
        self._gap: tuple[int, int] | None = None  # that lasts: its id, and from when on
        self._owed_at: float | None = None  # a sink that lost something took nothing then
        self._pressed = False
        self._events: deque[_Remember | _Relief | GapStart | _End] = deque()
        self._busy = False
        self._refused_at: float | None = None

    def remember(self) -> None:
        """What an earlier life has left unfilled is still wanted."""
        self._queue(_Remember())

    def begin(self, start: GapStart) -> None:
        """A gap begins, unless one lasts since an earlier life: that is the same one."""
        if len(self._events) >= _MOST and isinstance(self._events[-1], _End):
            self._events.pop()
        else:
            self._queue(start)

    def end(self, began: int, to_ts: int) -> None:
        """It is over (ms). By the wall clock of today it ``began`` then, which may be earlier."""
        self._queue(_End(began, to_ts))

    def look(self) -> None:
        """Whether what sinks have lost can be had again."""
        before, self._pressed = self._pressed, self._book.pressed()
        waited = self._owed_at is not None and self._clock.seconds() - self._owed_at >= PATIENCE
        if (waited or (before and not self._pressed)) and _Relief() not in self._events:
            self._owed_at = None
            self._queue(_Relief())

    def retry(self, after: float = 0.0) -> None:
        """Tell again what was refused, if that is so many seconds ago."""
        if self._refused_at is None or self._clock.seconds() - self._refused_at >= after:
            self._go_on()

    def _queue(self, event: _Remember | _Relief | GapStart | _End) -> None:
        self._events.append(event)
        self._go_on()

    def _go_on(self) -> None:
        if self._events and not self._busy:
            self._busy = True
            Deferred.fromCoroutine(self._work()).addErrback(
                lambda failure: self._log.failure("A gap was not recorded", failure)
            )

    async def _work(self) -> None:
        try:
            while self._events:
                event = self._events.popleft()
                try:
                    await self._record(event)
                except StoreError as error:
                    # What follows is told after it: an end closes the gap that began last.
                    self._events.appendleft(event)
                    if self._refused_at is None:
                        self._log.warn("{meter}: {reason}", meter=self._meter, reason=str(error))
                    self._refused_at = self._clock.seconds()
                    return
                self._refused_at = None
        finally:
            self._busy = False

    async def _record(self, event: _Remember | _Relief | GapStart | _End) -> None:
        match event:
            case _Remember():
                await self._remember()
            case _Relief():
                await self._regain()
            case GapStart(cause, from_ts) if self._gap is None:
                self._gap = await self._book.open(self._meter, cause, from_ts), from_ts
            case _End(began, to_ts) if self._gap is not None:
                gap, from_ts = self._gap
                # A clock that was set back meanwhile knows how long it was, not since when.
                end = to_ts if to_ts > from_ts else from_ts + to_ts - began
                await self._book.close(gap, end)
                self._gap = None
                if self._backfill is not None:
                    self._backfill.add(gap, min(from_ts, began), to_ts)

    async def _remember(self) -> None:
        await self._regain()
        for gap in await self._book.since(0, self._meter):
            if gap.sink or gap.filled_at is not None or gap.cause in OF_PROFILES:
                continue
            if gap.to_ts is None:
                self._gap = gap.id, gap.from_ts
            elif self._backfill is not None:
                self._backfill.add(gap.id, gap.from_ts, gap.to_ts)

    async def _regain(self) -> None:
        self._owed_at = None
        self._pressed = self._book.pressed()
        if self._pressed:
            return
        for gap in await self._book.since(0, self._meter):
            lost = gap.cause is GapCause.OUTBOX_FULL and gap.filled_at is None
            if not lost or gap.sink not in self._sinks or gap.to_ts is None:
                continue
            whole = await self._book.restore(gap.id)
            if whole is None:
                self._owed_at = self._clock.seconds()
            elif not whole and self._backfill is not None:
                self._backfill.add(gap.id, gap.from_ts, gap.to_ts, gap.sink)
