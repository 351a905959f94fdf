"""A-XDR data as Python values (Green Book, ``Data``; Blue Book, common data types)."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias, Union

from dlmsd.dlms.axdr.clock import Date, DateTime, Time

if TYPE_CHECKING:
    from dlmsd.dlms.axdr.compact import CompactArray


class Tag(enum.IntEnum):
    """The choices of ``Data``, by the Blue Book's names."""

    NULL_DATA = 0
    ARRAY = 1
    STRUCTURE = 2
    BOOLEAN = 3
    BIT_STRING = 4
    DOUBLE_LONG = 5
    DOUBLE_LONG_UNSIGNED = 6
    OCTET_STRING = 9
    VISIBLE_STRING = 10
    UTF8_STRING = 12
    BCD = 13
    INTEGER = 15
    LONG = 16
    UNSIGNED = 17
    LONG_UNSIGNED = 18
    COMPACT_ARRAY = 19
    LONG64 = 20
    LONG64_UNSIGNED = 21
    ENUM = 22
    FLOAT32 = 23
    FLOAT64 = 24
    DATE_TIME = 25
    DATE = 26
    TIME = 27
    DELTA_INTEGER = 28
    DELTA_LONG = 29
    DELTA_DOUBLE_LONG = 30
    DELTA_UNSIGNED = 31
    DELTA_LONG_UNSIGNED = 32
    DELTA_DOUBLE_LONG_UNSIGNED = 33
    DONT_CARE = 255

    @property
    def title(self) -> str:
        """As the standard writes it: ``long-unsigned``."""
        return self.name.lower().replace("_", "-")


# How far a number is from the one before it in its column (Blue Book, Profile generic): no
# number by itself.
DELTAS: Final = frozenset(
    {
        Tag.DELTA_INTEGER,
        Tag.DELTA_LONG,
        Tag.DELTA_DOUBLE_LONG,
        Tag.DELTA_UNSIGNED,
        Tag.DELTA_LONG_UNSIGNED,
        Tag.DELTA_DOUBLE_LONG_UNSIGNED,
    }
)


class BitString(NamedTuple):
    """``length`` bits, the first in the highest bit of the first octet.

    The unused bits of the last octet are kept as they were sent.
    """

    octets: bytes
    length: int

    def __str__(self) -> str:
        return "".join(f"{octet:08b}" for octet in self.octets)[: self.length]


class Data(NamedTuple):
    """One value with its type; what ``value`` holds follows from ``tag``.

    ======================  =======================================================
    null-data, dont-care    None
    array, structure        tuple of Data
    compact-array           CompactArray
    boolean                 bool
    bit-string              BitString
    octet-string            bytes
    visible-string          str, one character an octet (Latin-1): no octet is
                            refused and none is lost
    utf8-string             str; bytes as sent where they are not UTF-8
    bcd                     bytes, one octet: ``.hex()`` gives its two digits
    float32, float64        float
    date-time, date, time   DateTime, Date, Time
    all others              int
    ======================  =======================================================

    A tuple and no attrs class, because a decoder makes more of it than of all the rest.
    """

    tag: Tag
    value: Value


Value: TypeAlias = Union[
    bool,
    int,
    float,
    str,
    bytes,
    BitString,
    DateTime,
    Date,
    Time,
    tuple[Data, ...],
    "CompactArray",
    None,
]
