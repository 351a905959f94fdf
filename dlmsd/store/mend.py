"""A damaged file whose tables have no names any more, given the names that a new file has.

The first page of a SQLite file says where each table begins. Our tables are always made in the
same order, so in a file of the same version they begin on the same pages; without that page all
rows would still be there, and none could be found.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from dlmsd import private
from dlmsd.store.database import Database
from dlmsd.store.rescue import UNREADABLE, columns, fold, wreck

# SQLite, file format: in the header (1.3), and in a page of a tree, behind the header on the
# first one (1.6).
_PAGE_SIZE: Final = slice(16, 18)
_PAGES: Final = slice(28, 32)
_FREE_PAGES: Final = slice(32, 40)
_TREE: Final = 100
_INNER_TABLE: Final = 5

_TABLES: Final = "SELECT name FROM sqlite_master WHERE type = 'table'"


@contextmanager
def mended(path: Path, new: Database) -> Iterator[Path]:
    """``path`` if it knows the tables that ``new`` has; else a copy that does, and is removed.

    Raises OSError where the copy cannot be written, and sqlite3.Error for what is wrong with
    ``new``.
    """
    if not path.exists() or _knows(path, new):
        yield path
        return
    copy = path.with_name(f"{path.name}.mending")
    fresh = _octets(new)
    size = int.from_bytes(fresh[_PAGE_SIZE], "big")
    try:
        for part in ("", "-wal"):
            with suppress(FileNotFoundError), open(f"{path}{part}", "rb") as source:
                _copy(source.fileno(), f"{copy}{part}", size)
        _name_tables(copy, fresh, size)
        yield copy
    finally:
        for part in ("", "-wal", "-shm"):
            Path(f"{copy}{part}").unlink(missing_ok=True)


def _knows(path: Path, new: Database) -> bool:
    """A file of an earlier version has tables of its own."""
    ((newest,),) = new.execute("PRAGMA user_version")
    with suppress(*UNREADABLE), closing(wreck(path)) as source:
        ((version,),) = source.execute("PRAGMA user_version")
        return 0 < version < newest or all(
            columns(source, new, name) for (name,) in new.execute(_TABLES)
        )
    return False


def _octets(new: Database) -> bytes:
    fold(new)
    ((file,),) = new.execute("SELECT file FROM pragma_database_list WHERE name = 'main'")
    return Path(file).read_bytes()


def _copy(source: int, copy: str, size: int) -> None:
    """What the disk does not give back becomes zeros."""
    length = os.fstat(source).st_size
    with os.fdopen(private.create(Path(copy)), "wb") as file:
        for place in range(0, length, size):
            octets = b""
            with suppress(OSError):
                octets = os.pread(source, size, place)
            file.seek(place)
            file.write(octets)
        file.truncate(length)


def _name_tables(copy: Path, fresh: bytes, size: int) -> None:
    first = bytearray(fresh[:size])
    first[_PAGES] = (copy.stat().st_size // size).to_bytes(4, "big")
    first[_FREE_PAGES] = bytes(8)
    with copy.open("r+b") as file:
        file.write(first)
        for page in _below(fresh):
            file.seek((page - 1) * size)
            file.write(fresh[(page - 1) * size : page * size])


def _below(fresh: bytes) -> Iterator[int]:
    """The pages on which the names go on: none, or leaves below the first one."""
    if fresh[_TREE] == _INNER_TABLE:
        for cell in range(int.from_bytes(fresh[_TREE + 3 : _TREE + 5], "big")):
            place = _TREE + 12 + 2 * cell
            place = int.from_bytes(fresh[place : place + 2], "big")
            yield int.from_bytes(fresh[place : place + 4], "big")
        yield int.from_bytes(fresh[_TREE + 8 : _TREE + 12], "big")
