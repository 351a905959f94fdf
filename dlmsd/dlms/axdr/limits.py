"""What the data of one APDU may cost: nesting, elements, and elements made of nothing.

All three are checked before anything is built, so an attack costs no more than the
largest honest answer: under 50 ms and 32 MiB for 64 KiB of input.
"""

from __future__ import annotations

from typing import Final

from dlmsd.dlms.axdr.value import Tag
from dlmsd.errors import DecodeError

# Real objects nest four or five deep (an object list: array, structure, structure, array,
# structure); 16 leaves room and keeps recursion far below Python's own limit.
MAX_DEPTH: Final = 16

# An APDU has at most 64 KiB, and what costs a byte each cannot be more than that. Only a
# compact-array makes several elements of one byte; it gets no more than the rest.
MAX_ELEMENTS: Final = 65_536

# Elements without contents cost the sender next to nothing; 4,096 are a profile of 500
# rows in which eight columns repeat the row before.
MAX_EMPTY: Final = 4_096


class Budget:
    """What may still be decoded of one APDU; all Data of that APDU share it."""

    __slots__ = ("elements", "empty")

    def __init__(self) -> None:
        self.elements = MAX_ELEMENTS
        self.empty = MAX_EMPTY

    def affords(self, elements: int, empty: int) -> int:
        """How many times :meth:`take` may be called with these figures."""
        return min(self.elements // elements, self.empty // empty if empty else MAX_ELEMENTS)

    def take(self, elements: int, empty: int, tag: Tag, offset: int) -> None:
        """Pay for ``elements``, of which ``empty`` have no contents.

        ``tag`` and ``offset`` are for the message of the DecodeError if they are too many.
        """
        self.elements -= elements
        self.empty -= empty
        if self.elements < 0:
            raise _refusal(tag, offset, f"more than {MAX_ELEMENTS} elements")
        if self.empty < 0:
            raise _refusal(tag, offset, f"more than {MAX_EMPTY} elements without contents")


def check_depth(depth: int, tag: Tag, offset: int) -> None:
    """DecodeError when a container is nested too deep; the outermost has depth 1."""
    if depth > MAX_DEPTH:
        raise _refusal(tag, offset, f"more than {MAX_DEPTH} levels")


def _refusal(tag: Tag, offset: int, reason: str) -> DecodeError:
    return DecodeError(f"{tag.title} at byte {offset} makes {reason} in one APDU")
