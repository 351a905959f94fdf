"""Short-name referencing: attributes as 16-bit names (IEC 61334-4-41, IEC 62056-53).

An attribute's name is its object's base name plus an offset. What is too long for one APDU
goes in blocks: an answer is asked for by ``BlockNumberAccess``, a request is sent by
``ReadDataBlockAccess``, or for a write by ``WriteDataBlockAccess`` with the octets as the
value; each is confirmed by its number, which has two bytes here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Self, TypeAlias

from attrs import frozen

from dlmsd.dlms.axdr.data import Budget, Data
from dlmsd.dlms.axdr.data import encode as encode_data
from dlmsd.dlms.axdr.length import encode_length
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.cursor import Cursor
from dlmsd.dlms.xdlms.get import Access
from dlmsd.dlms.xdlms.parts import (
    check_counts,
    check_one_each,
    encode_values,
    read_data,
    read_values,
)


@frozen
class VariableName:
    """An attribute or method, or with ``access`` a part of it (parameterized access)."""

    name: int
    access: Access | None = None

    def encode(self) -> bytes:
        """Its choice and what belongs to it."""
        name = self.name.to_bytes(2, "big")
        if self.access is None:
            return b"\x02" + name
        selector, parameters = self.access
        return b"\x04%b%c%b" % (name, selector, encode_data(parameters))


@frozen
class BlockNumberAccess:
    """The block after this one, of an answer that comes in blocks."""

    block_number: int

    def encode(self) -> bytes:
        """Its choice and what belongs to it."""
        return b"\x05" + self.block_number.to_bytes(2, "big")


@frozen
class ReadDataBlockAccess:
    """A block of a read request that is too long for one APDU."""

    last: bool
    block_number: int
    raw: bytes

    def encode(self) -> bytes:
        """Its choice and what belongs to it."""
        head = b"\x06%c%b" % (self.last, self.block_number.to_bytes(2, "big"))
        return head + encode_length(len(self.raw)) + self.raw


@frozen
class WriteDataBlockAccess:
    """A block of a write request; its octets are the value that goes with it."""

    last: bool
    block_number: int

    def encode(self) -> bytes:
        """Its choice and what belongs to it."""
        return b"\x07%c%b" % (self.last, self.block_number.to_bytes(2, "big"))


VariableAccess: TypeAlias = (
    VariableName | BlockNumberAccess | ReadDataBlockAccess | WriteDataBlockAccess
)


def _read_access(cursor: Cursor, budget: Budget) -> VariableAccess:
    start = cursor.offset
    choice = cursor.unsigned(1, "the choice of a variable")
    if choice == 2:
        return VariableName(cursor.unsigned(2, "the name"))
    if choice == 4:
        name = cursor.unsigned(2, "the name")
        selector = cursor.unsigned(1, "the access selector")
        return VariableName(name, (selector, read_data(cursor, budget, "access parameters")))
    if choice == 5:
        return BlockNumberAccess(cursor.unsigned(2, "the block number"))
    if choice == 6:
        last = cursor.flag("last-block")
        number = cursor.unsigned(2, "the block number")
        return ReadDataBlockAccess(last, number, cursor.octet_string("raw-data"))
    if choice == 7:
        return WriteDataBlockAccess(
            cursor.flag("last-block"), cursor.unsigned(2, "the block number")
        )
    raise cursor.error(f"no variable is of choice {choice},", start)


def _read_accesses(cursor: Cursor, budget: Budget) -> tuple[VariableAccess, ...]:
    count = cursor.length("the list of variables")
    return tuple([_read_access(cursor, budget) for _ in range(count)])


def _encode_all(items: Sequence[VariableAccess]) -> bytes:
    return encode_length(len(items)) + b"".join([item.encode() for item in items])


@frozen
class ReadRequest:
    """Several variables at once."""

    TAG: ClassVar = 0x05

    variables: tuple[VariableAccess, ...]

    def encode(self) -> bytes:
        """The APDU."""
        return b"\x05" + _encode_all(self.variables)

    @classmethod
    def decode(cls, apdu: bytes) -> Self:
        """From a whole APDU; DecodeError if it is none."""
        cursor = Cursor("read-request", apdu)
        cursor.expect(b"\x05", "the tag")
        variables = _read_accesses(cursor, Budget())
        cursor.finish()
        return cls(variables)


@frozen
class DataBlockResult:
    """One block of an answer that comes in blocks: joined, they are a list of results."""

    last: bool
    block_number: int
    raw: bytes


@frozen
class BlockNumber:
    """The block of this number has come; the next of the request may be sent."""

    number: int


ReadResult: TypeAlias = Data | DataAccessResult | DataBlockResult | BlockNumber
WriteResult: TypeAlias = DataAccessResult | BlockNumber


def _encode_read_result(result: ReadResult) -> bytes:
    if isinstance(result, DataAccessResult):
        return b"\x01%c" % int(result)
    if isinstance(result, DataBlockResult):
        head = b"\x02%c%b" % (result.last, result.block_number.to_bytes(2, "big"))
        return head + encode_length(len(result.raw)) + result.raw
    if isinstance(result, BlockNumber):
        return b"\x03" + result.number.to_bytes(2, "big")
    return b"\x00" + encode_data(result)


def _read_read_result(cursor: Cursor, budget: Budget) -> ReadResult:
    start = cursor.offset
    choice = cursor.unsigned(1, "the choice of a result")
    if choice == 0:
        return read_data(cursor, budget, "a result")
    if choice == 1:
        return DataAccessResult(cursor.unsigned(1, "data-access-error"))
    if choice == 2:
        last = cursor.flag("last-block")
        number = cursor.unsigned(2, "the block number")
        return DataBlockResult(last, number, cursor.octet_string("raw-data"))
    if choice == 3:
        return BlockNumber(cursor.unsigned(2, "the block number"))
    raise cursor.error(f"no result is of choice {choice},", start)


def encode_read_results(results: Sequence[ReadResult]) -> bytes:
    """Count and results of a list: what the blocks of an answer carry."""
    return encode_length(len(results)) + b"".join(map(_encode_read_result, results))


def decode_read_results(octets: bytes) -> tuple[ReadResult, ...]:
    """From the joined blocks of an answer; DecodeError if they are none."""
    return _read_results(Cursor("the results in blocks", octets))


def _read_results(cursor: Cursor) -> tuple[ReadResult, ...]:
    budget = Budget()
    count = cursor.length("the list of results")
    results = tuple([_read_read_result(cursor, budget) for _ in range(count)])
    cursor.finish()
    return results


@frozen
class ReadResponse:
    """One result for each variable, in the order of the request; or one block."""

    TAG: ClassVar = 0x0C

    results: tuple[ReadResult, ...]

    def encode(self) -> bytes:
        """The APDU."""
        return b"\x0c" + encode_read_results(self.results)

    @classmethod
    def decode(cls, apdu: bytes) -> Self:
        """From a whole APDU; DecodeError if it is none."""
        cursor = Cursor("read-response", apdu)
        cursor.expect(b"\x0c", "the tag")
        return cls(_read_results(cursor))


@frozen
class _Write:
    """Several variables and a value for each; LocalError if they are not equally many."""

    NAME: ClassVar[str]
    TAG: ClassVar[int]

    variables: tuple[VariableAccess, ...]
    values: tuple[Data, ...]

    def __attrs_post_init__(self) -> None:
        check_one_each(self.values, "values", self.variables)

    def encode(self) -> bytes:
        """The APDU."""
        return b"%c%b%b" % (self.TAG, _encode_all(self.variables), encode_values(self.values))

    @classmethod
    def decode(cls, apdu: bytes) -> Self:
        """From a whole APDU; DecodeError if it is none."""
        cursor = Cursor(cls.NAME, apdu)
        cursor.expect(bytes((cls.TAG,)), "the tag")
        budget = Budget()
        variables = _read_accesses(cursor, budget)
        values = read_values(cursor, budget)
        cursor.finish()
        check_counts(cursor, values, "values", len(variables))
        return cls(variables, values)


@frozen
class WriteRequest(_Write):
    """Write, and say what became of it."""

    NAME: ClassVar = "write-request"
    TAG: ClassVar = 0x06


@frozen
class UnconfirmedWriteRequest(_Write):
    """Write, and say nothing."""

    NAME: ClassVar = "unconfirmed-write-request"
    TAG: ClassVar = 0x16


def _encode_write_result(result: WriteResult) -> bytes:
    if isinstance(result, BlockNumber):
        return b"\x02" + result.number.to_bytes(2, "big")
    if result is DataAccessResult.SUCCESS:
        return b"\x00"
    return b"\x01%c" % int(result)


def _read_write_result(cursor: Cursor) -> WriteResult:
    start = cursor.offset
    choice = cursor.unsigned(1, "the choice of a result")
    if choice == 0:
        return DataAccessResult.SUCCESS
    if choice == 1:
        return DataAccessResult(cursor.unsigned(1, "data-access-error"))
    if choice == 2:
        return BlockNumber(cursor.unsigned(2, "the block number"))
    raise cursor.error(f"no result is of choice {choice},", start)


@frozen
class WriteResponse:
    """One result for each variable, in the order of the request; or a block's number."""

    TAG: ClassVar = 0x0D

    results: tuple[WriteResult, ...]

    def encode(self) -> bytes:
        """The APDU."""
        results = b"".join(map(_encode_write_result, self.results))
        return b"\x0d" + encode_length(len(self.results)) + results

    @classmethod
    def decode(cls, apdu: bytes) -> Self:
        """From a whole APDU; DecodeError if it is none."""
        cursor = Cursor("write-response", apdu)
        cursor.expect(b"\x0d", "the tag")
        count = cursor.length("the list of results")
        results = tuple([_read_write_result(cursor) for _ in range(count)])
        cursor.finish()
        return cls(results)


@frozen
class InformationReport:
    """Variables whose values are news: what a meter with short names sends unasked.

    ``current_time`` is a GeneralizedTime as sent, None where there is none.
    """

    TAG: ClassVar = 0x18

    current_time: bytes | None
    variables: tuple[VariableAccess, ...]
    values: tuple[Data, ...]

    def __attrs_post_init__(self) -> None:
        check_one_each(self.values, "values", self.variables)

    def encode(self) -> bytes:
        """The APDU."""
        time = b"\x00"
        if self.current_time is not None:
            time = b"\x01" + encode_length(len(self.current_time)) + self.current_time
        return b"\x18" + time + _encode_all(self.variables) + encode_values(self.values)

    @classmethod
    def decode(cls, apdu: bytes) -> Self:
        """From a whole APDU; DecodeError if it is none."""
        cursor = Cursor("information-report-request", apdu)
        cursor.expect(b"\x18", "the tag")
        time = None
        if cursor.flag("the presence of current-time"):
            time = cursor.octet_string("current-time")
        budget = Budget()
        variables = _read_accesses(cursor, budget)
        values = read_values(cursor, budget)
        cursor.finish()
        check_counts(cursor, values, "values", len(variables))
        return cls(time, variables, values)
