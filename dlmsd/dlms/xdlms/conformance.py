"""The conformance block: which services client and meter agree to use."""

from __future__ import annotations

from enum import Flag
from typing import Any, Final, Self

from dlmsd.dlms.xdlms.cursor import Cursor

# [APPLICATION 31] IMPLICIT BIT STRING, 4 octets, no unused bits.
TAG: Final = b"\x5f\x1f"
HEADER: Final = TAG + b"\x04\x00"
# The Green Book accepts the tag in one byte too, for older implementations over HDLC.
SHORT_TAG: Final = b"\x5f"


class Conformance(Flag):
    """The 24 bits of IEC 62056-53 clause 8.5; bit 0 is the highest."""

    RESERVED_ZERO = 1 << 23
    GENERAL_PROTECTION = 1 << 22
    GENERAL_BLOCK_TRANSFER = 1 << 21
    READ = 1 << 20
    WRITE = 1 << 19
    UNCONFIRMED_WRITE = 1 << 18
    DELTA_VALUE_ENCODING = 1 << 17
    RESERVED_SEVEN = 1 << 16
    ATTRIBUTE0_SUPPORTED_WITH_SET = 1 << 15
    PRIORITY_MGMT_SUPPORTED = 1 << 14
    ATTRIBUTE0_SUPPORTED_WITH_GET = 1 << 13
    BLOCK_TRANSFER_WITH_GET_OR_READ = 1 << 12
    BLOCK_TRANSFER_WITH_SET_OR_WRITE = 1 << 11
    BLOCK_TRANSFER_WITH_ACTION = 1 << 10
    MULTIPLE_REFERENCES = 1 << 9
    INFORMATION_REPORT = 1 << 8
    DATA_NOTIFICATION = 1 << 7
    ACCESS = 1 << 6
    PARAMETERIZED_ACCESS = 1 << 5
    GET = 1 << 4
    SET = 1 << 3
    SELECTIVE_ACCESS = 1 << 2
    EVENT_NOTIFICATION = 1 << 1
    ACTION = 1 << 0

    # Enum keeps each combination of bits that it meets, and a meter can send 2**24: none is
    # kept, so equal ones are not the same object.
    @classmethod
    def _missing_(cls, value: object) -> Any:
        made = super()._missing_(value)
        cls._value2member_map_.pop(value, None)
        return made

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Conformance) and self._value_ == other._value_

    def __hash__(self) -> int:
        return hash(self._value_)

    def encode(self) -> bytes:
        """Seven bytes: tag, length, unused bits, block."""
        return HEADER + self.value.to_bytes(3, "big")

    @classmethod
    def decode(cls, cursor: Cursor) -> Self:
        """The block at the cursor, its tag in two bytes or in one."""
        start = cursor.offset
        tag = cursor.octets(1, "the conformance block")
        if cursor.buffer[start : start + 2] == TAG:
            cursor.offset = start + 2
        elif tag != SHORT_TAG:
            raise cursor.error(f"the conformance block begins with {tag.hex()}, not 5f,", start)
        cursor.expect(HEADER[2:], "the length of the conformance block")
        return cls(cursor.unsigned(3, "the conformance block"))
