"""Profile generic (class 7): load profile, daily values, billing periods, event log."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from attrs import define, field, frozen

from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.capture import CaptureObject, decode_capture_objects
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.dlms.xdlms.get import Access
from dlmsd.dlms.xdlms.selective import CLOCK as CLOCK_TIME
from dlmsd.dlms.xdlms.selective import EntryDescriptor, RangeDescriptor
from dlmsd.errors import DecodeError
from dlmsd.simulator.answer import Result
from dlmsd.simulator.cosem import events, literal, shape
from dlmsd.simulator.cosem.clock import CLOCK, QUARTER
from dlmsd.simulator.cosem.instance import Attribute, Instance, Kept, Method, constant
from dlmsd.simulator.cosem.rows import can_capture, column, compact, is_time, plain, shortened
from dlmsd.simulator.cosem.slots import Daily, Every, Monthly, Slots
from dlmsd.simulator.curves import INSTALLED

if TYPE_CHECKING:
    from dlmsd.simulator.meter import VirtualMeter

_FIFO: Final = 1
_LIFO: Final = 2
# A row has to fit into an APDU, and more columns no meter is known to have.
MAX_COLUMNS: Final = 64
_SHORTEST_PERIOD: Final = 60
_POWER_DOWN: Final = 0x80
_CLOCK_ADJUSTED: Final = 0x20
_DAYLIGHT_SAVING: Final = 0x08


@define
class _State:
    """Of one profile in one meter. ``captured`` are the instants of the method capture."""

    columns: tuple[CaptureObject, ...]
    period: int
    cleared: float = -math.inf
    captured: list[float] = field(factory=list)

    def clear(self, t: float) -> None:
        """Nothing was captured up to ``t``."""
        self.cleared = t
        self.captured.clear()


@frozen
class Profile:
    """One profile of every meter. ``period`` is None for that of the meter's options, 0 for
    rows at no fixed time; ``entries`` likewise. ``slots`` are made for a zone by ``every``,
    without which rows are events.
    """

    code: str
    columns: tuple[CaptureObject, ...]
    period: int | None = None
    entries: int | None = None
    every: Callable[[VirtualMeter, int], Slots] | None = None

    def first(self, meter: VirtualMeter) -> _State:
        """What a new meter has."""
        period = meter.equipment.profile.period if self.period is None else self.period
        return _State(self.columns, period)

    def room(self, meter: VirtualMeter) -> int:
        """profile_entries."""
        return meter.equipment.profile.entries if self.entries is None else self.entries

    def instants(self, meter: VirtualMeter, state: _State, t: float) -> list[float]:
        """Those of all rows in the buffer, the oldest first."""
        options, room = meter.equipment.profile, self.room(meter)
        since = max(state.cleared, INSTALLED if options.since is None else options.since)
        found: list[float] = []
        if self.every is None:
            found = [at for at, _ in events.history(meter, t, room) if at > since]
        else:
            slots = self.every(meter, state.period)
            number = slots.number(t)
            while len(found) < room and (at := slots.at(number)) > since:
                if not events.is_off(meter, at):
                    found.append(at)
                number -= 1
            found.reverse()
        return sorted({*found, *state.captured})[-room:] if state.captured else found

    def ordered(self, meter: VirtualMeter, state: _State, t: float) -> list[float]:
        """The same as the buffer has them."""
        found, options = self.instants(meter, state, t), meter.equipment.profile
        if options.newest_first:
            return found[::-1]
        if options.ring_order and self.every is not None and len(found) == self.room(meter):
            newest = self.every(meter, state.period).number(t) % len(found)
            return found[len(found) - newest :] + found[: len(found) - newest]
        return found


def _buffer(
    meter: VirtualMeter,
    state: _State,
    columns: Sequence[CaptureObject],
    instants: Sequence[float],
) -> Data:
    options = meter.equipment.profile
    rows = plain([column(meter, each) for each in columns], instants)
    if options.compact:
        return compact(rows)
    if options.nulls or options.deltas:
        time = next((place for place, each in enumerate(columns) if is_time(each)), None)
        step = -state.period if options.newest_first else state.period
        follows = [bool(step) and then - one == step for one, then in pairwise(instants)]
        return shortened(rows, time, follows, nulls=options.nulls, deltas=options.deltas)
    return rows


def _by_range(meter: VirtualMeter, state: _State, held: list[float], access: Access) -> Result:
    wanted = RangeDescriptor.of(access)
    columns = wanted.columns or state.columns
    if not {*columns, wanted.restricting} <= {*state.columns, CLOCK_TIME}:
        return DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
    if is_time(wanted.restricting):
        start, end = (
            CLOCK.of(meter).instant(each) for each in (wanted.from_value, wanted.to_value)
        )
        if start is None or end is None:
            return DataAccessResult.TYPE_UNMATCHED
        return _buffer(meter, state, columns, [at for at in held if start <= at <= end])
    value = column(meter, wanted.restricting)
    least, most = wanted.from_value, wanted.to_value
    if not isinstance(least.value, int) or not isinstance(most.value, int):
        return DataAccessResult.TYPE_UNMATCHED
    chosen = []
    for at in held:
        found = value(at).value
        if isinstance(found, int) and least.value <= found <= most.value:
            chosen.append(at)
    return _buffer(meter, state, columns, chosen)


def _by_entry(meter: VirtualMeter, state: _State, held: list[float], access: Access) -> Result:
    wanted = EntryDescriptor.of(access)
    if not wanted.from_entry or not wanted.from_column:
        return DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
    if max(wanted.from_column, wanted.to_column) > len(state.columns):
        return DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
    columns = state.columns[wanted.from_column - 1 : wanted.to_column or None]
    chosen = held[wanted.from_entry - 1 : wanted.to_entry or None]
    return _buffer(meter, state, columns, chosen)


def _instance(profile: Profile) -> Instance:
    kept = Kept(profile.first)

    def buffer(meter: VirtualMeter, t: float) -> Data:
        state = kept.of(meter)
        return _buffer(meter, state, state.columns, profile.ordered(meter, state, t))

    def select(meter: VirtualMeter, t: float, access: Access) -> Result:
        state = kept.of(meter)
        held = profile.ordered(meter, state, t)
        by = _by_range if access[0] == RangeDescriptor.SELECTOR else _by_entry
        try:
            return by(meter, state, held, access)
        except DecodeError:
            return DataAccessResult.TYPE_UNMATCHED

    def set_columns(meter: VirtualMeter, t: float, value: Data) -> DataAccessResult:
        try:
            columns = decode_capture_objects(value)
        except DecodeError:
            return DataAccessResult.TYPE_UNMATCHED
        if not 0 < len(columns) <= MAX_COLUMNS:
            return DataAccessResult.OTHER_REASON
        if not all(can_capture(meter, each, t) for each in columns):
            return DataAccessResult.OTHER_REASON
        state = kept.of(meter)
        state.columns = columns
        state.clear(t)
        return DataAccessResult.SUCCESS

    def set_period(meter: VirtualMeter, t: float, value: Data) -> DataAccessResult:
        assert isinstance(value.value, int)
        if value.value < _SHORTEST_PERIOD:
            return DataAccessResult.OTHER_REASON
        state = kept.of(meter)
        state.period = value.value
        state.clear(t)
        return DataAccessResult.SUCCESS

    def in_use(meter: VirtualMeter, t: float) -> Data:
        told = meter.equipment.profile.in_use
        number = len(profile.instants(meter, kept.of(meter), t)) if told is None else told
        return literal.double_long_unsigned(number)

    def reset(meter: VirtualMeter, t: float, parameters: Data) -> ActionResult:
        kept.of(meter).clear(t)
        return ActionResult.SUCCESS

    def capture(meter: VirtualMeter, t: float, parameters: Data) -> ActionResult:
        captured = kept.of(meter).captured
        captured.append(t)
        del captured[: -profile.room(meter)]
        return ActionResult.SUCCESS

    fixed = profile.period is not None
    return Instance.of(
        7,
        profile.code,
        {
            "buffer": Attribute(
                buffer,
                select=select,
                selectors=lambda meter: meter.equipment.profile.selectors,
            ),
            "capture_objects": Attribute(
                lambda meter, t: literal.array(*[each.data for each in kept.of(meter).columns]),
                None if fixed else set_columns,
                shape.of(Tag.ARRAY),
            ),
            "capture_period": Attribute(
                lambda meter, t: literal.double_long_unsigned(kept.of(meter).period),
                None if fixed else set_period,
                shape.DOUBLE_LONG_UNSIGNED,
            ),
            "sort_method": Attribute(
                lambda meter, t: literal.enum(
                    _LIFO if meter.equipment.profile.newest_first else _FIFO
                )
            ),
            "sort_object": constant(_UNSORTED.data),
            "entries_in_use": Attribute(in_use),
            "profile_entries": Attribute(
                lambda meter, t: literal.double_long_unsigned(profile.room(meter))
            ),
        },
        {"reset": Method(reset)}
        if profile.every is None
        else {"reset": Method(reset), "capture": Method(capture)},
        version=1,
    )


_UNSORTED: Final = CaptureObject(AttributeDescriptor(0, Obis(bytes(6)), 0))
STATUS: Final = "0-0:96.10.1"


def _column(class_id: int, code: str) -> CaptureObject:
    return CaptureObject(AttributeDescriptor(class_id, Obis.parse(code), 2))


def _energies(*groups: str) -> tuple[CaptureObject, ...]:
    return tuple(_column(3, f"1-0:{each}") for each in groups)


def _status(meter: VirtualMeter, t: float) -> Data:
    """AMR profile status: daylight saving, and what happened in the quarter up to ``t``."""
    start = t - QUARTER
    status = _DAYLIGHT_SAVING if CLOCK.of(meter).local(t).dst() else 0
    if events.powered_up(meter, start, t):
        status |= _POWER_DOWN
    if events.noted(meter, events.Event.CLOCK_ADJUSTED, start, t):
        status |= _CLOCK_ADJUSTED
    return literal.unsigned(status)


def _tariffs(code: str) -> tuple[str, ...]:
    return tuple(f"{code}.{tariff}" for tariff in range(5))


LOAD: Final = Profile(
    "1-0:99.1.0",
    (
        CLOCK_TIME,
        _column(1, STATUS),
        *_energies("1.8.0", "2.8.0", "3.8.0", "4.8.0", "32.7.0", "31.7.0"),
    ),
    every=lambda meter, period: Every(period),
)
DAILY: Final = Profile(
    "1-0:99.2.0",
    (CLOCK_TIME, _column(1, STATUS), *_energies(*_tariffs("1.8"), "2.8.0")),
    period=86_400,
    entries=62,
    every=lambda meter, period: Daily(CLOCK.of(meter).zone),
)
BILLING: Final = Profile(
    "1-0:98.1.0",
    (CLOCK_TIME, *_energies(*_tariffs("1.8"), *_tariffs("2.8")), _column(4, "1-0:1.6.0")),
    period=0,
    entries=24,
    every=lambda meter, period: Monthly(CLOCK.of(meter).zone),
)
LOG: Final = Profile("0-0:99.98.0", (CLOCK_TIME, _column(1, "0-0:96.11.0")), 0, 100)

OBJECTS: Final = (
    *events.OBJECTS,
    Instance.of(1, STATUS, {"value": Attribute(_status)}),
    *map(_instance, (LOAD, DAILY, BILLING, LOG)),
)
