"""A load profile by ranges of time (Blue Book, Profile generic, range_descriptor)."""

from __future__ import annotations

import datetime
from collections import Counter
from typing import Final

from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.profile import Row
from dlmsd.dlms.xdlms.get import Access
from dlmsd.dlms.xdlms.selective import RangeDescriptor, range_value
from dlmsd.errors import DlmsdError
from dlmsd.meter.intake import ROWS, Intake, Streams, stream
from dlmsd.meter.layout import Layout

_DAY: Final = datetime.timedelta(days=1)
# No smaller range is asked for, however often the connection breaks.
_LEAST: Final = datetime.timedelta(minutes=15)
# Nobody tells to which side of a change of the clocks a local time without deviation
# belongs; what then comes too much is dropped.
_CHANGE: Final = datetime.timedelta(hours=1)


class ByRange:
    """Asks for one range of time after the other, the older first.

    ``deviation`` is whether the meter wants a deviation from UTC. A range is re-read as a
    whole after a broken connection, then in smaller parts, and what was handed over before
    is left out: so the order of the rows in it does not matter.
    """

    def __init__(
        self, buffer: AttributeDescriptor, layout: Layout, intake: Intake, *, deviation: bool
    ) -> None:
        self._buffer = buffer
        self._layout = layout
        self._intake = intake
        self._deviation = deviation
        period = datetime.timedelta(seconds=layout.period)
        self._least = max(period, _LEAST)
        self._most = max(ROWS * period, self._least) if period else _DAY
        self._span = self._most

    async def run(self, session: Streams) -> None:
        """To the end of the range; again, with another session, it goes on."""
        while await self._next(session):
            pass

    async def _next(self, session: Streams) -> bool:
        """One range; whether there is another one."""
        intake = self._intake
        start, end = intake.start, intake.end
        assert start is not None and end is not None
        last = end - start < self._span
        until = end if last else start + self._span
        seen: Counter[datetime.datetime | None] = Counter()

        def take(row: Row) -> None:
            # Meters include both ends; the row at this one belongs to the next range.
            if intake.wanted(row) and (last or row.time is None or row.time < until):
                seen[row.time] += 1
                intake.take_again(row, seen[row.time])

        try:
            await stream(session, self._buffer, self._layout, self._range(start, until), take)
        except DlmsdError:
            self._span = max(self._span / 2, self._least)
            raise
        self._span = min(self._span * 2, self._most)
        intake.handed -= seen
        if not last:
            intake.start = until
        return not last

    def _range(self, start: datetime.datetime, until: datetime.datetime) -> Access:
        layout = self._layout
        slack = datetime.timedelta(0) if self._deviation else _CHANGE
        first, last = (
            range_value(
                moment.astimezone(layout.zone),
                deviation=self._deviation,
                negate_deviation=layout.installation.negate_deviation,
            )
            for moment in (start - slack, until + slack)
        )
        return RangeDescriptor(first, last, layout.restricting).access
