"""All objects of a virtual meter, by logical name; those of associations come on top."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from dlmsd.simulator.cosem import (
    calendar,
    clock,
    compact_data,
    disconnect,
    image,
    limiter,
    mbus,
    profile,
    registers,
    schedule,
    script,
    setups,
)
from dlmsd.simulator.cosem.instance import Instance

_ALL: Final = (
    *clock.OBJECTS,
    *disconnect.OBJECTS,
    *image.OBJECTS,
    *registers.OBJECTS,
    *profile.OBJECTS,
    *script.OBJECTS,
    *schedule.OBJECTS,
    *calendar.OBJECTS,
    *limiter.OBJECTS,
    *setups.OBJECTS,
    *mbus.OBJECTS,
    *compact_data.OBJECTS,
)

INSTANCES: Final[Mapping[bytes, Instance]] = MappingProxyType({one.obis.raw: one for one in _ALL})
"""The key is the logical name's six octets."""
assert len(INSTANCES) == len(_ALL), "two objects of one name"
