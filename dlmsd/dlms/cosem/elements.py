"""The elements of an array, one by one, while its octets still come.

A load profile or an object list may be longer than what may be held at once. So the array
is never built: octets go in as blocks bring them, and each element comes out when its last
octet is there. Where one ends that is cut short is found by its tags alone, every octet
looked at once, and then it is decoded (Green Book, ``Data``).
"""

from __future__ import annotations

from typing import Final

from dlmsd.dlms.axdr.compact import CompactArray
from dlmsd.dlms.axdr.data import decode
from dlmsd.dlms.axdr.length import MAX_LENGTH_BYTES
from dlmsd.dlms.axdr.limits import MAX_DEPTH, MAX_ELEMENTS, MAX_EMPTY, Budget
from dlmsd.dlms.axdr.primitive import PRIMITIVES
from dlmsd.dlms.axdr.value import Data, Tag
from dlmsd.errors import DecodeError

# A row of a profile has some hundred octets, an entry of an object list up to a thousand;
# and a compact-array, whose elements have no tags to find them by, is held as a whole. An
# APDU of 64 KiB holds any of them.
MAX_ELEMENT: Final = 65_536

_BY_LENGTH: Final = (Tag.OCTET_STRING, Tag.VISIBLE_STRING, Tag.UTF8_STRING)
_TYPE_ARRAY_OCTETS: Final = 3

# What is due next: so many values, so many type descriptions, or the contents of a
# compact-array.
_VALUES: Final = 0
_TYPES: Final = 1
_CONTENTS: Final = 2


class Elements:
    """Feed it the octets of one encoded array or compact-array.

    Some meters tell a wrong number of elements: with ``counted`` false it is ignored, and
    the array ends where its octets end. DecodeError for what is no such array, and for an
    element that passes a limit; after that it takes no more.
    """

    def __init__(self, *, counted: bool = True) -> None:
        self._counted = counted
        self._buffer = bytearray()
        self._left: int | None = None
        self._compact = False
        self._scanned = 0
        self._due: list[list[int]] = []
        self._consumed = 0
        self._empty = 0
        self._refusal: tuple[int, DecodeError] | None = None

    @property
    def buffered(self) -> int:
        """How many octets are held."""
        return len(self._buffer)

    def feed(self, octets: bytes) -> list[Data]:
        """The elements that these octets complete."""
        self._buffer += octets
        found: list[Data] = []
        if self._left is None and not self._begin():
            return found
        found += self._at_once()
        while self._scan():
            found += self._take()
            found += self._at_once()
        if len(self._buffer) > MAX_ELEMENT:
            raise self._error(f"an element has more than {MAX_ELEMENT} octets")
        return found

    def finish(self) -> None:
        """No more octets come; DecodeError if elements are missing."""
        if self._left is None:
            raise self._error("an array is missing")
        if self._buffer or (self._left and self._counted):
            raise self._error(f"the array is cut short, with {self._left} elements to come")

    def _error(self, reason: str) -> DecodeError:
        return DecodeError(f"{reason} at byte {self._consumed + self._scanned}")

    def _refused(self, error: DecodeError) -> DecodeError:
        """It, with the byte from which it counts."""
        return DecodeError(f"from byte {self._consumed} on: {error}")

    def _begin(self) -> bool:
        """Whether the head of the array is there."""
        if not self._buffer:
            return False
        tag = self._buffer[0]
        if tag == Tag.COMPACT_ARRAY:
            self._left, self._compact = 1, True
            return True
        if tag != Tag.ARRAY:
            raise self._error(f"tag {tag} is no array")
        counted = self._count(1)
        if counted is None:
            return False
        self._left, start = counted
        self._drop(start)
        return True

    def _drop(self, size: int) -> None:
        del self._buffer[:size]
        self._consumed += size
        self._scanned = 0

    def _at_once(self) -> list[Data]:
        """The elements that are there from tag to end: they need no scan.

        Where one does not decode, the scan says whether it is cut short or none; and if all
        of it was there, it is not decoded a second time.
        """
        found: list[Data] = []
        if self._due or self._compact:
            return found
        assert self._left is not None
        buffer, end, most = bytes(self._buffer), 0, len(self._buffer)
        if self._counted:
            most = min(most, self._left)
        budget = Budget()
        while len(found) < most and end < len(buffer):
            budget.elements, budget.empty = MAX_ELEMENTS, MAX_EMPTY
            start = end
            try:
                data, end = decode(buffer, start, budget)
            except DecodeError as error:
                self._refusal = len(buffer) - start, self._refused(error)
                break
            if end - start > MAX_ELEMENT:
                end = start
                break
            if end - start == 1:
                self._pay(start)
            found.append(data)
        self._left -= len(found)
        self._drop(end)
        return found

    def _take(self) -> list[Data]:
        """The element that was scanned; of a compact-array, what it holds."""
        if self._refusal is not None and self._scanned <= self._refusal[0]:
            raise self._refusal[1]
        octets = bytes(self._buffer[: self._scanned])
        try:
            data, _ = decode(octets)
        except DecodeError as error:
            raise self._refused(error) from None
        if len(octets) == 1:
            self._pay(0)
        self._drop(len(octets))
        assert self._left is not None
        self._left -= 1
        if self._compact and isinstance(data.value, CompactArray):
            return list(data.value.elements)
        return [data]

    def _pay(self, offset: int) -> None:
        """For an element of its tag alone: as many as one APDU may hold, of the whole array."""
        self._empty += 1
        if self._empty > MAX_EMPTY:
            raise DecodeError(
                f"more than {MAX_EMPTY} elements without contents at byte {self._consumed + offset}"
            )

    def _scan(self) -> bool:
        """Whether a whole element is there, ``_scanned`` octets long."""
        if not self._due:
            if self._buffer and not self._left and (self._counted or self._compact):
                raise self._error("octets behind the last element")
            if not self._buffer:
                return False
            self._due.append([_VALUES, 1])
        while self._due:
            kind, number = self._due[-1]
            if not number:
                self._due.pop()
                continue
            if kind == _VALUES:
                step = self._value()
            else:
                step = self._type() if kind == _TYPES else self._contents()
            if step is None:
                return False
            end, inner = step
            self._due[-1][1] -= 1
            self._due += inner
            self._scanned = end
            if len(self._due) > MAX_DEPTH + 2:
                raise self._error(f"more than {MAX_DEPTH} levels")
        return True

    def _count(self, offset: int) -> tuple[int, int] | None:
        """A length and the offset behind it, None if it is not all there."""
        if offset >= len(self._buffer):
            return None
        first = self._buffer[offset]
        if first < 0x80:
            return first, offset + 1
        size = first & 0x7F
        if size > MAX_LENGTH_BYTES:
            raise self._error(f"a length of {size} bytes")
        end = offset + 1 + size
        if end > len(self._buffer):
            return None
        return int.from_bytes(self._buffer[offset + 1 : end], "big"), end

    def _counted_octets(self, offset: int, *, bits: bool = False) -> int | None:
        """The end of octets behind their length, None if they are not all there."""
        counted = self._count(offset)
        if counted is None:
            return None
        size, start = counted
        return self._whole(start + ((size + 7) // 8 if bits else size))

    def _whole(self, end: int) -> int | None:
        """``end``, None if it is not there yet."""
        if end > MAX_ELEMENT:
            raise self._error(f"an element has more than {MAX_ELEMENT} octets")
        return end if end <= len(self._buffer) else None

    def _value(self) -> tuple[int, list[list[int]]] | None:
        """The tag of a value, and all of it that is no container."""
        start = self._scanned
        if start >= len(self._buffer):
            return None
        tag, inner = self._buffer[start], start + 1
        if tag in (Tag.ARRAY, Tag.STRUCTURE):
            counted = self._count(inner)
            return None if counted is None else (counted[1], [[_VALUES, counted[0]]])
        if tag == Tag.COMPACT_ARRAY:
            return inner, [[_CONTENTS, 1], [_TYPES, 1]]
        if (primitive := PRIMITIVES.get(tag)) is None:
            raise self._error(f"unknown data tag {tag}")
        if tag in _BY_LENGTH:
            end = self._counted_octets(inner)
        elif tag == Tag.BIT_STRING:
            end = self._counted_octets(inner, bits=True)
        else:
            end = self._whole(inner + primitive.least)
        return None if end is None else (end, [])

    def _type(self) -> tuple[int, list[list[int]]] | None:
        """A type description: its tag, and how many are inside."""
        start = self._scanned
        if start >= len(self._buffer):
            return None
        tag = self._buffer[start]
        if tag == Tag.ARRAY:
            end = self._whole(start + _TYPE_ARRAY_OCTETS)
            return None if end is None else (end, [[_TYPES, 1]])
        if tag == Tag.STRUCTURE:
            counted = self._count(start + 1)
            return None if counted is None else (counted[1], [[_TYPES, counted[0]]])
        if tag not in PRIMITIVES:
            raise self._error(f"no compact-array holds tag {tag},")
        return start + 1, []

    def _contents(self) -> tuple[int, list[list[int]]] | None:
        """The contents of a compact-array."""
        end = self._counted_octets(self._scanned)
        return None if end is None else (end, [])
