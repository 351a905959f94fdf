"""A writer without a thread: jobs run at once, or when the test lets them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from dlmsd.errors import LocalError

T = TypeVar("T")


class ImmediateWriter:
    """Runs each job inside ``run``; those that were held keep WriterThread's order.

    That is: what a callback of a held job asks for comes after all that was asked before.
    """

    def __init__(self) -> None:
        self._jobs: deque[tuple[Callable[[], Any], Deferred[Any]]] = deque()
        self._started = False
        self._held = False
        self._busy = False

    def start(self) -> None:
        self._started = True

    def run(self, job: Callable[[], T]) -> Deferred[T]:
        if not self._started:
            raise LocalError("the writer does not run")
        done: Deferred[T] = Deferred()
        self._jobs.append((job, done))
        self._work()
        return done

    def hold(self) -> None:
        """The disk hangs: jobs wait."""
        self._held = True

    def release(self) -> None:
        """The disk is back: all that waits runs now."""
        self._held = False
        self._work()

    async def stop(self) -> None:
        if self._started:
            await self.run(lambda: None)
            self._started = False

    def _work(self) -> None:
        if self._busy or self._held:
            return
        self._busy = True
        try:
            while self._jobs and not self._held:
                job, done = self._jobs.popleft()
                try:
                    result = job()
                except Exception:  # noqa: BLE001 - the Deferred tells
                    done.errback(Failure())
                else:
                    done.callback(result)
        finally:
            self._busy = False
