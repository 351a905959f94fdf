"""One daemon for each state folder."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

from dlmsd import private
from dlmsd.errors import LocalError, StoreError
from dlmsd.store.folder import unusable


class InUseError(StoreError):
    """The state folder is in use; stop that process first, or give this one another state_dir."""

    def __init__(self, folder: Path, owner: str) -> None:
        super().__init__(f"{folder} is in use by process {owner}")
        self.folder = folder
        self.owner = owner


class Lock:
    """An exclusive lock on a file that holds the owner's process id.

    The kernel lets go of it when the process dies, however that happens; the file stays.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def take(self) -> None:
        """Take the lock; InUseError names the process that has it."""
        if self._descriptor is not None:
            raise LocalError(f"{self._path}: taken twice")
        try:
            private.ensure(self._path)
            descriptor = os.open(self._path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            raise unusable(self._path, error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _sign(descriptor)
        except BlockingIOError as error:
            owner = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise InUseError(self._path.parent.absolute(), owner or "unknown") from error
        except OSError as error:
            os.close(descriptor)
            raise unusable(self._path, error) from error
        self._descriptor = descriptor

    @property
    def held_since(self) -> float | None:
        """When the process that has it now took it (Unix seconds); None if none has."""
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return os.fstat(descriptor).st_mtime
        finally:
            os.close(descriptor)
        return None

    def release(self) -> None:
        """Let the next one in; idempotent."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _sign(descriptor: int) -> None:
    """Say whose it is; on a full disk it is ours without a word, and the outbox waits for room."""
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
