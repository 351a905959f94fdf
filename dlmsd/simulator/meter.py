"""A virtual meter: COSEM objects (Blue Book clause 4) whose values follow from the wall time."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeAlias

from dlmsd.dlms.axdr.clock import DateTime
from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.security.suite import SYSTEM_TITLE_SIZE
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.simulator.curves import INSTALLED, Curves
from dlmsd.simulator.quantities import CHANNELS, MAXIMUM_DEMAND, QUANTITIES, WATT, Quantity

MANUFACTURER: Final = b"DLS"
FIRMWARE: Final = b"VM-1.0"
DEMAND_PERIOD: Final = 900


class VirtualMeter:
    """What meter ``index`` (from 1) of a simulation with this ``seed`` holds.

    The same seed, index and time always give the same value.
    """

    __slots__ = ("curves", "serial", "system_title")

    def __init__(self, seed: int, index: int) -> None:
        self.curves = Curves.of(seed, index)
        self.serial = f"{index:08d}".encode()
        self.system_title = MANUFACTURER + self.serial[len(MANUFACTURER) - SYSTEM_TITLE_SIZE :]

    def read(self, attribute: AttributeDescriptor, t: float) -> Data | DataAccessResult:
        """The attribute at Unix seconds ``t``, or why it cannot be read."""
        found = _OBJECTS.get(attribute.obis.raw)
        if found is None:
            return DataAccessResult.OBJECT_UNDEFINED
        class_id, attributes = found
        if class_id != attribute.class_id:
            return DataAccessResult.OBJECT_CLASS_INCONSISTENT
        give = attributes.get(attribute.attribute)
        return DataAccessResult.READ_WRITE_DENIED if give is None else give(self, t)

    def objects(self) -> Iterator[tuple[int, Obis, tuple[int, ...]]]:
        """Class, logical name and attributes of all that it has."""
        for name, (class_id, attributes) in _OBJECTS.items():
            yield class_id, Obis(name), tuple(attributes)


_Attributes: TypeAlias = Mapping[int, Callable[[VirtualMeter, float], Data]]


def _octets(octets: bytes) -> Data:
    return Data(Tag.OCTET_STRING, octets)


def _constant(tag: Tag, value: int | bool | bytes) -> Callable[[VirtualMeter, float], Data]:
    data = Data(tag, value)
    return lambda meter, t: data


def _date_time(t: float) -> bytes:
    return DateTime.from_datetime(datetime.datetime.fromtimestamp(t, datetime.UTC)).encode()


def _period(t: float) -> float:
    return t - t % DEMAND_PERIOD


def _register(quantity: Quantity) -> _Attributes:
    """Class 3: value and scaler_unit."""
    scaler_unit = quantity.scaler_unit
    return {
        2: lambda meter, t: quantity.raw(meter.curves, t),
        3: lambda meter, t: scaler_unit,
    }


def _maximum_demand() -> _Attributes:
    """Class 4: a register's attributes, status, capture_time."""
    return {
        **_register(MAXIMUM_DEMAND),
        4: _constant(Tag.UNSIGNED, 0),
        5: _constant(Tag.OCTET_STRING, _date_time(INSTALLED)),
    }


def _current_average(meter: VirtualMeter, t: float) -> Data:
    """It grows from zero through the period."""
    start = _period(t)
    watts = meter.curves.demand(start, t) * (t - start) / DEMAND_PERIOD if t > start else 0.0
    return Data(Tag.DOUBLE_LONG_UNSIGNED, math.floor(watts))


def _last_average(meter: VirtualMeter, t: float) -> Data:
    end = _period(t)
    return Data(Tag.DOUBLE_LONG_UNSIGNED, math.floor(meter.curves.demand(end - DEMAND_PERIOD, end)))


def _demand() -> _Attributes:
    """Class 5: both averages, scaler_unit, status, capture_time, start_time_current, period,
    number_of_periods.
    """
    scaler_unit = Data(Tag.STRUCTURE, (Data(Tag.INTEGER, 0), Data(Tag.ENUM, WATT)))
    return {
        2: _current_average,
        3: _last_average,
        4: lambda meter, t: scaler_unit,
        5: _constant(Tag.UNSIGNED, 0),
        6: lambda meter, t: _octets(_date_time(_period(t))),
        7: lambda meter, t: _octets(_date_time(_period(t))),
        8: _constant(Tag.DOUBLE_LONG_UNSIGNED, DEMAND_PERIOD),
        9: _constant(Tag.LONG_UNSIGNED, 1),
    }


def _clock() -> _Attributes:
    """Class 8: time, time_zone, status, the ends of daylight saving (never), its deviation,
    whether it is enabled, clock_base (an internal crystal). UTC.
    """
    return {
        2: lambda meter, t: _octets(_date_time(t)),
        3: _constant(Tag.LONG, 0),
        4: _constant(Tag.UNSIGNED, 0),
        5: _constant(Tag.OCTET_STRING, b"\xff" * 12),
        6: _constant(Tag.OCTET_STRING, b"\xff" * 12),
        7: _constant(Tag.INTEGER, 0),
        8: _constant(Tag.BOOLEAN, False),
        9: _constant(Tag.ENUM, 1),
    }


def _objects() -> dict[bytes, tuple[int, _Attributes]]:
    """Class and attributes by logical name, which is attribute 1 in every class."""
    objects: dict[bytes, tuple[int, _Attributes]] = {
        Obis.parse("0-0:1.0.0").raw: (8, _clock()),
        Obis.parse("0-0:96.1.0").raw: (1, {2: lambda meter, t: _octets(meter.serial)}),
        Obis.parse("0-0:42.0.0").raw: (
            1,
            {2: lambda meter, t: _octets(b"DVM" + meter.serial.zfill(13))},
        ),
        Obis.parse("1-0:0.2.0").raw: (1, {2: _constant(Tag.OCTET_STRING, FIRMWARE)}),
    }
    for channel in CHANNELS:
        for quantity in QUANTITIES:
            objects[_name(channel, quantity.group)] = 3, _register(quantity)
        objects[_name(channel, MAXIMUM_DEMAND.group)] = 4, _maximum_demand()
        objects[_name(channel, (1, 4, 0))] = 5, _demand()
    return {
        name: (class_id, {1: _constant(Tag.OCTET_STRING, name), **attributes})
        for name, (class_id, attributes) in objects.items()
    }


def _name(channel: int, group: tuple[int, int, int]) -> bytes:
    return bytes((1, channel, *group, 255))


_OBJECTS: Final = _objects()
