"""A damaged outbox file: noticed, set aside, and replaced by what can be read of it.

The new file is complete under another name before the damaged one is moved, and each step
is done again, or ended, by the next start: no moment of a crash leaves an empty outbox.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Final

from dlmsd.store.database import DamagedError, sync_folder
from dlmsd.store.ledger import Ledger
from dlmsd.store.salvage import salvage

# The file itself, and what SQLite keeps beside it.
_PARTS: Final = ("", "-wal", "-shm")

# SQLite syncs the header of its log before it writes a frame (its file format, 4.1), so what
# is longer and begins otherwise has lost transactions.
_WAL_HEADER: Final = 32
_WAL_MAGIC: Final = (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83")


def open_ledger(path: Path, hurry: threading.Event, now: int) -> tuple[Ledger, list[str]]:
    """The ledger, and what an operator must be told; ``now`` is the wall time in ms.

    A damaged file is set aside as ``<name>.corrupt-<UTC time>``. As long as one lies there it
    is told of. Raises StoreError.
    """
    _end_replacement(path)
    told = [
        f"{aside}: the outbox file was damaged and is set aside. See dlmsd outbox status for "
        "what is missing; then remove this file"
        for aside in sorted(path.parent.glob(f"{path.name}.corrupt-*"))
        if not aside.name.endswith(_PARTS[1:])
    ]
    try:
        _suspect(path)
        return Ledger(path, hurry), told
    except DamagedError as error:
        told.append(_replace(path, hurry, now, str(error)))
    return Ledger(path, hurry), told


def note_damage(path: Path) -> None:
    """The file turned out damaged while it was used, and must not be believed at a start."""
    _beside(path, ".damaged").touch(mode=0o600)


def _suspect(path: Path) -> None:
    """DamagedError for what SQLite itself would not notice."""
    if _beside(path, ".damaged").exists():
        raise DamagedError(f"{path}: the file turned out damaged while it was used")
    log = _beside(path, "-wal")
    if not log.exists() or log.stat().st_size <= _WAL_HEADER:
        return
    if not path.exists() or path.stat().st_size == 0:
        raise DamagedError(f"{path}: the file is gone or empty, and its log is not")
    with log.open("rb") as file:
        if file.read(4) not in _WAL_MAGIC:
            raise DamagedError(f"{log}: the log is damaged, and its transactions are lost")


def _replace(path: Path, hurry: threading.Event, now: int, reason: str) -> str:
    """What became of it, as a sentence."""
    making = _beside(path, ".salvaging")
    for part in _PARTS:
        _beside(making, part).unlink(missing_ok=True)
    ledger = Ledger(making, hurry)
    try:
        kept = salvage(path, ledger.database, now)
    finally:
        ledger.close()
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
