"""Looks for requests to send something again, and carries them out between commits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from dlmsd.errors import StoreError
from dlmsd.model import OutboxStatus
from dlmsd.store.delivery import Delivery
from dlmsd.store.jobs import Jobs
from dlmsd.store.replay import Replays

# Whoever asks waits at a terminal; a look costs the writer some microseconds.
LOOK_SECONDS: Final = 2.0


class Replayer:
    """From ``start`` to ``stop``; ``tell`` hears of what waits again."""

    log = Logger()

    def __init__(
        self,
        jobs: Jobs,
        replays: Replays,
        clock: IReactorTime,
        now: Callable[[], int],
        tell: Callable[[OutboxStatus, Sequence[Delivery]], None],
    ) -> None:
        self._jobs = jobs
        self._replays = replays
        self._clock = clock
        self._now = now
        self._tell = tell
        self._timer: IDelayedCall | None = None
        self._running = self._busy = False

    def start(self) -> None:
        self._running = True
        self._timer = self._clock.callLater(LOOK_SECONDS, self._again)

    def stop(self) -> None:
        """The slice that runs is the last one."""
        self._running = False
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    async def run(self) -> None:
        """Carry out all that is asked for; raises StoreError."""
        self._busy = True
        count, more = 0, True
        try:
            while more and self._running:
                done = await self._jobs.run(partial(self._replays.step, self._now()))
                if done.deliveries:
                    self._tell(done.status, done.deliveries)
                count += len(done.deliveries)
                more = done.more
        finally:
            self._busy = False
        if count:
            self.log.info("{count} deliveries wait again, as was asked for", count=count)

    def _again(self) -> None:
        self._timer = self._clock.callLater(LOOK_SECONDS, self._again)
        if not self._busy:
            looked = Deferred.fromCoroutine(self._look())
            looked.addErrback(lambda failure: self.log.failure("A replay failed", failure))

    async def _look(self) -> None:
        try:
            await self.run()
        except StoreError as error:
            self.log.warn("Nothing is sent again yet: {error}", error=str(error))
