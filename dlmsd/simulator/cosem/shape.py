"""What type a written value or a parameter must have; anything else is type-unmatched."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from dlmsd.dlms.axdr.data import Data, Tag

Shape: TypeAlias = Callable[[Data], bool]


def of(*tags: Tag) -> Shape:
    """One of these types."""
    return lambda data: data.tag in tags


def octets(*sizes: int) -> Shape:
    """An octet-string of one of these sizes, of any if none is given."""

    def fits(data: Data) -> bool:
        value = data.value
        if data.tag is not Tag.OCTET_STRING or not isinstance(value, bytes):
            return False
        return not sizes or len(value) in sizes

    return fits


def structure(*parts: Shape) -> Shape:
    """A structure of exactly these."""

    def fits(data: Data) -> bool:
        value = data.value
        if data.tag is not Tag.STRUCTURE or type(value) is not tuple or len(value) != len(parts):
            return False
        return all(part(each) for part, each in zip(parts, value, strict=True))

    return fits


def array(part: Shape) -> Shape:
    """An array of any number of these."""

    def fits(data: Data) -> bool:
        value = data.value
        return data.tag is Tag.ARRAY and type(value) is tuple and all(map(part, value))

    return fits


def parts(data: Data) -> tuple[Any, ...]:
    """What the elements of a structure or array hold, once its shape is known."""
    assert isinstance(data.value, tuple)
    return tuple(each.value for each in data.value)


def rows(data: Data) -> list[tuple[Any, ...]]:
    """The parts of each structure in an array."""
    assert isinstance(data.value, tuple)
    return [parts(each) for each in data.value]


def anything(data: Data) -> bool:
    """Whatever it is."""
    return True


# Methods without parameters take an integer that means nothing; some clients leave it out.
TRIGGER: Final = of(Tag.INTEGER, Tag.NULL_DATA)
NAME: Final = octets(6)
DATE_TIME: Final = octets(12)
BOOLEAN: Final = of(Tag.BOOLEAN)
INTEGER: Final = of(Tag.INTEGER)
LONG: Final = of(Tag.LONG)
UNSIGNED: Final = of(Tag.UNSIGNED)
LONG_UNSIGNED: Final = of(Tag.LONG_UNSIGNED)
DOUBLE_LONG_UNSIGNED: Final = of(Tag.DOUBLE_LONG_UNSIGNED)
ENUM: Final = of(Tag.ENUM)
OCTETS: Final = octets()
