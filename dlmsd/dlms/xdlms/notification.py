"""What meters send unasked: DataNotification, EventNotificationRequest; and the answer to it."""

from __future__ import annotations

from typing import ClassVar, Self

from attrs import frozen

from dlmsd.dlms.axdr.clock import DateTime
from dlmsd.dlms.axdr.data import Budget, Data
from dlmsd.dlms.axdr.data import encode as encode_data
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.xdlms.cursor import Cursor
from dlmsd.dlms.xdlms.long_invoke import is_confirmed
from dlmsd.dlms.xdlms.parts import (
    encode_date_time,
    encode_long_head,
    read_data,
    read_date_time,
    read_long_head,
)


@frozen
class DataNotification:
    """A push: ``invoke`` is a long-invoke-id-and-priority.

    ``moment`` is when it was sent, where the meter says so. What ``body`` holds follows
    from the meter's push object list.
    """

    TAG: ClassVar = 0x0F

    invoke: int
    moment: DateTime | None
    body: Data

    @property
    def confirmation(self) -> DataNotificationConfirm | None:
        """The answer that it wants, if it wants one."""
        return confirmation_of(self.invoke)

    def encode(self) -> bytes:
        """The APDU."""
        return encode_long_head(b"\x0f", self.invoke, self.moment) + encode_data(self.body)

    @classmethod
    def decode(cls, apdu: bytes) -> Self:
        """From a whole APDU; DecodeError if it is none."""
        cursor, invoke, moment = read_long_head("data-notification", apdu, b"\x0f")
        body = read_data(cursor, Budget(), "the body")
        cursor.finish()
        return cls(invoke, moment, body)


@frozen
class DataNotificationConfirm:
    """Our answer to a DataNotification whose service class is confirmed (IEC 62056-5-3 clause
    9.3.10): ``invoke`` is that of the notification.
    """

    TAG: ClassVar = 0x10

    invoke: int
    moment: DateTime | None = None

    def encode(self) -> bytes:
        """The APDU."""
        return encode_long_head(b"\x10", self.invoke, self.moment)

    @classmethod
    def decode(cls, apdu: bytes) -> Self:
        """From a whole APDU; DecodeError if it is none."""
        cursor, invoke, moment = read_long_head("data-notification-confirm", apdu, b"\x10")
        cursor.finish()
        return cls(invoke, moment)


def confirmation_of(invoke: int) -> DataNotificationConfirm | None:
    """The answer that a notification under ``invoke`` wants, None if it wants none."""
    return DataNotificationConfirm(invoke) if is_confirmed(invoke) else None


@frozen
class EventNotificationRequest:
    """One attribute whose value is news; ``moment`` where the meter says when it changed."""

    TAG: ClassVar = 0xC2

    moment: DateTime | None
    attribute: AttributeDescriptor
    value: Data

    def encode(self) -> bytes:
        """The APDU."""
        time = b"\x00" if self.moment is None else b"\x01" + encode_date_time(self.moment)
        return b"\xc2" + time + self.attribute.encoded + encode_data(self.value)

    @classmethod
    def decode(cls, apdu: bytes) -> Self:
        """From a whole APDU; DecodeError if it is none."""
        cursor = Cursor("event-notification-request", apdu)
        cursor.expect(b"\xc2", "the tag")
        moment = None
        if cursor.flag("the presence of time"):
            moment = read_date_time(cursor)
        octets = cursor.octets(9, "the attribute descriptor")
        value = read_data(cursor, Budget(), "the value")
        cursor.finish()
        return cls(moment, AttributeDescriptor.decode(octets)[0], value)
