"""SET: the service that writes attributes (IEC 62056-53 clause 8.5).

A value that is too long for one APDU goes in blocks: the first names the attribute, each
is confirmed by its number, and the last by the result. Joined, the blocks are the encoded
value, or with a list what :func:`dlmsd.dlms.xdlms.parts.encode_values` gives.
"""

from __future__ import annotations

from typing import ClassVar, Self

from attrs import field, frozen

from dlmsd.dlms.axdr.data import Budget, Data
from dlmsd.dlms.axdr.data import encode as encode_data
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.datablock import BlockApdu, BlockNumberApdu, DataBlock
from dlmsd.dlms.xdlms.get import Access, decode_item, encode_access
from dlmsd.dlms.xdlms.parts import (
    Accesses,
    check_counts,
    check_one_each,
    encode_attributes,
    encode_codes,
    encode_values,
    read_access_results,
    read_attributes,
    read_data,
    read_head,
    read_values,
)


@frozen
class SetRequestNormal:
    """One attribute, or with ``access`` a part of it."""

    TAG: ClassVar = 0xC1
    TYPE: ClassVar = 1

    invoke: int
    attribute: AttributeDescriptor
    value: Data
    access: Access | None = None

    def encode(self) -> bytes:
        """The APDU."""
        head = b"\xc1\x01%c%b" % (self.invoke, self.attribute.encoded)
        return head + encode_access(self.access) + encode_data(self.value)

    @classmethod
    def decode(cls, apdu: bytes) -> Self:
        """From a whole APDU; DecodeError if it is none."""
        cursor, invoke = read_head("set-request-normal", apdu, b"\xc1\x01")
        budget = Budget()
        attribute, access = decode_item(cursor, budget)
        value = read_data(cursor, budget, "the value")
        cursor.finish()
        return cls(invoke, attribute, value, access)


@frozen
class SetRequestWithFirstBlock:
    """The attribute, and the first block of its value."""

    TAG: ClassVar = 0xC1
    TYPE: ClassVar = 2

    invoke: int
    attribute: AttributeDescriptor
    block: DataBlock
    access: Access | None = None

    def encode(self) -> bytes:
        """The APDU."""
        head = b"\xc1\x02%c%b" % (self.invoke, self.attribute.encoded)
        return head + encode_access(self.access) + self.block.encode()

    @classmethod
    def decode(cls, apdu: bytes) -> Self:
        """From a whole APDU; DecodeError if it is none."""
        cursor, invoke = read_head("set-request-with-first-datablock", apdu, b"\xc1\x02")
        attribute, access = decode_item(cursor, Budget())
        block = DataBlock.read(cursor)
        cursor.finish()
        return cls(invoke, attribute, block, access)


@frozen
class SetRequestWithBlock(BlockApdu):
    """A block of a value after the first."""

    NAME: ClassVar = "set-request-with-datablock"
    TAG: ClassVar = 0xC1
    TYPE: ClassVar = 3


@frozen
class SetRequestWithList:
    """Several attributes at once, with a value for each.

    ``accesses`` is empty when no attribute has selective access, otherwise it has one
    item for each attribute; LocalError if the lists are not equally long.
    """

    TAG: ClassVar = 0xC1
    TYPE: ClassVar = 4

    invoke: int
    attributes: tuple[AttributeDescriptor, ...]
    values: tuple[Data, ...]
    accesses: Accesses = field(default=())

    def __attrs_post_init__(self) -> None:
        check_one_each(self.values, "values", self.attributes)
        check_one_each(self.accesses or self.attributes, "accesses", self.attributes)

    def encode(self) -> bytes:
        """The APDU."""
        items = encode_attributes(self.attributes, self.accesses)
        return b"\xc1\x04%c%b%b" % (self.invoke, items, encode_values(self.values))

    @classmethod
    def decode(cls, apdu: bytes) -> Self:
        """From a whole APDU; DecodeError if it is none."""
        cursor, invoke = read_head("set-request-with-list", apdu, b"\xc1\x04")
        budget = Budget()
        attributes, accesses = read_attributes(cursor, budget)
        values = read_values(cursor, budget)
        cursor.finish()
        check_counts(cursor, values, "values", len(attributes))
        return cls(invoke, attributes, values, accesses)


@frozen
class SetRequestWithListAndFirstBlock:
    """Several attributes, and the first block of their values."""

    TAG: ClassVar = 0xC1
    TYPE: ClassVar = 5

    invoke: int
    attributes: tuple[AttributeDescriptor, ...]
    block: DataBlock
    accesses: Accesses = field(default=())

    def __attrs_post_init__(self) -> None:
        check_one_each(self.accesses or self.attributes, "accesses", self.attributes)

    def encode(self) -> bytes:
        """The APDU."""
        items = encode_attributes(self.attributes, self.accesses)
        return b"\xc1\x05%c%b%b" % (self.invoke, items, self.block.encode())

    @classmethod
    def decode(cls, apdu: bytes) -> Self:
        """From a whole APDU; DecodeError if it is none."""
        name = "set-request-with-list-and-first-datablock"
        cursor, invoke = read_head(name, apdu, b"\xc1\x05")
        attributes, accesses = read_attributes(cursor, Budget())
        block = DataBlock.read(cursor)
        cursor.finish()
        return cls(invoke, attributes, block, accesses)


@frozen
class SetResponseNormal:
    """Whether the attribute was written."""

    TAG: ClassVar = 0xC5
    TYPE: ClassVar = 1

    invoke: int
    result: DataAccessResult

    def encode(self) -> bytes:
        """The APDU."""
        return b"\xc5\x01%c%c" % (self.invoke, int(self.result))

    @classmethod
    def decode(cls, apdu: bytes) -> Self:
        """From a whole APDU; DecodeError if it is none."""
        cursor, invoke = read_head("set-response-normal", apdu, b"\xc5\x01")
        result = DataAccessResult(cursor.unsigned(1, "data-access-result"))
        cursor.finish()
        return cls(invoke, result)


@frozen
class SetResponseBlock(BlockNumberApdu):
    """The block of this number has come; the next may be sent."""

    NAME: ClassVar = "set-response-datablock"
    TAG: ClassVar = 0xC5
    TYPE: ClassVar = 2


@frozen
class SetResponseLastBlock:
    """The last block has come, and whether the attribute was written."""

    TAG: ClassVar = 0xC5
    TYPE: ClassVar = 3

    invoke: int
    result: DataAccessResult
    block_number: int

    def encode(self) -> bytes:
        """The APDU."""
        number = self.block_number.to_bytes(4, "big")
        return b"\xc5\x03%c%c%b" % (self.invoke, int(self.result), number)

    @classmethod
    def decode(cls, apdu: bytes) -> Self:
        """From a whole APDU; DecodeError if it is none."""
        cursor, invoke = read_head("set-response-last-datablock", apdu, b"\xc5\x03")
        result = DataAccessResult(cursor.unsigned(1, "data-access-result"))
        block_number = cursor.unsigned(4, "the block number")
        cursor.finish()
        return cls(invoke, result, block_number)


@frozen
class SetResponseLastBlockWithList:
    """The last block of a list has come, and what became of each attribute."""

    TAG: ClassVar = 0xC5
    TYPE: ClassVar = 4

    invoke: int
    results: tuple[DataAccessResult, ...]
    block_number: int

    def encode(self) -> bytes:
        """The APDU."""
        number = self.block_number.to_bytes(4, "big")
        return b"\xc5\x04%c%b%b" % (self.invoke, encode_codes(self.results), number)

    @classmethod
    def decode(cls, apdu: bytes) -> Self:
        """From a whole APDU; DecodeError if it is none."""
        cursor, invoke = read_head("set-response-last-datablock-with-list", apdu, b"\xc5\x04")
        results = read_access_results(cursor)
        block_number = cursor.unsigned(4, "the block number")
        cursor.finish()
        return cls(invoke, results, block_number)


@frozen
class SetResponseWithList:
    """What became of each attribute, in the order of the request."""

    TAG: ClassVar = 0xC5
    TYPE: ClassVar = 5

    invoke: int
    results: tuple[DataAccessResult, ...]

    def encode(self) -> bytes:
        """The APDU."""
        return b"\xc5\x05%c%b" % (self.invoke, encode_codes(self.results))

    @classmethod
    def decode(cls, apdu: bytes) -> Self:
        """From a whole APDU; DecodeError if it is none."""
        cursor, invoke = read_head("set-response-with-list", apdu, b"\xc5\x05")
        results = read_access_results(cursor)
        cursor.finish()
        return cls(invoke, results)
