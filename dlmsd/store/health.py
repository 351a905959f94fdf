"""Health checks that were kept."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Final

from attrs import frozen

from dlmsd.store.file import StoreFile
from dlmsd.store.retention import DAY, Limit, sweep

LIMIT: Final = Limit("health", "at", 90 * DAY, 10_000)


@frozen
class HealthCheck:
    """``status`` is 0 good, 1 minor, 2 critical; ``document`` is JSON; ``at`` is Unix ms."""

    id: int
    at: int
    status: int
    document: str


class HealthChecks:
    """Those of the last 90 days, and no more than 10,000."""

    def __init__(self, file: StoreFile, now: Callable[[], int]) -> None:
        self._file = file
        self._now = now

    async def add(self, status: int, document: str) -> None:
        """Keep one, made now."""
        now = self._now()

        def add(database: sqlite3.Connection) -> None:
            added = "INSERT INTO health (at, status, document) VALUES (?, ?, ?)"
            database.execute(added, (now, status, document))
            sweep(database, LIMIT, now)

        await self._file.change(add)

    async def list(self, limit: int = 100, before: int | None = None) -> tuple[HealthCheck, ...]:
        """The newest first; ``before`` is an id, to go on."""
        rows = await self._file.read(
            lambda database: database.execute(
                "SELECT id, at, status, document FROM health "
                "WHERE ?1 IS NULL OR id < ?1 ORDER BY id DESC LIMIT ?2",
                (before, limit),
            ).fetchall()
        )
        return tuple(HealthCheck(*row) for row in rows)

    async def sweep(self) -> None:
        """Remove what is too old."""
        now = self._now()
        await self._file.change(lambda database: sweep(database, LIMIT, now))
