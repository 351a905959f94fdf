"""Disconnect control (class 70): what switches the load off, and the currents with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dlmsd.dlms.axdr.data import Data
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.simulator.cosem import literal, shape
from dlmsd.simulator.cosem.events import Event, note
from dlmsd.simulator.cosem.instance import Attribute, Instance, Kept, Method, kept

if TYPE_CHECKING:
    from dlmsd.simulator.meter import VirtualMeter

DISCONNECTED: Final = 0
CONNECTED: Final = 1
READY_FOR_RECONNECTION: Final = 2

# control_mode: 0 never disconnects; with 1, 3, 5 and 6 a person at the meter has to
# complete a remote reconnection, with 2 and 4 it closes at once (Blue Book).
_NEVER: Final = 0
_AT_ONCE: Final = (2, 4)
_MODES: Final = range(7)

_STATE: Final = Kept(lambda meter: CONNECTED)
_MODE: Final = Kept(lambda meter: literal.enum(4))


def _set_mode(meter: VirtualMeter, t: float, value: Data) -> DataAccessResult:
    if value.value not in _MODES:
        return DataAccessResult.OTHER_REASON
    _MODE.put(meter, value)
    return DataAccessResult.SUCCESS


def _disconnect(meter: VirtualMeter, t: float, parameters: Data) -> ActionResult:
    if _MODE.of(meter).value == _NEVER:
        return ActionResult.READ_WRITE_DENIED
    if meter.supply.worn:
        return ActionResult.HARDWARE_FAULT
    if meter.supply.connected:
        note(meter, t, Event.DISCONNECTED)
    meter.supply.disconnect(t)
    _STATE.put(meter, DISCONNECTED)
    return ActionResult.SUCCESS


def _reconnect(meter: VirtualMeter, t: float, parameters: Data) -> ActionResult:
    mode = _MODE.of(meter).value
    if mode == _NEVER:
        return ActionResult.READ_WRITE_DENIED
    if meter.supply.connected:
        return ActionResult.SUCCESS
    if mode not in _AT_ONCE:
        _STATE.put(meter, READY_FOR_RECONNECTION)
        return ActionResult.SUCCESS
    note(meter, t, Event.RECONNECTED)
    meter.supply.reconnect(t)
    _STATE.put(meter, CONNECTED)
    return ActionResult.SUCCESS


OBJECTS: Final = (
    Instance.of(
        70,
        "0-0:96.3.10",
        {
            "output_state": Attribute(lambda meter, t: literal.boolean(meter.supply.connected)),
            "control_state": Attribute(lambda meter, t: literal.enum(_STATE.of(meter))),
            "control_mode": Attribute(kept(_MODE).read, _set_mode, shape.ENUM),
        },
        {"remote_disconnect": Method(_disconnect), "remote_reconnect": Method(_reconnect)},
    ),
)
