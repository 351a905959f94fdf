"""When a meter gave no readings, and why; what begins and ends each gap."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Final

from attrs import frozen
from twisted.internet.interfaces import IReactorTime

from dlmsd.config.values import MeterOptions
from dlmsd.errors import DlmsdError, ReplacedError
from dlmsd.meter.backfill import Backfill, GapBook
from dlmsd.meter.ledger import PATIENCE, Ledger
from dlmsd.meter.session import Session
from dlmsd.model import GapCause, GapStart

# Of its interval: one slot that failed is a gap; a reading that comes late is none.
SLOTS: Final = 1.5


@frozen
class Moment:
    """``ts`` is what the wall clock said (ms), ``at`` the clock that nobody sets (seconds)."""

    ts: int
    at: float


class GapKeeper:
    """Keeps the gaps of one meter; what is over goes to ``backfill``, if it has one.

    ``interval`` is in seconds, ``last_ts`` the newest stored timestamp in ms (0 for none).
    Only intervals after a first reading are gaps. What one of ``sinks`` lost for want of room
    comes from the book, as far as it is there, and else from the meter.
    """

    def __init__(
        self,
        meter: str,
        interval: float,
        book: GapBook,
        last_ts: int,
        clock: IReactorTime,
        backfill: Backfill | None = None,
        sinks: Collection[str] = (),
    ) -> None:
        self._least = int(interval * SLOTS * 1000)
        self._clock = clock
        self._last = self.moment(last_ts)
        self._backfill = backfill
        self._ledger = Ledger(meter, book, clock, backfill, sinks)
        self._first = True
        self._start: GapStart | None = None  # of the one that lasts

    def start(self) -> None:
        """What an earlier life has left unfilled is still wanted."""
        self._ledger.remember()

    async def fill(self, session: Session) -> None:
        """A piece of the past, if one is wanted and the line is free for it."""
        self._ledger.look()
        if self._backfill is not None:
            await self._backfill.step(session)

    @property
    def due_at(self) -> float:
        """When a piece of the past may be read."""
        return math.inf if self._backfill is None else self._backfill.due_at

    def moment(self, ts: int, ago: float = 0.0) -> Moment:
        """What the wall clock said (ms) so many seconds ago."""
        return Moment(ts, self._clock.seconds() - ago)

    def missed(self, ts: int, cause: GapCause | None = None) -> None:
        """A slot gave nothing (``ts`` is now, in ms), for a ``cause`` that is not the meter's."""
        now, start = self.moment(ts), self._start
        if start is not None and cause is GapCause.NOT_ACCEPTED is not start.cause:
            # Until now it was the meter that did not answer, or nobody knows who.
            self._ledger.end(self._since(now), ts)
            self._last = now
            self._begin(now, cause)
        elif start is None and self._late(now):
            self._begin(now, cause)
        else:
            self._ledger.retry(PATIENCE)

    def expect(self, now: Moment) -> GapStart | None:
        """A reading of then is about to be stored; what it leaves out must be stored with it,
        whatever the book says: from the next life nobody could see that."""
        if self._start is None and self._late(now):
            self._begin(now)
        return self._start

    def read(self, now: Moment) -> None:
        """A reading of then is stored."""
        self.expect(now)
        began = self._since(now)
        # One that was over when an earlier life ended may still last in the book.
        over = self._start is not None or self._first
        self._last, self._first, self._start = now, False, None
        if over:
            self._ledger.end(began, now.ts)
        else:
            self._ledger.retry()

    def _begin(self, now: Moment, cause: GapCause | None = None) -> None:
        # Before the first reading of this life there was nobody who could have read.
        cause = cause or (GapCause.HOST_DOWN if self._first else GapCause.METER_LINK)
        self._start = GapStart(cause, self._since(now))
        self._ledger.begin(self._start)

    def _late(self, now: Moment) -> bool:
        """Whether a reading is missing, by either clock: one set forward leaves out some."""
        if not self._last.ts:
            return False
        return max(now.ts - self._last.ts, self._passed(now)) > self._least

    def _since(self, now: Moment) -> int:
        """When the last reading was (ms), as the wall clock has it now that it was set back."""
        then = now.ts - self._passed(now)
        return then if self._last.ts - then > self._least else self._last.ts

    def _passed(self, now: Moment) -> int:
        """How many ms have passed since the last reading, or in this life without any."""
        return round((now.at - self._last.at) * 1000)


def cause_of(hindrance: DlmsdError | None) -> GapCause | None:
    """Why readings are missing that were not even tried."""
    if hindrance is None:
        return None
    return GapCause.NOT_ACCEPTED if isinstance(hindrance, ReplacedError) else GapCause.OUTBOX_FULL


def spacing(meter: MeterOptions) -> float:
    """How many seconds lie between two readings of a meter at best: some are not every cycle."""
    return max(meter.interval, min((wanted.every for wanted in meter.read), default=0.0))
