"""Intervals without readings, in the outbox's file."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from dlmsd.model import Gap, GapCause, GapStart
from dlmsd.store.counters import Stream
from dlmsd.store.jobs import Run

T = TypeVar("T")


_NEWEST: Final = """
    SELECT g.id, c.delivered, g.delivered = c.delivered AND g.filled_at IS NULL
    FROM counters c LEFT JOIN gaps g ON g.id = (
        SELECT max(id) FROM gaps WHERE meter = c.meter AND sink = c.sink AND cause = ?)
    WHERE c.meter = ? AND c.sink = ?
"""
_GROW: Final = """
    UPDATE gaps SET from_ts = min(from_ts, ?), to_ts = max(to_ts, ?), count = count + ?
    WHERE id = ?
"""
_ADD: Final = """
    INSERT INTO gaps (meter, sink, from_ts, to_ts, count, cause, delivered)
    VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_OPEN: Final = """
    SELECT id FROM gaps WHERE meter = ? AND sink = '' AND cause = ? AND to_ts IS NULL
"""
_SAME: Final = """
    SELECT id FROM gaps WHERE meter = ? AND sink = '' AND cause = ? AND from_ts = ? AND to_ts = ?
"""
_KNOWN: Final = """
    SELECT id FROM gaps WHERE meter = ? AND sink = '' AND (to_ts IS NULL OR from_ts = ?)
"""
_CLOSE: Final = """
    UPDATE gaps SET to_ts = ?, cause = coalesce(?, cause) WHERE id = ? AND to_ts IS NULL
"""
_FILL: Final = "UPDATE gaps SET filled_at = ? WHERE id = ?"
_COLUMNS: Final = "id, meter, sink, cause, from_ts, to_ts, count, filled_at"
# Those that still last come with those that ended since.
_SINCE: Final = f"""
    SELECT {_COLUMNS} FROM gaps INDEXED BY gaps_age WHERE to_ts >= ?1 AND (?2 IS NULL OR meter = ?2)
    UNION ALL
    SELECT {_COLUMNS} FROM gaps INDEXED BY gaps_age WHERE to_ts IS NULL
        AND (?2 IS NULL OR meter = ?2)
"""  # noqa: S608


def record_loss(
    database: sqlite3.Connection,
    stream: Stream,
    cause: GapCause,
    from_ts: int,
    to_ts: int,
    count: int,
) -> None:
    """``count`` deliveries of a stream are given up; the stream has a row in counters.

    While nothing of it is delivered in between, one row grows.
    """
    ((gap, delivered, adjacent),) = database.execute(_NEWEST, (cause.value, *stream))
    if adjacent:
        database.execute(_GROW, (from_ts, to_ts, count, gap))
    else:
        database.execute(_ADD, (*stream, from_ts, to_ts, count, cause.value, delivered))


def record_refusal(
    database: sqlite3.Connection, meter: str, cause: GapCause, from_ts: int, to_ts: int, count: int
) -> None:
    """``count`` readings of a meter were never stored, so no sink was owed any."""
    database.execute(_ADD, (meter, "", from_ts, to_ts, count, cause.value, 0))


def record_start(database: sqlite3.Connection, meter: str, start: GapStart) -> None:
    """A gap of a meter, unless it was told of, or one lasts since an earlier life."""
    if database.execute(_KNOWN, (meter, start.from_ts)).fetchone() is None:
        database.execute(_ADD, (meter, "", start.from_ts, None, 0, start.cause.value, 0))


def fill(database: sqlite3.Connection, gap: int, now: int) -> None:
    """What can be had of a gap is there; ``now`` is the wall time in ms."""
    database.execute(_FILL, (now, gap))


class Gaps:
    """Intervals in which a meter gave no readings: opened, closed, filled and listed.

    ``write`` runs its argument in a transaction, ``read`` without one; both raise StoreError.
    ``pressed`` tells whether room is short, so that sinks may lose something. ``restore`` makes
    what a sink lost to be owed again, as far as its readings are here, whose gap's id it takes:
    true if that is all, None while the sink takes nothing.
    """

    def __init__(
        self,
        write: Run,
        read: Run,
        now: Callable[[], int],
        pressed: Callable[[], bool],
        restore: Callable[[int], Awaitable[bool | None]],
    ) -> None:
        self._write = write
        self._read = read
        self._now = now
        self.pressed = pressed
        self.restore = restore

    async def open(
        self, meter: str, cause: GapCause, from_ts: int, to_ts: int | None = None
    ) -> int:
        """The id of a gap from ``from_ts``: the one of this cause that lasts, if there is.

        With ``to_ts`` it is over already; who says so twice means the same one.
        """

        def job(database: sqlite3.Connection) -> int:
            if to_ts is None:
                known = database.execute(_OPEN, (meter, cause.value)).fetchone()
            else:
                same = (meter, cause.value, from_ts, to_ts)
                known = database.execute(_SAME, same).fetchone()
            if known is not None:
                return int(known[0])
            cursor = database.execute(_ADD, (meter, "", from_ts, to_ts, 0, cause.value, 0))
            assert cursor.lastrowid is not None
            return cursor.lastrowid

        return await self._write(job)

    async def close(self, gap: int, to_ts: int, cause: GapCause | None = None) -> None:
        """It lasted until ``to_ts``; by then its cause may be known better."""
        values = (to_ts, cause and cause.value, gap)
        await self._write(lambda database: database.execute(_CLOSE, values).rowcount)

    async def fill(self, gap: int) -> None:
        """What the meter still had of it is stored."""
        now = self._now()
        await self._write(lambda database: fill(database, gap, now))

    async def since(self, ts: int, meter: str | None = None) -> list[Gap]:
        """Those that last, or ended at ``ts`` or later, of one meter or all, by their start."""
        return await self._read(lambda database: gaps_since(database, ts, meter))


def gaps_since(database: sqlite3.Connection, ts: int, meter: str | None = None) -> list[Gap]:
    """Those that last, or ended at ``ts`` or later, also those of sinks, by their start."""
    rows = database.execute(_SINCE, (ts, meter)).fetchall()
    found = [
        Gap(number, meter, sink, GapCause(cause), from_ts, to_ts, count, filled_at)
        for number, meter, sink, cause, from_ts, to_ts, count, filled_at in rows
    ]
    return sorted(found, key=lambda gap: (gap.from_ts, gap.id))
