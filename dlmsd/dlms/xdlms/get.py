"""GET: the service that reads attributes (IEC 62056-53 clause 8.5).

Reading is what the daemon does all day, so the requests Normal and With-List are joined
from parts that are already encoded, and the responses are decoded by offset, without a
cursor.
"""

from __future__ import annotations

from typing import ClassVar, Self, TypeAlias

from attrs import field, frozen

from dlmsd.dlms.axdr.data import Budget, Data
from dlmsd.dlms.axdr.data import decode as decode_data
from dlmsd.dlms.axdr.data import encode as encode_data
from dlmsd.dlms.axdr.length import decode_length, encode_length
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.cursor import Cursor
from dlmsd.errors import DecodeError, LocalError

Access: TypeAlias = tuple[int, Data]
"""Selective access: the access selector and its parameters."""

Result: TypeAlias = Data | DataAccessResult
"""Get-Data-Result: the attribute, or why there is none."""


def encode_access(access: Access | None) -> bytes:
    if access is None:
        return b"\x00"
    selector, parameters = access
    return b"\x01%c" % selector + encode_data(parameters)


def decode_item(cursor: Cursor, budget: Budget) -> tuple[AttributeDescriptor, Access | None]:
    octets = cursor.octets(9, "the attribute descriptor")
    attribute, _ = AttributeDescriptor.decode(octets)
    if not cursor.flag("the presence of selective access"):
        return attribute, None
    selector = cursor.unsigned(1, "the access selector")
    try:
        parameters, cursor.offset = decode_data(cursor.buffer, cursor.offset, budget)
    except DecodeError as error:
        raise DecodeError(f"{cursor.apdu}: access parameters: {error}") from None
    return attribute, (selector, parameters)


@frozen
class GetRequestNormal:
    """One attribute, or with ``access`` a part of it."""

    TAG: ClassVar = 0xC0
    TYPE: ClassVar = 1

    invoke: int
    attribute: AttributeDescriptor
    access: Access | None = None

    def encode(self) -> bytes:
        """The APDU."""
        request = b"\xc0\x01%c%b" % (self.invoke, self.attribute.encoded)
        return request + encode_access(self.access)

    @classmethod
    def decode(cls, apdu: bytes) -> Self:
        """From a whole APDU; DecodeError if it is none."""
        cursor = Cursor("get-request-normal", apdu)
        cursor.expect(b"\xc0\x01", "the tag")
        invoke = cursor.unsigned(1, "invoke-id-and-priority")
        attribute, access = decode_item(cursor, Budget())
        cursor.finish()
        return cls(invoke, attribute, access)


@frozen
class GetRequestNext:
    """The block after ``block_number``, of an answer that comes in blocks."""

    TAG: ClassVar = 0xC0
    TYPE: ClassVar = 2

    invoke: int
    block_number: int

    def encode(self) -> bytes:
        """The APDU."""
        return b"\xc0\x02%c%b" % (self.invoke, self.block_number.to_bytes(4, "big"))

    @classmethod
    def decode(cls, apdu: bytes) -> Self:
        """From a whole APDU; DecodeError if it is none."""
        cursor = Cursor("get-request-next", apdu)
        cursor.expect(b"\xc0\x02", "the tag")
        invoke = cursor.unsigned(1, "invoke-id-and-priority")
        block_number = cursor.unsigned(4, "the block number")
        cursor.finish()
        return cls(invoke, block_number)


@frozen
class GetRequestWithList:
    """Several attributes at once.

    ``accesses`` is empty when no attribute has selective access, otherwise it has one
    item for each attribute; LocalError if it has not.
    """

    TAG: ClassVar = 0xC0
    TYPE: ClassVar = 3

    invoke: int
    attributes: tuple[AttributeDescriptor, ...]
    accesses: tuple[Access | None, ...] = field(default=())

    @accesses.validator
    def _one_each(self, _: object, accesses: tuple[Access | None, ...]) -> None:
        if accesses and len(accesses) != len(self.attributes):
            raise LocalError(f"{len(accesses)} accesses for {len(self.attributes)} attributes")

    def encode(self) -> bytes:
        """The APDU."""
        parts = [b"\xc0\x03%c" % self.invoke, encode_length(len(self.attributes))]
        if self.accesses:
            for attribute, access in zip(self.attributes, self.accesses, strict=True):
                parts += (attribute.encoded, encode_access(access))
        else:
            parts += [attribute.encoded + b"\x00" for attribute in self.attributes]
        return b"".join(parts)

    @classmethod
    def decode(cls, apdu: bytes) -> Self:
        """From a whole APDU; DecodeError if it is none."""
        cursor = Cursor("get-request-with-list", apdu)
        cursor.expect(b"\xc0\x03", "the tag")
        invoke = cursor.unsigned(1, "invoke-id-and-priority")
        count = cursor.length("the list")
        budget = Budget()
        items = [decode_item(cursor, budget) for _ in range(count)]
        cursor.finish()
        attributes = tuple(attribute for attribute, _ in items)
        accesses = tuple(access for _, access in items)
        return cls(invoke, attributes, accesses if any(accesses) else ())


def encode_result(result: Result) -> bytes:
    if isinstance(result, DataAccessResult):
        return b"\x01%c" % int(result)
    return b"\x00" + encode_data(result)


def decode_result(apdu: bytes, offset: int, budget: Budget) -> tuple[Result, int]:
    """The result at ``offset`` and the offset behind it; IndexError if it is cut short."""
    choice = apdu[offset]
    if choice == 0:
        return decode_data(apdu, offset + 1, budget)
    if choice == 1:
        return DataAccessResult(apdu[offset + 1]), offset + 2
    raise DecodeError(f"neither data nor data-access-result but {choice} at byte {offset}")


def encode_results(results: tuple[Result, ...]) -> bytes:
    """Count and results of a list: what blocks carry of a With-List answer."""
    return encode_length(len(results)) + b"".join([encode_result(result) for result in results])


def decode_results(octets: bytes) -> tuple[Result, ...]:
    """From the joined blocks of a With-List answer; DecodeError if they are none."""
    return _decode_results("the list in blocks", octets, 0)


def _decode_results(name: str, octets: bytes, offset: int) -> tuple[Result, ...]:
    results: list[Result] = []
    budget = Budget()
    try:
        count, offset = decode_length(octets, offset)
        for _ in range(count):
            result, offset = decode_result(octets, offset, budget)
            results.append(result)
    except IndexError:
        raise DecodeError(f"{name}: cut short at byte {len(octets)}") from None
    except DecodeError as error:
        raise DecodeError(f"{name}: result {len(results)}, counted from 0: {error}") from None
    _check_end(name, octets, offset)
    return tuple(results)


def _check_end(name: str, apdu: bytes, end: int) -> None:
    if end != len(apdu):
        Cursor(name, apdu, end).finish()


@frozen
class GetResponseNormal:
    """The attribute, or why there is none."""

    TAG: ClassVar = 0xC4
    TYPE: ClassVar = 1

    invoke: int
    result: Result

    def encode(self) -> bytes:
        """The APDU."""
        return b"\xc4\x01%c%b" % (self.invoke, encode_result(self.result))

    @classmethod
    def decode(cls, apdu: bytes) -> Self:
        """From a whole APDU; DecodeError if it is none."""
        if apdu[:2] != b"\xc4\x01":
            Cursor("get-response-normal", apdu).expect(b"\xc4\x01", "the tag")
        try:
            result, end = decode_result(apdu, 3, Budget())
        except IndexError:
            raise DecodeError(f"get-response-normal: cut short at byte {len(apdu)}") from None
        except DecodeError as error:
            raise DecodeError(f"get-response-normal: {error}") from None
        _check_end("get-response-normal", apdu, end)
        return cls(apdu[2], result)


@frozen
class GetResponseWithBlock:
    """One block of the encoded Data of a long answer, or why it ends here."""

    TAG: ClassVar = 0xC4
    TYPE: ClassVar = 2

    invoke: int
    last: bool
    block_number: int
    result: bytes | DataAccessResult

    def encode(self) -> bytes:
        """The APDU."""
        head = b"\xc4\x02%c%c%b" % (self.invoke, self.last, self.block_number.to_bytes(4, "big"))
        if isinstance(self.result, DataAccessResult):
            return head + b"\x01%c" % int(self.result)
        return head + b"\x00" + encode_length(len(self.result)) + self.result

    @classmethod
    def decode(cls, apdu: bytes) -> Self:
        """From a whole APDU; DecodeError if it is none."""
        cursor = Cursor("get-response-with-datablock", apdu)
        cursor.expect(b"\xc4\x02", "the tag")
        invoke = cursor.unsigned(1, "invoke-id-and-priority")
        last = cursor.flag("last-block")
        block_number = cursor.unsigned(4, "the block number")
        choice = cursor.unsigned(1, "the choice of a result")
        result: bytes | DataAccessResult
        if choice == 0:
            result = cursor.octet_string("raw-data")
        elif choice == 1:
            result = DataAccessResult(cursor.unsigned(1, "data-access-result"))
        else:
            raise cursor.error(
                f"neither raw-data nor data-access-result but {choice}", cursor.offset - 1
            )
        cursor.finish()
        return cls(invoke, last, block_number, result)


@frozen
class GetResponseWithList:
    """One result for each attribute of the request, in its order."""

    TAG: ClassVar = 0xC4
    TYPE: ClassVar = 3

    invoke: int
    results: tuple[Result, ...]

    def encode(self) -> bytes:
        """The APDU."""
        return b"\xc4\x03%c%b" % (self.invoke, encode_results(self.results))

    @classmethod
    def decode(cls, apdu: bytes) -> Self:
        """From a whole APDU; DecodeError if it is none."""
        if apdu[:2] != b"\xc4\x03":
            Cursor("get-response-with-list", apdu).expect(b"\xc4\x03", "the tag")
        results = _decode_results("get-response-with-list", apdu, 3)
        return cls(apdu[2], results)
