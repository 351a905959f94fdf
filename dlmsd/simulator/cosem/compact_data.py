"""Compact data (class 62): some attributes in one octet-string, without their types.

What they are is told once: template_description is the structure's type, as in a
compact-array.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import define

from dlmsd.dlms.axdr.data import Data, encode
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.capture import CaptureObject, decode_capture_objects
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.dlms.xdlms.selective import CLOCK
from dlmsd.errors import DecodeError
from dlmsd.simulator.cosem import literal, shape
from dlmsd.simulator.cosem.instance import Attribute, Instance, Kept, Method
from dlmsd.simulator.cosem.profile import MAX_COLUMNS
from dlmsd.simulator.cosem.rows import can_capture, column, description

if TYPE_CHECKING:
    from dlmsd.simulator.meter import VirtualMeter

_NAME: Final = Obis.parse("0-0:66.0.1")
_INVOKED: Final = 0
_IMPLICIT: Final = 1
_TEMPLATE: Final = CaptureObject(AttributeDescriptor(62, _NAME, 4))


def _register(code: str) -> CaptureObject:
    return CaptureObject(AttributeDescriptor(3, Obis.parse(code), 2))


@define
class _State:
    """``captured`` is what the method captured last, empty for nothing."""

    columns: tuple[CaptureObject, ...] = (
        _TEMPLATE,
        CLOCK,
        _register("1-0:1.8.0"),
        _register("1-0:2.8.0"),
    )
    template: int = 1
    method: int = _IMPLICIT
    captured: bytes = b""


_STATE: Final = Kept(lambda meter: _State())


def _values(meter: VirtualMeter, t: float) -> list[Data]:
    state = _STATE.of(meter)
    return [
        literal.unsigned(state.template) if each == _TEMPLATE else column(meter, each)(t)
        for each in state.columns
    ]


def _packed(meter: VirtualMeter, t: float) -> bytes:
    """The values without their tags."""
    return b"".join([_contents(each) for each in _values(meter, t)])


def _contents(data: Data) -> bytes:
    """Without tags, and of structures without the number of elements, which is the type's."""
    if isinstance(data.value, tuple):
        return b"".join(map(_contents, data.value))
    return encode(data)[1:]


def _buffer(meter: VirtualMeter, t: float) -> Data:
    state = _STATE.of(meter)
    return literal.octets(_packed(meter, t) if state.method == _IMPLICIT else state.captured)


def _describe(meter: VirtualMeter, t: float) -> Data:
    return literal.octets(description(literal.structure(*_values(meter, t))).encode())


def _set_columns(meter: VirtualMeter, t: float, value: Data) -> DataAccessResult:
    """The template's number goes up with them."""
    try:
        columns = decode_capture_objects(value)
    except DecodeError:
        return DataAccessResult.TYPE_UNMATCHED
    if not 0 < len(columns) <= MAX_COLUMNS:
        return DataAccessResult.OTHER_REASON
    if not all(each == _TEMPLATE or can_capture(meter, each, t) for each in columns):
        return DataAccessResult.OTHER_REASON
    state = _STATE.of(meter)
    state.columns, state.captured = columns, b""
    state.template = (state.template + 1) % 256
    return DataAccessResult.SUCCESS


def _set_method(meter: VirtualMeter, t: float, value: Data) -> DataAccessResult:
    if value.value not in (_INVOKED, _IMPLICIT):
        return DataAccessResult.OTHER_REASON
    assert isinstance(value.value, int)
    _STATE.of(meter).method = value.value
    return DataAccessResult.SUCCESS


def _reset(meter: VirtualMeter, t: float, parameters: Data) -> ActionResult:
    _STATE.of(meter).captured = b""
    return ActionResult.SUCCESS


def _capture(meter: VirtualMeter, t: float, parameters: Data) -> ActionResult:
    _STATE.of(meter).captured = _packed(meter, t)
    return ActionResult.SUCCESS


OBJECTS: Final = (
    Instance.of(
        62,
        _NAME,
        {
            "compact_buffer": Attribute(_buffer),
            "capture_objects": Attribute(
                lambda meter, t: literal.array(*[each.data for each in _STATE.of(meter).columns]),
                _set_columns,
                shape.array(shape.anything),
            ),
            "template_id": Attribute(lambda meter, t: literal.unsigned(_STATE.of(meter).template)),
            "template_description": Attribute(_describe),
            "capture_method": Attribute(
                lambda meter, t: literal.enum(_STATE.of(meter).method), _set_method, shape.ENUM
            ),
        },
        {"reset": Method(_reset), "capture": Method(_capture)},
    ),
)
