"""The one thread that touches a store's file."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Any, Protocol, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

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
    """A thread of its own. ``reactor`` must provide IReactorFromThreads.

    Not a thread pool: that wakes threads several times a job, which costs a drain more than
    SQLite does.
    """

    def __init__(self, reactor: Any, name: str = "outbox") -> None:
        self._reactor = reactor
        self._name = name
        self._thread: Thread | None = None
        self._jobs: SimpleQueue[tuple[Callable[[], Any], Deferred[Any]] | None] = SimpleQueue()
        self._results: deque[tuple[Deferred[Any], Any]] = deque()
        self._woken = False  # the reactor is going to look at the results

    def start(self) -> None:
        if self._thread is None:
            self._thread = Thread(target=self._work, name=self._name)
            self._thread.start()

    def run(self, job: Callable[[], T]) -> Deferred[T]:
        if self._thread is None:
            raise LocalError("the writer does not run")
        done: Deferred[T] = Deferred()
        self._jobs.put((job, done))
        return done

    async def stop(self) -> None:
        if self._thread is None:
            return
        # The join below blocks the reactor, so it comes when nothing is left to wait for.
        await self.run(_nothing)
        if self._thread is not None:
            thread, self._thread = self._thread, None
            self._jobs.put(None)
            thread.join()

    def _work(self) -> None:
        """The thread."""
        while (asked := self._jobs.get()) is not None:
            job, done = asked
            try:
                result = job()
            except BaseException:  # noqa: BLE001 - the Deferred tells
                result = Failure()
            self._results.append((done, result))
            if not self._woken:
                self._woken = True
                self._reactor.callFromThread(self._arrived)

    def _arrived(self) -> None:
        # First this: a result that comes later than the look below wakes the reactor again.
        self._woken = False
        for _ in range(len(self._results)):
            done, result = self._results.popleft()
            done.callback(result)  # a Failure is an errback


def _nothing() -> None:
    """A job that only holds a place in the queue."""
