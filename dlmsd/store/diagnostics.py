"""What was noticed of meters and brokers: single events, with the frame that showed it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from typing import Final, Literal

from attrs import field, frozen

from dlmsd.store.file import StoreFile
from dlmsd.store.retention import DAY, Limit, sweep

Severity = Literal["info", "warning", "error", "critical"]
RANKS: Final[Mapping[Severity, int]] = {"info": 0, "warning": 1, "error": 2, "critical": 3}

LIMIT: Final = Limit("diagnostics", "at", 30 * DAY, 100_000)
# The longest HDLC frame is 2 KiB; what is longer was no frame.
_FRAME: Final = 2048
# A meter that babbles may give many in the hour between two sweeps.
_EACH: Final = 1000


@frozen
class Diagnostic:
    """``meter`` is an id, None where no one meter is meant; ``at`` is Unix ms."""

    severity: Severity
    category: str
    message: str
    meter: int | None = None
    raw_frame: bytes | None = field(default=None, repr=False)
    at: int = 0
    id: int = 0


class Diagnostics:
    """Those of the last 30 days, and no more than 100,000."""

    def __init__(self, file: StoreFile, now: Callable[[], int]) -> None:
        self._file = file
        self._now = now

    async def add(self, *found: Diagnostic) -> None:
        """Keep these, noticed now unless they say when."""
        now = self._now()
        rows = [
            (
                one.at or now,
                one.meter,
                one.severity,
                one.category[:64],
                one.message[:1024],
                one.raw_frame and one.raw_frame[:_FRAME],
            )
            for one in found
        ]

        def add(database: sqlite3.Connection) -> None:
            for row in rows:
                number = database.execute(_ADD, row).lastrowid
                assert number is not None
                if number % _EACH == 0:
                    sweep(database, LIMIT, now)

        await self._file.change(add)

    async def list(
        self,
        *,
        meter: int | None = None,
        category: str | None = None,
        since: int = 0,
        before: int | None = None,
        limit: int = 100,
    ) -> tuple[Diagnostic, ...]:
        """The newest first; ``since`` is Unix ms, ``before`` an id, to go on."""
        values = (meter, category, since, before, limit)
        rows = await self._file.read(lambda database: database.execute(_LIST, values).fetchall())
        return tuple(Diagnostic(*row) for row in rows)

    async def sweep(self) -> None:
        """Remove what is too old or too much."""
        now = self._now()
        while await self._file.change(lambda database: sweep(database, LIMIT, now)):
            pass


_ADD: Final = """
    INSERT INTO diagnostics (at, meter, severity, category, message, raw_frame)
    VALUES (?, ?, ?, ?, ?, ?)
"""
_LIST: Final = """
    SELECT severity, category, message, meter, raw_frame, at, id FROM diagnostics
    WHERE (?1 IS NULL OR meter = ?1) AND (?2 IS NULL OR category = ?2) AND at >= ?3
    AND (?4 IS NULL OR id < ?4) ORDER BY id DESC LIMIT ?5
"""
