"""The rows of a profile: made from the meter's curves when they are asked for.

Nothing is stored. A row is its instant; its columns are what the capture objects held then.
Times are those of the wall, in the meter's zone: setting the clock moves no row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

from dlmsd.dlms.axdr.compact import CompactArray, TypeDescription
from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.dlms.cosem.capture import CaptureObject
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.selective import CLOCK as CLOCK_TIME
from dlmsd.simulator.cosem import literal
from dlmsd.simulator.cosem.clock import CLOCK
from dlmsd.simulator.cosem.literal import NULL

if TYPE_CHECKING:
    from dlmsd.simulator.meter import VirtualMeter

Column: TypeAlias = Callable[[float], Data]

# Profiles and compact data would capture themselves.
_NEVER_CAPTURED: Final = (7, 62)
_DELTAS: Final = (
    (8, Tag.DELTA_UNSIGNED, Tag.DELTA_INTEGER),
    (16, Tag.DELTA_LONG_UNSIGNED, Tag.DELTA_LONG),
    (32, Tag.DELTA_DOUBLE_LONG_UNSIGNED, Tag.DELTA_DOUBLE_LONG),
)


def is_time(captured: CaptureObject) -> bool:
    """Whether it is the time of the clock."""
    return captured.attribute == CLOCK_TIME.attribute


def can_capture(meter: VirtualMeter, captured: CaptureObject, t: float) -> bool:
    """Whether there is such an attribute, and such an element of it."""
    attribute = captured.attribute
    if attribute.class_id in _NEVER_CAPTURED:
        return False
    found = meter.read(attribute, t)
    if isinstance(found, DataAccessResult):
        return False
    if not captured.data_index:
        return True
    return isinstance(found.value, tuple) and captured.data_index <= len(found.value)


def column(meter: VirtualMeter, captured: CaptureObject) -> Column:
    """What one column holds in the row of an instant."""
    if is_time(captured):
        return CLOCK.of(meter).stamp
    attribute, index = captured.attribute, captured.data_index
    instance = meter.find(attribute.class_id, attribute.obis)
    assert not isinstance(instance, DataAccessResult), "captured before it was checked"

    def value(t: float) -> Data:
        found = instance.read(meter, t, attribute.attribute, None)
        if isinstance(found, DataAccessResult):
            return NULL
        if not index:
            return found
        parts = found.value
        return parts[index - 1] if isinstance(parts, tuple) and index <= len(parts) else NULL

    return value


def plain(columns: Sequence[Column], instants: Sequence[float]) -> Data:
    """An array of structures."""
    rows = [Data(Tag.STRUCTURE, tuple([each(t) for each in columns])) for t in instants]
    return Data(Tag.ARRAY, tuple(rows))


def shortened(
    rows: Data, time: int | None, follows: Sequence[bool], *, nulls: bool, deltas: bool
) -> Data:
    """With ``nulls``, null-data for what is as in the row before, and in the column ``time``
    for the row that ``follows`` the one before by one period; with ``deltas``, the
    difference of numbers.
    """
    assert isinstance(rows.value, tuple)
    before: tuple[Data, ...] = ()
    shorter: list[Data] = []
    for row, due in zip(rows.value, (False, *follows), strict=False):
        values = row.value
        assert isinstance(values, tuple)
        kept = list(values)
        for place, (value, previous) in enumerate(zip(values, before, strict=False)):
            if nulls and (due if place == time else value == previous):
                kept[place] = NULL
            elif deltas:
                kept[place] = _difference(value, previous)
        before = values
        shorter.append(Data(Tag.STRUCTURE, tuple(kept)))
    return literal.array(*shorter)


def _difference(value: Data, previous: Data) -> Data:
    """In the smallest type that holds it; the value itself where it is no number, or none does."""
    number, other = value.value, previous.value
    if type(number) is not int or type(other) is not int:
        return value
    if value.tag is not previous.tag or value.tag is Tag.ENUM:
        return value
    difference = number - other
    for bits, unsigned, signed in _DELTAS:
        if 0 <= difference < 1 << bits:
            return Data(unsigned, difference)
        if difference < 0 and -difference <= 1 << bits - 1:
            return Data(signed, difference)
    return value


def compact(rows: Data) -> Data:
    """The same as a compact-array, which cannot be empty."""
    assert isinstance(rows.value, tuple)
    if not rows.value:
        return rows
    return Data(Tag.COMPACT_ARRAY, CompactArray(description(rows.value[0]), rows.value))


def description(data: Data) -> TypeDescription:
    """The type of a value, if it has no array inside."""
    parts = data.value if data.tag is Tag.STRUCTURE and isinstance(data.value, tuple) else ()
    return TypeDescription(data.tag, tuple(map(description, parts)))
