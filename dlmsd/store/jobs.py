"""Runs a file's jobs in its writer, and turns what the disk raises into a StoreError."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from twisted.internet.defer import CancelledError
from twisted.logger import Logger

from dlmsd.errors import DlmsdError, StoreError
from dlmsd.store.database import DamagedError, DiskError, DiskFullError, explain
from dlmsd.store.writer import Writer

T = TypeVar("T")


class Run(Protocol):
    """Runs a job on a file, in its writer; raises StoreError."""

    async def __call__(self, job: Callable[[sqlite3.Connection], T], /) -> T: ...


class Jobs:
    """``relieve`` makes room on a full disk, in the writer's thread, and tells whether it
    could; a job must bear to be run again after it failed.

    ``fatal`` hears of errors after which nothing that the disk says may be believed, ``after``
    of the end of each job: whichever it was may have found the disk full.
    """

    log = Logger()

    def __init__(
        self,
        path: Path,
        writer: Writer,
        relieve: Callable[[], bool],
        fatal: Callable[[StoreError], None],
        after: Callable[[], None],
    ) -> None:
        self._path = path
        self._writer = writer
        self._relieve = relieve
        self._fatal = fatal
        self._after = after

    async def run(self, job: Callable[[], T]) -> T:
        """What ``job`` returns; raises StoreError."""
        try:
            return await self._writer.run(partial(self._attempt, job))
        except (DiskError, DamagedError) as error:
            self._fatal(error)
            raise
        except (DlmsdError, CancelledError):  # who asked waits no more: no fault of the job's
            raise
        except Exception as error:
            self.log.failure("A job of {file} failed", file=str(self._path))
            raise explain(self._path, error) from error
        finally:
            self._after()

    async def settle(self) -> None:
        """All that was asked before is done."""
        await self._writer.run(_nothing)

    def _attempt(self, job: Callable[[], T]) -> T:
        """A job that finds the disk full is tried once more, when there is some room."""
        try:
            return self._explained(job)
        except DiskFullError as error:
            try:
                relieved = self._explained(self._relieve)
            except DiskError:
                raise
            except StoreError:
                raise error from None
            if not relieved:
                raise
        return self._explained(job)

    def _explained(self, job: Callable[[], T]) -> T:
        try:
            return job()
        except (sqlite3.Error, OSError) as error:
            raise explain(self._path, error) from error


def _nothing() -> None:
    """A job that only holds a place in the queue."""
