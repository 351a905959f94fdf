"""What measures: Data, Register, Extended register, Demand register (classes 1, 3, 4, 5)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from attrs import frozen

from dlmsd.dlms.axdr.data import Data
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.simulator.cosem import literal
from dlmsd.simulator.cosem.clock import CLOCK, QUARTER
from dlmsd.simulator.cosem.instance import Attribute, Instance, Kept, Method, constant
from dlmsd.simulator.curves import INSTALLED
from dlmsd.simulator.quantities import CHANNELS, MAXIMUM_DEMAND, QUANTITIES, WATT, Quantity

if TYPE_CHECKING:
    from dlmsd.simulator.meter import VirtualMeter

DEMAND_PERIOD: Final = QUARTER


def _name(channel: int, group: tuple[int, int, int]) -> Obis:
    return Obis(bytes((1, channel, *group, 255)))


def _register(channel: int, quantity: Quantity) -> Instance:
    return Instance.of(
        3,
        _name(channel, quantity.group),
        {
            "value": Attribute(lambda meter, t: quantity.raw(meter.supply, t)),
            "scaler_unit": constant(quantity.scaler_unit),
        },
    )


def _period(t: float) -> float:
    return t - t % DEMAND_PERIOD


def _stamped(instant: Callable[[VirtualMeter, float], float]) -> Attribute:
    return Attribute(lambda meter, t: CLOCK.of(meter).stamp(instant(meter, t)))


def _maximum_demand(channel: int) -> Instance:
    """The highest demand that there can be; after a reset not before a period has ended."""
    reset = Kept(lambda meter: INSTALLED)

    def first_end(meter: VirtualMeter, t: float) -> float:
        """Of the first period after the reset, or the reset while that has not ended."""
        since = reset.of(meter)
        end = since if since == INSTALLED else _period(since) + DEMAND_PERIOD
        return end if end <= t else since

    def value(meter: VirtualMeter, t: float) -> Data:
        since = reset.of(meter)
        if since <= t < _period(since) + DEMAND_PERIOD and since != INSTALLED:
            return Data(MAXIMUM_DEMAND.tag, 0)
        return MAXIMUM_DEMAND.raw(meter.supply, t)

    def clear(meter: VirtualMeter, t: float, parameters: Data) -> ActionResult:
        reset.put(meter, t)
        return ActionResult.SUCCESS

    return Instance.of(
        4,
        _name(channel, MAXIMUM_DEMAND.group),
        {
            "value": Attribute(value),
            "scaler_unit": constant(MAXIMUM_DEMAND.scaler_unit),
            "status": constant(literal.unsigned(0)),
            "capture_time": _stamped(first_end),
        },
        {"reset": Method(clear)},
    )


@frozen
class _Begun:
    """A period that a method began; ``last`` is the average of the one before, in W."""

    at: float = -math.inf
    last: float = 0.0


def _demand(channel: int) -> Instance:
    """The demand of all phases, in periods that begin at each quarter of an hour."""
    begun = Kept(lambda meter: _Begun())

    def start(meter: VirtualMeter, t: float) -> float:
        at = begun.of(meter).at
        return max(_period(t), at) if at <= t else _period(t)

    def current(meter: VirtualMeter, t: float) -> float:
        """It grows from zero through the period."""
        since = start(meter, t)
        return meter.supply.demand(since, t) * (t - since) / DEMAND_PERIOD if t > since else 0.0

    def last(meter: VirtualMeter, t: float) -> float:
        since = start(meter, t)
        if since != _period(t):
            return begun.of(meter).last
        before = start(meter, math.nextafter(since, -math.inf))
        return meter.supply.demand(before, since) * (since - before) / DEMAND_PERIOD

    def begin(keep: bool) -> Method:
        def invoke(meter: VirtualMeter, t: float, parameters: Data) -> ActionResult:
            begun.put(meter, _Begun(t, current(meter, t) if keep else 0.0))
            return ActionResult.SUCCESS

        return Method(invoke)

    def watts(value: Callable[[VirtualMeter, float], float]) -> Attribute:
        return Attribute(lambda meter, t: literal.double_long_unsigned(math.floor(value(meter, t))))

    return Instance.of(
        5,
        _name(channel, (1, 4, 0)),
        {
            "current_average_value": watts(current),
            "last_average_value": watts(last),
            "scaler_unit": constant(literal.structure(literal.integer(0), literal.enum(WATT))),
            "status": constant(literal.unsigned(0)),
            "capture_time": _stamped(start),
            "start_time_current": _stamped(start),
            "period": constant(literal.double_long_unsigned(DEMAND_PERIOD)),
            "number_of_periods": constant(literal.long_unsigned(1)),
        },
        {"reset": begin(keep=False), "next_period": begin(keep=True)},
    )


def _data(code: str, value: Callable[[VirtualMeter], bytes]) -> Instance:
    return Instance.of(1, code, {"value": Attribute(lambda meter, t: literal.octets(value(meter)))})


def _all() -> Iterator[Instance]:
    yield _data("0-0:96.1.0", lambda meter: meter.serial)
    yield _data("0-0:42.0.0", lambda meter: meter.device_name)
    for channel in CHANNELS:
        for quantity in QUANTITIES:
            yield _register(channel, quantity)
        yield _maximum_demand(channel)
        yield _demand(channel)


OBJECTS: Final = tuple(_all())
