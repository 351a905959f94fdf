"""The outbox's file, as its writer thread sees it: everything here blocks.

Every method is one transaction or none. The reactor's side is ``outbox.py``, what makes
room is ``housekeeping.py``.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Final

from attrs import frozen

from dlmsd.model import GapCause, Lane, OutboxStatus, Reading, Watermark
from dlmsd.store import gaps, invocation, quarantine
from dlmsd.store.batch import Batch, Entry
from dlmsd.store.counters import Account, Change, Stream, Totals, audit
from dlmsd.store.database import open_database, schema_steps, transaction
from dlmsd.store.delivery import Delivery
from dlmsd.store.values import decode_values

_ADD_READING: Final = """
    INSERT INTO readings (meter, ts, values_json, held) VALUES (?, ?, ?, ?)
    ON CONFLICT (meter, ts) DO NOTHING
"""
_ADD_DELIVERY: Final = "INSERT INTO deliveries (reading, meter, sink, lane) VALUES (?, ?, ?, ?)"
_WAITING: Final = "SELECT meter, sink FROM deliveries WHERE id = ? AND delivered_at IS NULL"
_MARK: Final = "UPDATE deliveries SET delivered_at = ? WHERE id = ?"

# INDEXED BY makes SQLite refuse, instead of scanning a million rows, should the index no
# longer fit the question; CROSS JOIN keeps the order of the two tables.
_PENDING: Final = """
    SELECT d.id, d.sink, r.meter, r.ts, r.values_json
    FROM deliveries d INDEXED BY {index} CROSS JOIN readings r ON r.id = d.reading
    WHERE {chosen} AND d.lane = ? AND d.delivered_at IS NULL AND d.id > ?
    ORDER BY d.id LIMIT ?
"""
_PENDING_SINK: Final = _PENDING.format(index="deliveries_waiting", chosen="d.sink = ?")
_PENDING_METER: Final = _PENDING.format(
    index="deliveries_waiting_meter", chosen="d.sink = ? AND d.meter = ?"
)
_OLDEST: Final = """
    SELECT r.ts FROM deliveries d INDEXED BY deliveries_waiting
    CROSS JOIN readings r ON r.id = d.reading
    WHERE d.sink = ? AND d.lane = 0 AND d.delivered_at IS NULL ORDER BY d.id LIMIT 1
"""
_HISTORY: Final = """
    SELECT ts, values_json FROM readings
    WHERE meter = ? AND ts >= ? AND ts < ? ORDER BY ts DESC LIMIT ?
"""
_ONWARDS: Final = _HISTORY.replace("DESC", "ASC")
_OPEN_ACCOUNT: Final = "INSERT INTO counters (meter, sink) VALUES (?, ?) ON CONFLICT DO NOTHING"
_RAISE_WATERMARK: Final = """
    INSERT INTO watermarks (meter, profile, ts) VALUES (?, ?, ?)
    ON CONFLICT (meter, profile) DO UPDATE SET ts = max(ts, excluded.ts)
"""


@frozen
class Committed:
    """What one COMMIT holds; ``refused`` are the positions of entries that it does not."""

    deliveries: list[Delivery]
    refused: frozenset[int]
    status: OutboxStatus


class Ledger:
    """One open file; ``database`` is for what makes room in it. Raises StoreError.

    ``pressure`` and ``limit`` (bytes) are what housekeeping says of the room that is left,
    ``size`` (bytes) is the file's as of the last COMMIT.
    """

    def __init__(self, path: Path, hurry: threading.Event) -> None:
        self.database = open_database(path, schema_steps("outbox"), hurry)
        try:
            # Some builds write zeros over each page that becomes free, which takes as much log.
            self.database.execute("PRAGMA secure_delete = FAST")
            self._totals = Totals(self.database)
            ((self._page_size,),) = self.database.execute("PRAGMA page_size")
            self._oldest = self._oldest_queued(self._totals.sinks)
            self.size, self._used = self.extent()
            self.pressure = False
            self.limit = 0
        except BaseException:
            self.database.close()
            raise

    def close(self) -> None:
        """Close the file; idempotent."""
        self.database.close()

    def status(self) -> OutboxStatus:
        """As of the last COMMIT, from memory."""
        return self._totals.status(self._oldest, self._used, self.limit, self.pressure)

    def commit(self, batch: Batch, now: int) -> Committed:
        """Store the batch in one transaction; ``now`` (ms) is when it was acknowledged.

        An entry whose meter already has a reading of that ts is refused. Ids that no longer
        wait are left alone: they were dropped, or acknowledged twice.
        """
        deliveries: list[Delivery] = []
        refused: set[int] = set()
        with self.change(synced=batch.synced) as change:
            for position, entry in enumerate(batch.entries):
                stored = self._store(entry, Lane.LIVE, change)
                if stored is None:
                    refused.add(position)
                else:
                    deliveries += stored
            self._mark(batch.marks, now, change)
            quarantine.isolate(self.database, batch.verdicts, now, change)
            invocation.keep(self.database, batch.received)
            for one in batch.refusals:
                gaps.record_refusal(
                    self.database, one.meter, one.cause, one.from_ts, one.to_ts, one.count
                )
        return Committed(deliveries, frozenset(refused), self.status())

    def backfill(self, entries: Sequence[Entry], watermark: Watermark | None) -> Committed:
        """Store what a load profile gave, in the backfill lane, and how far it was read.

        One transaction; ``refused`` are those that the meter's readings already have.
        """
        deliveries: list[Delivery] = []
        known: set[int] = set()
        with self.change() as change:
            for position, entry in enumerate(entries):
                stored = self._store(entry, Lane.BACKFILL, change)
                if stored is None:
                    known.add(position)
                else:
                    deliveries += stored
            if watermark is not None:
                self.database.execute(
                    _RAISE_WATERMARK, (watermark.meter, watermark.profile, watermark.ts)
                )
        return Committed(deliveries, frozenset(known), self.status())

    def watermarks(self) -> list[Watermark]:
        """How far each load profile has been read."""
        rows = self.database.execute("SELECT meter, profile, ts FROM watermarks")
        return [Watermark(*row) for row in rows]

    def accounts(self) -> dict[Stream, Account]:
        """Of every meter and sink, as of the last COMMIT, from memory."""
        return self._totals.accounts()

    def audit(self, *, rows: bool = False) -> list[str]:
        """What in the file does not agree: its counters, and with ``rows`` those and the rows."""
        return audit(self.database, rows=rows)

    def pending(
        self, sink: str, after: int, limit: int, meter: str | None, lane: Lane
    ) -> list[Delivery]:
        """At most ``limit`` deliveries that wait, with an id above ``after``, ascending."""
        if meter is None:
            rows = self.database.execute(_PENDING_SINK, (sink, lane, after, limit))
        else:
            rows = self.database.execute(_PENDING_METER, (sink, meter, lane, after, limit))
        return [
            Delivery(number, sink, meter, ts, values, lane)
            for number, sink, meter, ts, values in rows
        ]

    def readings(self, meter: str, since: int, until: int, limit: int) -> list[Reading]:
        """The newest ``limit`` with since <= ts < until, oldest first."""
        rows = self.database.execute(_HISTORY, (meter, since, until, limit)).fetchall()
        return [Reading(meter, ts, decode_values(values)) for ts, values in reversed(rows)]

    def history(self, meter: str, since: int, until: int, limit: int) -> list[Reading]:
        """The oldest ``limit`` with since <= ts < until, oldest first."""
        rows = self.database.execute(_ONWARDS, (meter, since, until, limit))
        return [Reading(meter, ts, decode_values(values)) for ts, values in rows]

    def sampled(self, meter: str, since: int, until: int, points: int) -> list[Reading]:
        """The first reading of each of ``points`` equal parts of since <= ts < until."""
        edges = [since + (until - since) * part // points for part in range(points + 1)]
        found: list[Reading] = []
        for start, end in pairwise(edges):
            found += self.history(meter, start, end, 1)
        return found

    def last_ts(self) -> dict[str, int]:
        """The newest ts that each meter ever had, in ms."""
        return dict(self.database.execute("SELECT meter, last_ts FROM meters"))

    def extent(self) -> tuple[int, int]:
        """Bytes of the file, with what its log holds; and of these, those that hold something:
        pages that became free do not count."""
        ((pages,),) = self.database.execute("PRAGMA page_count")
        ((free,),) = self.database.execute("PRAGMA freelist_count")
        return pages * self._page_size, (pages - free) * self._page_size

    @contextmanager
    def change(self, *, synced: bool = True) -> Iterator[Change]:
        """A transaction that ends with its counters; they count once it is committed."""
        change = Change()
        with transaction(self.database, synced=synced):
            yield change
            change.write(self.database)
            sinks = {*self._totals.sinks, *(sink for _, sink in change.committed)}
            oldest = self._oldest_queued(sinks)
            # Marks alone, which are not synced, change next to nothing of it.
            size, used = self.extent() if synced else (self.size, self._used)
        self._totals.add(change)
        self._oldest, self.size, self._used = oldest, size, used

    def _store(self, entry: Entry, lane: Lane, change: Change) -> list[Delivery] | None:
        reading = entry.reading
        cursor = self.database.execute(
            _ADD_READING, (reading.meter, reading.ts, entry.values, len(entry.sinks))
        )
        if cursor.rowcount == 0:
            return None
        row = cursor.lastrowid
        change.add_reading(reading.meter, reading.ts)
        if entry.behind is not None:
            gaps.record_start(self.database, reading.meter, entry.behind)
        for sink in entry.given_up:
            self._give_up((reading.meter, sink), reading.ts, change)
        deliveries = []
        for sink in entry.sinks:
            stream = (reading.meter, sink)
            change.committed[stream] += 1
            cursor.execute(_ADD_DELIVERY, (row, reading.meter, sink, lane))
            assert cursor.lastrowid is not None
            change.queued[stream] += cursor.rowcount
            deliveries.append(
                Delivery(cursor.lastrowid, sink, reading.meter, reading.ts, entry.values, lane)
            )
        return deliveries

    def _give_up(self, stream: Stream, ts: int, change: Change) -> None:
        """A delivery that never waits: committed and dropped in one."""
        self.database.execute(_OPEN_ACCOUNT, stream)
        gaps.record_loss(self.database, stream, GapCause.OUTBOX_FULL, ts, ts, 1)
        change.committed[stream] += 1
        change.dropped[stream] += 1

    def _mark(self, delivered: Sequence[int], now: int, change: Change) -> None:
        cursor = self.database.cursor()
        for number in delivered:
            stream = cursor.execute(_WAITING, (number,)).fetchone()
            if stream is not None:
                change.delivered[stream] += 1
                change.queued[stream] -= cursor.execute(_MARK, (now, number)).rowcount

    def _oldest_queued(self, sinks: Iterable[str]) -> int | None:
        oldest: list[int] = []
        for sink in sinks:
            oldest += (ts for (ts,) in self.database.execute(_OLDEST, (sink,)))
        return min(oldest, default=None)
