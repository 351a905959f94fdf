"""M-Bus client (class 72) and what it captured last of a gas meter (class 4)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from dlmsd.dlms.axdr.data import Data
from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.simulator.cosem import literal, shape
from dlmsd.simulator.cosem.clock import CLOCK
from dlmsd.simulator.cosem.instance import Attribute, Instance, Kept, Method, constant, kept
from dlmsd.simulator.curves import INSTALLED, share

if TYPE_CHECKING:
    from dlmsd.simulator.meter import VirtualMeter

_GAS: Final = 3
_CUBIC_METRE: Final = 13
_LITRES: Final = -3
_PORT: Final = "0-0:24.6.0"
# "DLS" as M-Bus packs it: five bits a letter (EN 13757-3).
_MANUFACTURER: Final = (4 << 10) + (12 << 5) + 19
# The first primary address; 251 and above have other uses.
_ADDRESSES: Final = range(1, 251)

_PERIOD: Final = Kept(lambda meter: literal.double_long_unsigned(3600))
_ADDRESS: Final = Kept(lambda meter: literal.unsigned(1))
_ALARM: Final = Kept(lambda meter: literal.unsigned(1))
_NONE: Final = literal.unsigned(0)
_CAPTURED: Final = Kept(lambda meter: -math.inf)


def _last(meter: VirtualMeter, t: float) -> float:
    """When it captured last: at its period, or by the method."""
    period = _PERIOD.of(meter).value
    assert isinstance(period, int)
    by_hand = _CAPTURED.of(meter)
    at = t - t % period if period else INSTALLED
    return max(at, by_hand) if by_hand <= t else at


def _volume(meter: VirtualMeter, t: float) -> Data:
    """Some 1 to 3 m3 a day, in litres."""
    each = (1000 + 2000 * share(meter.seed, meter.index, "gas")) / 86_400
    return literal.double_long_unsigned(
        math.floor(max(0.0, _last(meter, t) - INSTALLED) * each) % (1 << 32)
    )


def _install(meter: VirtualMeter, t: float, parameters: Data) -> ActionResult:
    if _ADDRESS.of(meter) != _NONE or parameters.value not in _ADDRESSES:
        return ActionResult.OTHER_REASON
    _ADDRESS.put(meter, parameters)
    return ActionResult.SUCCESS


def _deinstall(meter: VirtualMeter, t: float, parameters: Data) -> ActionResult:
    _ADDRESS.put(meter, _NONE)
    return ActionResult.SUCCESS


def _capture(meter: VirtualMeter, t: float, parameters: Data) -> ActionResult:
    if _ADDRESS.of(meter) == _NONE:
        return ActionResult.TEMPORARY_FAILURE
    _CAPTURED.put(meter, t)
    return ActionResult.SUCCESS


def _reset_alarm(meter: VirtualMeter, t: float, parameters: Data) -> ActionResult:
    _ALARM.put(meter, _NONE)
    return ActionResult.SUCCESS


def _told(value: Data) -> Attribute:
    """Of the device, 0 while none is installed."""
    nothing = Data(value.tag, 0)
    return Attribute(lambda meter, t: nothing if _ADDRESS.of(meter) == _NONE else value)


OBJECTS: Final = (
    Instance.of(
        72,
        "0-1:24.1.0",
        {
            "mbus_port_reference": constant(literal.name(_PORT)),
            "capture_definition": constant(
                literal.array(literal.structure(literal.octets(b"\x0c"), literal.octets(b"\x13")))
            ),
            "capture_period": kept(_PERIOD, shape.DOUBLE_LONG_UNSIGNED),
            "primary_address": kept(_ADDRESS),
            "identification_number": Attribute(
                lambda meter, t: literal.double_long_unsigned(
                    0 if _ADDRESS.of(meter) == _NONE else 70_000_000 + meter.index
                )
            ),
            "manufacturer_id": _told(literal.long_unsigned(_MANUFACTURER)),
            "version": _told(literal.unsigned(1)),
            "device_type": _told(literal.unsigned(_GAS)),
            "access_number": Attribute(
                lambda meter, t: literal.unsigned(int(_last(meter, t) // 3600) % 256)
            ),
            "status": constant(_NONE),
            "alarm": kept(_ALARM),
        },
        {
            "slave_install": Method(_install, shape.UNSIGNED),
            "slave_deinstall": Method(_deinstall),
            "capture": Method(_capture),
            "reset_alarm": Method(_reset_alarm),
            "synchronize_clock": Method(lambda meter, t, _: ActionResult.SUCCESS),
        },
    ),
    Instance.of(
        4,
        "0-1:24.2.1",
        {
            "value": Attribute(_volume),
            "scaler_unit": constant(
                literal.structure(literal.integer(_LITRES), literal.enum(_CUBIC_METRE))
            ),
            "status": constant(_NONE),
            "capture_time": Attribute(lambda meter, t: CLOCK.of(meter).stamp(_last(meter, t))),
        },
    ),
)
