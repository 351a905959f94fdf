"""The one thread that touches a store's file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from dlmsd.errors import LocalError

T = TypeVar("T")


class Writer(Protocol):
    """Runs jobs one at a time, in order; the results arrive in the same order."""

    def start(self) -> None:
        """Take jobs from now on; once it runs, nothing."""

    def run(self, job: Callable[[], T]) -> Deferred[T]:
        """What ``job`` returns or raises, in the reactor's thread."""

    async def stop(self) -> None:
        """Finish all jobs given, then end; idempotent."""


class WriterThread:
    """A thread of its own. ``reactor`` must provide IReactorFromThreads."""

    def __init__(self, reactor: Any, name: str = "outbox") -> None:
        self._reactor = reactor
        self._name = name
        self._pool: ThreadPool | None = None

    def start(self) -> None:
        if self._pool is None:
            self._pool = ThreadPool(1, 1, self._name)
            self._pool.start()

    def run(self, job: Callable[[], T]) -> Deferred[T]:
        if self._pool is None:
            raise LocalError("the writer does not run")
        return deferToThreadPool(self._reactor, self._pool, job)

    async def stop(self) -> None:
        if self._pool is None:
            return
        # The join below blocks the reactor, so it comes when nothing is left to wait for.
        await self.run(_nothing)
        if self._pool is not None:
            pool, self._pool = self._pool, None
            pool.stop()


def _nothing() -> None:
    """A job that only holds a place in the queue."""
