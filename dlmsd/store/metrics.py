"""How meters fared, by minute, hour and day.

A minute is written once, into its hour and its day too: each resolution is complete at any
moment, and ageing is nothing but forgetting.
"""

from __future__ import annotations

import enum
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, Final

from attrs import astuple, fields, frozen

from dlmsd.store.file import StoreFile
from dlmsd.store.retention import DAY


class Span(enum.IntEnum):
    """A resolution, in ms."""

    MINUTE = 60_000
    HOUR = 3_600_000
    DAY = DAY


KEEP: Final = {Span.MINUTE: 2 * DAY, Span.HOUR: 60 * DAY, Span.DAY: 1827 * DAY}
"""How long each is kept, in ms: for 1,000 meters about 150, 75 and 95 MB."""

# Rows that one write may remove: after a long stop they are many, and go by and by.
_SLICE: Final = 20_000


@frozen
class Figures:
    """What a meter did in one span of time, or all meters together.

    ``read_ms`` is the sum over ``timed`` cycles, of which ``least_ms`` and ``most_ms`` were
    the fastest and the slowest (None for none). ``queued`` is what waited at the end; all
    else is counted. MQTT octets are those of PUBLISH packets with
    readings.
    """

    good: int = 0
    failed: int = 0
    missed: int = 0
    timed: int = 0
    read_ms: int = 0
    least_ms: int | None = None
    most_ms: int | None = None
    connects: int = 0
    dlms_requests: int = 0
    dlms_responses: int = 0
    dlms_octets_out: int = 0
    dlms_octets_in: int = 0
    mqtt_messages: int = 0
    mqtt_octets: int = 0
    delivered: int = 0
    queued: int = 0
    scales_kept: int = 0
    scales_asked: int = 0

    @property
    def average_ms(self) -> float | None:
        """The mean read time."""
        return self.read_ms / self.timed if self.timed else None

    @property
    def success(self) -> float | None:
        """The share of cycles that gave a reading, None without any."""
        cycles = self.good + self.failed
        return self.good / cycles if cycles else None


def total(rows: Iterable[Row]) -> Figures:
    """Of one meter's rows, the oldest first: their sum, and what waited at the end."""
    whole = Figures()
    for each in (row.figures for row in rows):
        sums = {name: getattr(whole, name) + getattr(each, name) for name in _SUMMED}
        least = [one for one in (whole.least_ms, each.least_ms) if one is not None]
        most = [one for one in (whole.most_ms, each.most_ms) if one is not None]
        whole = Figures(
            **sums,
            least_ms=min(least, default=None),
            most_ms=max(most, default=None),
            queued=each.queued,
        )
    return whole


@frozen
class Row:
    """Figures of the span that begins at ``at`` (Unix ms)."""

    at: int
    figures: Figures


_NAMES: Final = tuple(one.name for one in fields(Figures))
_SUMMED: Final = tuple(set(_NAMES) - {"least_ms", "most_ms", "queued"})
_COLUMNS: Final = ", ".join(_NAMES)


def _merged(name: str) -> str:
    if name == "queued":
        return "queued = excluded.queued"
    if name in ("least_ms", "most_ms"):
        pick = "min" if name == "least_ms" else "max"
        # Of SQLite's min and max of two, NULL would win.
        return (
            f"{name} = {pick}(coalesce({name}, excluded.{name}), coalesce(excluded.{name}, {name}))"
        )
    return f"{name} = {name} + excluded.{name}"


_ADD: Final = f"""
    INSERT INTO metrics (span, at, meter, {_COLUMNS}) VALUES (?, ?, ?, {", ".join("?" * len(_NAMES))})
    ON CONFLICT (span, at, meter) DO UPDATE SET {", ".join(_merged(name) for name in _NAMES)}
"""  # noqa: S608, E501
_FORGET: Final = """
    DELETE FROM metrics WHERE span = ?1 AND at < ?2
    AND at <= coalesce((SELECT at FROM metrics WHERE span = ?1 ORDER BY at LIMIT 1 OFFSET ?3), ?2)
"""
# Rows lie by time: one meter's are looked up, time by time, instead of reading everybody's.
_OF: Final = f"""
    WITH RECURSIVE times (at) AS (
        SELECT ?3 WHERE ?3 < ?4 UNION ALL SELECT at + ?1 FROM times WHERE at + ?1 < ?4)
    SELECT m.at, {_COLUMNS} FROM times CROSS JOIN metrics m
    ON m.span = ?1 AND m.at = times.at AND m.meter = ?2
"""  # noqa: S608
_ENDS: Final = """
    SELECT (SELECT at FROM metrics WHERE span = ?1 ORDER BY at LIMIT 1),
        (SELECT at FROM metrics WHERE span = ?1 ORDER BY at DESC LIMIT 1)
"""
_SUMS: Final = {"least_ms": "min", "most_ms": "max"}
_ALL: Final = f"""
    SELECT at, {", ".join(f"{_SUMS.get(name, 'sum')}({name})" for name in _NAMES)}
    FROM metrics WHERE span = ? AND at >= ? AND at < ? GROUP BY at
"""  # noqa: S608
_EACH: Final = f"""
    SELECT meter, {", ".join(f"{_SUMS.get(name, 'sum')}({name})" for name in _NAMES if name != "queued")},
        max(queued) FROM metrics WHERE span = ? AND at >= ? AND at < ? GROUP BY meter
"""  # noqa: S608, E501


class Metrics:
    """Minutes of the last 48 hours, hours of 60 days, days of five years."""

    def __init__(self, file: StoreFile) -> None:
        self._file = file

    async def write(self, at: int, figures: Sequence[tuple[int, Figures]]) -> None:
        """What meters (ids) did in the minute in which ``at`` (Unix ms) lies.

        Adds to what is there of it. Forgets what is too old.
        """
        await self._file.change(lambda database: _write(database, at, figures))

    async def of(self, meter: int, span: Span, since: int, until: int) -> tuple[Row, ...]:
        """One meter's rows with since <= at < until, oldest first."""
        rows = await self._file.read(lambda database: _of(database, meter, span, since, until))
        return tuple(Row(at, Figures(*figures)) for at, *figures in rows)

    async def all(self, span: Span, since: int, until: int) -> tuple[Row, ...]:
        """The same of all meters together."""
        values = (int(span), since, until)
        rows = await self._file.read(lambda database: database.execute(_ALL, values).fetchall())
        return tuple(Row(at, Figures(*figures)) for at, *figures in rows)

    async def each(self, span: Span, since: int, until: int) -> dict[int, Figures]:
        """Each meter's sum over since <= at < until; ``queued`` is the most there was."""
        return await self._file.read(lambda database: each(database, span, since, until))


def each(database: sqlite3.Connection, span: Span, since: int, until: int) -> dict[int, Figures]:
    """Each meter's sum over since <= at < until; ``queued`` is the most there was."""
    rows = database.execute(_EACH, (int(span), since, until)).fetchall()
    return {meter: Figures(*figures) for meter, *figures in rows}


def newest(database: sqlite3.Connection) -> int | None:
    """The last minute (Unix ms) of which there are figures."""
    ((at,),) = database.execute("SELECT max(at) FROM metrics WHERE span = ?", (int(Span.MINUTE),))
    return None if at is None else int(at)


def _of(
    database: sqlite3.Connection, meter: int, span: Span, since: int, until: int
) -> list[tuple[Any, ...]]:
    ((oldest, newest),) = database.execute(_ENDS, (int(span),))
    if newest is None:
        return []
    # Each time is a look-up of its own: only those that can be there.
    first = max(since, oldest, newest - KEEP[span] - span)
    values = (int(span), meter, first - first % -span, min(until, newest + 1))
    return database.execute(_OF, values).fetchall()


def _write(database: sqlite3.Connection, at: int, figures: Sequence[tuple[int, Figures]]) -> None:
    rows = [(meter, *astuple(one)) for meter, one in figures]
    for span in Span:
        start = at - at % span
        database.executemany(_ADD, [(int(span), start, *row) for row in rows])
        database.execute(_FORGET, (int(span), at - KEEP[span], _SLICE))
