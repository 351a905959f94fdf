"""BER, as far as ACSE needs it: tags of one byte, definite lengths (X.690 clause 8.1)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from dlmsd.dlms.axdr.length import encode_length
from dlmsd.dlms.xdlms.code import MAX_CODE
from dlmsd.dlms.xdlms.cursor import Cursor

INTEGER: Final = 0x02
OCTET_STRING: Final = 0x04
OBJECT_IDENTIFIER: Final = 0x06

_LONG_TAG: Final = 0x1F
_INDEFINITE: Final = 0x80
# ACSE's numbers are results, reasons and diagnostics: four bytes are more than any has.
_MAX_INTEGER_BYTES: Final = 4


def encode_element(tag: int, content: bytes) -> bytes:
    """Tag, length, content."""
    return b"%c%b%b" % (tag, encode_length(len(content)), content)


def decode_element(cursor: Cursor) -> tuple[int, Cursor]:
    """The tag at the cursor and its content; the cursor moves behind them."""
    tag = cursor.unsigned(1, "a tag")
    if tag & _LONG_TAG == _LONG_TAG:
        raise cursor.error(f"a tag of several bytes ({tag:02x})", cursor.offset - 1)
    what = f"element {tag:02x}"
    if cursor.offset < cursor.end and cursor.buffer[cursor.offset] == _INDEFINITE:
        raise cursor.error(f"{what} has an indefinite length")
    return tag, cursor.part(what)


def decode_elements(cursor: Cursor) -> Iterator[tuple[int, Cursor]]:
    """Every element up to the end of the cursor."""
    while cursor.offset < cursor.end:
        yield decode_element(cursor)


def decode_only(cursor: Cursor, tag: int, what: str) -> Cursor:
    """The content of an element that has this tag, and after which nothing follows."""
    start = cursor.offset
    found, content = decode_element(cursor)
    if found != tag:
        raise cursor.error(f"{what} has tag {found:02x}, not {tag:02x},", start)
    cursor.finish()
    return content


def decode_apdu(name: str, tag: int, apdu: bytes) -> Cursor:
    """The content of a whole APDU."""
    return decode_only(Cursor(name, apdu), tag, "the APDU")


def encode_integer(number: int) -> bytes:
    """The content of an INTEGER from 0 up."""
    return number.to_bytes(number.bit_length() // 8 + 1, "big")


def decode_integer(content: Cursor, what: str) -> int:
    """The content of an INTEGER, 0 to 2**31 - 1."""
    start = content.offset
    size = content.end - start
    if not 1 <= size <= _MAX_INTEGER_BYTES:
        raise content.error(f"{what} has {size} bytes")
    number = content.unsigned(size, what)
    if number > MAX_CODE or content.buffer[start] & 0x80:
        raise content.error(f"{what} is negative", start)
    return number
