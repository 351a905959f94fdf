"""The write-ahead log beside a SQLite file, written back into it once it is long.

SQLite does so by itself after a COMMIT (wal_autocheckpoint), and keeps to itself what the disk
says of it. A sync of the log that failed there must be heard: what was not synced before may be
gone although every later sync succeeds, and what is committed later stands behind that hole. So
a statement does it, at the beginning of the next transaction: an error is that one's, of which
nothing is written yet, and what was committed before stays so.

The system takes what it could not write for written, and goes on to give it to whoever reads.
So does the next life of the daemon see a log without a hole, commits behind it, and writes it
back while a power cut would find half of it. Therefore a log is renewed before it is used.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Final

# From so many frames on it is written back, 4 MiB: SQLite's own number.
LOG_FRAMES: Final = 1000

# While somebody reads the file as it was, what came later stays in the log. A copy of a full
# outbox on an SD card takes a minute, in which 1,000 meters write 60 MiB; nobody needs to read
# for longer than four times that takes, and the disk is not for that alone.
MOST_FRAMES: Final = 65_536

# SQLite, file format: the header of a log (4.1) has the size of a page, and the salts that each
# of its frames (4.2) repeats. A log that begins anew has other ones.
_HEADER: Final = 32
_PAGE_SIZE: Final = slice(8, 12)
_SALTS: Final = slice(16, 24)
_FRAME: Final = 24
_FRAME_SALTS: Final = slice(8, 16)

_PIECE: Final = 1 << 20

# Where no file can be opened, SQLite still commits: the next transaction looks again.
_NOT_NOW: Final = (errno.ENOENT, errno.EMFILE, errno.ENFILE)


def write_back(database: sqlite3.Connection, path: Path, hurry: bool) -> None:
    """If the log of ``path`` is long. Waits for readers only when it may not grow any more, and
    for nobody in a ``hurry``: what is committed last is worth more than what it takes.

    Raises sqlite3.Error: what the disk says, and SQLITE_BUSY for a reader.
    """
    if not _is_long(path):
        return
    ((_, frames, _),) = database.execute("PRAGMA wal_checkpoint(PASSIVE)")
    if frames >= MOST_FRAMES and not hurry:
        ((busy, *_),) = database.execute("PRAGMA wal_checkpoint(RESTART)")
        if busy:
            error = sqlite3.OperationalError("whoever reads it keeps its log from an end")
            error.sqlite_errorcode = sqlite3.SQLITE_BUSY
            raise error


def _is_long(path: Path) -> bool:
    """Two small reads, 10 us: whether the last frame of a long one is of this log."""
    header = octets(path, 0, _HEADER)
    size = int.from_bytes(header[_PAGE_SIZE], "big")
    place = _HEADER + (LOG_FRAMES - 1) * (_FRAME + size)
    return bool(header) and octets(path, place, _FRAME)[_FRAME_SALTS] == header[_SALTS]


def renew(path: Path) -> None:
    """Write the log of ``path`` as it is, and sync it. Nobody else may write: the caller has
    begun a transaction. Raises OSError."""
    with suppress(FileNotFoundError), open(f"{path}-wal", "r+b", buffering=0) as log:
        place = 0
        while piece := os.pread(log.fileno(), _PIECE, place):
            place += os.pwrite(log.fileno(), piece, place)
        os.fsync(log.fileno())


def octets(path: Path, place: int, size: int) -> bytes:
    """A piece of the log of ``path``, or less where it ends, or cannot be looked into now.
    Raises OSError."""
    try:
        with open(f"{path}-wal", "rb", buffering=0) as log:
            return os.pread(log.fileno(), size, place)
    except OSError as error:
        if error.errno not in _NOT_NOW:
            raise
    return b""
