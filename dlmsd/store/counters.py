"""The conservation counters: committed = delivered + queued + dropped, always.

A transaction gathers its :class:`Change` and writes it as its last act, so that file and
counters never differ. After the COMMIT the same change goes to the :class:`Totals` in
memory: nobody has to count a million rows.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from typing import Final, TypeAlias

from attrs import define, field

from dlmsd.model import OutboxStatus

Stream: TypeAlias = tuple[str, str]
"""A meter and a sink."""

_ADD_METER: Final = """
    INSERT INTO meters (meter, readings, last_ts) VALUES (?, ?, ?)
    ON CONFLICT (meter) DO UPDATE
    SET readings = readings + excluded.readings, last_ts = max(last_ts, excluded.last_ts)
"""
_ADD_STREAM: Final = """
    INSERT INTO counters (meter, sink, committed, delivered, dropped) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (meter, sink) DO UPDATE
    SET committed = committed + excluded.committed,
        delivered = delivered + excluded.delivered,
        dropped = dropped + excluded.dropped
"""
_READ_STREAMS: Final = """
    SELECT sink, sum(committed), sum(delivered), sum(dropped) FROM counters GROUP BY sink
"""


@define
class Change:
    """What one transaction adds; ``readings`` and ``last_ts`` (ms) go by meter."""

    readings: Counter[str] = field(factory=Counter)
    last_ts: dict[str, int] = field(factory=dict)
    committed: Counter[Stream] = field(factory=Counter)
    delivered: Counter[Stream] = field(factory=Counter)
    dropped: Counter[Stream] = field(factory=Counter)

    def add_reading(self, meter: str, ts: int) -> None:
        self.readings[meter] += 1
        self.last_ts[meter] = max(ts, self.last_ts.get(meter, ts))

    def write(self, database: sqlite3.Connection) -> None:
        """Into the tables, inside the transaction that is open."""
        database.executemany(
            _ADD_METER,
            [(meter, count, self.last_ts[meter]) for meter, count in self.readings.items()],
        )
        streams = self.committed.keys() | self.delivered.keys() | self.dropped.keys()
        database.executemany(
            _ADD_STREAM,
            [
                (*stream, self.committed[stream], self.delivered[stream], self.dropped[stream])
                for stream in streams
            ],
        )


class Totals:
    """The sums over all meters, as of the last COMMIT."""

    def __init__(self, database: sqlite3.Connection) -> None:
        ((self.readings,),) = database.execute("SELECT coalesce(sum(readings), 0) FROM meters")
        self.committed = self.delivered = self.dropped = 0
        self.queued: Counter[str] = Counter()
        for sink, committed, delivered, dropped in database.execute(_READ_STREAMS):
            self.committed += committed
            self.delivered += delivered
            self.dropped += dropped
            self.queued[sink] = committed - delivered - dropped

    def add(self, change: Change) -> None:
        """Count what has just been committed."""
        self.readings += change.readings.total()
        self.committed += change.committed.total()
        self.delivered += change.delivered.total()
        self.dropped += change.dropped.total()
        for (_, sink), count in change.committed.items():
            self.queued[sink] += count
        for gone in (change.delivered, change.dropped):
            for (_, sink), count in gone.items():
                self.queued[sink] -= count

    def status(self, oldest_queued_ts: int | None, used: int) -> OutboxStatus:
        """Frozen; ``used`` is the file's size in bytes without its free pages."""
        return OutboxStatus(
            readings=self.readings,
            committed=self.committed,
            delivered=self.delivered,
            dropped=self.dropped,
            queued=dict(self.queued),
            oldest_queued_ts=oldest_queued_ts,
            bytes=used,
        )
