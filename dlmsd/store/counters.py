"""The conservation counters: committed = delivered + queued + quarantined + dropped, always.

A transaction gathers its :class:`Change` and writes it as its last act, so that file and
counters never differ. Each counter is told of its own rows and written by a statement of
its own: five accounts that can disagree, which ``audit`` notices. After the COMMIT the same
change goes to the :class:`Totals` in memory: nobody has to count a million rows.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable
from typing import Final, TypeAlias

from attrs import asdict, define, field, frozen

from dlmsd.model import OutboxStatus

Stream: TypeAlias = tuple[str, str]
"""A meter and a sink."""

FATES: Final = ("committed", "delivered", "queued", "quarantined", "dropped")

_ADD_METER: Final = """
    INSERT INTO meters (meter, readings, last_ts) VALUES (?, ?, ?)
    ON CONFLICT (meter) DO UPDATE
    SET readings = readings + excluded.readings, last_ts = max(last_ts, excluded.last_ts)
"""
# The first makes the row that the others find: what was never committed has no other fate.
_ADD: Final = {
    "committed": """
        INSERT INTO counters (committed, meter, sink) VALUES (?, ?, ?)
        ON CONFLICT (meter, sink) DO UPDATE SET committed = committed + excluded.committed
    """,
    **{
        fate: f"UPDATE counters SET {fate} = {fate} + ? WHERE meter = ? AND sink = ?"  # noqa: S608
        for fate in FATES[1:]
    },
}
_READ: Final = f"SELECT meter, sink, {', '.join(FATES)} FROM counters"  # noqa: S608
_COUNT: Final = """
    SELECT meter, sink, sum(waits), sum(held) FROM (
        SELECT meter, sink, 1 AS waits, 0 AS held FROM deliveries WHERE delivered_at IS NULL
        UNION ALL SELECT meter, sink, 0, 1 FROM quarantine)
    GROUP BY meter, sink
"""


@frozen
class Account:
    """Deliveries of one meter to one sink, by fate, over the life of the file."""

    committed: int = 0
    delivered: int = 0
    queued: int = 0
    quarantined: int = 0
    dropped: int = 0

    @property
    def balanced(self) -> bool:
        """Whether every committed delivery has exactly one fate."""
        return self.committed == self.delivered + self.queued + self.quarantined + self.dropped


@define
class Change:
    """What one transaction adds; ``readings`` and ``last_ts`` (ms) go by meter."""

    readings: Counter[str] = field(factory=Counter)
    last_ts: dict[str, int] = field(factory=dict)
    committed: Counter[Stream] = field(factory=Counter)
    delivered: Counter[Stream] = field(factory=Counter)
    queued: Counter[Stream] = field(factory=Counter)
    quarantined: Counter[Stream] = field(factory=Counter)
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
        for fate in FATES:
            counted: Counter[Stream] = getattr(self, fate)
            if counted:
                database.executemany(
                    _ADD[fate], [(count, *stream) for stream, count in counted.items()]
                )


class Totals:
    """Every account, and the sums over all, as of the last COMMIT."""

    def __init__(self, database: sqlite3.Connection) -> None:
        ((self._readings,),) = database.execute("SELECT coalesce(sum(readings), 0) FROM meters")
        self._counts = {fate: Counter[Stream]() for fate in FATES}
        for meter, sink, *counts in database.execute(_READ):
            for fate, count in zip(FATES, counts, strict=True):
                self._counts[fate][meter, sink] = count
        self._sums = {fate: counts.total() for fate, counts in self._counts.items()}
        self._queued = Counter[str]()
        for (_, sink), count in self._counts["queued"].items():
            self._queued[sink] += count

    @property
    def sinks(self) -> Iterable[str]:
        """All that ever were owed something."""
        return self._queued.keys()

    def add(self, change: Change) -> None:
        """Count what has just been committed."""
        self._readings += change.readings.total()
        for fate in FATES:
            counted: Counter[Stream] = getattr(change, fate)
            if counted:
                counts = self._counts[fate]
                for stream, count in counted.items():
                    counts[stream] += count
                self._sums[fate] += counted.total()
        for (_, sink), count in change.queued.items():
            self._queued[sink] += count

    def accounts(self) -> dict[Stream, Account]:
        """By meter and sink."""
        return {
            stream: Account(**{fate: self._counts[fate][stream] for fate in FATES})
            for stream in self._counts["committed"]
        }

    def status(
        self, oldest_queued_ts: int | None, used: int, limit: int, pressure: bool
    ) -> OutboxStatus:
        """Frozen; ``used`` is the file's size in bytes without its free pages."""
        return OutboxStatus(
            readings=self._readings,
            committed=self._sums["committed"],
            delivered=self._sums["delivered"],
            quarantined=self._sums["quarantined"],
            dropped=self._sums["dropped"],
            queued=dict(self._queued),
            oldest_queued_ts=oldest_queued_ts,
            bytes=used,
            limit=limit,
            pressure=pressure,
        )


def accounts(database: sqlite3.Connection) -> dict[Stream, Account]:
    """All of the file's, by meter and sink."""
    return {(meter, sink): Account(*counts) for meter, sink, *counts in database.execute(_READ)}


def audit(database: sqlite3.Connection, *, rows: bool) -> list[str]:
    """What does not agree, a sentence each: the counters, and with ``rows`` the rows too.

    Rows take time in proportion to what waits.
    """
    found = accounts(database)
    wrong = [
        f"{meter} to {sink}: {_told(account)}"
        for (meter, sink), account in found.items()
        if not account.balanced
    ]
    return wrong + (_miscounted(database, found) if rows else [])


def _miscounted(database: sqlite3.Connection, found: dict[Stream, Account]) -> list[str]:
    counted = {(meter, sink): counts for meter, sink, *counts in database.execute(_COUNT)}
    wrong = []
    for stream in found.keys() | counted.keys():
        account = found.get(stream, Account())
        queued, quarantined = counted.get(stream, (0, 0))
        if (account.queued, account.quarantined) != (queued, quarantined):
            meter, sink = stream
            wrong.append(
                f"{meter} to {sink}: {queued} rows wait and {quarantined} are in quarantine, "
                f"but {_told(account)}"
            )
    return wrong


def _told(account: Account) -> str:
    return ", ".join(f"{fate} {count}" for fate, count in asdict(account).items())
