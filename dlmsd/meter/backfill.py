"""Readings that were missed, read back from a meter's load profile.

A gap begins with the last good reading and ends with the next one. What the meter captured
meanwhile is read by range, a chunk at a time between cycles, and stored with the meter's own
times. What it does not have either becomes a gap of its own, with the cause.
"""

from __future__ import annotations

import datetime
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final, Protocol

from attrs import frozen
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from dlmsd.config.values import MeterOptions
from dlmsd.dlms.axdr.clock import ClockStatus
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.errors import ServiceError
from dlmsd.meter.installation import Installation
from dlmsd.meter.layout import ProfileRow
from dlmsd.meter.profile import ProfileReading
from dlmsd.meter.session import Session
from dlmsd.model import Gap, GapCause, Reading, Watermark

# One answer for a day of quarters of an hour is some KiB, and a second or two of the line.
LONGEST: Final = datetime.timedelta(hours=24)
SHORTEST: Final = datetime.timedelta(hours=1)
# Of the line's time at most this share goes into the past.
SHARE: Final = 0.2
# Rows of the same time in two chunks are one reading: the store skips what it has.
_OVERLAP: Final = datetime.timedelta(seconds=1)


class GapBook(Protocol):
    """Where gaps are kept; see :class:`dlmsd.store.gaps.Gaps`."""

    async def open(
        self, meter: str, cause: GapCause, from_ts: int, to_ts: int | None = None
    ) -> int: ...
    async def close(self, gap: int, to_ts: int, cause: GapCause | None = None) -> None: ...
    async def fill(self, gap: int) -> None: ...
    async def since(self, ts: int, meter: str | None = None) -> list[Gap]: ...


class BackfillStore(Protocol):
    """Where what is read back is kept."""

    async def commit_backfill(
        self, readings: Sequence[Reading], sinks: Sequence[str], watermark: Watermark | None = None
    ) -> int: ...


@frozen
class _Task:
    """What is still to be read of one gap: above ``start``, up to ``end``."""

    gap: int
    start: datetime.datetime
    end: datetime.datetime


class Backfill:
    """Fills the gaps of one meter that has a load profile, the newest first.

    Newest first, because a meter that captures into a ring loses its oldest rows anyway,
    and people look at yesterday before they look at last month.
    """

    _log = Logger()

    def __init__(
        self,
        options: MeterOptions,
        profile: Obis,
        store: BackfillStore,
        gaps: GapBook,
        clock: IReactorTime,
    ) -> None:
        self._options = options
        self._profile = profile
        self._store = store
        self._gaps = gaps
        self._clock = clock
        self._tasks: deque[_Task] = deque()
        self._chunk = LONGEST
        self._not_before = 0.0

    @property
    def waiting(self) -> int:
        """How many gaps are still to be filled."""
        return len(self._tasks)

    def add(self, gap: int, from_ts: int, to_ts: int) -> None:
        """A gap is over (times in ms); what is in it is wanted."""
        self._tasks.append(_Task(gap, _moment(from_ts), _moment(to_ts)))

    async def step(self, session: Session) -> bool:
        """Read one chunk, if it is time for one; whether the line was used.

        A DlmsdError of the session is raised; the chunk is asked for again then.
        """
        if not self._tasks or self._clock.seconds() < self._not_before:
            return False
        task = self._tasks[-1]
        start = max(task.start, task.end - self._chunk)
        began = self._clock.seconds()
        rows: list[ProfileRow] = []
        reading = ProfileReading(
            self._profile,
            start,
            task.end,
            rows.append,
            read=self._options.read,
            installation=Installation.of(self._options),
        )
        try:
            await reading.run(session)
        except ServiceError as error:
            await self._refused(task, error)
            return True
        layout = reading.layout
        await self._store_rows(rows, layout.period if layout is not None else 0, start, task.end)
        self._pace(self._clock.seconds() - began)
        self._tasks.pop()
        if start > task.start:
            self._tasks.append(_Task(task.gap, task.start, start + _OVERLAP))
        else:
            await self._gaps.fill(task.gap)
            self._log.info("{meter}: a gap is filled", meter=self._options.name)
        return True

    async def _refused(self, task: _Task, error: ServiceError) -> None:
        """The meter has no such profile, or this client may not read it."""
        self._log.warn(
            "{meter}: profile {profile} cannot be read: {reason}",
            meter=self._options.name,
            profile=str(self._profile),
            reason=str(error),
        )
        self._tasks.pop()
        await self._record(GapCause.REFUSED, task.start, task.end)
        await self._gaps.fill(task.gap)

    async def _store_rows(
        self,
        rows: Sequence[ProfileRow],
        period: int,
        start: datetime.datetime,
        end: datetime.datetime,
    ) -> None:
        name = self._options.name
        believed = {row.time: row for row in rows if row.time is not None and _believed(row)}
        readings = [Reading(name, _ms(time), row.values) for time, row in sorted(believed.items())]
        if readings:
            mark = Watermark(name, str(self._profile), readings[-1].ts)
            await self._store.commit_backfill(readings, self._options.sinks, mark)
        for first, last in _holes(sorted(believed), period, start, end):
            # A meter that is on captures every period; one hole alone is its own affair.
            many = last - first > datetime.timedelta(seconds=period)
            cause = GapCause.METER_OFF if many else GapCause.NEVER_CAPTURED
            if not believed:
                cause = GapCause.LOST_IN_METER
            await self._record(cause, first, last)

    async def _record(
        self, cause: GapCause, start: datetime.datetime, end: datetime.datetime
    ) -> None:
        gap = await self._gaps.open(self._options.name, cause, _ms(start), _ms(end))
        await self._gaps.fill(gap)

    def _pace(self, seconds: float) -> None:
        """Leave the line to the present, and take larger or smaller pieces of the past."""
        self._not_before = self._clock.seconds() + seconds * (1 / SHARE - 1)
        if seconds > self._options.interval / 2:
            self._chunk = max(self._chunk / 2, SHORTEST)
        else:
            self._chunk = min(self._chunk * 2, LONGEST)


def _believed(row: ProfileRow) -> bool:
    """Whether a row has a time that the meter stands by, and something to tell."""
    doubtful = ClockStatus.INVALID | ClockStatus.INVALID_STATUS
    return bool(row.values) and not (row.status is not None and row.status & doubtful)


def _holes(
    times: Sequence[datetime.datetime],
    period: int,
    start: datetime.datetime,
    end: datetime.datetime,
) -> Iterator[tuple[datetime.datetime, datetime.datetime]]:
    """Intervals of more than a period and a half in which no row was captured."""
    if not period:
        return
    most = datetime.timedelta(seconds=period * 1.5)
    before = start
    for time in (*times, end):
        if time - before > most:
            yield before, time
        before = time


def _moment(ts: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(ts / 1000, datetime.UTC)


def _ms(moment: datetime.datetime) -> int:
    return round(moment.timestamp() * 1000)
