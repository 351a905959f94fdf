"""When a meter gave no readings, and why; what begins and ends each gap."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from typing import Final

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from dlmsd.config.values import MeterOptions
from dlmsd.errors import DlmsdError, ReplacedError, StoreError
from dlmsd.meter.backfill import OF_PROFILES, Backfill, GapBook
from dlmsd.meter.session import Session
from dlmsd.model import GapCause

# Of its interval: one slot that failed is a gap; a reading that comes late is none.
SLOTS: Final = 1.5

# How long a sink that took nothing is left alone, in ms: a look costs a query.
_PATIENCE: Final = 60_000


@frozen
class _Remember:
    """What earlier lives have left."""


@frozen
class _Relief:
    """There is room again: what sinks have lost can be owed to them once more."""


@frozen
class _Begin:
    cause: GapCause
    from_ts: int


@frozen
class _End:
    from_ts: int
    to_ts: int


class GapKeeper:
    """Keeps the gaps of one meter; what is over goes to ``backfill``, if it has one.

    ``interval`` is in seconds, ``last_ts`` the newest stored timestamp in ms (0 for none).
    Only intervals after a first reading are gaps. What one of ``sinks`` lost for want of room
    comes from the book, as far as it is there, and else from the meter.
    """

    _log = Logger()

    def __init__(
        self,
        meter: str,
        interval: float,
        book: GapBook,
        last_ts: int,
        backfill: Backfill | None = None,
        sinks: Collection[str] = (),
    ) -> None:
        self._meter = meter
        self._least = int(interval * SLOTS * 1000)
        self._book = book
        self._last = last_ts
        self._backfill = backfill
        self._sinks = sinks
        self._owed_at: int | None = None  # a sink that lost something took nothing then
        self._first = True
        self._lasts = False
        self._cause = GapCause.METER_LINK
        self._gap: int | None = None
        self._pressed = False
        self._events: deque[_Remember | _Relief | _Begin | _End] = deque()
        self._busy = False

    def start(self) -> None:
        """What an earlier life has left unfilled is still wanted."""
        self._queue(_Remember())

    async def _remember(self) -> None:
        await self._regain()
        for gap in await self._book.since(0, self._meter):
            if gap.sink or gap.filled_at is not None or gap.cause in OF_PROFILES:
                continue
            if gap.to_ts is None:
                self._gap = gap.id
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
                self._owed_at = self._last
            elif not whole and self._backfill is not None:
                self._backfill.add(gap.id, gap.from_ts, gap.to_ts, gap.sink)

    async def fill(self, session: Session) -> None:
        """A piece of the past, if one is wanted and the line is free for it."""
        before, self._pressed = self._pressed, self._book.pressed()
        later = self._owed_at is not None and self._last >= self._owed_at + _PATIENCE
        if later or (before and not self._pressed):
            self._owed_at = None
            self._queue(_Relief())
        if self._backfill is not None:
            await self._backfill.step(session)

    def missed(self, now: int, cause: GapCause | None = None) -> None:
        """A slot gave nothing (``now`` in ms), for a ``cause`` that is not the meter's."""
        if self._lasts and cause is GapCause.NOT_ACCEPTED is not self._cause:
            # Until now it was the meter that did not answer, or nobody knows who.
            self._queue(_End(self._last, now))
            self._last = now
            self._begin(cause)
        elif self._last and not self._lasts and now - self._last > self._least:
            self._begin(cause)

    def read(self, ts: int) -> None:
        """A reading of ``ts`` is stored."""
        before, late = self._last, ts - self._last > self._least
        if before and late and not self._lasts:
            self._begin()
        self._last, self._first = max(ts, before), False
        if self._lasts:
            self._lasts = False
            self._queue(_End(before, ts))

    def _begin(self, cause: GapCause | None = None) -> None:
        # Before the first reading of this life there was nobody who could have read.
        cause = cause or (GapCause.HOST_DOWN if self._first else GapCause.METER_LINK)
        self._lasts, self._cause = True, cause
        self._queue(_Begin(cause, self._last))

    def _queue(self, event: _Remember | _Relief | _Begin | _End) -> None:
        self._events.append(event)
        if not self._busy:
            self._busy = True
            Deferred.fromCoroutine(self._work()).addErrback(
                lambda failure: self._log.failure("A gap was not recorded", failure)
            )

    async def _work(self) -> None:
        try:
            while self._events:
                await self._record(self._events.popleft())
        finally:
            self._busy = False

    async def _record(self, event: _Remember | _Relief | _Begin | _End) -> None:
        try:
            if isinstance(event, _Remember):
                await self._remember()
            elif isinstance(event, _Relief):
                await self._regain()
            elif isinstance(event, _Begin):
                # One that lasts since an earlier life is the same one.
                if self._gap is None:
                    self._gap = await self._book.open(self._meter, event.cause, event.from_ts)
            elif self._gap is not None:
                gap, self._gap = self._gap, None
                await self._book.close(gap, event.to_ts)
                if self._backfill is not None:
                    self._backfill.add(gap, event.from_ts, event.to_ts)
        except StoreError as error:
            # The outbox tells its own trouble; what is not recorded is not filled either.
            self._log.warn("{meter}: {reason}", meter=self._meter, reason=str(error))


def cause_of(hindrance: DlmsdError | None) -> GapCause | None:
    """Why readings are missing that were not even tried."""
    if hindrance is None:
        return None
    return GapCause.NOT_ACCEPTED if isinstance(hindrance, ReplacedError) else GapCause.OUTBOX_FULL


def spacing(meter: MeterOptions) -> float:
    """How many seconds lie between two readings of a meter at best: some are not every cycle."""
    return max(meter.interval, min((wanted.every for wanted in meter.read), default=0.0))
