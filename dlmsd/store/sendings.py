"""What was sent to receivers of notices, and what could not be."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, Final

import msgspec
from attrs import frozen

from dlmsd.store.file import StoreFile
from dlmsd.store.retention import DAY, Limit, sweep

LIMIT: Final = Limit("sendings", "at", 90 * DAY, 10_000)

_COLUMNS: Final = "receiver, at, title, alarms, taken, said, attempts"
_WRITE: Final = f"""
    INSERT INTO sendings ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (receiver, at) WHERE taken = 0 DO UPDATE SET title = excluded.title,
    alarms = excluded.alarms, said = excluded.said, attempts = excluded.attempts
"""  # noqa: S608
_LIST: Final = f"""
    SELECT {_COLUMNS}, id FROM sendings
    WHERE (?1 IS NULL OR receiver = ?1) AND (?2 IS NULL OR id < ?2) ORDER BY id DESC LIMIT ?3
"""  # noqa: S608


@frozen
class Sending:
    """One message at ``at`` (Unix ms) that was ``taken``, or ``attempts`` since then that were not.

    ``alarms`` are the ids of those that it tells of, none for a report; ``said`` is what the
    receiver answered, or why it did not take it.
    """

    receiver: str
    at: int
    title: str
    alarms: tuple[int, ...]
    taken: bool
    said: str
    attempts: int = 1
    id: int = 0


def note(database: sqlite3.Connection, one: Sending, now: int) -> None:
    """Write it, inside a transaction; attempts since the same time take its place."""
    alarms = msgspec.json.encode(one.alarms).decode()
    row = one.receiver, one.at, one.title[:256], alarms, one.taken, one.said[:1024], one.attempts
    database.execute(_WRITE, row)
    sweep(database, LIMIT, now)


class Sendings:
    """Those of the last 90 days, and no more than 10,000."""

    def __init__(self, file: StoreFile, now: Callable[[], int]) -> None:
        self._file = file
        self._now = now

    async def write(self, one: Sending) -> None:
        """Keep it."""
        now = self._now()
        await self._file.change(lambda database: note(database, one, now))

    async def list(
        self, *, receiver: str | None = None, before: int | None = None, limit: int = 100
    ) -> tuple[Sending, ...]:
        """The newest first; ``before`` is an id, to go on."""
        values = (receiver, before, limit)
        rows = await self._file.read(lambda database: database.execute(_LIST, values).fetchall())
        return tuple(_sending(*row) for row in rows)

    async def sweep(self) -> None:
        """Remove what is too old."""
        now = self._now()
        await self._file.change(lambda database: sweep(database, LIMIT, now))


def _sending(*row: Any) -> Sending:
    receiver, at, title, alarms, taken, said, attempts, number = row
    try:
        ids = msgspec.json.decode(alarms, type=tuple[int, ...])
    except (msgspec.DecodeError, TypeError):  # damage
        ids = ()
    return Sending(receiver, at, title, ids, bool(taken), said, attempts, number)
