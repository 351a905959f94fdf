"""A SQLite file and its writer: asked in the reactor's thread, used in the writer's."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from twisted.logger import Logger

from dlmsd.errors import DlmsdError, StoreError
from dlmsd.store.backup import StepBackups
from dlmsd.store.database import Database, explain, open_database, schema_steps, transaction
from dlmsd.store.writer import Writer

T = TypeVar("T")


class StoreFile:
    """``path`` with the schema of that name; before each step of it the file is copied.

    ``writer`` runs from before ``start`` until after ``stop``. A file that could not be opened
    is tried again whenever it is needed.
    """

    log = Logger()

    def __init__(self, path: Path, schema: str, writer: Writer) -> None:
        self._path = path
        self._schema = schema
        self._writer = writer
        self._database: Database | None = None
        self._hurry = threading.Event()
        self._ended = True

    async def start(self) -> None:
        """Open or create the file, check it; StoreError says what is wrong with it."""
        self._ended = False
        self._hurry.clear()
        await self._run(self._open)

    async def stop(self) -> None:
        """Finish what was asked, close the file; idempotent. Waits for no lock."""
        self._ended = True
        self._hurry.set()
        await self._run(self._close)

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

    # In the reactor's.

    async def _run(self, job: Callable[[], T]) -> T:
        try:
            return await self._writer.run(job)
        except DlmsdError:
            raise
        except (sqlite3.Error, OSError) as error:
            raise explain(self._path, error) from error
        except Exception as error:
            self.log.failure("A job of {file} failed", file=str(self._path))
            raise explain(self._path, error) from error
