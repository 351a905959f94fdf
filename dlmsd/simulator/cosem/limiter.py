"""Limiter and Register monitor (classes 71, 21): thresholds and what they set off.

They keep what is written and tell which threshold holds; they disconnect nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.simulator.cosem import literal, shape
from dlmsd.simulator.cosem.clock import CLOCK
from dlmsd.simulator.cosem.instance import Attribute, Instance, Kept, kept, writable
from dlmsd.simulator.cosem.script import DISCONNECTOR

if TYPE_CHECKING:
    from dlmsd.simulator.meter import VirtualMeter

_WATTS: Final = shape.DOUBLE_LONG_UNSIGNED
_VALUE: Final = shape.structure(shape.LONG_UNSIGNED, shape.NAME, shape.INTEGER)
_ITEM: Final = shape.structure(shape.NAME, shape.LONG_UNSIGNED)
_BOTH: Final = shape.structure(_ITEM, _ITEM)
_PROFILE: Final = shape.structure(shape.LONG_UNSIGNED, shape.DATE_TIME, shape.DOUBLE_LONG_UNSIGNED)


def _monitored() -> Data:
    code = literal.name("1-0:1.7.0")
    return literal.structure(literal.long_unsigned(3), code, literal.integer(2))


def _actions() -> Data:
    return literal.structure(
        *[
            literal.structure(literal.name(DISCONNECTOR), literal.long_unsigned(number))
            for number in (1, 2)
        ]
    )


_NORMAL: Final = Kept(lambda meter: literal.double_long_unsigned(20_000))
_EMERGENCY: Final = Kept(lambda meter: literal.double_long_unsigned(2_000))
_EMERGENCY_PROFILE: Final = Kept(
    lambda meter: literal.structure(
        literal.long_unsigned(0), literal.NEVER, literal.double_long_unsigned(0)
    )
)
_GROUPS: Final = Kept(lambda meter: literal.array(literal.long_unsigned(1)))


def _emergency(meter: VirtualMeter, t: float) -> bool:
    """Whether the meter's group is in its emergency, which lasts so many seconds."""
    group, activation, seconds = shape.parts(_EMERGENCY_PROFILE.of(meter))
    clock = CLOCK.of(meter)
    start = clock.instant(literal.octets(activation))
    if start is None or group not in shape.parts(_GROUPS.of(meter)):
        return False
    lasts: bool = start <= clock.now(t) < start + seconds
    return lasts


def _active(meter: VirtualMeter, t: float) -> Data:
    return (_EMERGENCY if _emergency(meter, t) else _NORMAL).of(meter)


OBJECTS: Final = (
    Instance.of(
        71,
        "0-0:17.0.0",
        {
            "monitored_value": writable(_monitored(), _VALUE),
            "threshold_active": Attribute(_active),
            "threshold_normal": kept(_NORMAL, _WATTS),
            "threshold_emergency": kept(_EMERGENCY, _WATTS),
            "min_over_threshold_duration": writable(literal.double_long_unsigned(60), _WATTS),
            "min_under_threshold_duration": writable(literal.double_long_unsigned(0), _WATTS),
            "emergency_profile": kept(_EMERGENCY_PROFILE, _PROFILE),
            "emergency_profile_group_id_list": kept(_GROUPS, shape.array(shape.LONG_UNSIGNED)),
            "emergency_profile_active": Attribute(
                lambda meter, t: literal.boolean(_emergency(meter, t))
            ),
            "actions": writable(_actions(), _BOTH),
        },
    ),
    Instance.of(
        21,
        "0-0:16.1.0",
        {
            "thresholds": writable(
                literal.array(literal.double_long_unsigned(15_000)),
                shape.array(shape.of(Tag.DOUBLE_LONG_UNSIGNED, Tag.LONG_UNSIGNED)),
            ),
            "monitored_value": writable(_monitored(), _VALUE),
            "actions": writable(literal.array(_actions()), shape.array(_BOTH)),
        },
    ),
)
