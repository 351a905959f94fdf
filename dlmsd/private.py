"""Private files (0600), of whoever owns the folder they are in, also where root makes them.

A command that is given with ``sudo`` works in the state folder of a daemon which runs as another
user: what is made there has to be the daemon's, or it cannot read it, nor start again. Systemd
gives it a folder of its own, but nothing below a folder that is its own already
(``StateDirectory=``).
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Final

# Of one who is not root, and where the owner is nobody whom this user namespace knows.
_NOT_OURS_TO_GIVE: Final = (errno.EPERM, errno.EACCES, errno.EINVAL)


def create(path: Path) -> int:
    """A new file, empty, open for reading and writing; what is left of an earlier one goes.

    It follows no link: root must not write where the folder's owner points. Raises OSError.
    """
    path.unlink(missing_ok=True)
    return _new(path)


def ensure(path: Path) -> bool:
    """See that it is there, ours to write; whether it had to be made, empty. Raises OSError."""
    try:
        os.close(_new(path))
    except FileExistsError:
        os.close(os.open(path, os.O_RDWR | os.O_CLOEXEC))
        return False
    return True


def replace(
    path: Path,
    content: bytes,
    *,
    mode: int = 0o600,
    like: os.stat_result | None = None,
    synced: bool = True,
) -> None:
    """``content`` is all of it now, or it stays as it was; on disk, if it is to be ``synced``.

    ``like`` says whose it is to be, if not its folder's owner's. Raises OSError.
    """
    draft = path.with_name(f".{path.name}.new")
    with os.fdopen(create(draft), "wb") as file:
        if like is not None:
            give(file.fileno(), like)
        os.fchmod(file.fileno(), mode)
        file.write(content)
        file.flush()
        if synced:
            os.fsync(file.fileno())
    draft.replace(path)


def give(file: int | Path, like: os.stat_result) -> None:
    """To the owner and group of something else. Only root can; of others it is theirs already, or
    none of theirs to give. Raises OSError."""
    try:
        if isinstance(file, int):
            os.fchown(file, like.st_uid, like.st_gid)
        else:
            os.lchown(file, like.st_uid, like.st_gid)
    except OSError as error:
        if error.errno not in _NOT_OURS_TO_GIVE:
            raise


def _new(path: Path) -> int:
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    give(file, path.parent.stat())
    return file
