"""A SQLite file that keeps what it has committed, with its schema applied in steps."""

from __future__ import annotations

import ctypes
import errno
import os
import re
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from dlmsd import private
from dlmsd.errors import StoreError
from dlmsd.store import log

# Another program, such as a backup, may hold the file for a while. Meanwhile commits wait
# in memory, where their number is limited. SQLite's own wait cannot be interrupted, so it
# is short, and repeated for a minute unless somebody is in a hurry.
BUSY_SECONDS: Final = 0.25
BUSY_ATTEMPTS: Final = 240

# What is asked for, and read back, since SQLite ignores what it cannot do. FULL: with NORMAL
# a power cut takes back transactions that were already acknowledged. The log is written back by
# a statement (``log.py``) at about 4 MiB, and keeps no more than 16 MiB after a burst.
PRAGMAS: Final[tuple[tuple[str, str, object], ...]] = (
    ("journal_mode", "WAL", "wal"),
    ("synchronous", "FULL", 2),
    ("wal_autocheckpoint", "0", 0),
    ("journal_size_limit", "16777216", 16777216),
)

# What the system calls below SQLite, and beside it, say of a disk.
_BY_ERRNO: Final = {
    errno.EIO: sqlite3.SQLITE_IOERR,
    errno.ENOSPC: sqlite3.SQLITE_FULL,
    errno.EDQUOT: sqlite3.SQLITE_FULL,
}

_ADVICE: Final = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "the disk reports an error",
    sqlite3.SQLITE_CORRUPT: "the file is damaged",
    sqlite3.SQLITE_NOTADB: "this is no SQLite file, or a damaged one",
    sqlite3.SQLITE_BUSY: "another program keeps the file locked",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened; check its folder and its owner",
    sqlite3.SQLITE_PERM: "the file may not be written; check its owner",
    sqlite3.SQLITE_READONLY: "the file may not be written; check its owner",
}

# SQLite's check tells of a page that it was refused, as of a damaged one.
_FAILED_PAGE: Final = re.compile(r"unable to get the page\. error code=(\d+)")

# Where a disk has less than this, it was full for SQLite's shared memory, of which that reports
# an I/O error. It never is of a sync that failed, after which what was written may be gone.
_FULL_BYTES: Final = 65_536
_SHARED: Final = (
    sqlite3.SQLITE_IOERR_SHMOPEN,
    sqlite3.SQLITE_IOERR_SHMSIZE,
    sqlite3.SQLITE_IOERR_SHMMAP,
)


class DiskFullError(StoreError):
    """The disk is full, so no meter is read; free some space, and reading goes on by itself."""

    retryable = True
    full = "disk"


class DiskError(StoreError):
    """The disk failed, so dlmsd stops, its service starts it again, and the file is tried until
    it can be used; look at the kernel's log, and replace the disk if it says so."""

    # What was written before a failed sync may be gone, although a later sync succeeds.
    retryable = True


class UnreadableError(DiskError):
    """The disk does not give back a part of the file, which is tried for some minutes; then the
    file is set aside, and what can be read of it is kept. Look at the kernel's log, and replace
    the disk if it says so."""


class DamagedError(StoreError):
    """The file is damaged; it is set aside, that of the outbox at the next start, and what can
    be read of it is kept."""


def explain(path: Path, error: Exception) -> StoreError:
    """What SQLite (or anything below a job) raised, as a sentence for the operator."""
    code = getattr(error, "sqlite_errorcode", None)
    detail = str(error) or type(error).__name__
    if isinstance(error, OSError):
        code = _BY_ERRNO.get(error.errno or 0)
        detail = error.strerror or detail
    kind = None if code is None else code & 0xFF
    if code in _SHARED and _no_space(path):
        kind = sqlite3.SQLITE_FULL
    advice = None if kind is None else _ADVICE.get(kind)
    text = f"{path}: {advice} ({detail})" if advice else f"{path}: {detail}"
    if kind == sqlite3.SQLITE_FULL:
        return DiskFullError(text)
    if code == sqlite3.SQLITE_IOERR_READ:
        return UnreadableError(text)
    if kind == sqlite3.SQLITE_IOERR:
        return DiskError(text)
    if kind in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return DamagedError(text)
    return StoreError(text)


def _no_space(path: Path) -> bool:
    try:
        disk = os.statvfs(path.parent)
    except OSError:
        return False
    return disk.f_bavail * disk.f_frsize < _FULL_BYTES


def schema_steps(name: str) -> tuple[str, ...]:
    """The SQL of ``schema/<name>-001.sql`` and on, in order."""
    found = (step for step in files(__package__).joinpath("schema").iterdir())
    steps = sorted(
        (step for step in found if step.name.startswith(f"{name}-")), key=lambda s: s.name
    )
    return tuple(step.read_text(encoding="utf-8") for step in steps)


# Connections that are left open, one of a file: while there is one, SQLite writes no log back
# when it closes another, and a disk that is tried for hours takes no more.
_LEFT: Final[dict[Path, sqlite3.Connection]] = {}


class Database(sqlite3.Connection):
    """A connection to ``path``; while ``hurry`` is set, nobody waits for a lock.

    ``synced`` tells whether a COMMIT waits for the disk now.
    """

    synced = True
    _failure = ""
    _renewed = False

    def __init__(self, path: Path | str, *arguments: Any, **named: Any) -> None:
        super().__init__(path, *arguments, **named)
        self.path = Path(path)
        self.hurry = threading.Event()

    @contextmanager
    def trusted(self) -> Iterator[None]:
        """Something is written. When the disk fails at it, nothing else is by this connection:
        a later sync that succeeds would not tell what the one that failed has lost."""
        if self._failure:
            raise DiskError(self._failure)
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            problem = explain(self.path, error)
            if type(problem) is DiskError:
                self._failure = str(problem)
            raise

    def write_back(self) -> None:
        """The log, if it is long, and may be trusted already."""
        if self._renewed:
            log.write_back(self, self.path, self.hurry.is_set())

    def renew(self) -> None:
        """The log that an earlier life may have left, in the first transaction."""
        if not self._renewed:
            log.renew(self.path)
            self._renewed = True

    def close(self) -> None:
        """SQLite writes the log back then. A log that could not be synced it must not: should
        that not be cured either, the file is left open for the process to end with it."""
        if _LEFT.get(self.path) is self:
            return
        if self._failure and self.path not in _LEFT:
            try:
                if self.in_transaction:
                    self.execute("ROLLBACK")
                self.execute("BEGIN IMMEDIATE")
                log.renew(self.path)
                self.execute("ROLLBACK")
            except (sqlite3.Error, OSError):
                self._leave()
                with suppress(sqlite3.Error):
                    self.execute("ROLLBACK")
                return
        super().close()

    def _leave(self) -> None:
        """For good: Python closes what is left when it ends, but for what somebody holds."""
        _LEFT[self.path] = self
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self))

    def sync(self, wanted: bool) -> None:
        """From now on a COMMIT waits for the disk, or does not."""
        if self.in_transaction:  # a ROLLBACK that failed must not fail all that follows
            self.execute("ROLLBACK")
        if self.synced is not wanted:
            self.execute(f"PRAGMA synchronous = {'FULL' if wanted else 'NORMAL'}")
            self.synced = wanted


def open_database(
    path: Path,
    steps: Sequence[str],
    hurry: threading.Event | None = None,
    before_step: Callable[[Database, int], None] | None = None,
) -> Database:
    """Open or create ``path``, private to its folder's owner, checked and with all steps applied.

    The file's user_version counts the steps that it has seen; ``before_step`` is called with
    it before each one, but for the first. Raises StoreError. The connection belongs to the
    calling thread.
    """
    try:
        if private.ensure(path):
            sync_folder(path.parent)
        database = sqlite3.connect(
            path, timeout=BUSY_SECONDS, isolation_level=None, factory=Database
        )
        if hurry is not None:
            database.hurry = hurry
    except (sqlite3.Error, OSError) as error:
        raise explain(path, error) from error
    try:
        _set_pragmas(path, database)
        _check(path, database)
        _upgrade(path, database, steps, before_step)
    except (sqlite3.Error, OSError) as error:
        database.close()
        raise explain(path, error) from error
    except UnicodeDecodeError as error:  # in the message that tells of a damaged schema
        database.close()
        raise DamagedError(f"{path}: the file is damaged ({error})") from error
    except StoreError:
        database.close()
        raise
    return database


def sync_folder(folder: Path) -> None:
    """Names that were made in it, or changed, outlive a power cut. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def transaction(database: Database, *, synced: bool = True) -> Iterator[None]:
    """All of the body on disk at its end, or nothing of it.

    What is not ``synced`` is in the file, and outlives the process; a power cut may take it
    back, whole, until the next one that is: a sync covers all of the log before it.
    """
    with database.trusted():
        database.sync(synced)
        _begin(database)
        try:
            database.renew()
            yield
            database.execute("COMMIT")
        except BaseException:
            if database.in_transaction:
                database.execute("ROLLBACK")
            raise


def touch(database: Database) -> None:
    """Write the file's first page as it is, in a transaction; raises what the disk says.

    Nobody waits for a lock.
    """
    with database.trusted():
        database.sync(True)
        ((version,),) = database.execute("PRAGMA user_version")
        database.execute(f"PRAGMA user_version = {version}")


def _begin(database: Database) -> None:
    for attempt in range(1, BUSY_ATTEMPTS + 1):
        try:
            database.write_back()
            database.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            locked = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not locked or attempt == BUSY_ATTEMPTS or database.hurry.is_set():
                raise
        else:
            return


def _set_pragmas(path: Path, database: sqlite3.Connection) -> None:
    for name, wanted, expected in PRAGMAS:
        database.execute(f"PRAGMA {name} = {wanted}")
        with closing(database.execute(f"PRAGMA {name}")) as cursor:
            (actual,) = cursor.fetchone()
        if actual != expected:
            raise StoreError(
                f"{path}: SQLite keeps {name} at {actual} instead of {wanted}, and a power cut "
                "would lose readings; put state_dir on a local file system"
            )


def _check(path: Path, database: sqlite3.Connection) -> None:
    with closing(database.execute("PRAGMA quick_check(1)")) as cursor:
        (result,) = cursor.fetchone()
    if (failed := _FAILED_PAGE.search(result)) and int(failed[1]) & 0xFF == sqlite3.SQLITE_IOERR:
        raise UnreadableError(f"{path}: the disk reports an error ({result})")
    if result != "ok":
        what = " ".join(result.split())
        raise DamagedError(f"{path}: the file is damaged ({what})")


def _upgrade(
    path: Path,
    database: Database,
    steps: Sequence[str],
    before_step: Callable[[Database, int], None] | None,
) -> None:
    with closing(database.execute("PRAGMA user_version")) as cursor:
        (version,) = cursor.fetchone()
    if version > len(steps):
        raise StoreError(
            f"{path}: written by a newer dlmsd (version {version} of the file, this one knows "
            f"{len(steps)}); install that dlmsd again, or move the file away"
        )
    for number, step in enumerate(steps[version:], version + 1):
        if before_step is not None and version > 0:
            before_step(database, number - 1)
        try:
            database.executescript(
                f"BEGIN IMMEDIATE;\n{step}\nPRAGMA user_version = {number};\nCOMMIT;"
            )
        except sqlite3.Error:
            if database.in_transaction:
                database.execute("ROLLBACK")
            raise
