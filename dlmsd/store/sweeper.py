"""Housekeeping's times: every minute, when the file is nearly full, and slice by slice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from dlmsd.errors import StoreError
from dlmsd.model import OutboxStatus
from dlmsd.store.bulletin import Bulletin
from dlmsd.store.housekeeping import Housekeeping
from dlmsd.store.jobs import Jobs

SWEEP_SECONDS: Final = 60.0


class Sweeper:
    """Sweeps from ``start`` to ``stop``; ``now`` is the wall time in ms.

    ``write`` writes what waits: what was acknowledged and not marked must not be dropped.
    """

    log = Logger()

    def __init__(
        self,
        file: str,
        jobs: Jobs,
        housekeeping: Housekeeping,
        bulletin: Bulletin,
        clock: IReactorTime,
        now: Callable[[], int],
        write: Callable[[], None],
    ) -> None:
        self._file = file
        self._jobs = jobs
        self._housekeeping = housekeeping
        self._bulletin = bulletin
        self._clock = clock
        self._now = now
        self._write = write
        self._timer: IDelayedCall | None = None
        self._running = self.sweeping = False

    def start(self) -> None:
        self._running = True
        self._timer = self._clock.callLater(SWEEP_SECONDS, self._again)

    def stop(self) -> None:
        """The slice that runs is the last one."""
        self._running = False
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    def sweep_if_due(self, status: OutboxStatus) -> None:
        """Make room now, if there is little."""
        if self._housekeeping.due(status):
            self.sweep()

    def sweep(self) -> None:
        """Begin, if it does not run already."""
        if self._running and not self.sweeping:
            self.sweeping = True
            swept = Deferred.fromCoroutine(self._sweep())
            swept.addErrback(lambda failure: self.log.failure("Housekeeping failed", failure))

    def _again(self) -> None:
        self._timer = self._clock.callLater(SWEEP_SECONDS, self._again)
        self.sweep()

    async def _sweep(self) -> None:
        """Slice by slice, so that commits get in between; then say what was lost."""
        early = 0
        dropped: Counter[str] = Counter()
        before = (self._bulletin.status.pressure, self._housekeeping.room)
        try:
            more = True
            while more and self._running:
                self._write()
                swept = await self._jobs.run(partial(self._housekeeping.sweep, self._now()))
                early += swept.early
                dropped.update(swept.dropped)
                more = swept.more
                done = more or swept.aged or swept.early
                if done or (swept.status.pressure, self._housekeeping.room) != before:
                    self._bulletin.good(swept.status)
        except StoreError as error:
            self._bulletin.bad(error)
        finally:
            self.sweeping = False
        if early:
            self.log.info(
                "{file} is full: {count} rows of delivered history went before their time",
                file=self._file,
                count=early,
            )
        for sink, count in dropped.items():
            self.log.warn(
                "{file} is full: the oldest {count} readings for {sink} were dropped undelivered",
                file=self._file,
                count=count,
                sink=sink,
            )
