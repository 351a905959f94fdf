"""Makes room in the outbox's file: by age, and when it is over its limit.

A ladder, each step when the one before was not enough: delivered history goes, oldest
first, from PRESSURE of the limit on; while there is ``pressure`` what a load profile holds stays
in its meter; at the limit, with "drop_oldest", what is in quarantine and then the
oldest readings that still wait are dropped, each with its place in a gap row and in the
dropped counter; with "pause" nothing is, and no reading is taken until there is room. The limit
is max_bytes, or what the disk has room for where that is less (``disk.py``). Neither
holds back a meter that has a sink which goes on (``room.py``): it is read for that one, and
what the others would be owed is given up at once, in the same account.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from attrs import frozen

from dlmsd.config.values import OutboxOptions
from dlmsd.model import GapCause, OutboxStatus
from dlmsd.store.counters import Change, Stream
from dlmsd.store.disk import Disk
from dlmsd.store.gaps import record_loss
from dlmsd.store.ledger import Ledger
from dlmsd.store.room import RESERVE, Room, standing

# Rows of one transaction. Commits wait while it runs, which with this many rows is less
# than the time in which a group of readings gathers.
FORGET_ROWS: Final = 2000

# Few, because each is data lost: a slice must not drop much more than was needed.
DROP_ROWS: Final = 200

# Once over the limit, room is made down to 1 part in 100 below it: otherwise every commit
# of a full file would have to make its own.
MARGIN: Final = 100

# Parts of the limit: pressure begins above the one, when history is gone, and ends below
# the other.
PRESSURE: Final = 0.9
RELIEF: Final = 0.8

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
_OLDEST_ISOLATED: Final = """
    SELECT q.id, q.reading, q.meter, q.sink, r.ts
    FROM quarantine q NOT INDEXED CROSS JOIN readings r ON r.id = q.reading
    ORDER BY q.id LIMIT ?
"""
_REMOVE: Final = {
    table: f"DELETE FROM {table} WHERE id = ?"  # noqa: S608
    for table in ("deliveries", "quarantine")
}

_Row = tuple[int, int, str, str, int]


@frozen
class Swept:
    """What one slice did: rows removed by age, history removed early, drops by sink; and whether
    there is ``more`` to do. What is delivered or grows old meanwhile is none: it would never end.
    """

    aged: int
    early: int
    dropped: Counter[str]
    status: OutboxStatus
    more: bool


class Housekeeping:
    """Sweeps a ledger slice by slice, in its writer thread; ``room`` may be read elsewhere."""

    def __init__(self, ledger: Ledger, options: OutboxOptions, disk: Disk) -> None:
        self._ledger = ledger
        self._database = ledger.database
        self._disk = disk
        self._max_bytes = options.max_bytes
        self._pauses = options.when_full == "pause"
        self._keep_delivered = int(options.keep_delivered_hours * _HOUR_MS)
        self._history = int(options.history_days * 24 * _HOUR_MS)
        self._shrinking = False
        self.room = Room()
        ledger.limit = options.max_bytes

    def due(self, status: OutboxStatus) -> bool:
        """Whether a sweep could make room."""
        return status.bytes > status.limit * PRESSURE or self.room.full or status.pressure

    def look(self) -> None:
        """At the disk: how many bytes the file may hold."""
        allowed = self._disk.limit(self._ledger.size, self._ledger.limit)
        self._ledger.limit = min(self._max_bytes, allowed)

    def within(self) -> int:
        """How many bytes there are up to the limit; below 0 when it is exceeded."""
        self.look()
        return self._ledger.limit - self._ledger.status().bytes

    def sweep(self, now: int) -> Swept:
        """One transaction; ``now`` is the wall time in ms. Call again while ``more``."""
        self._disk.keep_ballast()
        self.look()
        with self._ledger.change() as change:
            aged = self._forget_delivered(now - self._keep_delivered, FORGET_ROWS)
            aged += self._forget(_OLD_READINGS, now - self._history, FORGET_ROWS - aged)
            aged += self._forget(_OLD_GAPS, now - self._history, FORGET_ROWS - aged)
            early = self._make_room(change, FORGET_ROWS - aged)
        dropped: Counter[str] = Counter()
        for (_, sink), count in change.dropped.items():
            dropped[sink] += count
        more = aged + early == FORGET_ROWS or bool(dropped)
        return Swept(aged, early, dropped, self._ledger.status(), more)

    def make_way(self) -> None:
        """The disk is full: a slice of what was delivered goes, and the WAL begins anew, so
        that what follows finds room within the file."""
        with self._ledger.change():
            self._forget_delivered(_EVER, FORGET_ROWS)
        with self._database.trusted():
            self._database.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()

    def _make_room(self, change: Change, rows: int) -> int:
        """At most ``rows`` of history removed early; drops only when there are no more."""
        early = 0
        pressed = self._pressed()
        if self._disk.full or pressed:
            early = self._forget_delivered(_EVER, rows)
        if pressed:
            early += self._forget(_OLD_READINGS, _EVER, rows - early)
        if early == rows:
            return early
        self._ledger.pressure = pressed = self._pressed()
        (_, used), limit = self._ledger.extent(), self._ledger.limit
        over = self._over(used)
        queued = self._ledger.status().queued
        self.room = Room(
            over and self._pauses,
            self._pauses and used > limit,
            standing(queued) if pressed else frozenset(),
        )
        # On a full disk nothing comes for which it would be: whoever took it may give it back.
        if over and not self._pauses and not self._disk.full:
            self._drop(change)
        return early

    def _pressed(self) -> bool:
        _, used = self._ledger.extent()
        return used > self._ledger.limit * (RELIEF if self._ledger.pressure else PRESSURE)

    def _over(self, used: int) -> bool:
        limit = self._ledger.limit
        if self._pauses:
            limit -= int(self._ledger.limit * RESERVE)
        if self._shrinking:
            limit -= self._ledger.limit // MARGIN
        self._shrinking = used > limit
        return self._shrinking

    def _forget_delivered(self, before: int, most: int) -> int:
        rows = self._database.execute(_OLD_DELIVERED, (before, most)).fetchall()
        self._remove("deliveries", rows)
        return len(rows)

    def _forget(self, statement: str, before: int, most: int) -> int:
        return self._database.execute(statement, (before, most)).rowcount

    def _remove(self, table: str, rows: list[tuple[int, int]]) -> int:
        """Remove (delivery, reading) pairs and let go of the readings; how many there were."""
        removed = self._database.executemany(_REMOVE[table], [row[:1] for row in rows]).rowcount
        self._database.executemany(
            "UPDATE readings SET held = held - 1 WHERE id = ?", [row[1:] for row in rows]
        )
        return removed

    def _drop(self, change: Change) -> None:
        rows: list[_Row] = self._database.execute(_OLDEST_ISOLATED, (DROP_ROWS,)).fetchall()
        table, left = ("quarantine", change.quarantined) if rows else ("deliveries", change.queued)
        rows = rows or self._database.execute(_OLDEST_WAITING, (DROP_ROWS,)).fetchall()
        lost: dict[Stream, list[_Row]] = {}
        for row in rows:
            lost.setdefault((row[2], row[3]), []).append(row)
        for stream, theirs in lost.items():
            left[stream] -= self._remove(table, [row[:2] for row in theirs])
            change.dropped[stream] += len(theirs)
            times = [ts for *_, ts in theirs]
            record_loss(
                self._database, stream, GapCause.OUTBOX_FULL, min(times), max(times), len(times)
            )
        self._database.executemany(
            "DELETE FROM readings WHERE id = ? AND held = 0",
            [(reading,) for _, reading, *_ in rows],
        )
