"""Blocks of a SET or ACTION that is too long for one APDU (IEC 62056-53 clause 8.5)."""

from __future__ import annotations

from typing import ClassVar, Self

from attrs import frozen

from dlmsd.dlms.axdr.length import encode_length
from dlmsd.dlms.xdlms.cursor import Cursor
from dlmsd.dlms.xdlms.parts import read_head
from dlmsd.errors import LocalError


@frozen
class DataBlock:
    """DataBlock-SA: one block, of a request or a response; numbers start at 1."""

    last: bool
    number: int
    raw: bytes

    def encode(self) -> bytes:
        """Its bytes within an APDU."""
        head = b"%c%b" % (self.last, self.number.to_bytes(4, "big"))
        return head + encode_length(len(self.raw)) + self.raw

    @classmethod
    def read(cls, cursor: Cursor) -> Self:
        """The block at the cursor."""
        last = cursor.flag("last-block")
        number = cursor.unsigned(4, "the block number")
        return cls(last, number, cursor.octet_string("raw-data"))

    @classmethod
    def cut(cls, octets: bytes, size: int) -> tuple[Self, ...]:
        """``octets`` in blocks of ``size``, one at least; LocalError without a size."""
        if size < 1:
            raise LocalError(f"no block has {size} octets")
        starts = range(0, max(len(octets), 1), size)
        blocks = [
            cls(number == len(starts), number, octets[start : start + size])
            for number, start in enumerate(starts, start=1)
        ]
        return tuple(blocks)


@frozen
class BlockApdu:
    """What every APDU is that carries a block and nothing else."""

    NAME: ClassVar[str]
    TAG: ClassVar[int]
    TYPE: ClassVar[int]

    invoke: int
    block: DataBlock

    def encode(self) -> bytes:
        """The APDU."""
        return bytes((self.TAG, self.TYPE, self.invoke)) + self.block.encode()

    @classmethod
    def decode(cls, apdu: bytes) -> Self:
        """From a whole APDU; DecodeError if it is none."""
        cursor, invoke = read_head(cls.NAME, apdu, bytes((cls.TAG, cls.TYPE)))
        block = DataBlock.read(cursor)
        cursor.finish()
        return cls(invoke, block)


@frozen
class BlockNumberApdu:
    """What every APDU is that asks for the block after ``block_number``."""

    NAME: ClassVar[str]
    TAG: ClassVar[int]
    TYPE: ClassVar[int]

    invoke: int
    block_number: int

    def encode(self) -> bytes:
        """The APDU."""
        return bytes((self.TAG, self.TYPE, self.invoke)) + self.block_number.to_bytes(4, "big")

    @classmethod
    def decode(cls, apdu: bytes) -> Self:
        """From a whole APDU; DecodeError if it is none."""
        cursor, invoke = read_head(cls.NAME, apdu, bytes((cls.TAG, cls.TYPE)))
        block_number = cursor.unsigned(4, "the block number")
        cursor.finish()
        return cls(invoke, block_number)
