"""Rows that stand on the pages of a SQLite file, whatever became of the trees above them.

Where the page is lost in which a table begins, no row of it is found any more, and all are there
(SQLite, file format: 1.6, b-tree pages; 2.1, records; 4.1, the log). A page that was given up
may still hold rows that were removed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

# Where pages begin, and what stands before each: in the file, and in its log.
_PARTS: Final = (("", 0, 0), ("-wal", 32, 24))
_LEAF_OF_TABLE: Final = 13
_HEADER: Final = 8
# Bytes of an integer, by its type; those of 8 and 9 are their value.
_INTEGERS: Final = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
# SQLite keeps the rest of what is longer than a page on other pages; such rows are left out.
_REST: Final = 35

Value = int | str | None
Row = tuple[int, list[Value]]


def rows(path: Path, size: int) -> Iterator[list[Row]]:
    """Row ids and values of each leaf; ``size`` is that of a page.

    Rows with other values than integers, texts and NULL are left out.
    """
    for octets in _pages(path, size):
        if octets[0] == _LEAF_OF_TABLE:
            yield list(_cells(octets))


def _pages(path: Path, size: int) -> Iterator[bytes]:
    for part, start, before in _PARTS:
        with suppress(FileNotFoundError), open(f"{path}{part}", "rb") as file:
            length = os.fstat(file.fileno()).st_size
            for place in range(start, length, before + size):
                octets = b""
                with suppress(OSError):  # a part that the disk does not give back
                    octets = os.pread(file.fileno(), size, place + before)
                if len(octets) == size:
                    yield octets


def _cells(page: bytes) -> Iterator[Row]:
    count = int.from_bytes(page[3:5], "big")
    for number in range(min(count, len(page) // 4)):
        # What leads beyond the page, or makes no text, is no row.
        with suppress(IndexError, UnicodeDecodeError, KeyError):
            place = int.from_bytes(page[_HEADER + 2 * number :][:2], "big")
            length, place = _number(page, place)
            row, place = _number(page, place)
            if length <= len(page) - _REST and place + length <= len(page):
                yield row, _values(page[place : place + length])


def _values(record: bytes) -> list[Value]:
    end, place = _number(record, 0)
    values: list[Value] = []
    data = end
    while place < end:
        kind, place = _number(record, place)
        if kind == 0:
            values.append(None)
        elif kind in (8, 9):
            values.append(kind - 8)
        elif kind >= 13 and kind % 2:
            values.append(record[data : (data := data + (kind - 13) // 2)].decode())
        else:
            octets = record[data : (data := data + _INTEGERS[kind])]
            values.append(int.from_bytes(octets, "big", signed=True))
    if data != len(record):
        raise IndexError
    return values


def _number(octets: bytes, place: int) -> tuple[int, int]:
    """A varint, and the place behind it."""
    value = 0
    for _ in range(8):
        octet = octets[place]
        place += 1
        value = value << 7 | octet & 0x7F
        if octet < 0x80:
            return value, place
    return value << 8 | octets[place], place + 1
