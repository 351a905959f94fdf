"""Tariffs by date: Activity calendar, Special days, Register activation (20, 11, 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import define

from dlmsd.dlms.axdr.data import Data
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.simulator.cosem import literal, shape
from dlmsd.simulator.cosem.clock import CLOCK
from dlmsd.simulator.cosem.instance import Attribute, Instance, Kept, Method, kept
from dlmsd.simulator.cosem.script import TARIFF

if TYPE_CHECKING:
    from dlmsd.simulator.meter import VirtualMeter

# The holidays of ten years, and as many registers and masks as an unsigned can count.
MAX_SPECIAL_DAYS: Final = 200
MAX_ASSIGNED: Final = 255

_SEASON: Final = shape.structure(shape.OCTETS, shape.DATE_TIME, shape.OCTETS)
_WEEK: Final = shape.structure(shape.OCTETS, *(shape.UNSIGNED,) * 7)
_SWITCH: Final = shape.structure(shape.octets(4), shape.NAME, shape.LONG_UNSIGNED)
_DAY: Final = shape.structure(shape.UNSIGNED, shape.array(_SWITCH))
# The parts of a calendar, and what shape each has.
_PARTS: Final = {
    "calendar_name": shape.OCTETS,
    "season_profile": shape.array(_SEASON),
    "week_profile_table": shape.array(_WEEK),
    "day_profile_table": shape.array(_DAY),
}


def _switch(hour: int, tariff: int) -> Data:
    at = literal.octets(bytes((hour, 0, 0, 0)))
    return literal.structure(at, literal.name(TARIFF), literal.long_unsigned(tariff))


def _first_calendar() -> dict[str, Data]:
    """Day and night, the same all year round."""
    day = literal.array(_switch(6, 1), _switch(22, 2))
    begin = literal.octets(b"\xff\xff\x01\x01\xff\x00\x00\x00\x00\x80\x00\xff")
    week = literal.octets(b"\x01")
    return {
        "calendar_name": literal.octets(b"DAYNIGHT"),
        "season_profile": literal.array(literal.structure(literal.octets(b"\x01"), begin, week)),
        "week_profile_table": literal.array(
            literal.structure(week, *[literal.unsigned(1) for _ in range(7)])
        ),
        "day_profile_table": literal.array(literal.structure(literal.unsigned(1), day)),
    }


@define
class _Calendar:
    """``when`` is activate_passive_calendar_time."""

    active: dict[str, Data]
    passive: dict[str, Data]
    when: Data = literal.NEVER

    def at(self, meter: VirtualMeter, t: float) -> _Calendar:
        """Itself, once what is due has been activated."""
        clock = CLOCK.of(meter)
        due = clock.instant(self.when)
        if due is not None and due <= clock.now(t):
            self.activate()
        return self

    def activate(self) -> None:
        """The passive calendar becomes the active one, and stays as it is."""
        self.active, self.when = dict(self.passive), literal.NEVER


_CALENDAR: Final = Kept(lambda meter: _Calendar(_first_calendar(), _first_calendar()))


def _active(part: str) -> Attribute:
    return Attribute(lambda meter, t: _CALENDAR.of(meter).at(meter, t).active[part])


def _passive(part: str) -> Attribute:
    def write(meter: VirtualMeter, t: float, value: Data) -> DataAccessResult:
        _CALENDAR.of(meter).at(meter, t).passive[part] = value
        return DataAccessResult.SUCCESS

    return Attribute(lambda meter, t: _CALENDAR.of(meter).passive[part], write, _PARTS[part])


def _set_when(meter: VirtualMeter, t: float, value: Data) -> DataAccessResult:
    _CALENDAR.of(meter).when = value
    return DataAccessResult.SUCCESS


def _activate(meter: VirtualMeter, t: float, parameters: Data) -> ActionResult:
    _CALENDAR.of(meter).activate()
    return ActionResult.SUCCESS


_DAYS: Final = Kept[dict[int, Data]](lambda meter: {})
_SPECIAL_DAY: Final = shape.structure(shape.LONG_UNSIGNED, shape.octets(5), shape.UNSIGNED)


def _days(meter: VirtualMeter, entries: tuple[Data, ...]) -> bool:
    """Put them in, by their index; whether there is room."""
    found = _DAYS.of(meter) | {shape.parts(each)[0]: each for each in entries}
    if len(found) > MAX_SPECIAL_DAYS:
        return False
    _DAYS.put(meter, found)
    return True


def _set_days(meter: VirtualMeter, t: float, value: Data) -> DataAccessResult:
    assert isinstance(value.value, tuple)
    before = _DAYS.of(meter)
    _DAYS.put(meter, {})
    if _days(meter, value.value):
        return DataAccessResult.SUCCESS
    _DAYS.put(meter, before)
    return DataAccessResult.OTHER_REASON


def _insert(meter: VirtualMeter, t: float, parameters: Data) -> ActionResult:
    return ActionResult.SUCCESS if _days(meter, (parameters,)) else ActionResult.OTHER_REASON


def _delete(meter: VirtualMeter, t: float, parameters: Data) -> ActionResult:
    assert isinstance(parameters.value, int)
    found = _DAYS.of(meter).pop(parameters.value, None)
    return ActionResult.OTHER_REASON if found is None else ActionResult.SUCCESS


# Register activation.
_REGISTER: Final = shape.structure(shape.LONG_UNSIGNED, shape.NAME)
_MASK: Final = shape.structure(shape.OCTETS, shape.array(shape.UNSIGNED))


def _tariff_register(tariff: int) -> Data:
    return literal.structure(literal.long_unsigned(3), literal.name(f"1-0:1.8.{tariff}"))


def _tariff_mask(tariff: int) -> Data:
    indices = literal.array(literal.unsigned(tariff))
    return literal.structure(literal.octets(b"T%d" % tariff), indices)


_REGISTERS: Final = Kept(lambda meter: [_tariff_register(each) for each in range(1, 5)])
_MASKS: Final = Kept(lambda meter: {b"T%d" % each: _tariff_mask(each) for each in range(1, 5)})
_ACTIVE_MASK: Final = Kept(lambda meter: literal.octets(b"T1"))


def _set_mask(meter: VirtualMeter, t: float, value: Data) -> DataAccessResult:
    if value.value not in _MASKS.of(meter):
        return DataAccessResult.OTHER_REASON
    _ACTIVE_MASK.put(meter, value)
    return DataAccessResult.SUCCESS


def _add_register(meter: VirtualMeter, t: float, parameters: Data) -> ActionResult:
    registers = _REGISTERS.of(meter)
    if len(registers) >= MAX_ASSIGNED:
        return ActionResult.OTHER_REASON
    registers.append(parameters)
    return ActionResult.SUCCESS


def _add_mask(meter: VirtualMeter, t: float, parameters: Data) -> ActionResult:
    masks, (name, indices) = _MASKS.of(meter), shape.parts(parameters)
    known = range(1, len(_REGISTERS.of(meter)) + 1)
    if len(masks) >= MAX_ASSIGNED or not all(each.value in known for each in indices):
        return ActionResult.OTHER_REASON
    masks[name] = parameters
    return ActionResult.SUCCESS


def _delete_mask(meter: VirtualMeter, t: float, parameters: Data) -> ActionResult:
    name = parameters.value
    assert isinstance(name, bytes)
    if parameters == _ACTIVE_MASK.of(meter) or name not in _MASKS.of(meter):
        return ActionResult.OTHER_REASON
    del _MASKS.of(meter)[name]
    return ActionResult.SUCCESS


OBJECTS: Final = (
    Instance.of(
        20,
        "0-0:13.0.0",
        {
            **{f"{part}_active": _active(part) for part in _PARTS},
            **{f"{part}_passive": _passive(part) for part in _PARTS},
            "activate_passive_calendar_time": Attribute(
                lambda meter, t: _CALENDAR.of(meter).at(meter, t).when, _set_when, shape.DATE_TIME
            ),
        },
        {"activate_passive_calendar": Method(_activate)},
    ),
    Instance.of(
        11,
        "0-0:11.0.0",
        {
            "entries": Attribute(
                lambda meter, t: literal.array(*_DAYS.of(meter).values()),
                _set_days,
                shape.array(_SPECIAL_DAY),
            )
        },
        {"insert": Method(_insert, _SPECIAL_DAY), "delete": Method(_delete, shape.LONG_UNSIGNED)},
    ),
    Instance.of(
        6,
        "0-0:14.0.0",
        {
            "register_assignment": Attribute(lambda meter, t: literal.array(*_REGISTERS.of(meter))),
            "mask_list": Attribute(lambda meter, t: literal.array(*_MASKS.of(meter).values())),
            "active_mask": Attribute(kept(_ACTIVE_MASK).read, _set_mask, shape.OCTETS),
        },
        {
            "add_register": Method(_add_register, _REGISTER),
            "add_mask": Method(_add_mask, _MASK),
            "delete_mask": Method(_delete_mask, shape.OCTETS),
        },
    ),
)
