"""A damaged file: noticed, set aside, and replaced by what can be read of it.

The new file is complete under another name before the damaged one is moved, and each step
is done again, or ended, by the next start: no moment of a crash leaves an empty file.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol, TypeVar

from dlmsd import private
from dlmsd.errors import StoreError
from dlmsd.store.backup import StepBackups
from dlmsd.store.database import DamagedError, UnreadableError, sync_folder

# The file itself, and what SQLite keeps beside it.
_PARTS: Final = ("", "-wal", "-shm")

# SQLite syncs the header of its log before it writes a frame (its file format, 4.1), so what
# is longer and begins otherwise has lost transactions. It removes the log after its shared
# memory, so where that is left alone somebody else removed the log.
_WAL_HEADER: Final = 32
_WAL_MAGIC: Final = (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83")


# What the disk does not give back once it may give back the next time. With the pauses of the
# outbox this is two minutes.
ATTEMPTS: Final = 8


class Opened(Protocol):
    """What a file is, once it is open."""

    def close(self) -> None:
        """Close it."""


T = TypeVar("T", bound=Opened)


def open_sound(
    path: Path,
    opened: Callable[[Path], T],
    rescue: Callable[[T], str],
    now: int,
    look: str,
    attempt: int,
) -> tuple[T, list[str]]:
    """What ``opened`` makes of the file, and what an operator must be told.

    A damaged file is set aside as ``<name>.corrupt-<UTC time>``; ``rescue`` fills a new one
    with what can be read of it, leaves nothing in its log, and says so. So is one that cannot
    be read, at the last ``attempt``, of which 1 is the first. As long as one lies there it is
    told of, with ``look``, what to look at. ``now`` is the wall time in ms. Raises StoreError.
    """
    _end_replacement(path)
    told = [
        f"{aside}: this file was damaged and is set aside. {look}; then remove this file"
        for aside in sorted(path.parent.glob(f"{path.name}.corrupt-*"))
        if not aside.name.endswith(_PARTS[1:])
    ]
    try:
        _suspect(path)
        return opened(path), told
    except (DamagedError, UnreadableError) as error:
        if isinstance(error, UnreadableError) and attempt < ATTEMPTS:
            raise
        told.append(_replace(path, opened, rescue, now, str(error)))
    return opened(path), told


def note_damage(path: Path) -> None:
    """The file turned out damaged while it was used, and must not be believed at a start."""
    private.ensure(_beside(path, ".damaged"))


def _suspect(path: Path) -> None:
    """DamagedError for what SQLite itself would not notice."""
    if _beside(path, ".damaged").exists():
        raise DamagedError(f"{path}: the file turned out damaged while it was used")
    if path.exists() and path.stat().st_size == 0 and StepBackups(path).newest_first():
        raise DamagedError(f"{path}: the file is empty, and was not when it was copied")
    suspect_log(path)


def suspect_log(path: Path) -> None:
    """DamagedError where the file's log was lost: SQLite would go on without it, and whoever
    only looks would make a new one."""
    log = _beside(path, "-wal")
    if path.exists() and _beside(path, "-shm").exists() and not log.exists():
        raise DamagedError(f"{log}: the log is gone, and its transactions are lost")
    if not log.exists() or log.stat().st_size <= _WAL_HEADER:
        return
    if not path.exists() or path.stat().st_size == 0:
        raise DamagedError(f"{path}: the file is gone or empty, and its log is not")
    with log.open("rb") as file:
        if file.read(4) not in _WAL_MAGIC:
            raise DamagedError(f"{log}: the log is damaged, and its transactions are lost")


def _replace(
    path: Path, opened: Callable[[Path], T], rescue: Callable[[T], str], now: int, reason: str
) -> str:
    """What became of it, as a sentence."""
    making = _beside(path, ".salvaging")
    for part in _PARTS:
        _beside(making, part).unlink(missing_ok=True)
    new = opened(making)
    try:
        kept = rescue(new)
    finally:
        new.close()
    # What SQLite cannot move into the file as it closes it stays beside it, without a word.
    if _beside(making, "-wal").exists():
        raise StoreError(f"{making}: another program holds the new file")
    making.rename(_beside(path, ".salvaged"))
    sync_folder(path.parent)
    aside = _aside(path, now)
    if path.exists():
        path.rename(aside)
    _end_replacement(path, aside)
    return f"{reason}; it is set aside as {aside.name}, and {kept}"


def _end_replacement(path: Path, aside: Path | None = None) -> None:
    """Whatever is left of the damaged file goes aside; then the new one takes its name."""
    made = _beside(path, ".salvaged")
    if path.exists() or not made.exists():
        return
    if aside is None:
        aside = max(path.parent.glob(f"{path.name}.corrupt-*"), default=_aside(path, 0))
    for part in _PARTS[1:]:
        if _beside(path, part).exists():
            _beside(path, part).rename(_beside(aside, part))
    sync_folder(path.parent)
    _beside(path, ".damaged").unlink(missing_ok=True)
    made.rename(path)
    sync_folder(path.parent)


def _aside(path: Path, now: int) -> Path:
    return _beside(path, time.strftime(".corrupt-%Y%m%dT%H%M%SZ", time.gmtime(now // 1000)))


def _beside(path: Path, suffix: str) -> Path:
    return Path(os.fspath(path) + suffix)
