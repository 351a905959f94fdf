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


def with_nulls(rows: Data, time: int | None, instants: Sequence[float], period: int) -> Data:
    """Null-data for what is as in the row before; in the column ``time`` for what is one
    ``period`` later than there.
    """
    assert isinstance(rows.value, tuple)
    shorter: list[Data] = []
    before: tuple[Data, ...] = ()
    for number, row in enumerate(rows.value):
        values = row.value
        assert isinstance(values, tuple)
        follows = bool(number and period and instants[number] - instants[number - 1] == period)
        kept = [
            NULL
            if (follows if place == time else bool(before) and value == before[place])
            else value
            for place, value in enumerate(values)
        ]
        before = values
        shorter.append(Data(Tag.STRUCTURE, tuple(kept)))
    return literal.array(*shorter)


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
