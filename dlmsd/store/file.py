"""A SQLite file and its writer: asked in the reactor's thread, used in the writer's."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from twisted.logger import Logger

from dlmsd.errors import StoreError
from dlmsd.store.backup import StepBackups
from dlmsd.store.damage import note_damage, open_sound
from dlmsd.store.database import (
    DamagedError,
    Database,
    UnreadableError,
    open_database,
    schema_steps,
    transaction,
)
from dlmsd.store.jobs import Jobs
from dlmsd.store.writer import Writer

T = TypeVar("T")


class StoreFile:
    """``path`` with the schema of that name; before each step of it the file is copied.

    ``writer`` runs from before ``start`` until after ``stop``. A file that could not be opened
    is tried again whenever it is needed. A damaged one is replaced by what ``rescue`` can read
    of it into a new one, at the start or, once, when it shows; ``alarms`` tell an operator.
    ``now`` is the wall time in ms.
    """

    log = Logger()

    def __init__(
        self,
        path: Path,
        schema: str,
        writer: Writer,
        now: Callable[[], int],
        rescue: Callable[[Path, Database, int], str],
    ) -> None:
        self.alarms: list[str] = []
        self._path = path
        self._schema = schema
        self._now = now
        self._rescue = rescue
        self._doubted = self._replaced = self._failed = False
        # Nothing here is worth what the outbox keeps in reserve, nor the end of the daemon.
        self._jobs = Jobs(
            path,
            writer,
            relieve=lambda: False,
            fatal=self._doubt,
            after=lambda: None,
        )
        self._database: Database | None = None
        self._attempts = 0
        self._hurry = threading.Event()
        self._ended = True

    async def start(self) -> None:
        """Open or create the file, check it; StoreError says what is wrong with it."""
        self._ended = False
        self._hurry.clear()
        await self._run(self._open)

    async def stop(self) -> None:
        """Finish what was asked, close the file; idempotent. Waits for no lock."""
        if not self._ended:
            self._ended = True
            self._hurry.set()
            await self._jobs.run(self._close)

    async def read(self, job: Callable[[Database], T]) -> T:
        """What ``job`` finds in the file; StoreError where it cannot be read."""
        return await self._run(lambda: job(self._open()))

    async def change(self, job: Callable[[Database], T]) -> T:
        """All that ``job`` does, as one transaction, on disk when this returns."""

        def whole() -> T:
            database = self._open()
            with transaction(database):
                return job(database)

        return await self._run(whole)

    async def _run(self, job: Callable[[], T]) -> T:
        told = len(self.alarms)
        try:
            return await self._jobs.run(job)
        finally:
            for alarm in self.alarms[told:]:
                self.log.critical("{alarm}", alarm=alarm, file=str(self._path))

    def _doubt(self, error: StoreError) -> None:
        """The file turned out damaged: only once, a disk that spoils all does so again. Or the
        disk failed, after which the connection writes no more."""
        if not isinstance(error, DamagedError):
            self._failed = not isinstance(error, UnreadableError)
        elif not self._replaced:
            self._doubted = self._replaced = True

    # In the writer's thread.

    def _open(self) -> Database:
        if self._doubted:
            self._doubted = False
            note_damage(self._path)
            self._close()
        if self._failed:
            self._failed = False
            self._close()
        if self._database is None:
            if self._ended:
                raise StoreError(f"{self._path} is not open")
            now = self._now()
            self._attempts += 1
            self._database, alarms = open_sound(
                self._path,
                self._opened,
                lambda new: self._rescue(self._path, new, now),
                now,
                "Look through the meters that were added by API, and what is wanted of others",
                self._attempts,
            )
            self._attempts = 0
            self.alarms.extend(one for one in alarms if one not in self.alarms)
        return self._database

    def _opened(self, path: Path) -> Database:
        steps = schema_steps(self._schema)
        database = open_database(path, steps, self._hurry, StepBackups(path).take)
        # A text of damaged octets is a text, and must not make all others unreadable.
        database.text_factory = lambda raw: raw.decode("utf-8", "replace")
        return database

    def _close(self) -> None:
        database, self._database = self._database, None
        if database is not None:
            database.close()
