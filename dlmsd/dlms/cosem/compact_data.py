"""Compact data (class 62): some attributes in one octet-string, without their types (Blue Book).

What they are is told apart, and seldom asked for: capture_objects names them, and
template_description tells their types as a compact-array does (Green Book, TypeDescription):
those of a structure, with the template_id before it or not. The template_id says which
description a buffer was made by; the first of the capture objects is that very attribute.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from attrs import frozen

from dlmsd.dlms.axdr.compact import CompactArray
from dlmsd.dlms.axdr.data import decode
from dlmsd.dlms.axdr.length import encode_length
from dlmsd.dlms.axdr.value import Data, Tag
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.capture import CaptureObject, decode_capture_objects
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.cosem.structure import unsigned
from dlmsd.errors import DecodeError

COMPACT_DATA: Final = 62
_BUFFER: Final = 2
_COLUMNS: Final = 3
_NUMBER: Final = 4
_DESCRIPTION: Final = 5


def compact_buffer(obis: Obis) -> AttributeDescriptor:
    """The attribute that holds the values."""
    return AttributeDescriptor(COMPACT_DATA, obis, _BUFFER)


def template_attributes(obis: Obis) -> tuple[AttributeDescriptor, ...]:
    """Those that tell what it holds, in the order of :meth:`Template.of`."""
    return tuple(
        AttributeDescriptor(COMPACT_DATA, obis, index)
        for index in (_COLUMNS, _NUMBER, _DESCRIPTION)
    )


@frozen
class Template:
    """What the buffer of one object holds: ``columns``, typed by ``description``."""

    obis: Obis
    columns: tuple[CaptureObject, ...]
    number: int
    description: bytes

    @classmethod
    def of(cls, obis: Obis, columns: Data, number: Data, description: Data) -> Template:
        """From capture_objects, template_id and template_description; DecodeError."""
        if not isinstance(description.value, bytes):
            raise DecodeError(f"template_description is {description.tag.title}, no octet-string")
        return cls(
            obis,
            decode_capture_objects(columns),
            unsigned(number, "template_id"),
            description.value,
        )

    def row(self, buffer: Data) -> tuple[tuple[CaptureObject, Data], ...]:
        """The columns and their values; DecodeError if the buffer is not of this template."""
        octets = buffer.value
        if not isinstance(octets, bytes):
            raise DecodeError(f"compact_buffer is {buffer.tag.title}, no octet-string")
        if not octets:
            raise DecodeError("compact_buffer holds nothing yet")
        found = tuple(zip(self.columns, self._values(octets), strict=True))
        own = AttributeDescriptor(COMPACT_DATA, self.obis, _NUMBER)
        for column, value in found:
            if column.attribute == own and value.value != self.number:
                raise DecodeError(f"compact_buffer is of another template than {self.number}")
        return found

    def _values(self, octets: bytes) -> tuple[Data, ...]:
        error = DecodeError("template_description is no type of a structure")
        for description in self._descriptions():
            try:
                return self._decoded(description, octets)
            except DecodeError as wrong:
                error = wrong
        raise error

    def _descriptions(self) -> Iterator[bytes]:
        yield self.description
        if self.description[:1] == bytes((self.number & 0xFF,)):
            yield self.description[1:]

    def _decoded(self, description: bytes, octets: bytes) -> tuple[Data, ...]:
        """As the only element of a compact-array, whose limits hold here too."""
        whole = bytes((Tag.COMPACT_ARRAY,)) + description + encode_length(len(octets)) + octets
        data, end = decode(whole)
        array = data.value
        assert isinstance(array, CompactArray)
        if end != len(whole) or array.description.encode() != description:
            raise DecodeError("template_description is longer or shorter than one type")
        if len(array.elements) != 1:
            raise DecodeError(f"compact_buffer holds {len(array.elements)} rows, not 1")
        (row,) = array.elements
        values = row.value if row.tag is Tag.STRUCTURE else (row,)
        assert isinstance(values, tuple)
        if len(values) != len(self.columns):
            words = f"{len(values)} values of {len(self.columns)} capture objects"
            raise DecodeError(f"compact_buffer holds {words}")
        return values
