"""Makes room in the outbox's file: by age, and when it is over its limit.

Over the limit goes, in this order: delivered history, oldest first; then the oldest
readings that still wait, each with its place in a gap row and in the dropped counter.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from attrs import frozen

from dlmsd.config.values import OutboxOptions
from dlmsd.model import OutboxStatus
from dlmsd.store.counters import Change, Stream
from dlmsd.store.ledger import Ledger

# Rows of one transaction. Commits wait while it runs, which with this many rows is less
# than the time in which a group of readings gathers.
FORGET_ROWS: Final = 2000

# Few, because each is data lost: a slice must not drop much more than was needed.
DROP_ROWS: Final = 200

# Once over the limit, room is made down to 1 part in 100 below it: otherwise every commit
# of a full file would have to make its own.
MARGIN: Final = 100

OUTBOX_FULL: Final = "outbox full"

_EVER: Final = 2**63 - 1
_HOUR_MS: Final = 3_600_000

_OLD_DELIVERED: Final = """
    SELECT id, reading FROM deliveries INDEXED BY deliveries_done
    WHERE delivered_at IS NOT NULL AND delivered_at < ? ORDER BY delivered_at LIMIT ?
"""
_OLD_READINGS: Final = """
    DELETE FROM readings WHERE id IN (
        SELECT id FROM readings INDEXED BY readings_free
        WHERE held = 0 AND ts < ? ORDER BY ts LIMIT ?)
"""
_OLD_GAPS: Final = """
    DELETE FROM gaps WHERE id IN (SELECT id FROM gaps WHERE to_ts < ? ORDER BY to_ts LIMIT ?)
"""
# By id: when this is asked no delivered row is left to step over.
_OLDEST_WAITING: Final = """
    SELECT d.id, d.reading, d.meter, d.sink, r.ts
    FROM deliveries d NOT INDEXED CROSS JOIN readings r ON r.id = d.reading
    WHERE d.delivered_at IS NULL ORDER BY d.id LIMIT ?
"""
_NEWEST_GAP: Final = """
    SELECT g.id, c.delivered, g.delivered = c.delivered
    FROM counters c LEFT JOIN gaps g ON g.id = (
        SELECT max(id) FROM gaps WHERE meter = c.meter AND sink = c.sink AND cause = ?)
    WHERE c.meter = ? AND c.sink = ?
"""
_GROW_GAP: Final = """
    UPDATE gaps SET from_ts = min(from_ts, ?), to_ts = max(to_ts, ?), count = count + ?
    WHERE id = ?
"""
_ADD_GAP: Final = """
    INSERT INTO gaps (meter, sink, from_ts, to_ts, count, cause, delivered)
    VALUES (?, ?, ?, ?, ?, ?, ?)
"""


@frozen
class Swept:
    """What one slice did: rows removed by age, history removed early, drops by sink."""

    aged: int
    early: int
    dropped: Counter[str]
    status: OutboxStatus

    @property
    def more(self) -> bool:
        """Whether another slice may find something."""
        return bool(self.aged or self.early or self.dropped)


class Housekeeping:
    """Sweeps a ledger slice by slice, in its writer thread."""

    def __init__(self, ledger: Ledger, options: OutboxOptions) -> None:
        self._ledger = ledger
        self._database = ledger.database
        self._max_bytes = options.max_bytes
        self._keep_delivered = int(options.keep_delivered_hours * _HOUR_MS)
        self._history = int(options.history_days * 24 * _HOUR_MS)
        self._shrinking = False

    def sweep(self, now: int) -> Swept:
        """One transaction; ``now`` is the wall time in ms. Call again while ``more``."""
        early = 0
        with self._ledger.change() as change:
            aged = (
                self._forget_delivered(now - self._keep_delivered)
                or self._forget(_OLD_READINGS, now - self._history)
                or self._forget(_OLD_GAPS, now - self._history)
            )
            if not aged and self._over():
                early = self._forget_delivered(_EVER) or self._forget(_OLD_READINGS, _EVER)
                if not early:
                    self._drop(change)
        dropped: Counter[str] = Counter()
        for (_, sink), count in change.dropped.items():
            dropped[sink] += count
        return Swept(aged, early, dropped, self._ledger.status())

    def _over(self) -> bool:
        limit = self._max_bytes
        if self._shrinking:
            limit -= self._max_bytes // MARGIN
        self._shrinking = self._ledger.used() > limit
        return self._shrinking

    def _forget_delivered(self, before: int) -> int:
        rows = self._database.execute(_OLD_DELIVERED, (before, FORGET_ROWS)).fetchall()
        self._remove_deliveries(rows)
        return len(rows)

    def _forget(self, statement: str, before: int) -> int:
        return self._database.execute(statement, (before, FORGET_ROWS)).rowcount

    def _remove_deliveries(self, rows: list[tuple[int, int]]) -> None:
        """Remove (delivery, reading) pairs and let go of the readings."""
        self._database.executemany("DELETE FROM deliveries WHERE id = ?", [row[:1] for row in rows])
        self._database.executemany(
            "UPDATE readings SET held = held - 1 WHERE id = ?", [row[1:] for row in rows]
        )

    def _drop(self, change: Change) -> None:
        rows = self._database.execute(_OLDEST_WAITING, (DROP_ROWS,)).fetchall()
        self._remove_deliveries([(number, reading) for number, reading, *_ in rows])
        self._database.executemany(
            "DELETE FROM readings WHERE id = ? AND held = 0",
            [(reading,) for _, reading, *_ in rows],
        )
        lost: dict[Stream, list[int]] = {}
        for _, _, meter, sink, ts in rows:
            lost.setdefault((meter, sink), []).append(ts)
        for stream, times in lost.items():
            change.dropped[stream] += len(times)
            self._record_gap(stream, min(times), max(times), len(times))

    def _record_gap(self, stream: Stream, from_ts: int, to_ts: int, count: int) -> None:
        ((gap, delivered, adjacent),) = self._database.execute(_NEWEST_GAP, (OUTBOX_FULL, *stream))
        if adjacent:
            self._database.execute(_GROW_GAP, (from_ts, to_ts, count, gap))
        else:
            self._database.execute(
                _ADD_GAP, (*stream, from_ts, to_ts, count, OUTBOX_FULL, delivered)
            )
