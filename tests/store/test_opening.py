"""A disk that fails, or is full, while the outbox is opened: it is tried until it can be used."""

from __future__ import annotations

import os
import sqlite3
from itertools import pairwise
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.errors import StoreError
from dlmsd.store import database
from dlmsd.store.damage import ATTEMPTS
from dlmsd.store.database import DiskError, DiskFullError, UnreadableError, explain
from dlmsd.store.outbox_file import FIRST_PAUSE, LOOK_SECONDS, MOST_PAUSE
from tests.powercut.vfs import MemoryVfs
from tests.store.case import OutboxCase, reading

FULL, READ, WRITE, SYNC = 13, 266, 778, 1034


class OpeningCase(OutboxCase):
    """The outbox lies on a disk in memory; ``self.refused`` are codes by operation, and
    ``self.part`` is what a file's name must hold to be refused."""

    def setUp(self) -> None:
        self.refused: dict[str, int] = {}
        self.part = "outbox.db"
        self.vfs = MemoryVfs()
        self.vfs.refuse = self.refuse
        self.vfs.__enter__()
        self.addCleanup(self.vfs.__exit__)
        self.fatal: list[StoreError] = []
        super().setUp()
        self.patch(self.outbox._file, "_tell_fatal", self.fatal.append)
        self.store(reading(ts=1), reading(ts=2))

    def refuse(self, operation: str, file: str) -> int:
        return self.refused.get(operation, 0) if self.part in file else 0

    def again(self, **refused: int) -> Deferred[None]:
        """What a new start on such a disk comes to."""
        self.close()
        self.refused = refused
        self.posted.clear()
        self.writer.start()
        return Deferred.fromCoroutine(self.outbox.start())


class OpeningTests(OpeningCase):
    def test_tried_until_the_disk_can_be_used(self) -> None:
        for refused in ({"read": READ}, {"write": WRITE}, {"sync": SYNC}):
            started = self.again(**refused)
            self.assertNoResult(started)
            self.assertIn("the disk reports an error", self.status.error)
            self.clock.pump([FIRST_PAUSE] * 30)
            self.assertNoResult(started)
            self.refused = {}
            self.clock.advance(MOST_PAUSE)
            self.successResultOf(started)
            self.assertEqual((self.status.error, self.status.alarm, self.fatal), ("", "", []))
            self.assertEqual([one.ts for one in self.pending()], [1, 2])

    def test_pauses_grow(self) -> None:
        tried: list[float] = []

        def fail(attempt: int) -> None:
            tried.append(self.clock.seconds())
            raise DiskError("of this disk")

        self.patch(self.outbox._file, "_open", fail)
        self.again()
        self.clock.pump([FIRST_PAUSE] * 200)
        pauses = [later - before for before, later in pairwise(tried)]
        self.assertEqual(pauses, [1, 2, 4, 8, 16, 32, 60, 60])
        self.assertEqual(len(pauses[: ATTEMPTS - 1]), 7)

    def test_whichever_operation_fails_the_file_is_not_taken_for_damaged(self) -> None:
        """The first of each kind, the second, and so on, until all of them went well."""
        self.store(*(reading(ts=ts, text="x" * 3000) for ts in range(3, 60)))
        for operation, code, least in (("read", READ, 40), ("write", WRITE, 1), ("sync", SYNC, 1)):
            failed = 0
            while self.fails_at(failed, operation, code):
                failed += 1
            self.assertGreaterEqual(failed, least, operation)

    def fails_at(self, number: int, operation: str, code: int) -> bool:
        """Whether the start was delayed by this one, which is not to be a loss."""
        met: list[str] = []

        def refuse(asked: str, file: str) -> int:
            if asked != operation or self.part not in file:
                return 0
            met.append(asked)
            return code if len(met) == number + 1 else 0

        self.close()
        self.vfs.refuse = refuse
        self.writer.start()
        started = Deferred.fromCoroutine(self.outbox.start())
        self.clock.advance(FIRST_PAUSE)
        self.successResultOf(started)
        self.vfs.refuse = self.refuse
        self.assertEqual((self.status.alarm, self.fatal), ("", []))
        self.assertEqual(len(self.pending()), 59)
        return len(met) > number

    def test_a_full_disk_is_looked_at_as_often_as_later(self) -> None:
        started = self.again(write=FULL, read=FULL)
        self.clock.pump([FIRST_PAUSE] * 120)
        self.assertNoResult(started)
        self.assertIn("the disk is full", self.status.error)
        self.refused = {}
        self.clock.advance(LOOK_SECONDS)
        self.successResultOf(started)

    def test_what_waits_on_a_full_disk_can_be_delivered(self) -> None:
        """Nothing need be written to open it."""
        self.successResultOf(self.again(write=FULL))
        self.assertEqual([one.ts for one in self.pending()], [1, 2])
        self.refused = {}

    def test_it_can_be_stopped_meanwhile(self) -> None:
        for stop in (self.outbox.leave, lambda: self.done(self.outbox.stop())):
            started = self.again(read=READ)
            self.assertNoResult(started)
            stop()
            self.successResultOf(started)
            self.assertRaises(StoreError, lambda: self.outbox._file.ledger)
            self.done(self.outbox.stop())
            self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_what_only_an_operator_can_mend_ends_it(self) -> None:
        self.patch(self.outbox._file, "_open", lambda attempt: os.open("/nowhere/at/all", 0))
        self.failureResultOf(self.again(), StoreError)


class UnreadableTests(OutboxCase):
    """What the disk does not give back at any attempt is set aside, as a damaged file is."""

    def test_the_last_attempt(self) -> None:
        self.store(reading(ts=1), reading(ts=2))
        self.close()
        check = database._check

        def unreadable(path: Path, opened: sqlite3.Connection) -> None:
            if path == self.path and not list(path.parent.glob("*.corrupt-*")):
                raise UnreadableError("a part of it")
            check(path, opened)

        self.patch(database, "_check", unreadable)
        self.writer.start()
        started = Deferred.fromCoroutine(self.outbox.start())
        self.clock.pump([FIRST_PAUSE] * 121)
        self.assertEqual(self.status.alarm, "")
        self.assertNoResult(started)
        self.clock.advance(FIRST_PAUSE)
        self.successResultOf(started)
        self.assertIn("a part of it; it is set aside as outbox.db.corrupt-", self.status.alarm)
        self.assertEqual([one.ts for one in self.pending()], [1, 2])


class ExplainTests(SynchronousTestCase):
    def test_system_calls(self) -> None:
        for number, kind in ((5, DiskError), (28, DiskFullError), (122, DiskFullError)):
            error = explain(Path(self.mktemp()), OSError(number, os.strerror(number), "some file"))
            self.assertIs(type(error), kind)
            self.assertTrue(error.retryable)
            self.assertIn(os.strerror(number), str(error))
        denied = explain(Path(self.mktemp()), OSError(13, "Permission denied"))
        self.assertIs(type(denied), StoreError)
        self.assertFalse(denied.retryable)

    def test_a_sync_that_failed_is_never_a_full_disk(self) -> None:
        """What it has lost comes back with no space."""

        class Full:
            f_bavail, f_frsize = 0, 4096

        self.patch(os, "statvfs", lambda path: Full)
        kinds = {
            sqlite3.SQLITE_IOERR_FSYNC: DiskError,
            sqlite3.SQLITE_IOERR_DIR_FSYNC: DiskError,
            sqlite3.SQLITE_IOERR_WRITE: DiskError,
            sqlite3.SQLITE_IOERR_SHMSIZE: DiskFullError,
            sqlite3.SQLITE_IOERR_SHMMAP: DiskFullError,
            sqlite3.SQLITE_IOERR_SHMOPEN: DiskFullError,
        }
        for code, kind in kinds.items():
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = code
            self.assertIs(type(explain(Path(self.mktemp()), error)), kind)

    def test_reading(self) -> None:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR_READ
        self.assertIsInstance(explain(Path(self.mktemp()), error), UnreadableError)
