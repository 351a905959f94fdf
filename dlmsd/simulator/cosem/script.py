"""Script table (class 9): lists of writes and invocations that run as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from attrs import frozen

from dlmsd.dlms.axdr.data import Data
from dlmsd.dlms.cosem import classes
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.method import MethodDescriptor
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.simulator.cosem import literal, shape
from dlmsd.simulator.cosem.instance import Instance, Method, constant

if TYPE_CHECKING:
    from dlmsd.simulator.meter import VirtualMeter

_WRITE: Final = 1
_EXECUTE: Final = 2

BILLING_RESET: Final = "0-0:10.0.1"
DISCONNECTOR: Final = "0-0:10.0.106"
ACTIVATION: Final = "0-0:10.0.107"
TARIFF: Final = "0-0:10.0.100"
_GLOBAL_RESET: Final = "0-0:10.0.0"
_TARIFF_MASK: Final = "0-0:14.0.0"


@frozen
class Step:
    """action_specification: an attribute to write, or a method to invoke."""

    service: int
    class_id: int
    code: str
    index: int
    parameter: Data

    @property
    def data(self) -> Data:
        """As a client reads it."""
        return literal.structure(
            literal.enum(self.service),
            literal.long_unsigned(self.class_id),
            literal.name(self.code),
            literal.integer(self.index),
            self.parameter,
        )

    def run(self, meter: VirtualMeter, t: float) -> int:
        """The number of the result, which services have in common."""
        obis = Obis.parse(self.code)
        if self.service == _WRITE:
            attribute = AttributeDescriptor(self.class_id, obis, self.index)
            return meter.write(attribute, t, self.parameter)
        method = MethodDescriptor(self.class_id, obis, self.index)
        return meter.invoke(method, t, self.parameter).result


def _invoke(class_id: int, code: str, name: str) -> Step:
    index = classes.method(class_id, name)
    assert index is not None, name
    return Step(_EXECUTE, class_id, code, index, literal.integer(0))


def _tariff(number: int) -> Step:
    return Step(_WRITE, 6, _TARIFF_MASK, 4, literal.octets(b"T%d" % number))


SCRIPTS: Final[Mapping[str, Mapping[int, Sequence[Step]]]] = {
    _GLOBAL_RESET: {
        1: (_invoke(7, "1-0:99.1.0", "reset"), _invoke(7, "0-0:99.98.0", "reset")),
    },
    BILLING_RESET: {
        1: (_invoke(7, "1-0:98.1.0", "capture"), _invoke(4, "1-0:1.6.0", "reset")),
    },
    TARIFF: {number: (_tariff(number),) for number in range(1, 5)},
    DISCONNECTOR: {
        1: (_invoke(70, "0-0:96.3.10", "remote_disconnect"),),
        2: (_invoke(70, "0-0:96.3.10", "remote_reconnect"),),
    },
    ACTIVATION: {1: (_invoke(18, "0-0:44.0.0", "image_activate"),)},
}
"""By the table's code and the script's identifier."""


def execute(meter: VirtualMeter, t: float, code: str, number: int) -> ActionResult:
    """Run a script up to the first step that fails, whose result it then has."""
    steps = SCRIPTS.get(code, {}).get(number)
    if steps is None:
        return ActionResult.OBJECT_UNAVAILABLE
    for step in steps:
        result = step.run(meter, t)
        if result != DataAccessResult.SUCCESS:
            return ActionResult(result)
    return ActionResult.SUCCESS


def _table(code: str, scripts: Mapping[int, Sequence[Step]]) -> Instance:
    listed = [
        literal.structure(
            literal.long_unsigned(number), literal.array(*[step.data for step in steps])
        )
        for number, steps in scripts.items()
    ]

    def run(meter: VirtualMeter, t: float, parameters: Data) -> ActionResult:
        assert isinstance(parameters.value, int)
        return execute(meter, t, code, parameters.value)

    return Instance.of(
        9,
        code,
        {"scripts": constant(literal.array(*listed))},
        {"execute": Method(run, shape.LONG_UNSIGNED)},
    )


OBJECTS: Final = tuple(_table(code, scripts) for code, scripts in SCRIPTS.items())
