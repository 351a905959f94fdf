"""Capture objects: what the columns of a profile hold (Blue Book, Profile generic)."""

from __future__ import annotations

from attrs import frozen

from dlmsd.dlms.axdr.value import Data, Tag
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.structure import (
    array,
    class_id,
    elements,
    logical_name,
    signed_octet,
    unsigned,
)

# Push object lists add a restriction and columns; profiles have neither.
_PARTS = 4
_MOST_PARTS = 6


@frozen
class CaptureObject:
    """One column: an attribute, or with ``data_index`` one element of it, from 1."""

    attribute: AttributeDescriptor
    data_index: int = 0

    @property
    def data(self) -> Data:
        """capture_object_definition."""
        parts = (
            Data(Tag.LONG_UNSIGNED, self.attribute.class_id),
            Data(Tag.OCTET_STRING, self.attribute.obis.raw),
            Data(Tag.INTEGER, self.attribute.attribute),
            Data(Tag.LONG_UNSIGNED, self.data_index),
        )
        return Data(Tag.STRUCTURE, parts)

    @classmethod
    def of(cls, data: Data) -> CaptureObject:
        """From a capture_object_definition; DecodeError if it is none.

        Also from a push_object_definition, of which only these four parts are kept.
        """
        parts = elements(data, "a capture object", _PARTS, _MOST_PARTS)
        attribute = AttributeDescriptor(
            class_id(parts[0]),
            logical_name(parts[1]),
            signed_octet(parts[2], "attribute_index"),
        )
        return cls(attribute, unsigned(parts[3], "data_index"))

    def __str__(self) -> str:
        return f"{self.attribute}" + (f"[{self.data_index}]" if self.data_index else "")


def decode_capture_objects(data: Data) -> tuple[CaptureObject, ...]:
    """Attribute 3 of a profile, in the order of its columns; DecodeError if it is none."""
    return tuple([CaptureObject.of(each) for each in array(data, "capture_objects")])
