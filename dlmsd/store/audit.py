"""The audit trail: who changed what."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final

from attrs import frozen

from dlmsd.store.file import StoreFile
from dlmsd.store.onlooker import opened
from dlmsd.store.retention import DAY, Limit, sweep

LIMIT: Final = Limit("audit", "at", 400 * DAY, 50_000)
# Of rows written between two sweeps of the daemon.
_EACH: Final = 1000


@frozen
class Change:
    """One change; ``at`` is Unix ms, ``who`` what part of dlmsd calls its user."""

    id: int
    at: int
    who: str
    action: str
    subject: str
    detail: str


def note(
    database: sqlite3.Connection, now: int, who: str, action: str, subject: str, detail: str = ""
) -> None:
    """Write one inside the transaction of the change; never a secret."""
    row = database.execute(
        "INSERT INTO audit (at, who, action, subject, detail) VALUES (?, ?, ?, ?, ?)",
        (now, who[:256], action[:256], subject[:256], detail[:4096]),
    ).lastrowid
    assert row is not None
    if row % _EACH == 0:
        sweep(database, LIMIT, now)


class Audit:
    """Changes of the last 400 days, and no more than 50,000."""

    def __init__(self, file: StoreFile, now: Callable[[], int]) -> None:
        self._file = file
        self._now = now

    async def add(self, who: str, action: str, subject: str, detail: str = "") -> None:
        """A change that was made elsewhere, such as a reload."""
        now = self._now()
        await self._file.change(lambda database: note(database, now, who, action, subject, detail))

    async def list(self, limit: int = 100, before: int | None = None) -> tuple[Change, ...]:
        """The newest first; ``before`` is an id, to go on."""
        rows = await self._file.read(
            lambda database: database.execute(
                "SELECT id, at, who, action, subject, detail FROM audit "
                "WHERE ?1 IS NULL OR id < ?1 ORDER BY id DESC LIMIT ?2",
                (before, limit),
            ).fetchall()
        )
        return tuple(Change(*row) for row in rows)

    async def sweep(self) -> None:
        """Remove what is too old."""
        now = self._now()
        await self._file.change(lambda database: sweep(database, LIMIT, now))


def note_beside(path: Path, now: int, who: str, action: str, subject: str, detail: str) -> None:
    """One by a command, in a registry that a daemon may have open. Raises StoreError."""
    with opened(path, "registry", "rw") as database:
        database.execute("BEGIN IMMEDIATE")
        note(database, now, who, action, subject, detail)
        database.execute("COMMIT")
