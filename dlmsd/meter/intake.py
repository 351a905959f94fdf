"""Rows on their way from a meter's answer to whoever wants them."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Callable
from typing import Final, Protocol

from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.profile import Row
from dlmsd.dlms.xdlms.get import Access
from dlmsd.errors import MeterError
from dlmsd.meter.conversation import Consume
from dlmsd.meter.layout import Layout

# A request is for so many rows: an answer of some 30 KiB, a minute on the slowest line.
ROWS: Final = 500
# One answer has at most so many rows: two years of minutes. A meter may send more only
# because it never ends.
MAX_ROWS: Final = 1 << 20
# Octets become rows, which are forty times as large, in pieces of this size.
_PIECE: Final = 512
# Times of one range that are remembered while it is asked for again: a row each second of
# a day, the fastest profile that is known of.
MAX_HANDED: Final = 86_401


class Streams(Protocol):
    """What a session is to those who read a buffer."""

    async def stream(
        self, attribute: AttributeDescriptor, access: Access | None, consume: Consume
    ) -> None:
        """One attribute, its encoded octets given to ``consume`` as they come."""


class Intake:
    """Where wanted rows go, from ``start`` to ``end``, both included; None is unbounded.

    ``handed`` counts, by their times, the rows of an unfinished request that went through
    already. Each way moves ``start`` behind what it has finished.
    """

    def __init__(
        self,
        start: datetime.datetime | None,
        end: datetime.datetime | None,
        consume: Callable[[Row], object],
    ) -> None:
        self.start = start
        self.end = end
        self.handed: Counter[datetime.datetime | None] = Counter()
        self._consume = consume

    def wanted(self, row: Row) -> bool:
        """Whether a row is in the range; one without a time is not known to be outside."""
        return not self.early(row) and not self.late(row)

    def early(self, row: Row) -> bool:
        """Whether a row is from before the range."""
        return self.start is not None and row.time is not None and row.time < self.start

    def late(self, row: Row) -> bool:
        """Whether a row is from behind the range."""
        return self.end is not None and row.time is not None and row.time > self.end

    def take(self, row: Row) -> None:
        """A row that comes once, unless it was handed over in an unfinished range."""
        if self.wanted(row):
            if self.handed[row.time]:
                self.handed[row.time] -= 1
            else:
                self._consume(row)

    def take_again(self, row: Row, number: int) -> None:
        """The ``number``-th row of its time in a range, which may have been asked before."""
        if number > self.handed[row.time]:
            self.handed[row.time] = number
            if len(self.handed) > MAX_HANDED:
                raise MeterError(f"more than {MAX_HANDED} rows in one range")
            self._consume(row)


async def stream(
    session: Streams,
    buffer: AttributeDescriptor,
    layout: Layout,
    access: Access | None,
    take: Callable[[Row], None],
) -> None:
    """The rows of one answer, given to ``take`` as they come."""
    rows = layout.rows()
    number = 0

    def consume(octets: bytes) -> None:
        nonlocal number
        for at in range(0, len(octets), _PIECE):
            found = rows.feed(octets[at : at + _PIECE])
            number += len(found)
            if number > MAX_ROWS:
                raise MeterError(f"a buffer of more than {MAX_ROWS} rows")
            for row in found:
                take(row)

    await session.stream(buffer, access, consume)
    rows.finish()
