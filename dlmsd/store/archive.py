"""The state folder in one file, and back: both SQLite files, the short id and the page's token.

A tar archive, private to its owner: it holds the readings, and secrets as the registry keeps
them. What is written is of one instant for each SQLite file, also while a daemon writes them.

Restoring never goes back to invocation counters that may have been used since: under a key
each number serves once (NIST SP 800-38D, 8).
"""

from __future__ import annotations

import io
import json
import os
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Final
from urllib.parse import quote

from attrs import frozen

from dlmsd import private
from dlmsd.dlms.security.counter import COUNTER_END
from dlmsd.errors import StoreError
from dlmsd.store.backup import copy, sync
from dlmsd.store.database import explain, open_database, schema_steps, sync_folder

DATABASES: Final = ("outbox", "registry")
FILES: Final = ("instance-id", "web.token", "web.tokens")
_MANIFEST: Final = "dlmsd.json"
_FORMAT: Final = 1
# A few lines each; what is longer was written by nobody we know.
_MOST: Final = 65_536

# Counters that may have been handed out since the copy: what 20 requests a second take, and a
# million for a clock that was wrong. Of four thousand million that costs years, never safety.
MARGIN: Final = 1_000_000
PER_SECOND: Final = 20


class ArchiveError(StoreError):
    """This is no backup that can be restored; give a file that `dlmsd backup` has written."""


@frozen
class Contents:
    """What an archive holds: bytes of each file by name, and when it was made (Unix s)."""

    created: float
    sizes: Mapping[str, int]


@frozen
class Restored:
    """What was put back; ``counters`` is how many were raised, ``aside`` what was there."""

    contents: Contents
    counters: int
    aside: tuple[Path, ...]


def write(state_dir: Path, target: Path, now: float) -> Contents:
    """All of ``state_dir`` into ``target``, which is replaced when it is whole.

    Blocks. Raises StoreError.
    """
    try:
        with tempfile.TemporaryDirectory(prefix=".dlmsd-backup-", dir=target.parent) as room:
            found = [*_copies(state_dir, Path(room)), *(state_dir / name for name in FILES)]
            present = [path for path in found if path.exists()]
            if not present:
                raise StoreError(f"{state_dir} holds nothing that dlmsd has written")
            contents = Contents(now, {one.name: one.stat().st_size for one in present})
            draft = Path(room) / "archive"
            with tarfile.open(draft, "w") as archive:
                _add_manifest(archive, contents)
                for path in present:
                    archive.add(path, path.name, filter=_plain)
            draft.chmod(0o600)
            sync(draft)
            draft.replace(target)
        sync_folder(target.parent)
    except OSError as error:
        raise StoreError(f"{error.filename or target}: {error.strerror}") from error
    return contents


def restore(state_dir: Path, source: Path, now: float) -> Restored:
    """What ``source`` holds into ``state_dir``, of which the caller has the lock.

    What is there is kept beside it, under names that end in ``.before-restore``. Blocks.
    Raises StoreError, and then nothing has changed.
    """
    with _unpacked(state_dir, source) as (room, contents):
        elapsed = max(0.0, now - contents.created)
        margin = MARGIN + int(elapsed * PER_SECOND)
        counters = 0
        for name in DATABASES:
            path = room / f"{name}.db"
            if path.exists():
                with closing(open_database(path, schema_steps(name))) as database:
                    if name == "outbox":
                        counters = _raise(database, state_dir / "outbox.db", margin)
        aside: list[Path] = []
        try:
            # The registry first: an outbox that is not restored yet has the higher counters.
            for file in sorted(contents.sizes, key=lambda one: one == "outbox.db"):
                aside += _put(room / file, state_dir / file)
            sync_folder(state_dir)
        except OSError as error:
            raise StoreError(f"{error.filename or state_dir}: {error.strerror}") from error
    return Restored(contents, counters, tuple(aside))


def _copies(state_dir: Path, room: Path) -> Iterator[Path]:
    for name in DATABASES:
        path, target = state_dir / f"{name}.db", room / f"{name}.db"
        if not path.exists():
            continue
        try:
            # Not read-only: what a kill left may have to be recovered before it can be read.
            with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True)) as source:
                copy(source, target)
        except sqlite3.Error as error:
            raise explain(path, error) from error
        yield target


def _add_manifest(archive: tarfile.TarFile, contents: Contents) -> None:
    text = json.dumps({"format": _FORMAT, "created": contents.created}).encode()
    member = tarfile.TarInfo(_MANIFEST)
    member.size, member.mode = len(text), 0o600
    archive.addfile(member, io.BytesIO(text))


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Without whose it was, or where."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o600
    return member


@contextmanager
def _unpacked(state_dir: Path, source: Path) -> Iterator[tuple[Path, Contents]]:
    """The archive's files in a folder within ``state_dir``, so that they can be moved."""
    try:
        with (
            tempfile.TemporaryDirectory(prefix=".dlmsd-restore-", dir=state_dir) as room,
            tarfile.open(source, "r:") as archive,
        ):
            contents = _read_manifest(archive, source)
            for name in contents.sizes:
                stream = archive.extractfile(name)
                assert stream is not None
                _write(Path(room) / name, stream)
            yield Path(room), contents
    except tarfile.TarError as error:
        raise ArchiveError(f"{source}: {error}") from error
    except OSError as error:
        raise StoreError(f"{error.filename or source}: {error.strerror}") from error


def _read_manifest(archive: tarfile.TarFile, source: Path) -> Contents:
    """Which files there are: known names, plain files, nothing else."""
    members = {member.name: member for member in archive if member.isfile()}
    manifest = members.pop(_MANIFEST, None)
    if manifest is None or manifest.size > _MOST:
        raise ArchiveError(f"{source}: it does not say what it is")
    stream = archive.extractfile(manifest)
    assert stream is not None
    try:
        said = json.loads(stream.read())
        created = float(said["created"])
        if said["format"] != _FORMAT:
            raise ArchiveError(f"{source}: written by a newer dlmsd; install that one")
    except (ValueError, KeyError, TypeError) as error:
        raise ArchiveError(f"{source}: it does not say what it is") from error
    known = {*FILES, *(f"{name}.db" for name in DATABASES)}
    small = all(members[name].size <= _MOST for name in FILES if name in members)
    if not members or members.keys() - known or not small:
        raise ArchiveError(f"{source}: it holds files that dlmsd does not write")
    return Contents(created, {name: member.size for name, member in members.items()})


def _write(path: Path, stream: IO[bytes]) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        while block := stream.read(1 << 20):
            file.write(block)
        file.flush()
        os.fsync(file.fileno())


def _raise(database: sqlite3.Connection, current: Path, margin: int) -> int:
    """Above all that the copy or the file in use has seen, by ``margin``; how many were."""
    transmit, received = _counters(database)
    here, heard = _of_file(current)
    transmit = {name: max(transmit.get(name, 0), here.get(name, 0)) for name in {*transmit, *here}}
    received = {
        name: max(received.get(name, 0), heard.get(name, 0)) for name in {*received, *heard}
    }
    database.execute("BEGIN IMMEDIATE")
    database.executemany(
        "INSERT OR REPLACE INTO transmit_counters (name, next) VALUES (?, ?)",
        [(name, min(count + margin, COUNTER_END)) for name, count in transmit.items()],
    )
    database.executemany(
        "INSERT OR REPLACE INTO received_counters (name, last) VALUES (?, ?)", received.items()
    )
    database.execute("COMMIT")
    database.execute("PRAGMA journal_mode = DELETE")
    return len(transmit)


def _highest(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: max(one.get(name, 0), other.get(name, 0)) for name in {*one, *other}}


def _counters(database: sqlite3.Connection) -> tuple[dict[str, int], dict[str, int]]:
    return (
        dict(database.execute("SELECT name, next FROM transmit_counters").fetchall()),
        dict(database.execute("SELECT name, last FROM received_counters").fetchall()),
    )


def _of_file(path: Path) -> tuple[dict[str, int], dict[str, int]]:
    """Of the file in use, its log in it; nothing where there is none, or none that can be read."""
    if not path.exists():
        return {}, {}
    try:
        with closing(sqlite3.connect(path)) as database:
            return _counters(database)
    except sqlite3.Error:
        return {}, {}  # it is damaged, or older than all counters


def _put(new: Path, place: Path) -> list[Path]:
    """``new`` at its place, at once, its folder's owner's; what was there stays beside it."""
    aside = []
    for old in (place, *(place.with_name(f"{place.name}-{end}") for end in ("wal", "shm"))):
        if old.exists():
            kept = old.with_name(f"{old.name}.before-restore")
            kept.unlink(missing_ok=True)
            if old == place:
                os.link(old, kept)  # so that at no moment nothing is there
            else:
                old.rename(kept)
            aside.append(kept)
    private.give(new, place.parent.stat())
    new.replace(place)
    return aside
