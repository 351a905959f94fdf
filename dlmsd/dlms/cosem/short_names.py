"""Short names: how attributes and methods are found without logical names (Blue Book 4.1.5).

An object has a base name; its attributes lie there, eight apart, and where its methods
begin is fixed by its class. Attribute 2 of Association SN lists the base names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from dlmsd.dlms.axdr.value import Data
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.elements import Elements
from dlmsd.dlms.cosem.method import MethodDescriptor
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.cosem.object_list import CosemObject, attribute_rights, method_rights
from dlmsd.dlms.cosem.structure import (
    array,
    class_id,
    elements,
    integer,
    logical_name,
    unsigned,
)

STEP: Final = 8
ASSOCIATION_SN: Final = 12
# The base name of the current association, in every meter (Blue Book 4.1.5).
ASSOCIATION_SN_BASE: Final = 0xFA00
CURRENT_ASSOCIATION_SN: Final = Obis.parse("0-0:40.0.0")
OBJECT_LIST_SN: Final = AttributeDescriptor(ASSOCIATION_SN, CURRENT_ASSOCIATION_SN, 2)
ACCESS_RIGHTS_SN: Final = AttributeDescriptor(ASSOCIATION_SN, CURRENT_ASSOCIATION_SN, 3)

METHOD_OFFSETS: Final[Mapping[int, int]] = MappingProxyType(
    {
        3: 0x28,
        4: 0x38,
        5: 0x48,
        6: 0x30,
        7: 0x58,
        8: 0x60,
        9: 0x20,
        10: 0x20,
        11: 0x10,
        12: 0x20,
        17: 0x20,
        18: 0x40,
        20: 0x50,
        40: 0x38,
        62: 0x30,
        64: 0x30,
        70: 0x20,
        72: 0x60,
    }
)
"""By class: the offset of method 1; the others follow in steps of eight."""

_NAMES: Final = 0x1_0000
# Versions of Association SN: all from here on have access_rights_list, and from the later one
# on an access mode is a set of bits.
_RIGHTS_VERSION: Final = 2
_BITS_VERSION: Final = 4
# reply_to_HLS_authentication, method 8 of the current association: 0xFA58.
REPLY_TO_HLS_SN: Final = ASSOCIATION_SN_BASE + METHOD_OFFSETS[ASSOCIATION_SN] + STEP * (8 - 1)


class ShortNames:
    """The names of one meter's objects; of a new one, those of its association alone.

    Sessions with one meter may share them: to learn them takes longer than most errands.
    """

    def __init__(self, bases: Mapping[tuple[int, Obis], int] = MappingProxyType({})) -> None:
        association = {(ASSOCIATION_SN, CURRENT_ASSOCIATION_SN): ASSOCIATION_SN_BASE}
        self._bases = association | dict(bases)
        self._version = 0

    def __len__(self) -> int:
        return len(self._bases)

    @classmethod
    def of(cls, object_list: Data) -> ShortNames:
        """From attribute 2 of Association SN; DecodeError if it is none."""
        names = cls()
        names.learn(object_list)
        return names

    def learn(self, object_list: Data) -> None:
        """Those too; DecodeError, and none of them, if it is no such list."""
        found = list(_entries(object_list))
        versions = [
            unsigned(version, "version")
            for base, kind, version, _ in found
            if (base, kind) == (ASSOCIATION_SN_BASE, ASSOCIATION_SN)
        ]
        self._bases |= {(kind, obis): base for base, kind, _, obis in found}
        self._version = versions[0] if versions else self._version

    @property
    def rights_told(self) -> bool:
        """Whether the association has an access_rights_list, by the version that is listed."""
        return self._version >= _RIGHTS_VERSION

    def rights(self, octets: bytes) -> tuple[CosemObject, ...]:
        """The objects in the encoded access_rights_list (Blue Book, Association SN): of each the
        base_name and the rights to attributes and methods, whatever number of them it tells.

        DecodeError for what is none; of a base name that is not listed nobody asks.
        """
        reader = Elements(counted=False)
        access_rights = reader.feed(octets)
        reader.finish()
        named = {base: each for each, base in self._bases.items()}
        bits = self._version >= _BITS_VERSION
        found = []
        for element in access_rights:
            name, attributes, methods = elements(element, "access rights", 3)
            base = integer(name, "base_name") % _NAMES
            told = attribute_rights(attributes, bits=bits), method_rights(methods, bits=bits)
            if base in named:
                class_id, obis = named[base]
                found.append(CosemObject(class_id, 0, obis, *told, base))
        return tuple(found)

    def attribute(self, wanted: AttributeDescriptor) -> int | None:
        """Its name, None where the meter lists no such object."""
        base = self._bases.get((wanted.class_id, wanted.obis))
        return None if base is None else (base + STEP * (wanted.attribute - 1)) % _NAMES

    def method(self, wanted: MethodDescriptor) -> int | None:
        """Its name, None where the meter lists no such object or its class is not known."""
        base = self._bases.get((wanted.class_id, wanted.obis))
        first = METHOD_OFFSETS.get(wanted.class_id)
        if base is None or first is None:
            return None
        return (base + first + STEP * (wanted.method - 1)) % _NAMES


def named_objects(object_list: Data) -> tuple[CosemObject, ...]:
    """The objects in attribute 2 of Association SN; DecodeError if it is none."""
    return tuple(
        CosemObject(kind, unsigned(version, "version"), obis, None, None, base)
        for base, kind, version, obis in _entries(object_list)
    )


def _entries(object_list: Data) -> Iterable[tuple[int, int, Data, Obis]]:
    """Base name, class, version and OBIS code; nobody needs the version to read."""
    for entry in array(object_list, "object_list"):
        base, kind, version, name = elements(entry, "an object", 4)
        # It is a signed long, so that names from 0x8000 on are told below zero.
        yield integer(base, "base_name") % _NAMES, class_id(kind), version, logical_name(name)
