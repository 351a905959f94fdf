"""compact-array: one type description, then the contents of all elements without tags.

Green Book, ``Data`` choice 19: contents-description, a TypeDescription; array-contents, an
octet count and that many octets. The number of elements is not sent: they fill the
contents.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import repeat
from typing import NamedTuple

from attrs import field, frozen

from dlmsd.dlms.axdr.length import encode_length
from dlmsd.dlms.axdr.limits import MAX_DEPTH, Budget, check_depth
from dlmsd.dlms.axdr.primitive import (
    PRIMITIVES,
    Read,
    cut_short,
    read_count,
    read_numbers,
    write_contents,
)
from dlmsd.dlms.axdr.value import Data, Tag
from dlmsd.errors import DecodeError, LocalError


@frozen
class TypeDescription:
    """The type of an element: its tag and, for a container, the types inside.

    A structure has one of ``parts`` for each of its elements. An array has one part and
    the ``number`` of its elements (Unsigned16). So what an element takes is known before
    it is read: at least ``least`` octets, and ``cost`` of the budget of elements, of which
    ``empty`` are for those without contents.
    """

    tag: Tag
    parts: tuple[TypeDescription, ...] = ()
    number: int = 0
    least: int = field(init=False, repr=False, eq=False)
    cost: int = field(init=False, repr=False, eq=False)
    empty: int = field(init=False, repr=False, eq=False)
    _read: Read | None = field(init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        # Without tags one octet can become many elements. So what makes two objects of
        # one element counts twice here: bit-strings and containers.
        primitive = PRIMITIVES.get(self.tag)
        if primitive is not None:
            least, cost, empty = primitive.least, 2 if self.tag is Tag.BIT_STRING else 1, 0
        else:
            times = self.number if self.tag is Tag.ARRAY else 1
            least = times * sum(part.least for part in self.parts)
            cost = times * sum(part.cost for part in self.parts) + 2
            empty = times * sum(part.empty for part in self.parts)
        object.__setattr__(self, "least", least)
        object.__setattr__(self, "cost", cost)
        object.__setattr__(self, "empty", empty + (least == 0))
        object.__setattr__(self, "_read", primitive.read if primitive is not None else None)

    def encode(self, depth: int = 1) -> bytes:
        """Its octets; LocalError for what no description can tell."""
        tag = self.tag
        if tag in PRIMITIVES:
            return bytes((tag,))
        if depth > MAX_DEPTH:
            raise LocalError(f"nesting deeper than {MAX_DEPTH}")
        if tag is Tag.STRUCTURE:
            head = encode_length(len(self.parts))
        elif tag is Tag.ARRAY and len(self.parts) == 1 and 0 <= self.number <= 0xFFFF:
            head = self.number.to_bytes(2, "big")
        else:
            raise LocalError(f"no description of {self.number} elements of {tag.title}")
        return bytes((tag,)) + head + b"".join(part.encode(depth + 1) for part in self.parts)

    def _each(self) -> Iterable[TypeDescription]:
        """The type of each element inside, in turn."""
        return repeat(self.parts[0], self.number) if self.tag is Tag.ARRAY else self.parts


class CompactArray(NamedTuple):
    """``elements`` are what a plain array would hold, all of the type ``description``."""

    description: TypeDescription
    elements: tuple[Data, ...]


_DESCRIPTIONS = {tag: TypeDescription(each.tag) for tag, each in PRIMITIVES.items()}


def decode_compact_array(
    buffer: bytes, offset: int, budget: Budget, depth: int
) -> tuple[CompactArray, int]:
    """The contents of a compact-array at ``offset`` and the offset behind it.

    ``depth`` is that of the compact-array itself. DecodeError when a limit is passed, the
    buffer ends early, or the elements do not fill the array-contents exactly.
    """
    description, offset = _decode_description(buffer, offset, budget, depth + 1)
    size, start = read_count(Tag.COMPACT_ARRAY, buffer, offset)
    end = start + size
    if end > len(buffer):
        raise cut_short(Tag.COMPACT_ARRAY, offset)
    if size and not description.least:
        raise DecodeError(f"compact-array at byte {start} has contents of a type without any")
    elements, behind = _decode_all(description, buffer, start, end, budget)
    if behind != end:
        raise DecodeError(f"the contents of a compact-array end at byte {end}, not {behind}")
    return CompactArray(description, tuple(elements)), end


def _decode_description(
    buffer: bytes, offset: int, budget: Budget, depth: int
) -> tuple[TypeDescription, int]:
    if offset >= len(buffer):
        raise DecodeError(f"a type description is missing at byte {offset}")
    number = buffer[offset]
    # A type costs as much as an element, and has no contents either.
    budget.take(1, 1, Tag.COMPACT_ARRAY, offset)
    if number in _DESCRIPTIONS:
        return _DESCRIPTIONS[number], offset + 1
    check_depth(depth, Tag.COMPACT_ARRAY, offset)
    if number == Tag.ARRAY:
        start = offset + 3
        if start > len(buffer):
            raise cut_short(Tag.ARRAY, offset)
        times = int.from_bytes(buffer[offset + 1 : start], "big")
        part, end = _decode_description(buffer, start, budget, depth + 1)
        return TypeDescription(Tag.ARRAY, (part,), times), end
    if number == Tag.STRUCTURE:
        count, end = read_count(Tag.STRUCTURE, buffer, offset + 1)
        parts = []
        for _ in range(count):
            part, end = _decode_description(buffer, end, budget, depth + 1)
            parts.append(part)
        return TypeDescription(Tag.STRUCTURE, tuple(parts)), end
    raise DecodeError(f"no compact-array holds tag {number}, at byte {offset}")


def _decode_all(
    description: TypeDescription, buffer: bytes, offset: int, end: int, budget: Budget
) -> tuple[list[Data], int]:
    """Elements until ``end``; none is read that the budget does not afford."""
    primitive = PRIMITIVES.get(description.tag)
    if primitive is not None and primitive.code:
        number = (end - offset) // primitive.least
        budget.take(number, 0, primitive.tag, offset)
        return read_numbers(primitive, number, buffer, offset)
    most = budget.affords(description.cost, description.empty)
    elements: list[Data] = []
    while offset < end:
        if description.least > end - offset:
            raise cut_short(description.tag, offset)
        if len(elements) == most:
            break
        if primitive is not None:
            element, offset = primitive.read(buffer, offset)
        else:
            element, offset = _decode_contents(description, buffer, offset)
        elements.append(element)
    number = len(elements) + (offset < end)
    budget.take(number * description.cost, number * description.empty, description.tag, offset)
    return elements, offset


def _decode_contents(description: TypeDescription, buffer: bytes, offset: int) -> tuple[Data, int]:
    """One array or structure; its caller has paid for it and all inside."""
    elements = []
    for part in description._each():
        if (read := part._read) is not None:
            element, offset = read(buffer, offset)
        else:
            element, offset = _decode_contents(part, buffer, offset)
        elements.append(element)
    return tuple.__new__(Data, (description.tag, tuple(elements))), offset


def encode_compact_array(array: CompactArray, depth: int) -> bytes:
    """The contents of a compact-array; LocalError when an element is not as described."""
    description = array.description.encode(depth + 1)
    if array.elements and not array.description.least:
        raise LocalError("a compact-array cannot tell how many elements without contents it has")
    contents = bytearray()
    for element in array.elements:
        _encode_contents(array.description, element, contents)
    return description + encode_length(len(contents)) + contents


def _encode_contents(description: TypeDescription, data: Data, contents: bytearray) -> None:
    tag, value = data
    if tag != description.tag:
        raise LocalError(f"{tag.title} in a compact-array of {description.tag.title}")
    if tag in PRIMITIVES:
        contents += write_contents(tag, value)
        return
    parts = tuple(description._each())
    if type(value) is not tuple or len(value) != len(parts):
        raise LocalError(f"a {tag.title} of a compact-array has not {len(parts)} elements")
    for part, element in zip(parts, value, strict=True):
        _encode_contents(part, element, contents)
