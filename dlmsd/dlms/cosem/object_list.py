"""The objects that a meter shows to an association, and what may be done with them.

Attribute 2 of Association LN (Blue Book, class 15): an array of structures of class_id,
version, logical_name and access_rights. Meters leave the rights out, or tell a wrong
number of objects; both are accepted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import Flag
from types import MappingProxyType
from typing import Final

from attrs import frozen

from dlmsd.dlms.axdr.value import Data, Tag
from dlmsd.dlms.cosem.elements import Elements
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.cosem.structure import (
    array,
    class_id,
    elements,
    integer,
    logical_name,
    signed_octet,
    unsigned,
)
from dlmsd.errors import DecodeError

ASSOCIATION_LN: Final = 15
CURRENT_ASSOCIATION: Final = Obis.parse("0-0:40.0.0")
NUMBERED_ASSOCIATIONS: Final = tuple(Obis.parse(f"0-0:40.0.{number}") for number in range(1, 9))
"""Those of single clients. Some meters have the current one under its number alone; eight are
more than any has.
"""
# From this version of Association LN on, an access mode is a set of bits.
_BITS_VERSION: Final = 3


class AttributeRight(Flag):
    """What may be done with an attribute, and how it has to be protected."""

    NONE = 0
    READ = 0x01
    WRITE = 0x02
    AUTHENTICATED_REQUEST = 0x04
    ENCRYPTED_REQUEST = 0x08
    SIGNED_REQUEST = 0x10
    AUTHENTICATED_RESPONSE = 0x20
    ENCRYPTED_RESPONSE = 0x40
    SIGNED_RESPONSE = 0x80


class MethodRight(Flag):
    """Whether a method may be invoked, and how that has to be protected."""

    NONE = 0
    INVOKE = 0x01
    RESERVED = 0x02
    AUTHENTICATED_REQUEST = 0x04
    ENCRYPTED_REQUEST = 0x08
    SIGNED_REQUEST = 0x10
    AUTHENTICATED_RESPONSE = 0x20
    ENCRYPTED_RESPONSE = 0x40
    SIGNED_RESPONSE = 0x80


_READ_WRITE: Final = AttributeRight.READ | AttributeRight.WRITE
_AUTHENTICATED: Final = AttributeRight.AUTHENTICATED_REQUEST
# Versions 0 to 2: access_mode is an enum.
_ATTRIBUTE_MODES: Final = (
    AttributeRight.NONE,
    AttributeRight.READ,
    AttributeRight.WRITE,
    _READ_WRITE,
    AttributeRight.READ | _AUTHENTICATED,
    AttributeRight.WRITE | _AUTHENTICATED,
    _READ_WRITE | _AUTHENTICATED,
)
_NO_ACCESS: Final = "no_access"
_ATTRIBUTE_WORDS: Final = {
    AttributeRight.NONE: _NO_ACCESS,
    AttributeRight.READ: "read_only",
    AttributeRight.WRITE: "write_only",
    _READ_WRITE: "read_and_write",
}
_METHOD_MODES: Final = (
    MethodRight.NONE,
    MethodRight.INVOKE,
    MethodRight.INVOKE | MethodRight.AUTHENTICATED_REQUEST,
)


@frozen
class AttributeAccess:
    """The right to an attribute, and the selectors by which a part of it can be had."""

    right: AttributeRight
    selectors: tuple[int, ...] = ()


@frozen
class CosemObject:
    """One object; rights by index, None where the meter tells none.

    ``base_name`` is what Association SN tells in their place.
    """

    class_id: int
    version: int
    obis: Obis
    attributes: Mapping[int, AttributeAccess] | None
    methods: Mapping[int, MethodRight] | None
    base_name: int | None = None

    def readable(self, attribute: int) -> bool:
        """Whether the attribute may be read, as far as the meter tells."""
        return self._right(attribute, AttributeRight.READ)

    def writable(self, attribute: int) -> bool:
        """Whether the attribute may be written, as far as the meter tells."""
        return self._right(attribute, AttributeRight.WRITE)

    def _right(self, attribute: int, wanted: AttributeRight) -> bool:
        if self.attributes is None:
            return True
        access = self.attributes.get(attribute)
        return access is not None and wanted in access.right

    def invocable(self, method: int) -> bool:
        """Whether the method may be invoked, as far as the meter tells."""
        if self.methods is None:
            return True
        return MethodRight.INVOKE in self.methods.get(method, MethodRight.NONE)

    def attribute_mode(self, attribute: int) -> str:
        """The access mode that the meter tells, in the Blue Book's words."""
        access = (self.attributes or {}).get(attribute)
        right = AttributeRight.NONE if access is None else access.right
        words = _ATTRIBUTE_WORDS[right & _READ_WRITE]
        proved = words != _NO_ACCESS and AttributeRight.AUTHENTICATED_REQUEST in right
        return f"authenticated_{words}" if proved else words

    def method_mode(self, method: int) -> str:
        """The same of a method."""
        right = (self.methods or {}).get(method, MethodRight.NONE)
        if MethodRight.INVOKE not in right:
            return _NO_ACCESS
        proved = MethodRight.AUTHENTICATED_REQUEST in right
        return "authenticated_access" if proved else "access"


def decode_object_list(octets: bytes, version: int | None = None) -> tuple[CosemObject, ...]:
    """The objects in the encoded attribute, whatever number of them it tells.

    ``version`` is that of the Association LN, on which the meaning of the rights depends;
    else the list tells it. DecodeError for what is no object list.
    """
    reader = Elements(counted=False)
    entries = reader.feed(octets)
    reader.finish()
    return object_list(entries, version)


def object_list(entries: Iterable[Data], version: int | None = None) -> tuple[CosemObject, ...]:
    """The objects of decoded entries; else as :func:`decode_object_list`."""
    heads = [_Head.of(entry) for entry in entries]
    if version is None:
        version = _association_version(heads)
    return tuple([head.cosem_object(version) for head in heads])


@frozen
class _Head:
    """An entry whose rights are not understood yet."""

    class_id: int
    version: int
    obis: Obis
    rights: Data | None

    @classmethod
    def of(cls, entry: Data) -> _Head:
        parts = elements(entry, "an object", 3, 4)
        rights = parts[3] if len(parts) > 3 and parts[3].tag is not Tag.NULL_DATA else None
        return cls(
            class_id(parts[0]),
            unsigned(parts[1], "version"),
            logical_name(parts[2]),
            rights,
        )

    def cosem_object(self, version: int) -> CosemObject:
        attributes, methods = None, None
        if self.rights is not None:
            parts = elements(self.rights, f"access_rights of {self.obis}", 0, 2)
            if parts:
                attributes = attribute_rights(parts[0], bits=version >= _BITS_VERSION)
            if len(parts) > 1:
                methods = method_rights(parts[1], bits=version >= _BITS_VERSION)
        return CosemObject(self.class_id, self.version, self.obis, attributes, methods)


def _association_version(heads: Iterable[_Head]) -> int:
    """The version of the current association, or of any if the meter does not list it."""
    found = [head for head in heads if head.class_id == ASSOCIATION_LN]
    found.sort(key=lambda head: head.obis != CURRENT_ASSOCIATION)
    return found[0].version if found else 0


def attribute_rights(rights: Data, *, bits: bool) -> Mapping[int, AttributeAccess]:
    """An attribute_access_descriptor, by index; ``bits`` is what its access modes are."""
    return MappingProxyType(dict(_attributes(rights, bits)))


def method_rights(rights: Data, *, bits: bool) -> Mapping[int, MethodRight]:
    """A method_access_descriptor, likewise."""
    return MappingProxyType(dict(_methods(rights, bits)))


def _attributes(rights: Data, bits: bool) -> Iterator[tuple[int, AttributeAccess]]:
    for item in array(rights, "attribute_access"):
        parts = elements(item, "an attribute's access", 2, 3)
        index = signed_octet(parts[0], "attribute_id")
        mode = _mode(parts[1])
        if not bits and mode < len(_ATTRIBUTE_MODES):
            right = _ATTRIBUTE_MODES[mode]
        else:
            # What the enum does not name can only be bits, whatever the version says.
            right = AttributeRight(mode)
        selectors = array(parts[2], "access_selectors") if len(parts) > 2 else ()
        numbers = [integer(selector, "an access selector") for selector in selectors]
        yield index, AttributeAccess(right, tuple(numbers))


def _methods(rights: Data, bits: bool) -> Iterator[tuple[int, MethodRight]]:
    for item in array(rights, "method_access"):
        index, mode = elements(item, "a method's access", 2)
        number = _mode(mode)
        if not bits and number < len(_METHOD_MODES):
            right = _METHOD_MODES[number]
        else:
            right = MethodRight(number)
        yield signed_octet(index, "method_id"), right


def _mode(data: Data) -> int:
    """An access_mode; version 0 has a boolean for methods."""
    if isinstance(data.value, bool):
        return int(data.value)
    mode = unsigned(data, "access_mode")
    if mode > 0xFF:
        raise DecodeError(f"access_mode is {mode}, more than an octet")
    return mode
