"""Notices: what is still to be told of alarms, written with the alarm and gone once it is told."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Literal, TypeAlias

import msgspec
from attrs import frozen

from dlmsd.store.diagnostics import Severity
from dlmsd.store.file import StoreFile
from dlmsd.store.retention import DAY
from dlmsd.store.sendings import Sending, Sendings, note

Event: TypeAlias = Literal["raised", "changed", "cleared"]
State: TypeAlias = Event | Literal["report"]

# Whoever could not be reached for a week, or for so many notices, looks at the page.
KEEP: Final = 7 * DAY
MOST: Final = 1000

_ADD: Final = "INSERT INTO notices (receiver, at, state, severity, document) VALUES (?, ?, ?, ?, ?)"
_BEYOND: Final = """
    DELETE FROM notices WHERE receiver = ?1 AND (at < ?2 OR id <= coalesce(
        (SELECT id FROM notices WHERE receiver = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?3), 0))
"""
_DROPPED: Final = """
    INSERT INTO receivers (name, dropped) VALUES (?1, ?2)
    ON CONFLICT (name) DO UPDATE SET dropped = dropped + ?2
"""
_REPORTED: Final = """
    INSERT INTO receivers (name, reported) VALUES (?, ?)
    ON CONFLICT (name) DO UPDATE SET reported = excluded.reported
"""


@frozen
class Change:
    """What has happened to an alarm. ``was`` is the severity before, None for a new one, ``worst``
    the worst so far; ``at`` is Unix ms, the rest as in an alarm.
    """

    state: Event
    alarm: int
    rule: str
    subject: str
    severity: Severity
    was: Severity | None
    worst: Severity
    category: str
    message: str
    details: str
    at: int


@frozen
class Waiting:
    """One that waits; :meth:`Notices.documents` has what it says."""

    id: int
    at: int
    state: State
    severity: Severity


class Notices:
    """``route`` says who hears of a change; it is called in the writer's thread. ``sendings`` are
    what came of it."""

    def __init__(self, file: StoreFile, now: Callable[[], int]) -> None:
        self.route: Callable[[Change], Iterable[str]] = lambda change: ()
        self._file = file
        self._now = now
        self.sendings = Sendings(file, now)

    def note(self, database: sqlite3.Connection, change: Change) -> None:
        """Inside the transaction that changes the alarm: neither is on disk without the other."""
        document = msgspec.json.encode(change).decode()
        for name in self.route(change):
            row = name, change.at, change.state, change.severity, document
            database.execute(_ADD, row)
            _bound(database, name, change.at)

    async def waiting(self, receiver: str) -> tuple[Waiting, ...]:
        """All that wait, the oldest first; never more than ``MOST``."""
        rows = await self._file.read(
            lambda database: database.execute(
                "SELECT id, at, state, severity FROM notices WHERE receiver = ? ORDER BY id",
                (receiver,),
            ).fetchall()
        )
        return tuple(Waiting(*row) for row in rows)

    async def pending(self, receiver: str, limit: int) -> list[tuple[Waiting, str]]:
        """The oldest of them, each with what it says."""
        rows = await self._file.read(
            lambda database: database.execute(
                "SELECT id, at, state, severity, document FROM notices WHERE receiver = ? "
                "ORDER BY id LIMIT ?",
                (receiver, limit),
            ).fetchall()
        )
        return [(Waiting(*row), document) for *row, document in rows]

    async def documents(self, receiver: str, numbers: Iterable[int]) -> tuple[list[str], int]:
        """What these say, and how many were given up since one arrived there."""
        wanted = [(number,) for number in numbers]

        def read(database: sqlite3.Connection) -> tuple[list[str], int]:
            texts = [
                text
                for number in wanted
                for (text,) in database.execute("SELECT document FROM notices WHERE id = ?", number)
            ]
            known = database.execute("SELECT dropped FROM receivers WHERE name = ?", (receiver,))
            ((dropped,),) = known.fetchall() or [(0,)]
            return texts, dropped

        return await self._file.read(read)

    async def told(self, sending: Sending, numbers: Iterable[int], dropped: int = 0) -> None:
        """The receiver has these by that message, and knows of so many that were given up."""
        rows, receiver, now = [(number,) for number in numbers], sending.receiver, self._now()

        def told(database: sqlite3.Connection) -> None:
            database.executemany("DELETE FROM notices WHERE id = ?", rows)
            database.execute(
                "UPDATE receivers SET dropped = max(0, dropped - ?) WHERE name = ?",
                (dropped, receiver),
            )
            note(database, sending, now)

        await self._file.change(told)

    async def reported(self, receiver: str) -> str | None:
        """The day of its last daily report, as in ISO 8601; None for none so far."""
        rows = await self._file.read(
            lambda database: database.execute(
                "SELECT reported FROM receivers WHERE name = ?", (receiver,)
            ).fetchall()
        )
        return rows[0][0] if rows else None

    async def report(self, receiver: str, day: str, document: str | None) -> None:
        """That day's report is to be told, None for nothing to tell: once and for all."""
        now = self._now()

        def report(database: sqlite3.Connection) -> None:
            database.execute(_REPORTED, (receiver, day))
            if document is not None:
                database.execute(_ADD, (receiver, now, "report", "info", document))
                _bound(database, receiver, now)

        await self._file.change(report)

    async def keep(self, receivers: Sequence[str]) -> None:
        """There are these receivers now: nothing waits for others, or longer than a week."""
        now = self._now()
        places = ", ".join("?" * len(receivers))

        def keep(database: sqlite3.Connection) -> None:
            for table, column in (("notices", "receiver"), ("receivers", "name")):
                others = f"DELETE FROM {table} WHERE {column} NOT IN ({places})"  # noqa: S608
                database.execute(others, receivers)
            for name in receivers:
                _bound(database, name, now)

        await self._file.change(keep)


def _bound(database: sqlite3.Connection, receiver: str, now: int) -> None:
    gone = database.execute(_BEYOND, (receiver, now - KEEP, MOST)).rowcount
    if gone:
        database.execute(_DROPPED, (receiver, gone))
