"""Single action schedule (class 22): scripts that run at their time.

Nothing ticks: what has become due since the meter was last asked runs before it answers,
as of the instant when it was due. Only times with all their parts run; rules do not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import define

from dlmsd.dlms.axdr.clock import Date, DateTime, Time
from dlmsd.dlms.axdr.data import Data
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.simulator.cosem import literal, shape
from dlmsd.simulator.cosem.clock import CLOCK
from dlmsd.simulator.cosem.instance import Attribute, Instance, Kept, constant
from dlmsd.simulator.cosem.script import ACTIVATION, BILLING_RESET, DISCONNECTOR, execute

if TYPE_CHECKING:
    from dlmsd.simulator.meter import VirtualMeter

_SINGLE: Final = 1
# One action has one time, or a few where it is repeated.
MAX_TIMES: Final = 100
_TIMES: Final = shape.array(shape.structure(shape.octets(4), shape.octets(5)))
_SCRIPT: Final = shape.structure(shape.NAME, shape.LONG_UNSIGNED)


@define
class _Action:
    """``due`` are the instants of the meter's clock that have not come yet."""

    script: Data
    times: Data
    due: list[float]


def _first(code: str) -> Kept[_Action]:
    script = literal.structure(literal.name(code), literal.long_unsigned(1))
    return Kept(lambda meter: _Action(script, literal.array(), []))


_ACTIONS: Final = {
    "0-0:15.0.0": _first(BILLING_RESET),
    "0-0:15.0.1": _first(DISCONNECTOR),
    "0-0:15.0.2": _first(ACTIVATION),
}


def run_due(meter: VirtualMeter, t: float) -> None:
    """Run what has become due up to Unix seconds ``t``."""
    for kept in _ACTIONS.values():
        if kept not in meter.kept:
            continue
        action = kept.of(meter)
        while action.due:
            late = CLOCK.of(meter).now(t) - action.due[0]
            if late < 0:
                break
            del action.due[0]
            name, number = shape.parts(action.script)
            execute(meter, t - late, str(Obis(name)), number)


def _instants(meter: VirtualMeter, times: Data) -> list[float]:
    found = []
    for time, date in shape.rows(times):
        moment = DateTime(Date.decode(date), Time.decode(time))
        instant = CLOCK.of(meter).instant(literal.octets(moment.encode()))
        if instant is not None:
            found.append(instant)
    return sorted(found)


def _schedule(code: str, kept: Kept[_Action]) -> Instance:
    def set_script(meter: VirtualMeter, t: float, value: Data) -> DataAccessResult:
        kept.of(meter).script = value
        return DataAccessResult.SUCCESS

    def set_times(meter: VirtualMeter, t: float, value: Data) -> DataAccessResult:
        assert isinstance(value.value, tuple)
        if len(value.value) > MAX_TIMES:
            return DataAccessResult.OTHER_REASON
        action, now = kept.of(meter), CLOCK.of(meter).now(t)
        action.times = value
        action.due = [each for each in _instants(meter, value) if each > now]
        return DataAccessResult.SUCCESS

    return Instance.of(
        22,
        code,
        {
            "executed_script": Attribute(
                lambda meter, t: kept.of(meter).script, set_script, _SCRIPT
            ),
            "type": constant(literal.enum(_SINGLE)),
            "execution_time": Attribute(lambda meter, t: kept.of(meter).times, set_times, _TIMES),
        },
    )


OBJECTS: Final = tuple(_schedule(code, kept) for code, kept in _ACTIONS.items())
