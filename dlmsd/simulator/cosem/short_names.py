"""Base names for short name referencing (Blue Book clause 4.1.5 and table of reserved names).

An attribute is at its object's base name and eight more for each index above 1; where the
methods of a class begin is fixed by the class.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from dlmsd.dlms.cosem.classes import CLASSES
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.cosem.short_names import ASSOCIATION_SN_BASE, METHOD_OFFSETS, STEP

_FIRST: Final = 0x0100
# Reserved base names: the script table of broadcasts, SAP assignment, the device's name.
_RESERVED: Final = {
    Obis.parse("0-0:10.0.125").raw: 0xFB00,
    Obis.parse("0-0:41.0.0").raw: 0xFC00,
    Obis.parse("0-0:42.0.0").raw: 0xFD00,
}


def base_names(objects: Iterable[tuple[int, Obis]]) -> Mapping[Obis, int]:
    """A base name for each, always the same for the same objects in the same order.

    They come as class and OBIS code.
    """
    names: dict[Obis, int] = {}
    free = _FIRST
    for class_id, obis in objects:
        reserved = _RESERVED.get(obis.raw)
        if reserved is not None:
            names[obis] = reserved
            continue
        names[obis] = free
        free += _size(class_id)
    assert free <= ASSOCIATION_SN_BASE, "more objects than short names"
    return MappingProxyType(names)


def _size(class_id: int) -> int:
    """Room for all that the class has: a method that an object lacks is nobody else's name."""
    known = CLASSES[class_id]
    attributes = STEP * len(known.attributes)
    if class_id not in METHOD_OFFSETS:
        return attributes
    return max(attributes, METHOD_OFFSETS[class_id] + STEP * len(known.methods))
