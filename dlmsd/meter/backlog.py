"""What is still to be read of a meter's past: which piece next, how much of it, and when."""

from __future__ import annotations

import datetime
import math
from typing import Final

from attrs import evolve, frozen
from twisted.internet.interfaces import IReactorTime

from dlmsd.errors import DecodeError, DlmsdError, LinkError, MeterError
from dlmsd.meter.intake import ROWS

# One answer for a day of quarters of an hour is some KiB, and a second or two of the line.
LONGEST: Final = datetime.timedelta(hours=24)
SHORTEST: Final = datetime.timedelta(hours=1)
# Of the line's time at most this share goes into the past.
SHARE: Final = 0.2
# After an error the present is left alone for so long (seconds), twice as long each time: what
# fails in the past may cost it the association.
FIRST_PAUSE: Final = 60.0
LONGEST_PAUSE: Final = 3600.0
_ENOUGH: Final = 6  # errors, and the pause is the longest
# How often the shortest chunk fails, for one culprit, before the others do not wait for it.
TRIES: Final = 3
# The finest step that a range can name.
STEP: Final = datetime.timedelta(seconds=1)


@frozen
class Piece:
    """What is still to be read of one gap, or a part of that: above ``start``, up to ``end``.

    The next row that is known is that of ``until``, or the gap ends there. It is for all sinks
    of the meter, or for the one ``sink`` that lost it. Its last chunk, which cannot be shorter,
    failed ``by_meter`` and ``by_link`` times.
    """

    gap: int
    start: datetime.datetime
    end: datetime.datetime
    until: datetime.datetime
    sink: str = ""
    by_meter: int = 0
    by_link: int = 0

    def below(self, start: datetime.datetime, until: datetime.datetime) -> Piece:
        """The rest, once the chunk from ``start`` was read: a row that comes in both chunks is
        one reading, for the store skips what it has."""
        return evolve(self, end=start + STEP, until=until, by_meter=0, by_link=0)

    def short_of(self, start: datetime.datetime) -> tuple[Piece, ...]:
        """The rest, if there is any, without the chunk from ``start``, nor the row of that time."""
        if start <= self.start:
            return ()
        end = max(start - STEP, self.start)
        return (evolve(self, end=end, until=start, by_meter=0, by_link=0),)


class Backlog:
    """The pieces of one meter, the newest first. ``interval`` is that of its cycles, in seconds.

    ``period`` is how many seconds lie between two rows of its profile, 0 where that is not
    known. What fails goes behind all others, so that none of them waits for it.
    """

    def __init__(self, interval: float, clock: IReactorTime) -> None:
        self._interval = interval
        self._clock = clock
        self._pieces: list[Piece] = []
        self._chunk = LONGEST
        self._failures = 0
        self._not_before = 0.0
        self.period = 0

    def __len__(self) -> int:
        return len(self._pieces)

    def count(self, gap: int) -> int:
        """How many pieces of a gap are still to be read."""
        return sum(piece.gap == gap for piece in self._pieces)

    def add(self, piece: Piece) -> None:
        """It is next."""
        self._pieces.append(piece)

    @property
    def due_at(self) -> float:
        """When it is time for the next piece (seconds of the clock)."""
        return self._not_before if self._pieces else math.inf

    @property
    def next(self) -> Piece | None:
        """What it is time for, if it is time for any."""
        if not self._pieces or self._clock.seconds() < self._not_before:
            return None
        return self._pieces[-1]

    def start(self, piece: Piece) -> datetime.datetime:
        """Where the next chunk of a piece begins; it ends where the piece does."""
        rows = ROWS * datetime.timedelta(seconds=self.period)
        chunk = min(self._chunk, max(rows, SHORTEST)) if rows else self._chunk
        return max(piece.start, piece.end - chunk)

    def replace(self, piece: Piece, *rest: Piece) -> None:
        """Of a piece this is the ``rest``, the newest last."""
        place = self._pieces.index(piece)
        self._pieces[place : place + 1] = rest

    def good(self, seconds: float) -> None:
        """A chunk took so long: leave the line to the present, and take larger or smaller ones."""
        self._not_before = self._clock.seconds() + seconds * (1 / SHARE - 1)
        if seconds > self._interval / 2:
            self._chunk = max(self._chunk / 2, SHORTEST)
        elif not self._failures:
            self._chunk = min(self._chunk * 2, LONGEST)
        self._failures = 0

    def failed(
        self, piece: Piece, start: datetime.datetime, error: DlmsdError, seconds: float
    ) -> Piece | None:
        """Its chunk from ``start`` failed, after so long; the piece, if that chunk is given up.

        That is so only where the meter cannot give it, however short it is and however often
        it is asked. A chunk at which the link fails is set aside, and waits.
        """
        pause = min(FIRST_PAUSE * 2**self._failures, LONGEST_PAUSE)
        self._not_before = self._clock.seconds() + max(pause, seconds * (1 / SHARE - 1))
        patient = self._failures == _ENOUGH
        self._failures = min(self._failures + 1, _ENOUGH)
        self._pieces.remove(piece)
        length = piece.end - start
        by_link, by_meter = isinstance(error, LinkError), isinstance(error, MeterError)
        # What does not decode stays so; all else may pass, also by itself, within some hours.
        counts = by_meter and (isinstance(error, DecodeError) or patient)
        if length <= SHORTEST:
            piece = evolve(piece, by_link=piece.by_link + by_link, by_meter=piece.by_meter + counts)
        elif by_link or by_meter:
            self._chunk = max(length / 2, SHORTEST)
        if piece.by_link >= TRIES:
            self._pieces[:0] = piece.short_of(start)
            piece = evolve(piece, start=start, by_link=0)
        self._pieces.insert(0, piece)
        return piece if piece.by_meter >= TRIES else None
