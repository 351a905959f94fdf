"""Parts that several services share (IEC 62056-53 clause 8.5): lists, date-times, heads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

from dlmsd.dlms.axdr.clock import DateTime
from dlmsd.dlms.axdr.data import Budget, Data
from dlmsd.dlms.axdr.data import decode as decode_data
from dlmsd.dlms.axdr.data import encode as encode_data
from dlmsd.dlms.axdr.length import encode_length
from dlmsd.dlms.axdr.value import Tag
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.cursor import Cursor
from dlmsd.dlms.xdlms.get import Access, decode_item, encode_access
from dlmsd.errors import DecodeError, LocalError

Accesses: TypeAlias = tuple[Access | None, ...]
_DATE_TIME_OCTETS: Final = 12


def read_head(name: str, apdu: bytes, head: bytes) -> tuple[Cursor, int]:
    """A cursor behind tag, choice and invoke-id-and-priority, and the last of these."""
    cursor = Cursor(name, apdu)
    cursor.expect(head, "the tag")
    return cursor, cursor.unsigned(1, "invoke-id-and-priority")


def read_long_head(name: str, apdu: bytes, tag: bytes) -> tuple[Cursor, int, DateTime | None]:
    """A cursor behind tag, long-invoke-id-and-priority and date-time, and these two."""
    cursor = Cursor(name, apdu)
    cursor.expect(tag, "the tag")
    invoke = cursor.unsigned(4, "long-invoke-id-and-priority")
    return cursor, invoke, read_date_time(cursor)


def encode_long_head(tag: bytes, invoke: int, moment: DateTime | None) -> bytes:
    """Tag, long-invoke-id-and-priority and date-time."""
    return tag + invoke.to_bytes(4, "big") + encode_date_time(moment)


def read_data(cursor: Cursor, budget: Budget, what: str) -> Data:
    """One Data."""
    try:
        data, cursor.offset = decode_data(cursor.buffer, cursor.offset, budget)
    except DecodeError as error:
        raise DecodeError(f"{cursor.apdu}: {what}: {error}") from None
    return data


def read_values(cursor: Cursor, budget: Budget) -> tuple[Data, ...]:
    """SEQUENCE OF Data."""
    count = cursor.length("the list of values")
    return tuple([read_data(cursor, budget, f"value {each}") for each in range(count)])


def encode_values(values: Sequence[Data]) -> bytes:
    """SEQUENCE OF Data: what blocks carry of a list."""
    return encode_length(len(values)) + b"".join([encode_data(value) for value in values])


def decode_values(octets: bytes) -> tuple[Data, ...]:
    """From the joined blocks of a list; DecodeError if they are none."""
    cursor = Cursor("the list in blocks", octets)
    values = read_values(cursor, Budget())
    cursor.finish()
    return values


def read_attributes(
    cursor: Cursor, budget: Budget
) -> tuple[tuple[AttributeDescriptor, ...], Accesses]:
    """SEQUENCE OF Cosem-Attribute-Descriptor-With-Selection; no accesses if all are None."""
    count = cursor.length("the list of attributes")
    items = [decode_item(cursor, budget) for _ in range(count)]
    accesses = tuple(access for _, access in items)
    return tuple(attribute for attribute, _ in items), accesses if any(accesses) else ()


def encode_attributes(attributes: Sequence[AttributeDescriptor], accesses: Accesses) -> bytes:
    """SEQUENCE OF Cosem-Attribute-Descriptor-With-Selection."""
    each = accesses or (None,) * len(attributes)
    items = [
        attribute.encoded + encode_access(access)
        for attribute, access in zip(attributes, each, strict=True)
    ]
    return encode_length(len(items)) + b"".join(items)


def read_access_results(cursor: Cursor) -> tuple[DataAccessResult, ...]:
    """SEQUENCE OF Data-Access-Result."""
    count = cursor.length("the list of results")
    return tuple(map(DataAccessResult, cursor.octets(count, "the list of results")))


def encode_codes(codes: Sequence[int]) -> bytes:
    """SEQUENCE OF a result of one byte."""
    return encode_length(len(codes)) + bytes(codes)


def check_one_each(things: Sequence[object], what: str, attributes: Sequence[object]) -> None:
    """LocalError unless there are as many ``things`` as there are ``attributes``."""
    if len(things) != len(attributes):
        raise LocalError(f"{len(things)} {what} for {len(attributes)} items")


def check_counts(cursor: Cursor, things: Sequence[object], what: str, items: int) -> None:
    """DecodeError unless a list that ends at the cursor is as long as the one before."""
    if len(things) != items:
        raise cursor.error(f"{len(things)} {what} for {items} items, up to the end")


def read_date_time(cursor: Cursor) -> DateTime | None:
    """An OCTET STRING that holds a date-time, or nothing.

    Kaifa and others put the tag of an octet-string before its length. A length of 9 is
    none that a date-time can have, so this is told apart.
    """
    start = cursor.offset
    if cursor.buffer[start : start + 2] == bytes((Tag.OCTET_STRING, _DATE_TIME_OCTETS)):
        cursor.offset += 1
    octets = cursor.octet_string("date-time")
    if len(octets) not in (0, _DATE_TIME_OCTETS):
        raise cursor.error(f"date-time has {len(octets)} bytes, not 0 or 12,", start)
    return DateTime.decode(octets) if octets else None


def encode_date_time(moment: DateTime | None) -> bytes:
    """An OCTET STRING of 12 bytes or none."""
    octets = b"" if moment is None else moment.encode()
    return encode_length(len(octets)) + octets
