"""A file of the state folder as an onlooker opens it, also while a daemon writes it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, Literal

from dlmsd.errors import StoreError
from dlmsd.store.damage import suspect_log
from dlmsd.store.database import explain, schema_steps

# A daemon's transaction takes milliseconds, its checkpoint on a bad disk seconds.
PATIENCE: Final = 10.0


class NotYetError(StoreError):
    """The daemon makes its files when it starts first; start it, or see that state_dir is the \
daemon's."""


@contextmanager
def opened(path: Path, schema: str, mode: Literal["ro", "rw"]) -> Iterator[sqlite3.Connection]:
    """``path``, whose schema has to be the newest of that name. Raises StoreError."""
    try:
        there = path.exists()
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}") from error
    if not there:
        raise NotYetError(f"{path}: no such file; dlmsd has not run with this state_dir yet")
    known = len(schema_steps(schema))
    suspect_log(path)
    try:
        uri = f"{path.absolute().as_uri()}?mode={mode}"
        with closing(
            sqlite3.connect(uri, uri=True, timeout=PATIENCE, isolation_level=None)
        ) as database:
            ((version,),) = database.execute("PRAGMA user_version")
            if version != known:
                raise StoreError(
                    f"{path}: version {version} of the file, and this dlmsd knows {known}; "
                    "start the daemon of this version first"
                )
            yield database
    except sqlite3.Error as error:
        raise explain(path, error) from error
