"""The outbox: a reading counts as read once it is committed here.

    commit -> a group gathers -> one COMMIT -> listeners and Deferreds -> delivered -> marked

All of SQLite happens in the writer's thread, one job at a time. Its results arrive in the
order of the jobs; that is what makes ``pending`` and ``subscribe`` fit together without a
reading twice or none.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from attrs import frozen
from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from dlmsd.config.values import OutboxOptions
from dlmsd.errors import LocalError, StoreError
from dlmsd.model import OutboxStatus, Reading
from dlmsd.store import invocation
from dlmsd.store.bulletin import Bulletin
from dlmsd.store.database import explain
from dlmsd.store.delivery import Delivery
from dlmsd.store.housekeeping import Housekeeping
from dlmsd.store.ledger import Entry, Ledger
from dlmsd.store.values import encode_values
from dlmsd.store.writer import Writer

__all__ = ["Delivery", "Listener", "Outbox"]

T = TypeVar("T")
Listener = Callable[[Sequence[Delivery]], None]

# A sync takes 0.2 ms on a good disk and 50 ms on an SD card: readings share it. A power cut
# costs at most what came within this time, and none of that was acknowledged.
GROUP_SECONDS: Final = 0.25
GROUP_READINGS: Final = 200

# Losing a mark costs a duplicate, so marks alone may wait longer; as many as this are one
# short transaction.
MARK_SECONDS: Final = 1.0
MARKS: Final = 2000

# Time between two tries to write marks on a disk that refuses.
RETRY_SECONDS: Final = 5.0

# Marks kept while the disk refuses, since every try writes all of them: 50 ms. Beyond it the
# oldest become duplicates.
MOST_MARKS: Final = 10_000

# Readings in memory while the disk is slow or locked: about 20 MiB, and 50 s of 1,000 meters
# read every 5 s.
MOST_UNWRITTEN: Final = 10_000

SWEEP_SECONDS: Final = 60.0
# A stop may take five seconds in all; a lock of another program gets two of them.
PATIENCE: Final = 2.0


@frozen
class _Waiting:
    """A reading of the group that gathers, and who waits for it."""

    entry: Entry
    done: Deferred[None]


class Outbox:
    """Readings and deliveries on disk; use it in the reactor's thread only.

    ``writer`` runs from before ``start`` until after ``stop``. ``wall`` gives Unix seconds.
    ``post`` takes the status, at most once a second.
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
    ) -> None:
        self._path = path
        self._options = options
        self._writer = writer
        self._clock = clock
        self._wall = wall
        self._bulletin = Bulletin(str(path), clock, post)
        self._ledger: Ledger | None = None
        self._housekeeping: Housekeeping | None = None
        self._opening = self._open = self._sweeping = False
        self._listeners: list[Listener] = []
        self._group: list[_Waiting] = []
        self._marks: list[int] = []
        self._received = invocation.Unkept()
        self._hurry = threading.Event()
        self._unwritten = 0
        self._write_timer: IDelayedCall | None = None
        self._sweep_timer: IDelayedCall | None = None

    async def start(self) -> None:
        """Open or create the file, check it; StoreError says what is wrong with it."""
        self._opening = True
        self._hurry.clear()
        try:
            ledger, status = await self._do(self._open_file)
        finally:
            self._opening = False
        self._ledger = ledger
        self._housekeeping = Housekeeping(ledger, self._options)
        self._open = True
        self._bulletin.good(status)
        self._sweep_timer = self._clock.callLater(SWEEP_SECONDS, self._sweep_again)
        self._sweep_if_over(status)

    async def stop(self) -> None:
        """Commit what waits and close the file; idempotent. Waits for no lock."""
        self._hurry.set()
        if self._opening:
            await self._writer.run(_nothing)  # so that there is something to close
        if not self._open or self._ledger is None:
            return
        self._open = False
        self._write()
        try:
            await self._do(self._ledger.close)
        except StoreError as error:
            self._bulletin.bad(str(error))
        for timer in (self._write_timer, self._sweep_timer):
            if timer is not None and timer.active():
                timer.cancel()
        self._bulletin.close()

    async def flush(self) -> None:
        """Commit what waits now; returns when that, and all before it, is done.

        A file that another program has locked is waited for no longer than ``PATIENCE``.
        """
        if self._open:
            self._write()
            late = self._clock.callLater(PATIENCE, self._hurry.set)
            await self._writer.run(_nothing)
            if late.active():
                late.cancel()

    def commit(self, reading: Reading, sinks: Sequence[str]) -> Deferred[None]:
        """Store a reading and owe it to ``sinks``; fires after the COMMIT that holds it.

        Fails with StoreError when the disk refuses, when the meter has a reading of this
        ts already, or when too many readings wait for the disk: it is then not stored.
        """
        try:
            entry = self._admit(reading, sinks)
        except StoreError as error:
            return fail(error)
        done: Deferred[None] = Deferred()
        self._group.append(_Waiting(entry, done))
        self._unwritten += 1
        if len(self._group) >= GROUP_READINGS:
            self._write()
        else:
            self._write_within(GROUP_SECONDS)
        return done

    def delivered(self, ids: Sequence[int]) -> None:
        """The broker acknowledged these deliveries; to be marked in the file soon.

        No later ``pending`` gives them, unless the disk refuses the mark or the process is
        killed before: then they are delivered twice.
        """
        self._marks.extend(ids)
        if not self._open:
            self._marks.clear()
        elif self._bulletin.status.error:
            del self._marks[:-MOST_MARKS]
            self._write_within(RETRY_SECONDS)
        elif len(self._marks) >= MARKS:
            self._write()
        else:
            self._write_within(MARK_SECONDS)

    async def pending(
        self, sink: str, after: int, limit: int, meter: str | None = None
    ) -> list[Delivery]:
        """At most ``limit`` undelivered ones with an id above ``after``, in id order.

        A commit that a listener hears of after this result is not in it; one that it
        heard of before is. Raises StoreError.
        """
        ledger = self._running()
        if self._marks:
            self._write()
        return await self._do(lambda: ledger.pending(sink, after, limit, meter))

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Tell ``listener`` each commit's deliveries, in order; the result ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    async def readings(self, meter: str, since: int, until: int, limit: int) -> list[Reading]:
        """History: the newest ``limit`` with since <= ts < until (ms), oldest first."""
        ledger = self._running()
        return await self._do(lambda: ledger.readings(meter, since, until, limit))

    async def last_ts(self) -> dict[str, int]:
        """The newest ts of each meter, ms, also when that reading is no longer kept."""
        return await self._do(self._running().last_ts)

    def reserve_counters(self, name: str, above: int, count: int) -> Deferred[tuple[int, int]]:
        """``first`` and ``end`` of ``count`` invocation counters that are now the caller's.

        None of them is below ``above``, nor was ever given for this name, and never will
        be again, whatever is lost but the file. Fires after a COMMIT of their own; fails
        with CountersSpentError when no such block is left, and with StoreError.
        """
        return Deferred.fromCoroutine(self._reserve(name, above, count))

    def keep_received(self, name: str, counter: int) -> None:
        """The highest invocation counter believed under this name; in the file soon."""
        self._received.add(name, counter)
        if self._open:
            failing = self._bulletin.status.error
            self._write_within(RETRY_SECONDS if failing else MARK_SECONDS)

    async def received_counters(self, prefix: str = "") -> dict[str, int]:
        """The highest that were kept, by name, of names that begin so. Raises StoreError."""
        database = self._running().database
        kept = await self._do(lambda: invocation.received(database, prefix))
        return self._received.over(kept, prefix)

    async def _reserve(self, name: str, above: int, count: int) -> tuple[int, int]:
        database = self._running().database
        if above < 0 or count < 1:
            raise LocalError(f"{count} invocation counters from {above} on")
        return await self._do(lambda: invocation.reserve(database, name, above, count))

    def _running(self) -> Ledger:
        if not self._open or self._ledger is None:
            raise StoreError(f"{self._path}: the outbox is not open")
        return self._ledger

    def _admit(self, reading: Reading, sinks: Sequence[str]) -> Entry:
        self._running()
        if self._unwritten >= MOST_UNWRITTEN:
            raise StoreError(
                f"{self._path}: {MOST_UNWRITTEN} readings already wait for the disk, which is "
                "too slow or locked by another program"
            )
        return Entry(reading, tuple(sinks), encode_values(reading.values))

    def _open_file(self) -> tuple[Ledger, OutboxStatus]:
        ledger = Ledger(self._path, self._hurry)
        return ledger, ledger.status()

    async def _do(self, job: Callable[[], T]) -> T:
        """Run ``job`` in the writer; whatever it raises becomes a StoreError."""
        try:
            return await self._writer.run(job)
        except StoreError:
            raise
        except (sqlite3.Error, OSError) as error:
            raise explain(self._path, error) from error
        except Exception as error:
            self.log.failure("A job of the outbox failed")
            raise explain(self._path, error) from error

    def _now(self) -> int:
        return int(self._wall() * 1000)

    def _write_within(self, seconds: float) -> None:
        timer = self._write_timer
        if timer is None or not timer.active():
            self._write_timer = self._clock.callLater(seconds, self._write)
        elif timer.getTime() > self._clock.seconds() + seconds:
            timer.reset(seconds)

    def _write(self) -> None:
        """Give the group, the marks and the counters to the writer, as one transaction."""
        if self._write_timer is not None and self._write_timer.active():
            self._write_timer.cancel()
        if self._group or self._marks or self._received:
            group, self._group = self._group, []
            marks, self._marks = self._marks, []
            # All errors end in the group's Deferreds; anything else is a bug, to be seen.
            written = Deferred.fromCoroutine(self._commit(group, marks, self._received.take()))
            written.addErrback(lambda failure: self.log.failure("The outbox failed", failure))

    async def _commit(
        self, group: list[_Waiting], marks: list[int], received: dict[str, int]
    ) -> None:
        assert self._ledger is not None
        entries = [waiting.entry for waiting in group]
        try:
            committed = await self._do(
                partial(self._ledger.commit, entries, marks, received, self._now())
            )
        except StoreError as error:
            self._unwritten -= len(group)
            self._bulletin.bad(str(error))
            if marks:
                self.delivered(marks)
            for name, counter in received.items():
                self.keep_received(name, counter)
            for waiting in group:
                waiting.done.errback(error)
            return
        self._unwritten -= len(group)
        self._bulletin.good(committed.status)
        if committed.deliveries:
            self._tell(committed.deliveries)
        for position, waiting in enumerate(group):
            if position in committed.refused:
                waiting.done.errback(_duplicate(waiting.entry.reading))
            else:
                waiting.done.callback(None)
        self._sweep_if_over(committed.status)

    def _tell(self, deliveries: list[Delivery]) -> None:
        for listener in tuple(self._listeners):
            try:
                listener(deliveries)
            except Exception:  # noqa: BLE001 - one listener's bug must not cost the others
                self.log.failure("A listener of the outbox failed")

    def _sweep_again(self) -> None:
        self._sweep_timer = self._clock.callLater(SWEEP_SECONDS, self._sweep_again)
        self._sweep()

    def _sweep_if_over(self, status: OutboxStatus) -> None:
        if status.bytes > self._options.max_bytes:
            self._sweep()

    def _sweep(self) -> None:
        if self._open and not self._sweeping:
            self._sweeping = True
            swept = Deferred.fromCoroutine(self._sweep_all())
            swept.addErrback(lambda failure: self.log.failure("Housekeeping failed", failure))

    async def _sweep_all(self) -> None:
        """Slice by slice, so that commits get in between; then say what was lost."""
        assert self._housekeeping is not None
        early = 0
        dropped: Counter[str] = Counter()
        try:
            more = True
            while more and self._open:
                if self._marks:
                    self._write()  # what was acknowledged must not be dropped
                swept = await self._do(partial(self._housekeeping.sweep, self._now()))
                early += swept.early
                dropped.update(swept.dropped)
                more = swept.more
                if more:
                    self._bulletin.good(swept.status)
        except StoreError as error:
            self._bulletin.bad(str(error))
        finally:
            self._sweeping = False
        if early:
            self.log.info(
                "{file} is full: {count} rows of delivered history went before their time",
                file=str(self._path),
                count=early,
            )
        for sink, count in dropped.items():
            self.log.warn(
                "{file} is full: the oldest {count} readings for {sink} were dropped undelivered",
                file=str(self._path),
                count=count,
                sink=sink,
            )


def _duplicate(reading: Reading) -> StoreError:
    return StoreError(f"{reading.meter} already has a reading of ts {reading.ts}; refused")


def _nothing() -> None:
    """A job that only holds a place in the queue."""
