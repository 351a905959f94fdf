"""Reading and writing ``Data``: any value with its type (Green Book, ``Data``; IEC 61334-6).

An APDU is always whole here, so bytes that are missing are an error and never a wait.
"""

from __future__ import annotations

from typing import Final

from dlmsd.dlms.axdr.compact import CompactArray, decode_compact_array, encode_compact_array
from dlmsd.dlms.axdr.length import encode_length
from dlmsd.dlms.axdr.limits import MAX_DEPTH, Budget, check_depth
from dlmsd.dlms.axdr.primitive import PRIMITIVES, cut_short, read_count, write_contents
from dlmsd.dlms.axdr.value import BitString, Data, Tag, Value
from dlmsd.errors import DecodeError, LocalError

__all__ = ["BitString", "Budget", "CompactArray", "Data", "Tag", "Value", "decode", "encode"]

_CONTAINERS: Final = {int(tag): tag for tag in (Tag.ARRAY, Tag.STRUCTURE, Tag.COMPACT_ARRAY)}
_EMPTY: Final = {tag: Data(each.tag, None) for tag, each in PRIMITIVES.items() if not each.least}
_READERS: Final = {tag: each.read for tag, each in PRIMITIVES.items() if each.least}


def decode(buffer: bytes, offset: int = 0, budget: Budget | None = None) -> tuple[Data, int]:
    """The Data at ``offset`` and the offset behind it.

    Who decodes several Data of one APDU shares one ``budget`` among them. DecodeError,
    naming byte and tag, for what is no Data and for what passes a limit.
    """
    budget = Budget() if budget is None else budget
    data, end = _decode(buffer, offset, budget, 1)
    budget.take(1, 0, data.tag, offset)
    return data, end


def _decode(buffer: bytes, offset: int, budget: Budget, depth: int) -> tuple[Data, int]:
    """One Data; if it is a container, the ``depth``-th around its elements."""
    if offset >= len(buffer):
        raise DecodeError(f"a data tag is missing at byte {offset}")
    number = buffer[offset]
    if (primitive := PRIMITIVES.get(number)) is not None:
        if not primitive.least:
            budget.take(0, 1, primitive.tag, offset)
        return primitive.read(buffer, offset + 1)
    if (tag := _CONTAINERS.get(number)) is None:
        raise DecodeError(f"unknown data tag {number} at byte {offset}")
    check_depth(depth, tag, offset)
    if tag is not Tag.COMPACT_ARRAY:
        return _decode_elements(tag, buffer, offset, budget, depth)
    array, end = decode_compact_array(buffer, offset + 1, budget, depth)
    return Data(tag, array), end


def _decode_elements(
    tag: Tag, buffer: bytes, offset: int, budget: Budget, depth: int
) -> tuple[Data, int]:
    count, end = read_count(tag, buffer, offset + 1)
    # Each element has a tag at least, so a count above the remaining bytes is a lie.
    if count > len(buffer) - end:
        raise cut_short(tag, offset)
    budget.take(count, 0, tag, offset)
    elements = []
    for _ in range(count):
        number = buffer[end] if end < len(buffer) else -1
        if (read := _READERS.get(number)) is not None:
            element, end = read(buffer, end + 1)
        elif (empty := _EMPTY.get(number)) is not None:
            budget.empty -= 1
            if budget.empty < 0:
                budget.take(0, 0, empty[0], end)
            element, end = empty, end + 1
        else:
            element, end = _decode(buffer, end, budget, depth + 1)
        elements.append(element)
    return tuple.__new__(Data, (tag, tuple(elements))), end


def encode(data: Data) -> bytes:
    """Its bytes, lengths in their shortest form; LocalError for a value its tag cannot hold."""
    buffer = bytearray()
    _encode(data, buffer, 1)
    return bytes(buffer)


def _encode(data: Data, buffer: bytearray, depth: int) -> None:
    tag, value = data
    buffer.append(tag)
    if tag in PRIMITIVES:
        buffer += write_contents(tag, value)
    elif depth > MAX_DEPTH:
        raise LocalError(f"nesting deeper than {MAX_DEPTH}")
    elif tag is Tag.COMPACT_ARRAY and isinstance(value, CompactArray):
        buffer += encode_compact_array(value, depth)
    elif tag is not Tag.COMPACT_ARRAY and type(value) is tuple:
        buffer += encode_length(len(value))
        for element in value:
            _encode(element, buffer, depth + 1)
    else:
        raise LocalError(f"{type(value).__name__} is no value of {tag.title}")
