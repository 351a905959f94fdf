"""Copies of SQLite files by the online backup API: whole, of one instant, also while in use."""

from __future__ import annotations

import os
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from dlmsd import private
from dlmsd.store.database import sync_folder

_KEPT: Final = 2


def copy(source: sqlite3.Connection, target: Path) -> None:
    """``target`` becomes the source as it is now: written whole or not at all, on disk, 0600.

    Raises OSError and sqlite3.Error.
    """
    draft = target.with_name(f"{target.name}.new")
    try:
        os.close(private.create(draft))
        with closing(sqlite3.connect(draft, isolation_level=None)) as copied:
            source.backup(copied)  # all pages in one step: one instant, and writers go on
            # A copy is one file: its reader has no log beside it.
            copied.execute("PRAGMA journal_mode = DELETE")
        sync(draft)
        draft.replace(target)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    sync_folder(target.parent)


def sync(path: Path) -> None:
    """All of a file is on disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class StepBackups:
    """``<name>-<version>.bak`` beside a file, made before each step of its schema."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def take(self, database: sqlite3.Connection, version: int) -> None:
        """Copy the file as it is at ``version``; the last two copies are kept."""
        copy(database, self._path.with_name(f"{self._path.stem}-{version}.bak"))
        for _, old in self._found()[:-_KEPT]:
            old.unlink(missing_ok=True)

    def newest_first(self) -> list[Path]:
        """Those that are kept."""
        return [path for _, path in reversed(self._found())]

    def _found(self) -> list[tuple[int, Path]]:
        pattern = re.compile(rf"{re.escape(self._path.stem)}-(\d+)\.bak")
        matches = ((pattern.fullmatch(one.name), one) for one in self._path.parent.iterdir())
        return sorted((int(match[1]), one) for match, one in matches if match)
