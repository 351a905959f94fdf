"""The log of a file is written back by us, whoever writes, and what the disk says is heard."""

from __future__ import annotations

import errno
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.errors import StoreError
from dlmsd.store import database as database_module
from dlmsd.store import log
from dlmsd.store.database import (
    Database,
    DiskError,
    explain,
    open_database,
    touch,
    transaction,
)
from dlmsd.store.file import StoreFile
from tests.powercut.vfs import MemoryVfs
from tests.store.case import OutboxCase, reading
from tests.store.immediate import ImmediateWriter
from tests.store.registry_case import RegistryCase

FRAME = 24 + 4096
SYNC = sqlite3.SQLITE_IOERR_FSYNC
TABLE = "CREATE TABLE a (x);"
ADD = "INSERT INTO a VALUES (zeroblob(9000))"


def frames(path: Path) -> int:
    """For how many the log has room, whether they are of this one or of those before."""
    return (Path(f"{path}-wal").stat().st_size - 32) // FRAME


def _deferred(coroutine: Any) -> Deferred[Any]:
    return Deferred.fromCoroutine(coroutine)


class OfAllTests(OutboxCase):
    """No file's log grows for ever: about 12 frames come with each commit."""

    def setUp(self) -> None:
        self.patch(log, "LOG_FRAMES", 50)
        super().setUp()

    def test_of_the_outbox(self) -> None:
        for ts in range(100):
            self.outbox.delivered(self.store(reading(ts=ts)))
        self.assertTrue(50 <= frames(self.path) < 150, frames(self.path))

    def test_of_the_counters(self) -> None:
        for _ in range(100):
            self.successResultOf(self.outbox.invocation_counters.reserve_counters("a", 0, 10))
        self.assertTrue(50 <= frames(self.path) < 150, frames(self.path))


class OfTheRegistryTests(RegistryCase):
    def test_of_the_registry(self) -> None:
        self.patch(log, "LOG_FRAMES", 50)
        for number in range(100):
            self.done(self.registry.configured([f"meter {number}"]))
        self.assertTrue(50 <= frames(self.path) < 150, frames(self.path))


class LogCase(SynchronousTestCase):
    def setUp(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        self.path = folder / "some.db"
        self.patch(log, "LOG_FRAMES", 20)

    def open(self) -> Database:
        database = open_database(self.path, (TABLE,))
        self.addCleanup(database.close)
        return database

    @contextmanager
    def standing(self) -> Iterator[None]:
        """A reader of another program, which holds the log meanwhile."""
        with closing(sqlite3.connect(self.path, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM a").fetchall()
            yield

    def add(self, database: Database, times: int = 1, *, synced: bool = True) -> None:
        for _ in range(times):
            with transaction(database, synced=synced):
                database.execute(ADD)


class ReaderTests(LogCase):
    def test_a_reader_lets_it_grow_to_its_end(self) -> None:
        self.patch(log, "MOST_FRAMES", 100)
        database = self.open()
        self.add(database)
        with self.standing():
            self.patch(database_module, "BUSY_ATTEMPTS", 1)
            with self.assertRaises(sqlite3.OperationalError) as caught:
                self.add(database, 100)
            self.assertIn("keeps the file locked", str(explain(self.path, caught.exception)))
            self.assertTrue(100 <= frames(self.path) < 110, frames(self.path))
            self.assertFalse(database.in_transaction)
            ((before,),) = database.execute("SELECT count(*) FROM a")
            self.assertTrue(20 <= before < 40)
        self.add(database, 100)
        self.assertEqual(database.execute("SELECT count(*) FROM a").fetchall(), [(before + 100,)])
        self.assertLess(frames(self.path), 110)

    def test_what_is_committed_in_a_hurry_still_fits(self) -> None:
        """At a stop: what was read last is not lost for a reader who takes long."""
        self.patch(log, "MOST_FRAMES", 100)
        database = self.open()
        self.add(database)
        with self.standing():
            with transaction(database):
                database.execute("INSERT INTO a VALUES (zeroblob(900000))")
            self.assertGreater(frames(self.path), 100)
            database.hurry.set()
            self.add(database)
        self.assertEqual(database.execute("SELECT count(*) FROM a").fetchall(), [(3,)])

    def test_nobody_waits_for_a_reader_before(self) -> None:
        database = self.open()
        asked: list[str] = []
        database.set_trace_callback(asked.append)
        with self.standing():
            self.add(database, 40)
        self.assertIn("PRAGMA wal_checkpoint(PASSIVE)", asked)
        self.assertNotIn("PRAGMA wal_checkpoint(RESTART)", asked)

    def test_a_short_one_is_left_alone(self) -> None:
        """Also one that begins anew within a file that is long."""
        database = self.open()
        self.add(database, 30)
        asked: list[str] = []
        database.set_trace_callback(asked.append)
        self.add(database, 30)
        written_back = asked.count("PRAGMA wal_checkpoint(PASSIVE)")
        self.assertTrue(4 <= written_back <= 10, written_back)


class DescriptorTests(LogCase):
    def test_a_commit_needs_none(self) -> None:
        """At the limit of a process, or of the system."""
        database = self.open()
        self.add(database, 30)
        for number in (errno.EMFILE, errno.ENFILE):
            with patch.object(log, "open", self.refused(number), create=True):
                self.add(database)
        self.assertEqual(database.execute("SELECT count(*) FROM a").fetchall(), [(32,)])

    def test_another_error_is_heard(self) -> None:
        database = self.open()
        self.add(database)
        with patch.object(log, "open", self.refused(errno.EIO), create=True):
            self.assertRaises(OSError, self.add, database)

    def test_an_earlier_life_is_not_believed_for_want_of_one(self) -> None:
        self.add(self.open())
        database = self.open()
        with patch.object(log, "open", self.refused(errno.EMFILE), create=True):
            self.assertRaises(OSError, self.add, database)
        self.add(database)
        self.assertEqual(database.execute("SELECT count(*) FROM a").fetchall(), [(2,)])

    def refused(self, number: int) -> Any:
        def refuse(*arguments: object, **named: object) -> None:
            raise OSError(number, os.strerror(number))

        return refuse


class FailingTests(LogCase):
    """The file lies on a disk in memory, of which the next sync fails, once."""

    def setUp(self) -> None:
        super().setUp()
        self.vfs = MemoryVfs()
        self.vfs.refuse = self.refuse
        self.vfs.__enter__()
        self.addCleanup(self.vfs.__exit__)
        self.failing = False

    def refuse(self, operation: str, file: str) -> int:
        if operation == "sync" and self.failing:
            self.failing = False
            return SYNC
        return 0

    def test_its_sync_is_heard_and_nothing_is_written_any_more(self) -> None:
        database = self.open()
        self.add(database, 3)
        self.add(database, 20, synced=False)
        self.failing = True
        with self.assertRaises(sqlite3.OperationalError) as caught:
            self.add(database, 20, synced=False)
        self.assertFalse(self.failing)
        self.assertIsInstance(explain(self.path, caught.exception), DiskError)
        before = database.execute("SELECT count(*) FROM a").fetchall()
        for _ in range(3):
            self.assertRaises(DiskError, self.add, database)
        self.assertEqual(database.execute("SELECT count(*) FROM a").fetchall(), before)

    def test_so_is_that_of_a_commit(self) -> None:
        database = self.open()
        self.add(database)
        self.failing = True
        self.assertRaises(sqlite3.OperationalError, self.add, database)
        self.assertRaises(DiskError, self.add, database)

    def test_what_the_disk_does_not_give_back_is_no_such_failure(self) -> None:
        database = self.open()
        error = sqlite3.OperationalError("of another file")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR_READ
        with self.assertRaises(sqlite3.OperationalError), transaction(database):
            raise error
        self.add(database)

    def test_a_store_opens_its_file_anew(self) -> None:
        writer = ImmediateWriter()
        writer.start()
        with patch("dlmsd.store.file.schema_steps", lambda name: (TABLE,)):
            store = StoreFile(self.path, "some", writer, lambda: 0, lambda *_: "")
            self.successResultOf(_deferred(store.start()))
            self.successResultOf(_deferred(store.change(lambda one: one.execute(ADD))))
            self.failing = True
            change = _deferred(store.change(lambda one: one.execute(ADD)))
            self.failureResultOf(change, DiskError)
            self.successResultOf(_deferred(store.change(lambda one: one.execute(ADD))))
            count = _deferred(store.read(lambda one: one.execute("SELECT count(*) FROM a")))
            self.assertEqual(self.successResultOf(count).fetchall(), [(2,)])
            self.successResultOf(_deferred(store.stop()))


class RenewedTests(LogCase):
    def test_in_the_first_transaction_of_a_life(self) -> None:
        """Its octets stay, and are written."""
        self.patch(log, "LOG_FRAMES", 1000)
        self.add(self.open(), 3)
        whole = Path(f"{self.path}-wal").read_bytes()
        renewed: list[Path] = []
        renew = log.renew
        self.patch(log, "renew", lambda path: renewed.append(path) or renew(path))
        database = self.open()
        self.add(database, 3)
        self.assertEqual(renewed, [self.path])
        self.assertEqual(Path(f"{self.path}-wal").read_bytes()[: len(whole)], whole)
        self.assertEqual(database.execute("SELECT count(*) FROM a").fetchall(), [(6,)])

    def test_what_fails_at_it_is_heard(self) -> None:
        self.add(self.open())
        database = self.open()

        def fail(path: Path) -> None:
            raise OSError(5, "Input/output error")

        with patch.object(log, "renew", fail), self.assertRaises(OSError):
            self.add(database)
        self.assertFalse(database.in_transaction)
        self.assertRaises(StoreError, self.add, database)


# A life that ends with commits in its log, as one that is killed; and one whose log cannot be
# renewed: it has failed at a sync, fails at its first transaction, or before.
EARLIER = """
import os, sys
from pathlib import Path
from dlmsd.store.database import open_database, transaction
database = open_database(Path(sys.argv[1]), ("CREATE TABLE a (x);",))
for _ in range(20):
    with transaction(database):
        database.execute("INSERT INTO a VALUES (zeroblob(9000))")
os._exit(0)
"""
FAILED = """
import sys
from pathlib import Path
from dlmsd.store import log
from dlmsd.store.database import open_database, transaction
database = open_database(Path(sys.argv[1]), ("CREATE TABLE a (x);",))
def fail(path):
    raise OSError(5, "Input/output error")
log.renew = fail
try:
    with transaction(database):
        pass
except OSError:
    database.close()
    print("left")
"""


class LeftTests(LogCase):
    """A log that may have a hole is not written back into its file."""

    def setUp(self) -> None:
        super().setUp()
        self.run_once(EARLIER)
        self.log = Path(f"{self.path}-wal")
        self.before = self.path.read_bytes(), self.log.read_bytes()

    def run_once(self, text: str) -> str:
        words = [sys.executable, "-c", text, str(self.path)]
        return subprocess.run(words, check=True, capture_output=True, text=True).stdout

    def failing(self) -> Database:
        def fail(path: Path) -> None:
            raise OSError(errno.EIO, "Input/output error")

        self.patch(log, "renew", fail)
        return open_database(self.path, (TABLE,))

    def unchanged(self) -> None:
        self.assertEqual(self.path.read_bytes(), self.before[0])
        self.assertEqual(self.log.read_bytes()[: len(self.before[1])], self.before[1])

    def test_where_it_cannot_be_renewed(self) -> None:
        database = self.failing()
        self.assertRaises(OSError, self.add, database)
        for _ in range(2):
            database.close()
            self.unchanged()

    def test_where_the_disk_fails_before(self) -> None:
        """As an outbox does that only touches its file to see whether it can be written."""
        database = self.failing()
        with self.assertRaises(OSError), database.trusted():
            touch(database)
            raise OSError(errno.EIO, "Input/output error")
        database.close()
        self.unchanged()

    def test_again_and_again(self) -> None:
        """A file that is tried for hours takes no connection each time."""
        descriptors = []
        for _ in range(4):
            database = self.failing()
            self.assertRaises(OSError, self.add, database)
            database.close()
            del database
            self.unchanged()
            descriptors.append(len(os.listdir("/proc/self/fd")))
        # The second's stays for SQLite to use again: to close it would lose the first's locks.
        self.assertEqual(descriptors[1:], descriptors[1:2] * 3)

    def test_nor_when_the_process_ends(self) -> None:
        self.assertEqual(self.run_once(FAILED), "left\n")
        self.unchanged()
