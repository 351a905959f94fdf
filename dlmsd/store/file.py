"""A SQLite file and its writer: asked in the reactor's thread, used in the writer's."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from dlmsd.errors import StoreError
from dlmsd.store.backup import StepBackups
from dlmsd.store.database import Database, open_database, schema_steps, transaction
from dlmsd.store.jobs import Jobs
from dlmsd.store.writer import Writer

T = TypeVar("T")


class StoreFile:
    """``path`` with the schema of that name; before each step of it the file is copied.

    ``writer`` runs from before ``start`` until after ``stop``. A file that could not be opened
    is tried again whenever it is needed.
    """

    def __init__(self, path: Path, schema: str, writer: Writer) -> None:
        self._path = path
        self._schema = schema
        # Nothing here is worth what the outbox keeps in reserve, nor the end of the daemon.
        self._jobs = Jobs(
            path,
            writer,
            relieve=lambda: False,
            fatal=lambda error: None,
            after=lambda: None,
        )
        self._database: Database | None = None
        self._hurry = threading.Event()
        self._ended = True

    async def start(self) -> None:
        """Open or create the file, check it; StoreError says what is wrong with it."""
        self._ended = False
        self._hurry.clear()
        await self._jobs.run(self._open)

    async def stop(self) -> None:
        """Finish what was asked, close the file; idempotent. Waits for no lock."""
        if not self._ended:
            self._ended = True
            self._hurry.set()
            await self._jobs.run(self._close)

    async def read(self, job: Callable[[Database], T]) -> T:
        """What ``job`` finds in the file; StoreError where it cannot be read."""
        return await self._jobs.run(lambda: job(self._open()))

    async def change(self, job: Callable[[Database], T]) -> T:
        """All that ``job`` does, as one transaction, on disk when this returns."""

        def whole() -> T:
            database = self._open()
            with transaction(database):
                return job(database)

        return await self._jobs.run(whole)

    # In the writer's thread.

    def _open(self) -> Database:
        if self._database is None:
            if self._ended:
                raise StoreError(f"{self._path} is not open")
            before = StepBackups(self._path).take
            self._database = open_database(
                self._path, schema_steps(self._schema), self._hurry, before
            )
        return self._database

    def _close(self) -> None:
        database, self._database = self._database, None
        if database is not None:
            database.close()
