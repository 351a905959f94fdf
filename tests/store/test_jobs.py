"""What a disk may do to a job: refuse it for want of space, fail, or return nonsense."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.config.values import OutboxOptions
from dlmsd.errors import StoreError
from dlmsd.store import database, log, outbox_file
from dlmsd.store.database import DamagedError, DiskError, DiskFullError
from dlmsd.store.disk import Disk
from dlmsd.store.jobs import Jobs
from dlmsd.store.outbox import Outbox
from dlmsd.store.outbox_file import LOOK_SECONDS
from tests.store.case import NOW, OutboxCase, reading
from tests.store.immediate import ImmediateWriter

BALLAST = 1 << 16


def sqlite_error(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("as a disk says it")
    error.sqlite_errorcode = code
    return error


class CancelTests(SynchronousTestCase):
    def test_who_waits_no_more_is_no_failure(self) -> None:
        waiting: Deferred[None] = Deferred()
        jobs = Jobs(Path("a file"), Waiting(waiting), lambda: False, self.fail, lambda: None)
        run = Deferred.fromCoroutine(jobs.run(lambda: None))
        run.cancel()
        self.failureResultOf(run, CancelledError)
        self.assertEqual(self.flushLoggedErrors(), [])


class Waiting(ImmediateWriter):
    """A writer whose jobs end when ``waiting`` does."""

    def __init__(self, waiting: Deferred[Any]) -> None:
        self._waiting = waiting

    def run(self, job: Callable[[], Any]) -> Deferred[Any]:
        return self._waiting


class DiskCase(OutboxCase):
    """``self.faults`` are raised by the transactions that come, one each."""

    def open(self) -> None:
        self.faults: list[int] = []
        self.fatal: list[StoreError] = []
        super().open()
        ledger = self.outbox._file.ledger
        self.ledger = ledger
        for name in ("commit", "sweep"):
            owner = ledger if name == "commit" else self.outbox._file._housekeeping
            self.patch(owner, name, self.faulty(getattr(owner, name)))

    def make(self) -> Outbox:
        return Outbox(
            self.path,
            self.options,
            writer=self.writer,
            clock=self.clock,
            wall=lambda: NOW + self.clock.seconds(),
            post=self.posted.append,
            ballast=BALLAST,
            fatal=self.fatal.append,
        )

    def faulty(self, job: Callable[..., object]) -> Callable[..., object]:
        def attempt(*arguments: object) -> object:
            if self.faults:
                raise sqlite_error(self.faults.pop(0))
            return job(*arguments)

        return attempt


class FatalTests(DiskCase):
    def test_an_io_error_ends_it(self) -> None:
        """Nothing of the group is acknowledged, and the owner hears of it once."""
        for code in (sqlite3.SQLITE_IOERR | 4 << 8, sqlite3.SQLITE_IOERR):  # FSYNC; any other
            self.fatal.clear()
            self.faults = [code]
            committed = [self.outbox.commit(reading(ts=ts), ["tb"]) for ts in (1, 2)]
            self.clock.advance(0.25)
            for one in committed:
                self.failureResultOf(one, DiskError)
            (error,) = self.fatal
            self.assertIn("the disk reports an error", str(error))
            self.assertIn("service starts it again", error.advice)
            self.assertEqual(self.heard, [])
            self.assertIn("disk reports an error", self.status.error)

    def test_so_does_one_that_comes_while_room_is_made(self) -> None:
        house = self.outbox._file._housekeeping

        def fail() -> None:
            raise sqlite_error(sqlite3.SQLITE_IOERR_FSYNC)

        self.patch(house, "make_way", fail)
        self.clock.advance(60)
        self.faults = [sqlite3.SQLITE_FULL]
        committed = self.outbox.commit(reading(), ["tb"])
        self.clock.advance(0.25)
        self.failureResultOf(committed, DiskError)
        self.assertEqual(len(self.fatal), 1)

    def test_damage_that_shows_late_ends_it_too(self) -> None:
        self.faults = [sqlite3.SQLITE_CORRUPT]
        self.clock.advance(60)  # a sweep
        self.assertIsInstance(self.fatal[0], DamagedError)

    def test_want_of_space_is_not_fatal(self) -> None:
        self.faults = [sqlite3.SQLITE_FULL] * 2
        committed = self.outbox.commit(reading(), ["tb"])
        self.clock.advance(0.25)
        self.failureResultOf(committed, DiskFullError)
        self.assertEqual(self.fatal, [])


class FullTests(DiskCase):
    options = OutboxOptions(history_days=36_600)

    def setUp(self) -> None:
        super().setUp()
        self.ballast = self.path.with_suffix(".ballast")
        self.clock.advance(60)
        self.free = 0
        self.patch(Disk, "_free", lambda this: self.free)

    def test_ballast_is_made_after_the_start(self) -> None:
        self.assertEqual(self.ballast.stat().st_size, BALLAST)
        self.assertGreaterEqual(self.ballast.stat().st_blocks * 512, BALLAST)

    def test_what_was_under_way_is_stored_on_the_ballast(self) -> None:
        self.outbox.delivered(self.store(reading(ts=1)))
        self.clock.advance(1)
        self.faults = [sqlite3.SQLITE_FULL]
        self.assertEqual(len(self.store(reading(ts=2))), 1)
        self.assertFalse(self.ballast.exists())
        self.assertIn("no meter is read until there is space", self.status.error)
        self.assertEqual(self.look("SELECT count(delivered_at) FROM deliveries"), [(0,)])

    def test_pauses_until_there_is_space_and_goes_on(self) -> None:
        self.faults = [sqlite3.SQLITE_FULL]
        (number,) = self.store(reading(ts=1))
        for ts in (2, 3):
            self.failureResultOf(self.outbox.commit(reading(ts=ts), ["tb"]), DiskFullError)
        self.outbox.delivered([number])  # while brokers are served
        self.clock.pump([LOOK_SECONDS] * 5)
        self.assertIsNotNone(self.outbox.obstacle())
        self.assertEqual(self.pending(), [])
        self.free = 1 << 40
        self.clock.advance(LOOK_SECONDS)
        self.assertIsNone(self.outbox.obstacle())
        self.assertTrue(self.ballast.exists())
        self.store(reading(ts=4))
        self.assertEqual((self.status.error, self.fatal), ("", []))
        self.assertEqual(
            self.look("SELECT meter, sink, from_ts, to_ts, count, cause FROM gaps"),
            [("planta-a", "", 2, 3, 2, "disk_full")],
        )

    def test_what_waited_does_not_wait_for_the_ballast(self) -> None:
        """Some file systems take seconds to give it."""
        (number,) = self.store(reading(ts=1))
        self.faults = [sqlite3.SQLITE_FULL]
        self.store(reading(ts=2))
        self.outbox.delivered([number])
        marked: list[list[tuple[int]]] = []
        count = "SELECT count(delivered_at) FROM deliveries"
        self.patch(Disk, "keep_ballast", lambda this: marked.append(self.look(count)))
        self.free = 1 << 40
        self.clock.advance(LOOK_SECONDS)
        self.assertEqual(marked, [[(1,)]])

    def test_goes_on_whichever_job_found_the_disk_full(self) -> None:
        """Since then no meter is read: no commit is to come that would look again."""
        for faults in ([sqlite3.SQLITE_FULL], [sqlite3.SQLITE_FULL] * 2):
            self.faults = faults
            self.clock.pump([1.0] * 61)
            self.assertEqual(self.faults, [])
            self.assertIsNotNone(self.outbox.obstacle())
            self.free = 1 << 40
            self.clock.advance(LOOK_SECONDS)
            self.assertIsNone(self.outbox.obstacle())
            self.free = 0

    def test_without_ballast_a_group_is_lost_and_noted(self) -> None:
        self.ballast.unlink()
        self.faults = [sqlite3.SQLITE_FULL]
        lost = self.outbox.commit(reading(ts=7), ["tb"])
        self.clock.advance(0.25)
        self.failureResultOf(lost, DiskFullError)
        self.free = 1 << 40
        self.clock.pump([LOOK_SECONDS, 5])
        self.assertEqual(self.look("SELECT from_ts, count FROM gaps"), [(7, 1)])
        self.assertTrue(self.ballast.exists())

    def test_space_that_the_disk_only_claims_costs_one_write(self) -> None:
        """What was purged for nothing, and the ballast, are not tried again and again."""
        purged: list[None] = []
        self.patch(self.outbox._file._housekeeping, "make_way", lambda: purged.append(None))
        self.patch(outbox_file, "touch", self.faulty(database.touch))
        self.faults = [sqlite3.SQLITE_FULL]
        self.store(reading(ts=1))
        self.faults = [sqlite3.SQLITE_FULL] * 20
        self.free = 1 << 40
        self.clock.pump([LOOK_SECONDS] * 20)
        self.assertEqual((self.faults, len(purged)), ([], 1))
        self.assertIsNotNone(self.outbox.obstacle())
        self.assertFalse(self.ballast.exists())
        self.clock.advance(LOOK_SECONDS)
        self.assertIsNone(self.outbox.obstacle())
        self.assertTrue(self.ballast.exists())

    def test_what_proves_it_is_written(self) -> None:
        """A page goes to the log, and nothing else changes."""
        log = self.path.with_name("outbox.db-wal")
        self.store(reading(ts=1))
        before = self.look("SELECT * FROM readings"), self.look("PRAGMA user_version")
        size = log.stat().st_size
        database.touch(self.ledger.database)
        self.assertGreater(log.stat().st_size, size)
        now = self.look("SELECT * FROM readings"), self.look("PRAGMA user_version")
        self.assertEqual(now, before)

    def test_a_log_that_finds_no_room_costs_no_commit_and_repeats_none(self) -> None:
        """It is written back before a commit, of which nothing is written then."""
        written_back: list[None] = []
        self.patch(log, "write_back", lambda *_: written_back.append(None))
        (first,) = self.store(reading(ts=1))
        self.patch(log, "write_back", self.faulty(lambda *_: None))
        self.faults = [sqlite3.SQLITE_FULL]
        self.patch(self.ledger, "commit", type(self.ledger).commit.__get__(self.ledger))
        (second,) = self.store(reading(ts=2))
        self.assertEqual((self.faults, second), ([], first + 1))
        self.assertFalse(self.ballast.exists())
        self.assertEqual(self.look("SELECT ts FROM readings"), [(1,), (2,)])
        self.assertEqual(self.status.committed, 2)

    def test_no_ballast_where_there_is_no_room(self) -> None:
        self.ballast.unlink()
        self.clock.advance(60)
        self.assertFalse(self.ballast.exists())
        self.free = 1 << 40
        self.clock.advance(60)
        self.assertTrue(self.ballast.exists())

    def test_what_sqlite_calls_an_io_error_may_be_a_full_disk(self) -> None:
        class Full:
            f_bavail, f_frsize, f_blocks = 0, 4096, 1 << 20

        self.patch(os, "statvfs", lambda path: Full)
        self.faults = [sqlite3.SQLITE_IOERR | 19 << 8]  # SHMSIZE
        self.store(reading(ts=1))
        self.assertEqual(self.fatal, [])
        self.assertIsNotNone(self.outbox.obstacle())
