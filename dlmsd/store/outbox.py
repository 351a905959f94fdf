"""The outbox: a reading counts as read once it is committed here.

    commit -> a batch gathers -> one COMMIT -> listeners and Deferreds -> delivered -> marked

All of SQLite happens in the writer's thread, one job at a time. Its results arrive in the
order of the jobs; that is what makes ``pending`` and ``subscribe`` fit together without a
reading twice or none.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Final

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from dlmsd.config.values import OutboxOptions
from dlmsd.errors import StoreError
from dlmsd.model import GapCause, GapStart, Lane, OutboxStatus, Reading, Watermark
from dlmsd.store.batch import Batch, Entry, Gathering, Waiting
from dlmsd.store.counters import Account, Stream
from dlmsd.store.database import DiskFullError
from dlmsd.store.delivery import Delivery
from dlmsd.store.invocation import InvocationCounters
from dlmsd.store.ledger import Committed
from dlmsd.store.outbox_file import OutboxFile
from dlmsd.store.replay import Replay
from dlmsd.store.room import OutboxFullError
from dlmsd.store.writer import Writer

__all__ = ["Delivery", "Listener", "Outbox"]

Listener = Callable[[Sequence[Delivery]], None]

# A sync takes 0.2 ms on a good disk and 50 ms on an SD card: readings share it. A power cut
# costs at most what came within this time, and none of that was acknowledged.
GROUP_SECONDS: Final = 0.25
GROUP_READINGS: Final = 200

# As many marks as this are one short transaction.
MARKS: Final = 2000

# Time without a sync after which marks are synced: what a power cut makes duplicates came
# within it.
SYNC_SECONDS: Final = 1.0

# A counter that was believed, and is then lost, lets one be replayed that came within this.
KEEP_SECONDS: Final = 1.0

# Time between two tries to write marks on a disk that refuses.
RETRY_SECONDS: Final = 5.0

# Readings in memory while the disk is slow or locked: about 20 MiB, and 50 s of 1,000 meters
# read every 5 s.
MOST_UNWRITTEN: Final = 10_000

# A stop may take five seconds in all; a lock of another program gets two of them.
PATIENCE: Final = 2.0


def _unheard(error: StoreError) -> None:
    """Of a failed disk every caller hears anyway."""


class Outbox:
    """Readings and deliveries on disk; use it in the reactor's thread only.

    ``writer`` runs from before ``start`` until after ``stop``. ``wall`` gives Unix seconds.
    ``post`` takes the status, at most once a second. ``ballast`` is how many bytes are
    held free for the day on which the disk is full. ``fatal`` hears when the disk failed or
    the file turned out damaged: nothing is acknowledged any more, and the process should
    end, so that a new one sees what is left.
    """

    log = Logger()

    def __init__(
        self,
        path: Path,
        options: OutboxOptions,
        *,
        writer: Writer,
        clock: IReactorTime,
        wall: Callable[[], float],
        post: Callable[[OutboxStatus], None],
        ballast: int = 0,
        fatal: Callable[[StoreError], None] = _unheard,
    ) -> None:
        self._clock = clock
        self._wall = wall
        self._file = OutboxFile(
            path,
            options,
            writer=writer,
            clock=clock,
            post=post,
            now=self._now,
            write=self._write,
            tell=self._tell,
            ballast=ballast,
            fatal=fatal,
        )
        self._listeners: list[Listener] = []
        self._gathering = Gathering()
        self._unwritten = 0
        self._synced_at = -SYNC_SECONDS  # on the clock
        self._marking = 0  # batches of marks alone that are on their way
        self._write_timer: IDelayedCall | None = None
        self.gaps = self._file.gaps
        self.invocation_counters = InvocationCounters(
            self._file.change, self._file.read, self._gathering.received, self._keep_soon
        )

    async def start(self) -> None:
        """Open or create the file, check it; StoreError says what is wrong with it.

        A disk that fails or is full is tried again and again, which the status tells, until it
        can be used or somebody wants to ``leave``.
        """
        await self._file.open()

    def leave(self) -> None:
        """Whoever waits for ``start`` waits no more."""
        if not self._file.is_open:
            self._file.hurry()

    async def stop(self) -> None:
        """Commit what waits and close the file; idempotent. Waits for no lock."""
        await self._file.close(self._write)
        if self._write_timer is not None and self._write_timer.active():
            self._write_timer.cancel()

    async def flush(self) -> None:
        """Commit what waits now; returns when that, and all before it, is done.

        A file that another program has locked is waited for no longer than ``PATIENCE``.
        """
        if self._file.is_open:
            self._write()
            late = self._clock.callLater(PATIENCE, self._file.hurry)
            await self._file.settled()
            if late.active():
                late.cancel()

    def obstacle(
        self, sinks: Collection[str] | None = None, *, elsewhere: bool = False
    ) -> StoreError | None:
        """Why there is no room for a reading owed to ``sinks``, so that none need be read.

        Of a meter whose load profile holds it ``elsewhere`` none need be read earlier.
        """
        return self._file.obstacle(sinks, elsewhere=elsewhere)

    def commit(
        self, reading: Reading, sinks: Sequence[str], behind: GapStart | None = None
    ) -> Deferred[None]:
        """Store a reading and owe it to ``sinks``; fires after the COMMIT that holds it, and the
        gap ``behind`` it, unless the file knows that.

        Fails with StoreError when the disk refuses, when there is no room, when the meter
        has a reading of this ts already, or when too many readings wait for the disk: it is
        then not stored.
        """
        try:
            entry = self._admit(reading, sinks, behind)
        except StoreError as error:
            return fail(error)
        done: Deferred[None] = Deferred()
        self._gathering.readings.append(Waiting(entry, done))
        self._unwritten += 1
        if len(self._gathering.readings) >= GROUP_READINGS:
            self._write()
        else:
            self._write_within(GROUP_SECONDS)
        return done

    async def commit_backfill(
        self, readings: Sequence[Reading], sinks: Sequence[str], watermark: Watermark | None = None
    ) -> int:
        """Store what a meter's load profile gave, in the backfill lane; how many were new.

        ``watermark``, up to which the profile has now been read, is in the same COMMIT, and
        never lowered. A reading whose meter has one of that ts is skipped, so that a chunk
        may come twice. Raises StoreError, and then nothing of it is stored.
        """
        ledger = self._file.ledger
        obstacle = self.obstacle(sinks)
        if obstacle is not None:
            raise obstacle
        entries = [Entry.of(one, sinks, self._file.room) for one in readings]
        stored = await self._file.run(lambda: ledger.backfill(entries, watermark))
        self._stored(stored)
        return len(entries) - len(stored.refused)

    async def watermarks(self) -> list[Watermark]:
        """How far each load profile has been read."""
        return await self._file.run(self._file.ledger.watermarks)

    def delivered(self, ids: Sequence[int]) -> Deferred[None]:
        """The broker acknowledged these deliveries; fires when the file says so.

        Then no kill makes them duplicates, and a power cut those of the last second. Who keeps
        them within its window until then has no more duplicates than that. On a disk that
        refuses it fires when it does so no longer. No later ``pending`` gives them, unless the
        disk refuses.
        """
        if not ids or not self._file.is_open:
            return succeed(None)
        marked = self._gathering.mark(ids)
        self._mark_soon()
        return marked

    def quarantine(self, ids: Sequence[int], reason: str) -> None:
        """The broker refuses these deliveries for good; to be put aside in the file at once.

        No later ``pending`` gives them, unless the disk refuses.
        """
        if self._file.is_open:
            self._gathering.isolate([(number, reason) for number in ids])
            self._mark_soon()

    async def pending(
        self,
        sink: str,
        after: int,
        limit: int,
        meter: str | None = None,
        lane: Lane = Lane.LIVE,
    ) -> list[Delivery]:
        """At most ``limit`` undelivered ones of a lane with an id above ``after``, ascending.

        A commit that a listener hears of after this result is not in it; one that it
        heard of before is. Raises StoreError.
        """
        ledger = self._file.ledger
        self._settle()
        return await self._file.run(lambda: ledger.pending(sink, after, limit, meter, lane))

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Tell ``listener`` each commit's deliveries, in order; the result ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    async def readings(self, meter: str, since: int, until: int, limit: int) -> list[Reading]:
        """History: the newest ``limit`` with since <= ts < until (ms), oldest first."""
        ledger = self._file.ledger
        return await self._file.run(lambda: ledger.readings(meter, since, until, limit))

    async def history(self, meter: str, since: int, until: int, limit: int) -> list[Reading]:
        """The same from its other end, to be read on: the oldest ``limit``, oldest first."""
        ledger = self._file.ledger
        return await self._file.run(lambda: ledger.history(meter, since, until, limit))

    async def sampled(self, meter: str, since: int, until: int, points: int) -> list[Reading]:
        """History for a chart: the first reading of each of so many equal parts of the time."""
        ledger = self._file.ledger
        return await self._file.run(lambda: ledger.sampled(meter, since, until, points))

    async def last_ts(self) -> dict[str, int]:
        """The newest ts of each meter, ms, also when that reading is no longer kept."""
        return await self._file.run(self._file.ledger.last_ts)

    async def accounts(self) -> Mapping[Stream, Account]:
        """The conservation counters of every meter and sink."""
        return await self._file.run(self._file.ledger.accounts)

    async def audit(self) -> list[str]:
        """What does not agree among all counters and rows, a sentence each."""
        ledger = self._file.ledger
        return await self._file.run(lambda: ledger.audit(rows=True))

    async def replay(self, replay: Replay) -> int:
        """Queue again what was delivered or is in quarantine, in the backfill lane, under new
        ids; how many deliveries that were. Raises StoreError."""
        self._settle()
        return await self._file.replay(replay)

    def _admit(self, reading: Reading, sinks: Sequence[str], behind: GapStart | None) -> Entry:
        _ = self._file.ledger
        obstacle = self.obstacle(sinks)
        if obstacle is not None:
            self._refuse(reading, obstacle)
            raise obstacle
        if self._unwritten >= MOST_UNWRITTEN:
            raise StoreError(
                f"{self._file.path}: {MOST_UNWRITTEN} readings already wait for the disk, which is "
                "too slow or locked by another program"
            )
        return Entry.of(reading, sinks, self._file.room, behind)

    def _refuse(self, reading: Reading, error: StoreError) -> None:
        """No room for a reading: a gap row will tell of it."""
        if isinstance(error, DiskFullError):
            self._gathering.refuse(reading, GapCause.DISK_FULL)
        elif isinstance(error, OutboxFullError):
            self._gathering.refuse(reading, GapCause.OUTBOX_FULL)

    def _now(self) -> int:
        return int(self._wall() * 1000)

    # What is written, and when.

    def _mark_soon(self) -> None:
        """At once; but while marks are on their way more gather, so that readings, which go
        past them, wait for one short transaction at most."""
        if self._file.refuses:
            self._write_within(RETRY_SECONDS)
        elif not self._marking or len(self._gathering.marks) >= MARKS:
            self._settle()

    def _keep_soon(self) -> None:
        if self._file.is_open:
            late = RETRY_SECONDS if self._file.refuses else KEEP_SECONDS
            self._write_within(late)

    def _write_within(self, seconds: float) -> None:
        timer = self._write_timer
        if timer is None or not timer.active():
            self._write_timer = self._clock.callLater(seconds, self._write)
        elif timer.getTime() > self._clock.seconds() + seconds:
            timer.reset(seconds)

    def _settle(self) -> None:
        """Write what ``pending`` must no longer give."""
        if self._gathering.settled:
            self._marking += 1
            synced = self._clock.seconds() - self._synced_at >= SYNC_SECONDS
            marked = self._give(self._gathering.take_marks(synced=synced))
            marked.addBoth(self._marks_ended)

    def _marks_ended(self, _: object) -> None:
        self._marking -= 1
        if self._gathering.settled and self._file.is_open:
            self._mark_soon()

    def _write(self) -> None:
        """Give the batch to the writer, as one transaction."""
        if self._write_timer is not None and self._write_timer.active():
            self._write_timer.cancel()
        batch = self._gathering.take(refusals=self.obstacle() is None)
        if batch:
            self._give(batch)

    def _give(self, batch: Batch) -> Deferred[None]:
        # All errors end in the batch's Deferreds; anything else is a bug, to be seen.
        written = Deferred.fromCoroutine(self._commit(batch))
        return written.addErrback(lambda failure: self.log.failure("The outbox failed", failure))

    async def _commit(self, batch: Batch) -> None:
        try:
            committed = await self._file.commit(batch)
        except StoreError as error:
            self._unwritten -= len(batch.waiting)
            self._file.failed(error)
            if not self._file.is_open:
                _fire(batch.marked)
            else:
                self._gathering.give_back(batch)
                if batch.marks or batch.verdicts or batch.received:
                    self._write_within(RETRY_SECONDS)
            for waiting in batch.waiting:
                self._refuse(waiting.entry.reading, error)
                waiting.done.errback(error)
            return
        self._unwritten -= len(batch.waiting)
        if batch.synced:
            self._synced_at = self._clock.seconds()
        self._stored(committed)
        for position, waiting in enumerate(batch.waiting):
            if position in committed.refused:
                waiting.done.errback(_duplicate(waiting.entry.reading))
            else:
                waiting.done.callback(None)
        _fire(batch.marked)

    def _stored(self, committed: Committed) -> None:
        self._file.wrote(committed.status)
        if committed.deliveries:
            self._tell(committed.deliveries)

    def _tell(self, deliveries: Sequence[Delivery]) -> None:
        for listener in tuple(self._listeners):
            try:
                listener(deliveries)
            except Exception:  # noqa: BLE001 - one listener's bug must not cost the others
                self.log.failure("A listener of the outbox failed")


def _fire(marked: Sequence[Deferred[None]]) -> None:
    for one in marked:
        one.callback(None)


def _duplicate(reading: Reading) -> StoreError:
    return StoreError(f"{reading.meter} already has a reading of ts {reading.ts}; refused")
