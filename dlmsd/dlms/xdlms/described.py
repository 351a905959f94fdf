"""A data-notification whose values stand beside their attribute descriptors.

The Czech HAN ports send it (EG.D's and CEZ's specification, Sagemcom XT211): a structure of
an enum and an array, and in the array pairs of a Cosem-Attribute-Descriptor and a Data. The
descriptor has no tag, so this is no Data and needs a decoder of its own.
"""

from __future__ import annotations

from typing import ClassVar, Final, Self, TypeAlias

from attrs import frozen

from dlmsd.dlms.axdr.clock import DateTime
from dlmsd.dlms.axdr.data import Budget, Data
from dlmsd.dlms.axdr.data import encode as encode_data
from dlmsd.dlms.axdr.length import encode_length
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.xdlms.notification import (
    DataNotification,
    DataNotificationConfirm,
    confirmation_of,
)
from dlmsd.dlms.xdlms.parts import encode_long_head, read_data, read_long_head
from dlmsd.errors import DecodeError

_PAIR: Final = b"\x02\x02"
_ENUM: Final = b"\x16"
_ARRAY: Final = b"\x01"
_DESCRIPTOR: Final = 9

Described: TypeAlias = tuple[AttributeDescriptor, Data]


@frozen
class DescribedNotification:
    """``kind`` is the enum in front, 1 in everything published."""

    TAG: ClassVar = 0x0F

    invoke: int
    moment: DateTime | None
    values: tuple[Described, ...]
    kind: int = 1

    @property
    def confirmation(self) -> DataNotificationConfirm | None:
        """The answer that it wants, if it wants one."""
        return confirmation_of(self.invoke)

    def encode(self) -> bytes:
        """The APDU."""
        head = encode_long_head(b"\x0f", self.invoke, self.moment)
        pairs = [_PAIR + attribute.encoded + encode_data(value) for attribute, value in self.values]
        count = encode_length(len(pairs))
        return head + _PAIR + _ENUM + bytes((self.kind,)) + _ARRAY + count + b"".join(pairs)

    @classmethod
    def decode(cls, apdu: bytes) -> Self:
        """From a whole APDU; DecodeError if it is none."""
        cursor, invoke, moment = read_long_head("data-notification", apdu, b"\x0f")
        cursor.expect(_PAIR + _ENUM, "the body")
        kind = cursor.unsigned(1, "the kind")
        cursor.expect(_ARRAY, "the array")
        budget = Budget()
        values = []
        for _ in range(cursor.length("the array")):
            cursor.expect(_PAIR, "an element")
            descriptor = cursor.octets(_DESCRIPTOR, "an attribute descriptor")
            value = read_data(cursor, budget, "a value")
            values.append((AttributeDescriptor.decode(descriptor)[0], value))
        cursor.finish()
        return cls(invoke, moment, tuple(values), kind)


def decode_data_notification(apdu: bytes) -> DataNotification | DescribedNotification:
    """A data-notification of either kind; DecodeError if it is none of them."""
    try:
        return DataNotification.decode(apdu)
    except DecodeError as error:
        try:
            return DescribedNotification.decode(apdu)
        except DecodeError:
            raise error from None
