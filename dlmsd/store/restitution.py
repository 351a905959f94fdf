"""What a sink lost for want of room, while another still waits for it or history keeps it.

Of such readings no meter need be asked; it would give them under times that are taken, too. No
index leads from a reading to its deliveries, so all deliveries are looked through once, slice by
slice, while commits go on; and never again, since what was delivered is forgotten before its
reading is. What is owed again has a new id in the backfill lane, and counts as committed once
more: its loss stays counted.
"""

from __future__ import annotations

from typing import Final

from attrs import frozen

from dlmsd.model import Lane, OutboxStatus
from dlmsd.store.counters import Change, Stream
from dlmsd.store.delivery import Delivery
from dlmsd.store.gaps import fill
from dlmsd.store.ledger import Ledger

# Rows of one slice: some milliseconds, or 50 where each of them is written.
SLICE: Final = 2000

_GAP: Final = """
    SELECT g.meter, g.sink, g.from_ts, g.to_ts, g.count, c.delivered > g.delivered, g.restored_at
    FROM gaps g CROSS JOIN counters c ON c.meter = g.meter AND c.sink = g.sink
    WHERE g.id = ? AND g.filled_at IS NULL
"""
_READINGS: Final = "SELECT id FROM readings WHERE meter = ? AND ts BETWEEN ? AND ? ORDER BY ts"
_IDS: Final = "SELECT coalesce(min(id), 1) - 1, coalesce(max(id), 0) FROM deliveries"
_HAD: Final = """
    SELECT reading FROM deliveries NOT INDEXED
    WHERE id > ? AND id <= ? AND meter = ? AND sink = ?
"""
_ISOLATED: Final = "SELECT reading FROM quarantine WHERE meter = ? AND sink = ?"
_HOLD: Final = "UPDATE readings SET held = held + 1 WHERE id = ? RETURNING ts, values_json"
_DONE: Final = "UPDATE gaps SET restored_at = ? WHERE id = ?"
_ADD: Final = "INSERT INTO deliveries (reading, meter, sink, lane) VALUES (?, ?, ?, ?)"


@frozen
class Restored:
    """What one slice made to be owed again; ``more`` slices follow.

    In the end ``whole`` tells whether that is all of the gap, which is filled then; it is None
    where nothing was looked for, since the sink takes nothing yet.
    """

    deliveries: list[Delivery]
    status: OutboxStatus
    more: bool = True
    whole: bool | None = None


class Restitution:
    """Of one sink's gap, in the ledger's writer thread; ``now`` is the wall time in ms.

    What a kill leaves undone is done by another one, which skips what is there.
    """

    def __init__(self, ledger: Ledger, gap: int, now: int) -> None:
        self._ledger = ledger
        self._database = ledger.database
        self._gap = gap
        self._now = now
        self._stream: Stream | None = None
        self._wanted: dict[int, None] = {}
        """Ids of readings, by time."""
        self._after = self._last = self._count = self._restored = 0

    def step(self) -> Restored:
        """A slice, as one transaction or none."""
        if self._stream is None:
            return self._begin()
        if self._after < self._last and self._wanted:
            return self._look(self._stream)
        return self._restore(self._stream)

    def _begin(self) -> Restored:
        row = self._database.execute(_GAP, (self._gap,)).fetchone()
        if row is None:
            return Restored([], self._ledger.status(), more=False)
        meter, sink, since, until, self._count, takes, restored_at = row
        if restored_at is not None:
            return Restored([], self._ledger.status(), more=False, whole=False)
        # For a sink that stands still there may soon be no room again.
        if not takes:
            return Restored([], self._ledger.status(), more=False)
        rows = self._database.execute(_READINGS, (meter, since, until))
        self._wanted = dict.fromkeys(number for (number,) in rows)
        self._forget(_ISOLATED, (meter, sink))
        ((self._after, self._last),) = self._database.execute(_IDS)
        self._stream = meter, sink
        return Restored([], self._ledger.status())

    def _look(self, stream: Stream) -> Restored:
        end = min(self._last, self._after + SLICE)
        self._forget(_HAD, (self._after, end, *stream))
        self._after = end
        return Restored([], self._ledger.status())

    def _forget(self, statement: str, values: tuple[int | str, ...]) -> None:
        for (number,) in self._database.execute(statement, values):
            self._wanted.pop(number, None)

    def _restore(self, stream: Stream) -> Restored:
        numbers = list(self._wanted)[:SLICE]
        more = len(numbers) < len(self._wanted)
        with self._ledger.change() as change:
            deliveries = [
                one for number in numbers if (one := self._owe(number, stream, change)) is not None
            ]
            restored = self._restored + len(deliveries)
            whole = restored >= self._count
            if not more:
                self._database.execute(_DONE, (self._now, self._gap))
                if whole:
                    fill(self._database, self._gap, self._now)
        self._restored = restored
        for number in numbers:
            del self._wanted[number]
        return Restored(deliveries, self._ledger.status(), more, whole)

    def _owe(self, number: int, stream: Stream, change: Change) -> Delivery | None:
        """None if the reading is gone by now."""
        held = self._database.execute(_HOLD, (number,)).fetchone()
        if held is None:
            return None
        ts, values = held
        added = self._database.execute(_ADD, (number, *stream, Lane.BACKFILL))
        change.committed[stream] += 1
        change.queued[stream] += added.rowcount
        assert added.lastrowid is not None
        meter, sink = stream
        return Delivery(added.lastrowid, sink, meter, ts, values, Lane.BACKFILL)
