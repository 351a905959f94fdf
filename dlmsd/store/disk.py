"""The disk below the outbox: what is kept free of it, and whether it is full.

On a full disk SQLite cannot even delete, nor checkpoint. So a file without content, the
ballast, takes some of the space while there is plenty, and is given back when there is
none: marks of what was delivered, and readings that were under way, then still have room.
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

# Space counts as back when, beside the ballast, as much again is free; on a disk so small
# that it would never be, a tenth of it.
SHARE: Final = 10


class Disk:
    """Use it in the writer's thread; only ``full`` may be read elsewhere.

    ``size`` is the ballast's, in bytes; 0 keeps none.
    """

    def __init__(self, ballast: Path, size: int) -> None:
        self._ballast = ballast
        self._size = size
        self._wanted = size > 0 and ballast.exists()
        self.full = False

    def keep_ballast(self) -> None:
        """Make it, if it is missing and the disk has room for it and more."""
        if self.full or not self._size or self._ballast.exists():
            return
        if self._free() < self._enough() + self._size:
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

    def recovered(self, prove: Callable[[], None]) -> bool:
        """Whether space is back, also for the ballast, which is to be kept again then.

        A file system may claim space that it does not give, so ``prove`` writes something,
        and raises what it met: the ballast is not to be made and dropped again for nothing.
        """
        if self.full and self._free() >= self._enough() + (self._size if self._wanted else 0):
            prove()
            self.full = False
        return not self.full

    def _free(self) -> int:
        disk = os.statvfs(self._ballast.parent)
        return disk.f_bavail * disk.f_frsize

    def _enough(self) -> int:
        disk = os.statvfs(self._ballast.parent)
        return min(BALLAST, disk.f_blocks * disk.f_frsize // SHARE)
