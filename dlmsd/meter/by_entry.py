"""A load profile by the numbers of its entries (Blue Book, Profile generic, entry_descriptor)."""

from __future__ import annotations

import datetime
from typing import Final

from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.profile import Row
from dlmsd.dlms.xdlms.selective import EntryDescriptor
from dlmsd.errors import MeterError, ServiceError
from dlmsd.meter.intake import ROWS, Intake, Streams, stream
from dlmsd.meter.layout import Layout

# How many entries a search goes back, for rows that are captured while it lasts.
_MARGIN: Final = 8


class ByEntry:
    """Asks for entries by their numbers, or where that is refused for all of them.

    Numbers move while a meter captures, so each request begins with the row that came last,
    and goes further back if that is not there any more. ``newest`` is how many of the
    newest rows are wanted, None for all that are in the range.
    """

    def __init__(
        self,
        buffer: AttributeDescriptor,
        layout: Layout,
        intake: Intake,
        newest: int | None = None,
    ) -> None:
        self._buffer = buffer
        self._layout = layout
        self._intake = intake
        self._newest = newest
        self._selective = True
        self._direction = 0
        self._entry = 1
        self._most = 0
        self._mark: object = None
        self._back = 1
        self._begun = False

    async def run(self, session: Streams) -> None:
        """To the last row; again, with another session, it goes on."""
        more = True
        while more:
            try:
                if not self._begun:
                    await self._begin(session)
                    self._begun = True
                more = await self._next(session)
            except ServiceError:
                if not self._selective:
                    raise
                self._selective, self._begun = False, True

    async def _next(self, session: Streams) -> bool:
        """One request; whether there may be more rows."""
        resumed = self._mark is not None
        first = max(1, self._entry - self._back) if resumed else self._entry
        last = self._last(first)
        if not self._selective:
            first = 1
        behind, position, useful = not resumed, first, False

        def take(row: Row) -> None:
            nonlocal behind, position, useful
            mark = self._layout.mark(row)
            position += 1
            if behind:
                self._mark, self._entry = mark, position
                useful = useful or not self._beyond(row)
                self._intake.take(row)
            elif mark == self._mark:
                behind, self._entry = True, position

        access = EntryDescriptor(first, last).access if self._selective else None
        await stream(session, self._buffer, self._layout, access, take)
        if not behind:
            if first == 1:
                raise MeterError("the row behind which reading was to go on is no longer there")
            self._back *= ROWS
            return True
        self._back = 1
        if position == first and first > 1:
            # entries_in_use led behind the last entry.
            self._entry, self._direction = 1, 0
            return True
        # A meter that sends more than it was asked for has sent all.
        full = position - first == last - first + 1
        return self._selective and last not in (0, self._most) and full and useful

    def _last(self, first: int) -> int:
        """The last entry of a request; 0, the highest there is, where few are left."""
        last = first + ROWS - 1
        if self._most:
            return self._most
        return 0 if last >= self._layout.in_use else last

    def _beyond(self, row: Row) -> bool:
        """Whether no row behind this one is wanted, in a buffer that is in order."""
        if not self._direction:
            return False
        return self._intake.late(row) if self._direction > 0 else self._intake.early(row)

    async def _begin(self, session: Streams) -> None:
        """Find the first entry to ask for, or one shortly before."""
        in_use = self._layout.in_use
        if in_use <= min(ROWS, self._newest or ROWS):
            return
        direction = self._layout.direction
        if not direction:
            return
        # Entries of a ring begin anywhere, and more may be there than are said to be in use.
        ends = await self._probe(session, 1), await self._probe(session, in_use, to_the_last=True)
        if None in ends or ends[0] == ends[1] or not _in_order(direction, *ends):
            return
        self._direction = direction
        if self._newest is not None:
            if direction > 0:
                self._entry = in_use - self._newest + 1
            else:
                self._most = self._newest
            return
        bound = self._intake.start if direction > 0 else self._intake.end
        if bound is not None:
            self._entry = max(1, await self._search(session, bound) - _MARGIN)

    async def _search(self, session: Streams, bound: datetime.datetime) -> int:
        """The first entry that is not before ``bound``; 1 where that is not to be found."""
        low, high = 1, self._layout.in_use + 1
        while low < high:
            middle = (low + high) // 2
            time = await self._probe(session, middle)
            if time is None:
                self._direction = 0
                return 1
            if _in_order(self._direction, bound, time):
                high = middle
            else:
                low = middle + 1
        return low

    async def _probe(
        self, session: Streams, entry: int, *, to_the_last: bool = False
    ) -> datetime.datetime | None:
        """The time of one entry, None if it tells none, or if others come: those behind it may
        where all are asked for ``to_the_last``, in their order.
        """
        first = before = None
        came, sound = 0, True

        def take(row: Row) -> None:
            nonlocal first, before, came, sound
            came += 1
            if came == 1:
                first = row.time
            elif not to_the_last or None in (before, row.time):
                sound = False
            else:
                sound = sound and _in_order(self._layout.direction, before, row.time)
            before = row.time

        access = EntryDescriptor(entry, 0 if to_the_last else entry).access
        await stream(session, self._buffer, self._layout, access, take)
        return first if sound else None


def _in_order(
    direction: int, one: datetime.datetime | None, other: datetime.datetime | None
) -> bool:
    assert one is not None and other is not None
    return one <= other if direction > 0 else one >= other
