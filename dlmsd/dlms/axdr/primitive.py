"""The types of ``Data`` that hold no other data: how each is read and written.

Contents only, without the tag: a compact-array tells its tags once and then holds only
contents. What follows runs up to 65,536 times for one APDU, hence its shape: a closure
per type, and tuples built by ``tuple.__new__``, as the constructor of a NamedTuple takes
three times as long.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from types import NoneType
from typing import Any, Final, NamedTuple, TypeAlias

from dlmsd.dlms.axdr.clock import Date, DateTime, Time
from dlmsd.dlms.axdr.length import decode_length, encode_length
from dlmsd.dlms.axdr.value import BitString, Data, Tag, Value
from dlmsd.errors import DecodeError, LocalError

Read: TypeAlias = Callable[[bytes, int], tuple[Data, int]]

_new = tuple.__new__


class Primitive(NamedTuple):
    """``least`` is the smallest number of octets its contents take, 0 for none at all.

    ``read`` takes a buffer and the offset of the contents; it returns the Data and the
    offset behind it, or raises DecodeError. ``write`` gives the contents of a value of
    one of ``kinds``; struct.error, OverflowError or ValueError if it does not fit.
    ``code`` is struct's letter for a number, empty for other types.
    """

    tag: Tag
    least: int
    kinds: tuple[type, ...]
    read: Read
    write: Callable[[Any], bytes]
    code: str = ""


def cut_short(tag: Tag, offset: int) -> DecodeError:
    """The error for contents at ``offset`` that end before they should."""
    return DecodeError(f"{tag.title} at byte {offset} is cut short")


def read_count(tag: Tag, buffer: bytes, offset: int) -> tuple[int, int]:
    """The length or count that starts the contents of ``tag``, and the offset behind it."""
    if offset < len(buffer) and (short := buffer[offset]) < 0x80:
        return short, offset + 1
    try:
        return decode_length(buffer, offset)
    except DecodeError as error:
        raise DecodeError(f"{tag.title}: {error}") from None


def _number(tag: Tag, code: str) -> Primitive:
    form = struct.Struct(">" + code)
    unpack, size = form.unpack_from, form.size

    def read(buffer: bytes, offset: int) -> tuple[Data, int]:
        try:
            return _new(Data, (tag, unpack(buffer, offset)[0])), offset + size
        except struct.error:
            raise cut_short(tag, offset) from None

    kinds = (float, int) if code in "fd" else (int,)
    return Primitive(tag, size, kinds, read, form.pack, code)


def _fixed(
    tag: Tag, size: int, kind: type, decode: Callable[[bytes], Value], write: Callable[[Any], bytes]
) -> Primitive:
    def read(buffer: bytes, offset: int) -> tuple[Data, int]:
        end = offset + size
        if end > len(buffer):
            raise cut_short(tag, offset)
        return _new(Data, (tag, decode(buffer[offset:end]))), end

    return Primitive(tag, size, (kind,), read, write)


def _string(
    tag: Tag,
    kinds: tuple[type, ...],
    decode: Callable[[bytes], Value],
    encode: Callable[[Any], bytes],
) -> Primitive:
    def read(buffer: bytes, offset: int) -> tuple[Data, int]:
        size, start = read_count(tag, buffer, offset)
        end = start + size
        if end > len(buffer):
            raise cut_short(tag, offset)
        return _new(Data, (tag, decode(buffer[start:end]))), end

    def write(value: Any) -> bytes:
        octets = encode(value)
        return encode_length(len(octets)) + octets

    return Primitive(tag, 1, kinds, read, write)


def _nothing(tag: Tag) -> Primitive:
    def read(buffer: bytes, offset: int) -> tuple[Data, int]:
        return _new(Data, (tag, None)), offset

    return Primitive(tag, 0, (NoneType,), read, lambda value: b"")


def _read_bits(buffer: bytes, offset: int) -> tuple[Data, int]:
    # One octet that follows is the length; inlined, since 32,000 of them fit into an APDU.
    if offset < len(buffer) and (length := buffer[offset]) < 0x80:
        start = offset + 1
    else:
        length, start = read_count(Tag.BIT_STRING, buffer, offset)
    end = start + (length + 7 >> 3)
    if end > len(buffer):
        raise cut_short(Tag.BIT_STRING, offset)
    bits = _new(BitString, (buffer[start:end], length))
    return _new(Data, (Tag.BIT_STRING, bits)), end


def _write_bits(value: BitString) -> bytes:
    if len(value.octets) != (value.length + 7) // 8:
        raise ValueError(f"{value.length} bits do not fill {len(value.octets)} octets")
    return encode_length(value.length) + value.octets


def _write_octet(value: bytes) -> bytes:
    if len(value) != 1:
        raise ValueError(f"{len(value)} octets")
    return value


def _text_or_octets(octets: bytes) -> str | bytes:
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets


_ALL: Final = (
    _nothing(Tag.NULL_DATA),
    # Any octet but 0 is true; 1 is what is sent.
    _fixed(Tag.BOOLEAN, 1, bool, lambda octet: octet != b"\0", lambda value: bytes((value,))),
    Primitive(Tag.BIT_STRING, 1, (BitString,), _read_bits, _write_bits),
    _number(Tag.DOUBLE_LONG, "i"),
    _number(Tag.DOUBLE_LONG_UNSIGNED, "I"),
    _string(Tag.OCTET_STRING, (bytes,), bytes, bytes),
    _string(
        Tag.VISIBLE_STRING,
        (str,),
        lambda octets: octets.decode("latin-1"),
        lambda value: bytes(value.encode("latin-1")),
    ),
    _string(
        Tag.UTF8_STRING,
        (str, bytes),
        _text_or_octets,
        lambda value: value if isinstance(value, bytes) else bytes(value.encode()),
    ),
    _fixed(Tag.BCD, 1, bytes, bytes, _write_octet),
    _number(Tag.INTEGER, "b"),
    _number(Tag.LONG, "h"),
    _number(Tag.UNSIGNED, "B"),
    _number(Tag.LONG_UNSIGNED, "H"),
    _number(Tag.LONG64, "q"),
    _number(Tag.LONG64_UNSIGNED, "Q"),
    _number(Tag.ENUM, "B"),
    _number(Tag.FLOAT32, "f"),
    _number(Tag.FLOAT64, "d"),
    _fixed(Tag.DATE_TIME, 12, DateTime, DateTime.decode, DateTime.encode),
    _fixed(Tag.DATE, 5, Date, Date.decode, Date.encode),
    _fixed(Tag.TIME, 4, Time, Time.decode, Time.encode),
    _number(Tag.DELTA_INTEGER, "b"),
    _number(Tag.DELTA_LONG, "h"),
    _number(Tag.DELTA_DOUBLE_LONG, "i"),
    _number(Tag.DELTA_UNSIGNED, "B"),
    _number(Tag.DELTA_LONG_UNSIGNED, "H"),
    _number(Tag.DELTA_DOUBLE_LONG_UNSIGNED, "I"),
    _nothing(Tag.DONT_CARE),
)

PRIMITIVES: Final[dict[int, Primitive]] = {each.tag: each for each in _ALL}


def read_numbers(
    primitive: Primitive, number: int, buffer: bytes, offset: int
) -> tuple[list[Data], int]:
    """So many numbers of one type in a row, in a third of the time that ``read`` takes."""
    end = offset + number * primitive.least
    if end > len(buffer):
        raise cut_short(primitive.tag, offset)
    values = struct.unpack_from(f">{number}{primitive.code}", buffer, offset)
    tag = primitive.tag
    return [_new(Data, (tag, value)) for value in values], end


def write_contents(tag: Tag, value: Value) -> bytes:
    """The contents of a value whose type is primitive; LocalError if ``tag`` cannot hold it."""
    primitive = PRIMITIVES[tag]
    if not isinstance(value, primitive.kinds):
        raise LocalError(f"{type(value).__name__} is no value of {tag.title}")
    try:
        return primitive.write(value)
    except (struct.error, OverflowError, ValueError) as error:
        raise LocalError(f"{tag.title}: {error}") from None
