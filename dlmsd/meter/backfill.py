"""Readings that were missed, read back from a meter's load profile.

A gap begins with the last good reading and ends with the next one. What the meter captured
meanwhile is read by range, a chunk at a time between cycles, and stored with the meter's own
times. What it does not have either becomes a gap of its own, with the cause.
"""

from __future__ import annotations

import datetime
from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import pairwise
from typing import Final, Protocol

from attrs import evolve
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from dlmsd.config.values import MeterOptions
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.errors import DecodeError, DlmsdError, ServiceError, UnservedError
from dlmsd.meter.backlog import Backlog, Piece
from dlmsd.meter.dated import DatedRows, believed
from dlmsd.meter.installation import Installation
from dlmsd.meter.layout import ProfileRow
from dlmsd.meter.profile import ProfileReading
from dlmsd.meter.session import Session
from dlmsd.model import Gap, GapCause, Reading, Watermark

_LATER: Final = DataAccessResult.TEMPORARY_FAILURE
# Before a gap a row is looked for in so much time, or so many periods.
_BEFORE: Final = datetime.timedelta(hours=1)
_PERIODS: Final = 4

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
        self._backlog = Backlog(options.interval, clock)
        self._told = False

    @property
    def waiting(self) -> int:
        """How many pieces of gaps are still to be filled."""
        return len(self._backlog)

    @property
    def due_at(self) -> float:
        """When the next piece may be read."""
        return self._backlog.due_at

    def add(self, gap: int, from_ts: int, to_ts: int, sink: str = "") -> None:
        """A gap is over (times in ms); what is in it is wanted, once."""
        if not self._backlog.count(gap):
            end = _moment(to_ts)
            self._backlog.add(Piece(gap, _moment(from_ts), end, end, sink))

    async def step(self, session: Session) -> bool:
        """Read one chunk, if it is time for one; whether the line was used.

        A DlmsdError of the session or the store is raised; when the chunk is asked for again,
        and whether that makes sense, is seen to.
        """
        piece = self._backlog.next
        if piece is None:
            return False
        start, began = self._backlog.start(piece), self._clock.seconds()
        try:
            if await self._foreign(piece):
                return False
            await self._read(session, piece, start, began)
        except DlmsdError as error:
            lost = self._backlog.failed(piece, start, error, self._clock.seconds() - began)
            if lost is not None:
                # What does not even tell its columns gives nothing at any time.
                await self._give_up(lost, start if self._told else lost.start, error)
            raise
        return True

    async def _foreign(self, piece: Piece) -> bool:
        """Whether it began before this meter was there; what is of that time is done then."""
        since = _moment(self._since())
        if piece.start >= since:
            return False
        end = min(since, piece.end)
        if not piece.sink:
            await self._record(GapCause.METER_REPLACED, piece.start, end)
        await self._done(piece, *(() if end == piece.end else (evolve(piece, start=end),)))
        return True

    async def _read(
        self, session: Session, piece: Piece, start: datetime.datetime, began: float
    ) -> None:
        try:
            rows, period = await self._rows(session, start, piece.end)
            sinks = (piece.sink,) if piece.sink else self._options.sinks
            times = await self._store_rows(rows, sinks)
            # For one sink: the meter was there, and what its profile lacks, other sinks have.
            if not piece.sink:
                if start <= piece.start:
                    await self._record_first(session, [start, *times, piece.until], period)
                await self._record_holes([*times, piece.until], period)
        except ServiceError as error:
            if isinstance(error, UnservedError) or error.result == _LATER:
                raise  # an association that was lost, or a meter that is busy
            # There is no such profile, or this client may not read it.
            await self._give_up(piece, piece.start, error)
            return
        until = times[0] if times else piece.until
        rest = (piece.below(start, until),) if start > piece.start else ()
        await self._done(piece, *rest)
        self._backlog.good(self._clock.seconds() - began)
        if not self._backlog.count(piece.gap):
            self._log.info("{meter}: a gap is filled", meter=self._options.name)

    async def _give_up(self, piece: Piece, start: datetime.datetime, error: DlmsdError) -> None:
        """The meter does not give what lies above ``start``."""
        self._log.warn(
            "{meter}: profile {profile} cannot be read from {start} to {end}: {reason}",
            meter=self._options.name,
            profile=str(self._profile),
            start=start.isoformat(timespec="seconds"),
            end=piece.until.isoformat(timespec="seconds"),
            reason=str(error),
        )
        if not piece.sink:
            await self._record(GapCause.REFUSED, start, piece.until)
        await self._done(piece, *piece.short_of(start))

    async def _done(self, piece: Piece, *rest: Piece) -> None:
        """Of a piece no more is wanted than the ``rest``."""
        if not rest and self._backlog.count(piece.gap) == 1:
            await self._gaps.fill(piece.gap)
        self._backlog.replace(piece, *rest)

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
        try:
            await reading.run(session)
        finally:
            self._told = reading.layout is not None
            if reading.layout is not None:
                self._backlog.period = reading.layout.period
        return list(found.rows.values()), self._backlog.period

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
            try:
                older, _ = await self._rows(session, start - before, start)
                lost = not older
            except DecodeError:
                lost = False  # something is there
            cause = GapCause.LOST_IN_METER if lost else _cause(start, end, period)
            await self._record(cause, start, end)

    async def _record_holes(self, times: Sequence[datetime.datetime], period: int) -> None:
        for start, end in _holes(times, period):
            await self._record(_cause(start, end, period), start, end)

    async def _record(
        self, cause: GapCause, start: datetime.datetime, end: datetime.datetime
    ) -> None:
        await self._gaps.open(self._options.name, cause, _ms(start), _ms(end))


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
