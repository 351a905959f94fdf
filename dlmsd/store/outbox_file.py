"""The outbox's file while it is open: its jobs, its housekeeping, and the disk below it."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from dlmsd.config.values import OutboxOptions
from dlmsd.errors import StoreError
from dlmsd.model import OutboxStatus
from dlmsd.store.batch import Batch
from dlmsd.store.bulletin import Bulletin
from dlmsd.store.damage import note_damage, open_sound
from dlmsd.store.database import (
    DamagedError,
    DiskError,
    DiskFullError,
    UnreadableError,
    explain,
    touch,
    transaction,
)
from dlmsd.store.delivery import Delivery
from dlmsd.store.disk import Disk
from dlmsd.store.gaps import Gaps
from dlmsd.store.housekeeping import Housekeeping
from dlmsd.store.jobs import Jobs
from dlmsd.store.ledger import Committed, Ledger
from dlmsd.store.replay import Replay, Replays, ask, outcome
from dlmsd.store.replayer import Replayer
from dlmsd.store.restitution import Restitution
from dlmsd.store.room import OutboxFullError, PressureError, Room
from dlmsd.store.salvage import salvage
from dlmsd.store.sweeper import Sweeper
from dlmsd.store.writer import Writer

T = TypeVar("T")

# Time between two looks whether a full disk has space again: ten seconds are promised, and a
# look costs two questions to the file system.
LOOK_SECONDS: Final = 1.0

# Between two attempts to open the file on a disk that fails, doubled each time.
FIRST_PAUSE: Final = 1.0
MOST_PAUSE: Final = 60.0


class OutboxFile:
    """One file from ``open`` to ``close``; use it in the reactor's thread.

    ``now`` is the wall time in ms; ``write`` writes what waits for a transaction, ``tell``
    hears what waits again. ``fatal`` hears of an error after which nothing is acknowledged
    any more.
    """

    log = Logger()

    def __init__(
        self,
        path: Path,
        options: OutboxOptions,
        *,
        writer: Writer,
        clock: IReactorTime,
        post: Callable[[OutboxStatus], None],
        now: Callable[[], int],
        write: Callable[[], None],
        tell: Callable[[Sequence[Delivery]], None],
        ballast: int,
        fatal: Callable[[StoreError], None],
    ) -> None:
        self.path = path
        self.bulletin = Bulletin(str(path), clock, post, self.obstacle)
        self.is_open = False
        self.refuses = False  # the last write failed
        self._options = options
        self._clock = clock
        self._now = now
        self._write = write
        self._tell = tell
        self._tell_fatal = fatal
        self._disk = Disk(path, ballast)
        self._jobs = Jobs(path, writer, self._relieve, self._fatal, self._look)
        self._ledger: Ledger | None = None
        self._housekeeping: Housekeeping | None = None
        self._sweeper: Sweeper | None = None
        self._replayer: Replayer | None = None
        self._hurry = threading.Event()
        self._opening = False
        self._pause: Deferred[None] = succeed(None)  # between two attempts to open it
        self._look_timer: IDelayedCall | None = None
        self._restoring: set[int] = set()  # gaps, by id
        self.gaps = Gaps(
            self.change, self.read, now, lambda: self.bulletin.status.pressure, self._restore
        )

    @property
    def ledger(self) -> Ledger:
        """StoreError while it is not open."""
        if not self.is_open or self._ledger is None:
            raise StoreError(f"{self.path}: the outbox is not open")
        return self._ledger

    async def open(self) -> None:
        """Open or create it, and begin to keep house; StoreError says what is wrong.

        A disk that fails, or is full, is tried until it can be used: nothing was acknowledged
        that could be lost meanwhile. Returns also when somebody is in a ``hurry``.
        """
        self._opening = True
        self._hurry.clear()
        try:
            opened = await self._opened()
        finally:
            self._opening = False
        if opened is None:
            return
        ledger, alarms = opened
        self._ledger = ledger
        self._housekeeping = Housekeeping(ledger, self._options, self._disk)
        self._sweeper = Sweeper(
            str(self.path),
            self._jobs,
            self._housekeeping,
            self.bulletin,
            self._clock,
            self._now,
            self._write,
        )
        self._replayer = Replayer(
            self._jobs, Replays(ledger), self._clock, self._now, self._replayed
        )
        self.is_open = True
        for alarm in alarms:
            self.bulletin.alarm(alarm)
        self._sweeper.start()
        self._replayer.start()
        self.wrote(ledger.status())

    async def _opened(self) -> tuple[Ledger, list[str]] | None:
        attempt, pause = 1, FIRST_PAUSE
        while True:
            try:
                return await self._jobs.run(partial(self._open, attempt))
            except StoreError as error:
                if not error.retryable:
                    raise
                self.bulletin.bad(error)
                failure = error
            if self._hurry.is_set():
                return None
            attempt = attempt + 1 if isinstance(failure, UnreadableError) else 1
            full = isinstance(failure, DiskFullError)
            self._pause = deferLater(self._clock, LOOK_SECONDS if full else pause)
            pause = min(2 * pause, MOST_PAUSE)
            with suppress(CancelledError):
                await self._pause

    async def close(self, last: Callable[[], None]) -> None:
        """Close it when ``last`` has asked for what is still to be written; idempotent.

        Waits for no lock.
        """
        self.hurry()
        if self._opening:
            await self.settled()  # so that there is something to close
        if not self.is_open or self._ledger is None:
            self.bulletin.close()
            return
        self.is_open = False
        for one in (self._sweeper, self._replayer):
            if one is not None:
                one.stop()
        last()
        try:
            await self._jobs.run(self._ledger.close)
        except StoreError as error:
            self.bulletin.bad(error)
        if self._look_timer is not None and self._look_timer.active():
            self._look_timer.cancel()
        self.bulletin.close()

    async def settled(self) -> None:
        """All jobs that were asked for before are done."""
        await self._jobs.settle()

    def hurry(self) -> None:
        """Wait no longer for another program's lock, nor for a disk that cannot be used."""
        self._hurry.set()
        self._pause.cancel()

    async def commit(self, batch: Batch) -> Committed:
        """Also what was under way when the file began to close; raises StoreError."""
        return await self._jobs.run(partial(self._commit, batch, self._now()))

    async def run(self, job: Callable[[], T]) -> T:
        """A job of the ledger's; raises StoreError."""
        return await self._jobs.run(job)

    async def change(self, job: Callable[[sqlite3.Connection], T], /) -> T:
        """``job`` in a transaction of its own; raises StoreError."""
        database = self.ledger.database

        def change() -> T:
            with transaction(database):
                return job(database)

        return await self._jobs.run(change)

    async def read(self, job: Callable[[sqlite3.Connection], T], /) -> T:
        """``job``, which changes nothing; raises StoreError."""
        return await self._jobs.run(partial(job, self.ledger.database))

    async def replay(self, replay: Replay) -> int:
        """Queue again what is asked for; how many deliveries that were. Raises StoreError."""
        assert self._replayer is not None
        request = await self.change(lambda database: ask(database, replay))
        await self._replayer.run()
        return await self.read(lambda database: outcome(database, request)) or 0

    async def _restore(self, gap: int) -> bool | None:
        if gap in self._restoring:  # for a keeper of it that is gone by now
            return None
        self._restoring.add(gap)
        try:
            return await self._carry(Restitution(self.ledger, gap, self._now()))
        finally:
            self._restoring.discard(gap)

    async def _carry(self, restitution: Restitution) -> bool | None:
        more, whole = True, None
        while more and not self.bulletin.status.pressure:
            done = await self._jobs.run(restitution.step)
            if done.deliveries:
                self._replayed(done.status, done.deliveries)
            more, whole = done.more, done.whole
        return None if more else whole

    def wrote(self, status: OutboxStatus) -> None:
        """Something was written; ``status`` is what the file holds now."""
        self.refuses = False
        self.bulletin.good(status)
        if self._sweeper is not None:
            self._sweeper.sweep_if_due(status)

    def failed(self, error: StoreError) -> None:
        """Something could not be written."""
        self.refuses = True
        self.bulletin.bad(error)

    def obstacle(
        self, sinks: Collection[str] | None = None, *, elsewhere: bool = False
    ) -> StoreError | None:
        """Why there is no room for a reading that ``sinks`` are owed, None when there is; for one
        that a load profile holds ``elsewhere`` there is none while there is pressure. Without
        ``sinks``: for any.
        """
        if self._disk.full:
            return DiskFullError(
                f"{self.path}: the disk is full; no meter is read until there is space"
            )
        room, limit = self.room, self.bulletin.status.limit
        if room.full and sinks is None:
            names = ", ".join(sorted(room.standing))
            return OutboxFullError(
                f"{self.path}: all {limit} bytes are taken by readings that wait for {names}; "
                "what is read meanwhile goes to other sinks alone"
            )
        if room.brimful or (room.full and room.alone(sinks or ())):
            return OutboxFullError(
                f"{self.path}: all {limit} bytes are taken by readings that wait; this meter is "
                "not read until some are delivered"
            )
        if elsewhere and self.bulletin.status.pressure and room.alone(sinks or ()):
            return PressureError(
                f"{self.path}: little is left of {limit} bytes; this meter's "
                "load profile keeps what is missed until some readings are delivered"
            )
        return None

    @property
    def room(self) -> Room:
        """What is left of the file."""
        return Room() if self._housekeeping is None else self._housekeeping.room

    def _open(self, attempt: int) -> tuple[Ledger, list[str]]:
        now = self._now()
        ledger, alarms = open_sound(
            self.path,
            lambda path: Ledger(path, self._hurry),
            lambda new: salvage(self.path, new.database, now),
            now,
            "See dlmsd outbox status for what is missing",
            attempt,
        )
        try:
            touch(ledger.database)
        except sqlite3.Error as error:
            problem = explain(self.path, error)
            # Of a full or a locked one what waits can be delivered meanwhile.
            if isinstance(problem, DiskError):
                ledger.close()
                raise problem from error
        wrong = (f"{self.path}: the counters do not agree: {one}" for one in ledger.audit())
        return ledger, [*alarms, *wrong]

    def _commit(self, batch: Batch, now: int) -> Committed:
        assert self._ledger is not None and self._housekeeping is not None
        self._housekeeping.look()
        return self._ledger.commit(batch, now)

    def _replayed(self, status: OutboxStatus, deliveries: Sequence[Delivery]) -> None:
        self.wrote(status)
        self._tell(deliveries)

    def _relieve(self) -> bool:
        """In the writer's thread: give the ballast back, and make room within the file."""
        relieved = self._disk.drop_ballast()
        if relieved and self._housekeeping is not None:
            self._housekeeping.make_way()
        return relieved

    def _look(self) -> None:
        """Once any job found the disk full: see every now and then whether it still is."""
        timer = self._look_timer
        full = self.obstacle() if self._disk.full else None
        if self.is_open and full is not None and (timer is None or not timer.active()):
            self.bulletin.bad(full)
            self._look_timer = self._clock.callLater(LOOK_SECONDS, self._look_now)

    def _look_now(self) -> None:
        looked = Deferred.fromCoroutine(self._recover())
        looked.addErrback(lambda failure: self.log.failure("The outbox failed", failure))

    async def _recover(self) -> None:
        try:
            if await self._jobs.run(self._recovered):
                self._write()
                self.wrote(await self._jobs.run(self.ledger.status))
                # Behind what waited: a file system may take seconds to give the ballast.
                await self._jobs.run(self._disk.keep_ballast)
        except StoreError as error:
            self.bulletin.bad(error)

    def _recovered(self) -> bool:
        assert self._housekeeping is not None
        prove = partial(touch, self.ledger.database)
        return self._disk.recovered(prove, self._housekeeping.within())

    def _fatal(self, error: StoreError) -> None:
        if self._opening:
            return
        if self.is_open and isinstance(error, DamagedError):
            with suppress(OSError):
                note_damage(self.path)
        self._tell_fatal(error)
