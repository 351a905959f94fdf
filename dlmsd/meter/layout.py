"""How a load profile is laid out: its columns with key, scale and unit; its order and place."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, Self

from attrs import evolve, frozen

from dlmsd.config.values import Measurement
from dlmsd.dlms.axdr.clock import ClockStatus, DateTime
from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.capture import CaptureObject, decode_capture_objects
from dlmsd.dlms.cosem.classes import by_id
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.cosem.profile import ProfileRows, Row
from dlmsd.dlms.outcome import GetResult
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.selective import CLOCK
from dlmsd.errors import DecodeError, MeterError, ServiceError, TimezoneError
from dlmsd.meter.installation import Installation
from dlmsd.meter.scales import Reads, Unscaled, learn
from dlmsd.meter.scaling import Scale
from dlmsd.model import Value

PROFILE: Final = 7
# Attributes of a profile (Blue Book, Profile generic).
BUFFER: Final = 2
_TOLD: Final = (3, 4, 5, 7)
# sort_method: the first in is the first out, or the last; all others go by a value.
_DIRECTIONS: Final = {0: 1, 1: 1, 2: -1}

TIME: Final = "time"
STATUS: Final = "status"


@frozen
class ProfileRow:
    """What one row of a load profile says.

    ``time`` is an instant in UTC, None where none is told; it is ``computed`` when it was
    reckoned from the row before. ``status`` is the meter's word on its clock, None where it
    gives none. ``values`` are exact, by the key of their column, in the ``units`` of the
    same keys. ``absent`` says of each key that has no value, and of ``time``, why.
    """

    time: datetime.datetime | None
    status: ClockStatus | None
    computed: bool
    values: Mapping[str, Value]
    units: Mapping[str, str]
    absent: Mapping[str, str]


@frozen
class Layout:
    """What a profile tells of itself.

    ``scales`` has one item for each of ``columns``: a key and how its numbers are scaled,
    or why they are not believed. ``clock`` is the place of the column that tells a row's
    time, None without one. ``period`` is in seconds, 0 for rows at no fixed time.
    ``direction`` is 1 where the first entry is the oldest, -1 where it is the newest, 0
    where that is not known. ``in_use`` is how many entries the meter says that it has.
    ``zone`` is where its local time is that of.
    """

    columns: tuple[CaptureObject, ...]
    scales: tuple[tuple[str, Scale | str], ...]
    clock: int | None
    period: int
    direction: int
    in_use: int
    zone: datetime.tzinfo
    installation: Installation
    units: Mapping[str, str]

    @classmethod
    async def read(
        cls, session: Reads, obis: Obis, read: Sequence[Measurement], installation: Installation
    ) -> Self:
        """Ask a meter. A column that one of ``read`` measures has its key, unit and scale.

        ServiceError for an object that is no profile or may not be read; TimezoneError if
        nothing tells how far the meter's clock is from UTC.
        """
        asked = [AttributeDescriptor(PROFILE, obis, index) for index in _TOLD]
        objects, period, sort, in_use, now = await session.get_many([*asked, CLOCK.attribute])
        if isinstance(objects, DataAccessResult):
            raise ServiceError(f"{asked[0]}: {objects.words}", objects)
        columns = decode_capture_objects(objects)
        if not columns:
            raise MeterError(f"profile {obis} has no columns")
        clock = next((place for place, each in enumerate(columns) if _is_time(each)), None)
        wanted = [each for place, each in enumerate(_measurements(columns, read)) if place != clock]
        scales = await learn(session, wanted, installation)
        units = {key: each.symbol for key, each in scales.items() if isinstance(each, Scale)}
        known = [(each.key, scales[each.key]) for each in wanted]
        pairs = [(key, one.reason if isinstance(one, Unscaled) else one) for key, one in known]
        if clock is not None:
            pairs.insert(clock, (TIME, ""))
        return cls(
            columns,
            tuple(pairs),
            clock,
            _whole(period),
            _DIRECTIONS.get(_whole(sort), 0),
            _whole(in_use),
            _zone(now, installation, timed=clock is not None),
            installation,
            MappingProxyType(units),
        )

    @property
    def keys(self) -> tuple[str, ...]:
        """Those of all columns but the time."""
        return tuple(key for place, (key, _) in enumerate(self.scales) if place != self.clock)

    @property
    def restricting(self) -> CaptureObject:
        """What a range goes by."""
        return CLOCK if self.clock is None else self.columns[self.clock]

    def rows(self) -> ProfileRows:
        """What takes the octets of one answer."""
        place = self.installation
        return ProfileRows(
            self.columns,
            self.period,
            direction=self.direction,
            timezone=place.timezone,
            negate_deviation=place.negate_deviation,
        )

    def mark(self, row: Row) -> object:
        """Equal for one row in two answers, in which it may be compressed differently."""
        return row.time, [each for place, each in enumerate(row.values) if place != self.clock]

    def row(self, raw: Row) -> ProfileRow:
        """The row with its values scaled."""
        values: dict[str, Value] = {}
        absent: dict[str, str] = {}
        for place, ((key, scale), data) in enumerate(zip(self.scales, raw.values, strict=True)):
            if place == self.clock:
                if raw.time is None:
                    absent[key] = _timeless(data)
            elif isinstance(scale, str):
                absent[key] = scale
            elif (value := scale.value(data)) is not None:
                values[key] = value
            else:
                absent[key] = f"no single value here: {data.tag.title}"
        if self.clock is None:
            absent[TIME] = "the profile has no column for it"
        return ProfileRow(raw.time, raw.status, raw.computed, values, self.units, absent)


def _is_time(column: CaptureObject) -> bool:
    attribute = column.attribute
    return (attribute.class_id, attribute.attribute) == (8, 2)


def _measurements(
    columns: Sequence[CaptureObject], read: Sequence[Measurement]
) -> list[Measurement]:
    """One for each column; no two have one key.

    A meter of one channel writes its profile's columns as channel 0 and its registers as
    channel 1, or the other way round: what is measured has the column of its own OBIS code,
    and only without one that of the other channel.
    """
    known = {each.attribute: each for each in read}
    own = {column.attribute for column in columns if not column.data_index}
    found: list[Measurement] = []
    taken = {TIME, STATUS}
    for place, column in enumerate(columns, start=1):
        measurement = None if column.data_index else known.get(column.attribute)
        if measurement is None and not column.data_index:
            other = _other_channel(column.attribute)
            named = None if other is None or other in own else known.get(other)
            measurement = named and evolve(named, attribute=column.attribute)
        if measurement is None or measurement.key in taken:
            key = _key(column)
            key = f"{key} ({place})" if key in taken else key
            measurement = Measurement(key, column.attribute, key)
        taken.add(measurement.key)
        found.append(measurement)
    return found


def _other_channel(attribute: AttributeDescriptor) -> AttributeDescriptor | None:
    obis = attribute.obis.other_channel
    return None if obis is None else evolve(attribute, obis=obis)


def _key(column: CaptureObject) -> str:
    """The OBIS code, with the attribute where it is not the one that is meant by it."""
    attribute = column.attribute
    known = by_id(attribute.class_id)
    key = str(attribute.obis)
    if known is None or attribute.attribute != known.value:
        key += f"/{attribute.attribute}"
    return key + (f"[{column.data_index}]" if column.data_index else "")


def _whole(told: GetResult) -> int:
    """A number of 32 bits, 0 where a meter tells none."""
    value: Any = None if isinstance(told, DataAccessResult) else told.value
    return value if type(value) is int and 0 <= value < 1 << 32 else 0


def _date_time(told: GetResult) -> DateTime | None:
    if isinstance(told, DataAccessResult):
        return None
    value: Any = told.value
    if isinstance(value, bytes):
        try:
            return DateTime.decode(value)
        except DecodeError:
            return None
    return value if isinstance(value, DateTime) else None


def _zone(now: GetResult, installation: Installation, *, timed: bool) -> datetime.tzinfo:
    """The operator's, else what the meter's clock tells; UTC if it cannot be read."""
    if installation.timezone is not None:
        return installation.timezone
    told = _date_time(now)
    if told is None:
        return datetime.UTC
    if told.deviation is None:
        if timed:
            raise TimezoneError("the meter's clock tells no deviation from UTC")
        return datetime.UTC
    known = told.to_datetime(None, installation.negate_deviation)
    zone = known.tzinfo if known else None
    return zone or datetime.UTC


def _timeless(data: Data) -> str:
    told = _date_time(data)
    if told is not None and told.deviation is None:
        return "it tells no deviation from UTC, and no timezone is configured"
    if data.tag is Tag.NULL_DATA:
        return "the meter tells none"
    return "its date-time is no instant"
