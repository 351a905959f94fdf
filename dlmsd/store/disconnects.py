"""Each end of a connection, of meters and of sinks: when, why, and for how long."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from attrs import frozen

from dlmsd.store.file import StoreFile
from dlmsd.store.retention import DAY, Limit, sweep

LIMIT: Final = Limit("disconnects", "at", 30 * DAY, 100_000)
# What still lasts is no history yet.
_OVER: Final = "over_at IS NOT NULL"
# A network that flickers may end many in the hour between two sweeps.
_EACH: Final = 1000
# Sentences of one row; a verdict has three to five.
_SENTENCES: Final = 8

_COLUMNS: Final = "sink, meter, at, cause, message, evidence, stood, attempts, over_at, back"
_WRITE: Final = f"""
    INSERT INTO disconnects ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (sink, meter, at) DO UPDATE SET cause = excluded.cause,
    evidence = excluded.evidence, attempts = excluded.attempts, over_at = excluded.over_at,
    back = excluded.back
"""  # noqa: S608
_LIST: Final = f"""
    SELECT {_COLUMNS}, id FROM disconnects
    WHERE (?1 IS NULL OR sink = ?1) AND (?2 IS NULL OR meter = ?2) AND at >= ?3
    AND (?4 IS NULL OR id < ?4) AND (?6 IS NULL OR (sink <> '') = ?6)
    ORDER BY id DESC LIMIT ?5
"""  # noqa: S608
_OPEN: Final = f"SELECT {_COLUMNS}, id FROM disconnects WHERE over_at IS NULL"  # noqa: S608
_RETURNS: Final = """
    SELECT sink, meter, over_at FROM disconnects
    WHERE sink <> '' AND back = 1 AND stood IS NOT NULL AND over_at >= ? AND over_at < ?
"""


@frozen
class Disconnect:
    """The end of a connection at ``at``, of ``sink``, or with "" the meter's own.

    ``meter`` is an id, 0 where the connection is for all meters. ``stood`` is how long it had
    (ms), None for one that never did; ``attempts`` came to nothing since. At ``over_at`` it
    was ``back``, or no longer wanted; None while it lasts. ``cause`` is a value of
    ``dlmsd.model.CloseCause`` or, without ``sink``, of ``dlmsd.errors.Cause``.
    """

    sink: str
    meter: int
    at: int
    cause: str
    message: str
    evidence: tuple[str, ...] = ()
    stood: int | None = None
    attempts: int = 0
    over_at: int | None = None
    back: bool = False
    id: int = 0


@frozen
class Return:
    """A connection of ``sink`` that stood again; ``meter`` as in :class:`Disconnect`."""

    sink: str
    meter: int
    at: int


class Disconnects:
    """Those of the last 30 days, and no more than 100,000."""

    def __init__(self, file: StoreFile, now: Callable[[], int]) -> None:
        self._file = file
        self._now = now

    async def write(self, found: Sequence[Disconnect]) -> None:
        """Keep these; one of the same connection and instant takes the place of what was."""
        now, rows = self._now(), [_row(one) for one in found]

        def write(database: sqlite3.Connection) -> None:
            for row in rows:
                number = database.execute(_WRITE, row).lastrowid
                assert number is not None
                if number % _EACH == 0:
                    sweep(database, LIMIT, now, _OVER)

        await self._file.change(write)

    async def standing(self) -> tuple[Disconnect, ...]:
        """Those that last."""
        rows = await self._file.read(lambda database: database.execute(_OPEN).fetchall())
        return tuple(_disconnect(*row) for row in rows)

    async def list(
        self,
        *,
        sink: str | None = None,
        meter: int | None = None,
        of_sinks: bool | None = None,
        since: int = 0,
        before: int | None = None,
        limit: int = 100,
    ) -> tuple[Disconnect, ...]:
        """The newest first; ``since`` is Unix ms, ``before`` an id, to go on. With ``of_sinks``
        those of sinks alone, or of meters."""
        values = (sink, meter, since, before, limit, of_sinks)
        rows = await self._file.read(lambda database: database.execute(_LIST, values).fetchall())
        return tuple(_disconnect(*row) for row in rows)

    async def returns(self, since: int, until: int) -> tuple[Return, ...]:
        """Of sinks, with since <= at < until."""
        values = (since, until)
        rows = await self._file.read(lambda database: database.execute(_RETURNS, values).fetchall())
        return tuple(Return(*row) for row in rows)

    async def sweep(self) -> None:
        """Remove what is too old or too much."""
        now = self._now()
        while await self._file.change(lambda database: sweep(database, LIMIT, now, _OVER)):
            pass


def _row(one: Disconnect) -> tuple[Any, ...]:
    evidence = [sentence[:512] for sentence in one.evidence[:_SENTENCES]]
    return (
        *(one.sink, one.meter, one.at, one.cause[:64], one.message[:1024]),
        *(msgspec.json.encode(evidence).decode(), one.stood, one.attempts, one.over_at, one.back),
    )


def _disconnect(*row: Any) -> Disconnect:
    sink, meter, at, cause, message, evidence, stood, attempts, over_at, back, number = row
    try:
        sentences = msgspec.json.decode(evidence, type=tuple[str, ...])
    except (msgspec.DecodeError, TypeError):  # damage
        sentences = ()
    return Disconnect(
        *(sink, meter, at, cause, message, sentences, stood, attempts, over_at, bool(back), number)
    )
