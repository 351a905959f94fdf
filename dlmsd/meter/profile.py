"""Load profiles (Blue Book, Profile generic, class 7), read row by row in constant memory."""

from __future__ import annotations

import datetime
import heapq
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, TypeAlias

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from dlmsd.config.values import Measurement
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.cosem.profile import Row
from dlmsd.errors import DlmsdError, LocalError, ServiceError
from dlmsd.meter.by_entry import ByEntry
from dlmsd.meter.by_range import ByRange
from dlmsd.meter.installation import BARE, Installation
from dlmsd.meter.intake import Intake
from dlmsd.meter.layout import BUFFER, PROFILE, Layout, ProfileRow
from dlmsd.meter.session import Session

ATTEMPTS: Final = 5
_LONGEST_PAUSE: Final = 60.0

Connect: TypeAlias = Callable[[], AbstractAsyncContextManager[Session]]


class ProfileReading:
    """Reads the rows of one profile from ``start`` to ``end``, both included.

    Each row goes to ``consume`` as soon as it is there, in the meter's order; ``consume``
    may raise a DlmsdError, which ends the reading, and nothing else. A bound of None is
    none; with ``newest`` only so many rows come, which are kept and handed over at the end,
    the oldest first. A column that one of ``read`` measures has its key, unit and scale,
    the others their OBIS code. Rows that tell no time are handed over too.

    The meter is asked by range, with and then without deviation, then by entry, then for
    the whole buffer: whatever it refuses, the next way goes on.
    """

    def __init__(
        self,
        obis: Obis,
        start: datetime.datetime | None,
        end: datetime.datetime | None,
        consume: Callable[[ProfileRow], object],
        *,
        newest: int | None = None,
        read: Sequence[Measurement] = (),
        installation: Installation = BARE,
    ) -> None:
        if any(moment is not None and moment.tzinfo is None for moment in (start, end)):
            raise LocalError("a range of a profile needs times with a time zone")
        self._buffer = AttributeDescriptor(PROFILE, obis, BUFFER)
        self._consume = consume
        self._newest = newest
        self._kept: list[tuple[datetime.datetime, int, ProfileRow]] = []
        self._read = read
        self._installation = installation
        self._intake = Intake(start, end, self._take)
        self._ways: deque[ByRange | ByEntry] = deque()
        self._came = 0
        self.layout: Layout | None = None
        self.rows = 0
        self.reached: datetime.datetime | None = None

    async def run(self, session: Session) -> None:
        """Read to the end; after an error, and with a new session, again from there.

        ``rows`` then tells how many were handed over, and ``reached`` the time of the last.
        """
        if self.layout is None:
            self.layout = await Layout.read(
                session, self._buffer.obis, self._read, self._installation
            )
            self._ways.extend(self._possible(self.layout))
        while True:
            try:
                await self._ways[0].run(session)
                break
            except ServiceError:
                if len(self._ways) == 1:
                    raise
                self._ways.popleft()
        kept, self._kept = sorted(self._kept), []
        for _, _, row in kept:
            self._hand_over(row)

    def _possible(self, layout: Layout) -> list[ByRange | ByEntry]:
        buffer, intake = self._buffer, self._intake
        ways: list[ByRange | ByEntry] = []
        bounded = intake.start is not None and intake.end is not None
        if bounded and layout.clock is not None and self._newest is None:
            ways += [ByRange(buffer, layout, intake, deviation=each) for each in (True, False)]
        return [*ways, ByEntry(buffer, layout, intake, self._newest)]

    @property
    def came(self) -> int:
        """How many rows of the range have come, also those that are kept for now."""
        return self._came

    def _take(self, raw: Row) -> None:
        assert self.layout is not None
        row = self.layout.row(raw)
        self._came += 1
        if self._newest is None:
            self._hand_over(row)
            return
        age = row.time or datetime.datetime.min.replace(tzinfo=datetime.UTC)
        keep = heapq.heappush if len(self._kept) < self._newest else heapq.heappushpop
        keep(self._kept, (age, self._came, row))

    def _hand_over(self, row: ProfileRow) -> None:
        self._consume(row)
        self.rows += 1
        self.reached = row.time or self.reached


async def read(
    session: Session,
    obis: Obis,
    start: datetime.datetime | None,
    end: datetime.datetime | None,
    consume: Callable[[ProfileRow], object],
    **options: Any,
) -> int:
    """Read a profile over one session, as :class:`ProfileReading` does; how many rows came."""
    reading = ProfileReading(obis, start, end, consume, **options)
    await reading.run(session)
    return reading.rows


async def read_through(
    connect: Connect,
    reading: ProfileReading,
    *,
    clock: IReactorTime,
    told: Callable[[DlmsdError, int, float], object] = lambda error, failed, pause: None,
    attempts: int = ATTEMPTS,
) -> None:
    """Read to the end over as many connections as it takes.

    ``connect`` gives a session for each, such as a Visit. After ``attempts`` connections in
    a row that brought no row the last error is raised, and at once one that waiting does
    not cure. ``told`` hears each error, which attempt failed, and for how long (s) the next
    one waits.
    """
    failed = 0
    while True:
        came = reading.came
        try:
            async with connect() as session:
                await reading.run(session)
            return
        except DlmsdError as error:
            failed = 1 if reading.came > came else failed + 1
            if isinstance(error, ServiceError) or not error.retryable or failed >= attempts:
                raise
            pause = min(2.0**failed, _LONGEST_PAUSE)
            told(error, failed, pause)
        await deferLater(clock, pause)
