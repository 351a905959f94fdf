"""The state folder: there, and its files ours to write, before anything is opened in it."""

from __future__ import annotations

import errno
import os
import pwd
from pathlib import Path

from dlmsd.errors import StoreError
from dlmsd.store.database import explain


class StateFolderError(StoreError):
    """dlmsd cannot keep its state there: let the folder and all in it belong to the user that
    dlmsd runs as, on a disk that may be written, or name another state_dir."""

    exit_code = 78  # EX_CONFIG: to start again mends nothing


def prepare_folder(folder: Path) -> None:
    """Make it if it is missing. Raises StateFolderError, and DiskFullError where there is no
    space for it."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        found = [folder, *sorted(folder.iterdir())]
    except OSError as error:
        raise unusable(folder, error) from error
    for path in found:
        if path.is_file() or path is folder:
            _see(path)


def unusable(path: Path, error: OSError) -> StoreError:
    """Why the folder, or a file in it, cannot be used."""
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        wrong = next((one for one in (path, *path.parents) if one.exists()), path)
        return StateFolderError(f"{path}: {wrong} is no folder")
    if error.errno == errno.EROFS:
        return StateFolderError(f"{path}: the file system is read-only")
    if error.errno in (errno.EACCES, errno.EPERM):
        return _denied(path)
    return explain(path, error)


def _see(path: Path) -> None:
    mode = os.R_OK | os.W_OK | (os.X_OK if path.is_dir() else 0)
    if os.access(path, mode, effective_ids=True):
        return
    if os.statvfs(path).f_flag & os.ST_RDONLY:
        raise StateFolderError(f"{path}: the file system is read-only")
    raise _denied(path)


def _denied(path: Path) -> StateFolderError:
    """Also a folder above it may be closed to us, or SELinux forbid what owner and mode allow."""
    there = path
    while not os.access(there, os.F_OK, effective_ids=True) and there != there.parent:
        there = there.parent
    try:
        owner = there.stat().st_uid
    except OSError:
        return StateFolderError(f"{path}: permission denied")
    ours = os.geteuid()
    if owner == ours:
        return StateFolderError(
            f"{there}: permission denied, though it is ours; check its mode, and SELinux"
        )
    return StateFolderError(
        f"{there} belongs to user {_user(owner)}, and dlmsd runs as {_user(ours)}"
    )


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
