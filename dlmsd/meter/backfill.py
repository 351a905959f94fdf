"""Readings that were missed, read back from a meter's load profile.

A gap begins with the last good reading and ends with the next one. What the meter captured
meanwhile is read by range, a chunk at a time between cycles, and stored with the meter's own
times. What it does not have either becomes a gap of its own, with the cause.
"""

from __future__ import annotations

import datetime
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import pairwise
from typing import Final, Protocol

from attrs import evolve, frozen
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from dlmsd.config.values import MeterOptions
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.errors import ServiceError
from dlmsd.meter.dated import DatedRows, believed
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
# Before a gap a row is looked for in so much time, or so many periods.
_BEFORE: Final = datetime.timedelta(hours=1)
_PERIODS: Final = 4
# Rows of the same time in two chunks are one reading: the store skips what it has.
_OVERLAP: Final = datetime.timedelta(seconds=1)

OF_PROFILES: Final = frozenset(
    {
        GapCause.METER_OFF,
        GapCause.NEVER_CAPTURED,
        GapCause.LOST_IN_METER,
        GapCause.REFUSED,
        GapCause.METER_REPLACED,
    }
)
"""What only a load profile tells of a gap: to ask it once more would tell nothing else."""


class GapBook(Protocol):
    """Where gaps are kept; see :class:`dlmsd.store.gaps.Gaps`."""

    async def open(
        self, meter: str, cause: GapCause, from_ts: int, to_ts: int | None = None
    ) -> int: ...
    async def close(self, gap: int, to_ts: int, cause: GapCause | None = None) -> None: ...
    async def fill(self, gap: int) -> None: ...
    async def since(self, ts: int, meter: str | None = None) -> list[Gap]: ...
    def pressed(self) -> bool: ...

    @property
    def restore(self) -> Callable[[int], Awaitable[bool | None]]: ...


class BackfillStore(Protocol):
    """Where what is read back is kept."""

    async def commit_backfill(
        self, readings: Sequence[Reading], sinks: Sequence[str], watermark: Watermark | None = None
    ) -> int: ...


@frozen
class _Task:
    """What is still to be read of one gap: above ``start``, up to ``end``.

    The next row that is known is that of ``until``, or the gap ends there. It is for all sinks
    of the meter, or for the one ``sink`` that lost it.
    """

    gap: int
    start: datetime.datetime
    end: datetime.datetime
    until: datetime.datetime
    sink: str = ""


class Backfill:
    """Fills the gaps of one meter that has a load profile, the newest first.

    Newest first, because a meter that captures into a ring loses its oldest rows anyway,
    and people look at yesterday before they look at last month. ``since`` tells from when on
    (Unix ms) the meter's memory is of the place where it is: what a replaced one would have had
    is lost with it.
    """

    _log = Logger()

    def __init__(
        self,
        options: MeterOptions,
        profile: Obis,
        store: BackfillStore,
        gaps: GapBook,
        clock: IReactorTime,
        since: Callable[[], int] = lambda: 0,
    ) -> None:
        self._since = since
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

    def add(self, gap: int, from_ts: int, to_ts: int, sink: str = "") -> None:
        """A gap is over (times in ms); what is in it is wanted, once."""
        if all(task.gap != gap for task in self._tasks):
            end = _moment(to_ts)
            self._tasks.append(_Task(gap, _moment(from_ts), end, end, sink))

    async def step(self, session: Session) -> bool:
        """Read one chunk, if it is time for one; whether the line was used.

        A DlmsdError of the session is raised; the chunk is asked for again then.
        """
        if not self._tasks or self._clock.seconds() < self._not_before:
            return False
        task = await self._own()
        if task is None:
            return False
        start = max(task.start, task.end - self._chunk)
        began = self._clock.seconds()
        try:
            rows, period = await self._rows(session, start, task.end)
            sinks = (task.sink,) if task.sink else self._options.sinks
            times = await self._store_rows(rows, sinks)
            # For one sink: the meter was there, and what its profile lacks, other sinks have.
            if not task.sink:
                if start <= task.start:
                    await self._record_first(session, [start, *times, task.until], period)
                await self._record_holes([*times, task.until], period)
        except ServiceError as error:
            await self._refused(task, error)
            return True
        self._pace(self._clock.seconds() - began)
        self._tasks.remove(task)  # another gap may have ended meanwhile
        if start > task.start:
            until = times[0] if times else task.until
            self._tasks.append(evolve(task, end=start + _OVERLAP, until=until))
        else:
            await self._gaps.fill(task.gap)
            self._log.info("{meter}: a gap is filled", meter=self._options.name)
        return True

    async def _own(self) -> _Task | None:
        """What is next, without the time before this meter was there; None if that is all."""
        task, since = self._tasks[-1], _moment(self._since())
        if task.start >= since:
            return task
        end = min(since, task.end)
        if not task.sink:
            await self._record(GapCause.METER_REPLACED, task.start, end)
        if end == task.end:
            await self._gaps.fill(task.gap)
        self._tasks.remove(task)
        if end == task.end:
            return None
        task = evolve(task, start=end)
        self._tasks.append(task)
        return task

    async def _rows(
        self, session: Session, start: datetime.datetime, end: datetime.datetime
    ) -> tuple[Sequence[ProfileRow], int]:
        """Those of an interval, and how many seconds should lie between two, 0 for any."""
        found = DatedRows()
        reading = ProfileReading(
            self._profile,
            start,
            end,
            found.take,
            read=self._options.read,
            installation=Installation.of(self._options),
        )
        await reading.run(session)
        period = reading.layout.period if reading.layout is not None else 0
        return list(found.rows.values()), period

    async def _refused(self, task: _Task, error: ServiceError) -> None:
        """The meter has no such profile, or this client may not read it."""
        self._log.warn(
            "{meter}: profile {profile} cannot be read: {reason}",
            meter=self._options.name,
            profile=str(self._profile),
            reason=str(error),
        )
        self._tasks.remove(task)
        if not task.sink:
            await self._record(GapCause.REFUSED, task.start, task.end)
        await self._gaps.fill(task.gap)

    async def _store_rows(
        self, rows: Sequence[ProfileRow], sinks: Sequence[str]
    ) -> list[datetime.datetime]:
        """The times of those that are believed, in order."""
        name = self._options.name
        kept = {row.time: row for row in rows if row.time is not None and believed(row)}
        readings = [Reading(name, _ms(time), row.values) for time, row in sorted(kept.items())]
        if readings:
            mark = Watermark(name, str(self._profile), readings[-1].ts)
            await self._store.commit_backfill(readings, sinks, mark)
        return sorted(kept)

    async def _record_first(
        self, session: Session, times: Sequence[datetime.datetime], period: int
    ) -> None:
        """The hole in which the gap begins, if there is one: where the meter has nothing from
        before the gap either, it has lost what it had."""
        for start, end in _holes(times[:2], period):
            before = max(_BEFORE, _PERIODS * datetime.timedelta(seconds=period))
            older, _ = await self._rows(session, start - before, start)
            cause = _cause(start, end, period) if older else GapCause.LOST_IN_METER
            await self._record(cause, start, end)

    async def _record_holes(self, times: Sequence[datetime.datetime], period: int) -> None:
        for start, end in _holes(times, period):
            await self._record(_cause(start, end, period), start, end)

    async def _record(
        self, cause: GapCause, start: datetime.datetime, end: datetime.datetime
    ) -> None:
        await self._gaps.open(self._options.name, cause, _ms(start), _ms(end))

    def _pace(self, seconds: float) -> None:
        """Leave the line to the present, and take larger or smaller pieces of the past."""
        self._not_before = self._clock.seconds() + seconds * (1 / SHARE - 1)
        if seconds > self._options.interval / 2:
            self._chunk = max(self._chunk / 2, SHORTEST)
        else:
            self._chunk = min(self._chunk * 2, LONGEST)


def _holes(
    times: Sequence[datetime.datetime], period: int
) -> Iterator[tuple[datetime.datetime, datetime.datetime]]:
    """Intervals of more than a period and a half between two ``times``."""
    most = datetime.timedelta(seconds=period * 1.5)
    return (pair for pair in pairwise(times) if period and pair[1] - pair[0] > most)


def _cause(start: datetime.datetime, end: datetime.datetime, period: int) -> GapCause:
    """A meter that is on captures every period; one row that is not there is its own affair."""
    one = end - start <= datetime.timedelta(seconds=period * 2)
    return GapCause.NEVER_CAPTURED if one else GapCause.METER_OFF


def _moment(ts: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(ts / 1000, datetime.UTC)


def _ms(moment: datetime.datetime) -> int:
    return round(moment.timestamp() * 1000)
