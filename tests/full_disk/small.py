"""A disk that the outbox fills by itself, long before max_bytes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Literal

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from dlmsd.config.values import OutboxOptions
from dlmsd.errors import StoreError
from dlmsd.store.counters import Account
from dlmsd.store.disk import BALLAST
from dlmsd.store.outbox import Delivery, Outbox
from dlmsd.store.writer import WriterThread
from tests.full_disk.tmpfs import Tmpfs
from tests.store.case import reading

# Readings of one group, of 8 kB each: 48 MiB are full after some three hundred groups.
_GROUP = 20


class SmallDisk:
    """An outbox with the limits that it has by default; ``delivers`` is whether a broker does."""

    def __init__(
        self, test: TestCase, reactor: Any, disk: Tmpfs, when_full: Literal["drop_oldest", "pause"]
    ) -> None:
        self._test = test
        self._reactor = reactor
        self._path = disk.folder / "outbox.db"
        self._options = evolve(OutboxOptions(), when_full=when_full)
        self._ts = int(time.time() * 1000)
        self.delivers = True
        self.fatal: list[StoreError] = []
        self.stored = 0

    async def start(self) -> None:
        self._writer = WriterThread(self._reactor)
        self._writer.start()
        self._test.addCleanup(lambda: Deferred.fromCoroutine(self.stop()))
        self._outbox = Outbox(
            self._path,
            self._options,
            writer=self._writer,
            clock=self._reactor,
            wall=time.time,
            post=lambda status: None,
            ballast=BALLAST,
            fatal=self.fatal.append,
        )
        self._outbox.subscribe(self._deliver)
        await self._outbox.start()
        await self.sweep()

    async def sweep(self) -> None:
        """What comes every minute."""
        assert self._outbox._file._sweeper is not None
        self._outbox._file._sweeper.sweep()
        await self._outbox.flush()

    async def stop(self) -> None:
        await self._outbox.stop()
        await self._writer.stop()

    async def read(self, count: int, seconds: float) -> int:
        """Until so many groups are stored, or for so long none is; how many were."""
        taken, last = 0, time.monotonic()
        while taken < count and time.monotonic() - last < seconds:
            if await self._commit():
                taken, last = taken + 1, time.monotonic()
            else:
                await deferLater(self._reactor, 0.1)
        return taken

    async def _commit(self) -> bool:
        group = []
        for _ in range(_GROUP):
            self._ts += 1
            group.append(self._outbox.commit(reading("a", self._ts, text="x" * 8000), ["tb"]))
        await self._outbox.flush()
        stored = 0
        for one in group:
            try:
                await one
            except StoreError:
                continue
            stored += 1
        self.stored += stored
        return stored > 0

    async def drain(self) -> None:
        """The broker is back, and takes all that waits."""
        self.delivers = True
        while waiting := await self._outbox.pending("tb", 0, 500):
            self._deliver(waiting)
            await self._outbox.flush()

    def _deliver(self, deliveries: Sequence[Delivery]) -> None:
        if self.delivers:
            self._outbox.delivered([one.id for one in deliveries])

    async def account(self) -> Account:
        """After what was delivered is marked, and the books are compared."""
        await self._outbox.flush()
        assert await self._outbox.audit() == []
        return (await self._outbox.accounts())["a", "tb"]
