"""The disk below the outbox: what is kept free of it, and whether it is full.

On a full disk SQLite cannot even delete, nor checkpoint. So a file without content, the
ballast, takes some of the space while there is plenty, and is given back when there is
none: marks of what was delivered, and readings that were under way, then still have room.

What is full of the outbox itself gets no space back: SQLite returns no page. So the disk also
tells how far the file may grow, and that is before ballast and log have no room any more.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from dlmsd import private

# A WAL file at its limit: whatever a transaction of the outbox needs.
BALLAST: Final = 16 << 20

# Beside the ballast as much again is for the log; on a small disk, a fifth of it: on 48 MiB still
# twice the length from which a log is written back.
SHARE: Final = 5

# A part of that. By so much may what was under way overrun the limit, and a restart must not take
# it for its own; when others take the disk, what waits is dropped down to there, and no further.
SLACK: Final = 4


class Disk:
    """Use it in the writer's thread; only ``full`` may be read elsewhere.

    ``file`` is the outbox's, ``size`` the ballast's in bytes; with 0 nothing is kept free.
    """

    def __init__(self, file: Path, size: int) -> None:
        self._file = file
        self._ballast = file.with_suffix(".ballast")
        self._size = size
        self._wanted = size > 0 and self._ballast.exists()
        self.full = False

    def keep_ballast(self) -> None:
        """Make it, if it is missing and the disk has room for it and more."""
        if self.full or not self._size or self._ballast.exists():
            return
        if not self._has(self._size):
            return
        # Somebody may be faster, and some file systems have no such call: it is done without.
        with suppress(OSError):
            descriptor = private.create(self._ballast)
            try:
                os.posix_fallocate(descriptor, 0, self._size)
                self._wanted = True
            except OSError:
                self._ballast.unlink()
            finally:
                os.close(descriptor)

    def drop_ballast(self) -> bool:
        """The disk is full: give the space back; False if there is none to give."""
        self.full = True
        with suppress(OSError):
            self._ballast.unlink()
            return True
        return False

    def limit(self, size: int, before: int) -> int:
        """How many bytes the file may hold; it has ``size`` of them, its log included, and could
        have ``before``.

        Its growth does not change that, nor do its log and the ballast. Others do, and take
        away what it has not got yet: no more than a little of what it holds is to go for them.
        """
        if not self._size:
            return before
        enough = self._enough()
        kept = self._size if self._wanted and not self._ballast.exists() else 0
        room = _size(self._file) + self._spare() - kept
        return max(room, enough, min(before, size - enough // SLACK))

    def recovered(self, prove: Callable[[], None], within: int) -> bool:
        """Whether space is back, also for the ballast, which is to be kept again then; or the
        file has some ``within``, bytes below its limit, and the log what it needs for that.

        A file system may claim space that it does not give, so ``prove`` writes something,
        and raises what it met: the ballast is not to be made and dropped again for nothing.
        """
        if self.full and (
            self._has(self._size if self._wanted else 0)
            or (within > 0 and self._free() + self._log() >= self._enough() // 2)
        ):
            prove()
            self.full = False
        return not self.full

    def _has(self, size: int) -> bool:
        return self._spare() + self._enough() // SLACK >= size

    def _spare(self) -> int:
        """What is free beside what the log has yet to get; below 0 when that is too little."""
        return self._free() - max(0, self._enough() - self._log())

    def _log(self) -> int:
        return _size(self._file.with_name(f"{self._file.name}-wal"))

    def _free(self) -> int:
        disk = os.statvfs(self._file.parent)
        return disk.f_bavail * disk.f_frsize

    def _enough(self) -> int:
        disk = os.statvfs(self._file.parent)
        return min(BALLAST, disk.f_blocks * disk.f_frsize // SHARE)


def _size(path: Path) -> int:
    with suppress(FileNotFoundError):
        return path.stat().st_size
    return 0
