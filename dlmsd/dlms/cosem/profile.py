"""The rows of a load profile, as they come (Blue Book, Profile generic, class 7).

Octets of the buffer attribute go in as blocks bring them and rows come out, so a profile
of any length takes the memory of one row. Meters save octets: null-data in a column
repeats the value of the row before, a delta is what is to be added to it, and a row
without a time lies one capture period behind the row before it, or ahead of it where the
newest row comes first.
"""

from __future__ import annotations

import datetime
import struct
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from dlmsd.dlms.axdr.clock import ClockStatus, DateTime
from dlmsd.dlms.axdr.primitive import PRIMITIVES
from dlmsd.dlms.axdr.value import DELTAS, Data, Tag
from dlmsd.dlms.cosem.capture import CaptureObject
from dlmsd.dlms.cosem.elements import Elements
from dlmsd.errors import DecodeError, LocalError

_CLOCK: Final = 8
_TIME: Final = 2
_DATE_TIME_OCTETS: Final = 12
_NULL: Final = Data(Tag.NULL_DATA, None)
_SHORTENED: Final = DELTAS | {Tag.NULL_DATA}
# What a delta can be added to.
_WHOLE: Final = frozenset(
    {
        Tag.INTEGER,
        Tag.LONG,
        Tag.DOUBLE_LONG,
        Tag.LONG64,
        Tag.UNSIGNED,
        Tag.LONG_UNSIGNED,
        Tag.DOUBLE_LONG_UNSIGNED,
        Tag.LONG64_UNSIGNED,
    }
)


class Row(NamedTuple):
    """``values`` has one Data for each capture object: a delta only where nothing tells what
    it is to be added to.

    ``time`` is the instant in UTC, None where neither row nor profile tells one; it is
    ``computed`` when it was reckoned from the row before. ``status`` is the meter's own
    word on its clock, None where it gives none.
    """

    time: datetime.datetime | None
    status: ClockStatus | None
    computed: bool
    values: tuple[Data, ...]


class ProfileRows:
    """Feed it the octets of an encoded buffer, an array or a compact-array of structures.

    ``columns`` are the capture objects, of a selection those selected. ``capture_period``
    is in seconds, 0 for rows that come at no fixed time. ``direction`` is 1 where the oldest
    row comes first, -1 where the newest does, 0 where that is not known and rows without a
    time have none. ``timezone`` is for meters that
    give no deviation, ``negate_deviation`` for those that count it from UTC to local time.
    ``null_repeats`` is false for meters whose null-data means that there is no value.
    ``counted`` is false for meters that tell a wrong number of rows.

    LocalError without capture objects: they are to be read before the buffer.
    """

    def __init__(
        self,
        columns: Sequence[CaptureObject],
        capture_period: int = 0,
        *,
        direction: int = 1,
        timezone: datetime.tzinfo | None = None,
        negate_deviation: bool = False,
        null_repeats: bool = True,
        counted: bool = True,
    ) -> None:
        if not columns:
            raise LocalError("the capture objects of a profile are to be read before its buffer")
        self.columns = tuple(columns)
        self._period = datetime.timedelta(seconds=capture_period)
        self._step = direction * self._period
        self._timezone = timezone
        self._negate_deviation = negate_deviation
        self._null_repeats = null_repeats
        self._elements = Elements(counted=counted)
        self._clock = next(
            (place for place, column in enumerate(self.columns) if _is_time(column)), None
        )
        self._rows = 0
        self._tags: list[Tag] = []
        self._shortened = False
        self._previous: tuple[Data, ...] | None = None
        self._previous_time: datetime.datetime | None = None

    @property
    def buffered(self) -> int:
        """How many octets are held."""
        return self._elements.buffered

    def feed(self, octets: bytes) -> list[Row]:
        """The rows that these octets complete; DecodeError if they are none."""
        return [self._row(element) for element in self._elements.feed(octets)]

    def finish(self) -> None:
        """No more octets come; DecodeError if rows are missing."""
        self._elements.finish()

    def _row(self, element: Data) -> Row:
        tag, values = element
        if tag is not Tag.STRUCTURE or type(values) is not tuple:
            raise DecodeError(f"row {self._rows} is {tag.title}, not structure")
        if len(values) != len(self.columns):
            raise DecodeError(
                f"row {self._rows} has {len(values)} columns for {len(self.columns)} capture"
                " objects"
            )
        tags = [value[0] for value in values]
        # Most rows have the types of the row before.
        if tags != self._tags:
            self._tags, self._shortened = tags, not _SHORTENED.isdisjoint(tags)
        if self._shortened and self._previous is not None:
            values = self._whole(values, self._previous)
        self._previous = values
        if self._clock is None:
            moment, status, computed = None, None, False
        else:
            moment, status, computed = self._moment(values[self._clock])
        self._previous_time = moment
        self._rows += 1
        # As A-XDR makes its values: the constructor takes twice as long.
        return tuple.__new__(Row, (moment, status, computed, values))

    def _whole(self, values: tuple[Data, ...], before: tuple[Data, ...]) -> tuple[Data, ...]:
        """The row with what it tells by the row before; its time is never that of another."""
        silent = self._null_repeats and values.count(_NULL) == len(values)
        if silent and (self._clock is None or before[self._clock] == _NULL):
            return before
        null = Tag.NULL_DATA if self._null_repeats else None
        full = [
            previous if value[0] is null else _sum(previous, value) if value[0] in DELTAS else value
            for value, previous in zip(values, before, strict=True)
        ]
        if self._clock is not None:
            full[self._clock] = values[self._clock]
        return tuple(full)

    def _moment(self, told: Data) -> tuple[datetime.datetime | None, ClockStatus | None, bool]:
        sent = None if told[0] is Tag.NULL_DATA else _date_time(told, self._rows)
        try:
            if sent is not None:
                return self._instant(sent), sent.status, False
            if self._previous_time is not None and self._step:
                return self._previous_time + self._step, None, True
        except OverflowError:
            # A year of 1 or 9999, which UTC moves out of the calendar: no instant.
            pass
        return None, sent.status if sent else None, False

    def _instant(self, sent: DateTime) -> datetime.datetime | None:
        moment = sent.to_datetime(self._timezone, self._negate_deviation)
        if moment is None:
            return None
        first = moment.astimezone(datetime.UTC)
        second = moment.replace(fold=1).astimezone(datetime.UTC)
        # Of the hour that occurs twice, a status tells which; else the row before does.
        if sent.status is None and self._previous_time is not None and second != first:
            due = (self._previous_time + self._period, self._previous_time - self._period)
            if second in due and first not in due:
                return second
        return first


def _is_time(column: CaptureObject) -> bool:
    return column.attribute.class_id == _CLOCK and column.attribute.attribute == _TIME


def _sum(previous: Data, delta: Data) -> Data:
    """The number that is meant; the delta itself where there is none, or none of that type."""
    tag: Tag = previous.tag
    if tag not in _WHOLE:
        return delta
    number: Any = previous.value
    number += delta.value
    try:
        PRIMITIVES[tag].write(number)
    except struct.error:
        return delta
    return Data(tag, number)


def _date_time(data: Data, row: int) -> DateTime | None:
    """The time of a row, None for an empty octet-string."""
    if isinstance(data.value, DateTime):
        return data.value
    if not isinstance(data.value, bytes) or len(data.value) not in (0, _DATE_TIME_OCTETS):
        raise DecodeError(f"the time of row {row} is {data.tag.title}, not a date-time")
    return DateTime.decode(data.value) if data.value else None
