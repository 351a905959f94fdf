"""Opening a file: durable or refused, whole or refused, never half upgraded."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.errors import StoreError
from dlmsd.store.database import explain, open_database, schema_steps, transaction

STEPS = ("CREATE TABLE a (x INTEGER);", "CREATE TABLE b (x INTEGER);")


class DatabaseTests(SynchronousTestCase):
    def setUp(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        self.path = folder / "some.db"

    def open(self, *steps: str) -> sqlite3.Connection:
        database = open_database(self.path, steps)
        self.addCleanup(database.close)
        return database

    def refused(self, *steps: str) -> str:
        error = self.assertRaises(StoreError, open_database, self.path, steps)
        self.assertIn(str(self.path), str(error))
        return str(error)

    def tables(self, database: sqlite3.Connection) -> list[str]:
        return [name for (name,) in database.execute("SELECT name FROM sqlite_master")]

    def test_pragmas(self) -> None:
        database = self.open()
        self.assertEqual(database.execute("PRAGMA synchronous").fetchone(), (2,))
        self.assertEqual(database.execute("PRAGMA journal_mode").fetchone(), ("wal",))
        self.assertEqual(database.execute("PRAGMA journal_size_limit").fetchone(), (1 << 24,))

    def test_not_durable(self) -> None:
        """A file that SQLite cannot keep in WAL mode is refused, here one in memory."""
        self.path = Path(":memory:")
        self.assertIn("journal_mode at memory", self.refused())

    def test_private(self) -> None:
        self.open(*STEPS).execute("INSERT INTO a VALUES (1)")
        for file in self.path.parent.iterdir():
            self.assertEqual(file.stat().st_mode & 0o777, 0o600, file)

    def test_steps_once_each(self) -> None:
        self.open(STEPS[0]).close()
        database = self.open(*STEPS)
        self.assertEqual(self.tables(database), ["a", "b"])
        self.assertEqual(database.execute("PRAGMA user_version").fetchone(), (2,))
        database.close()
        self.open(*STEPS)

    def test_failed_step(self) -> None:
        self.open(STEPS[0]).close()
        self.assertIn(
            "nowhere", self.refused(STEPS[0], f"{STEPS[1]} INSERT INTO nowhere VALUES (1);")
        )
        self.assertEqual(self.tables(self.open(STEPS[0])), ["a"])

    def test_newer(self) -> None:
        self.open(*STEPS).close()
        message = self.refused(STEPS[0])
        self.assertIn("version 2 of the file, this one knows 1", message)

    def test_no_database(self) -> None:
        self.path.write_bytes(b"these are the voyages " * 500)
        self.assertIn("no SQLite file", self.refused(*STEPS))

    def test_damaged_page(self) -> None:
        database = self.open(*STEPS)
        database.executemany("INSERT INTO a VALUES (?)", [(n,) for n in range(5000)])
        database.close()
        with self.path.open("r+b") as file:
            file.seek(4096 * 5)
            file.write(b"\xff" * 4096)
        self.assertIn("damaged", self.refused(*STEPS))

    def test_no_folder(self) -> None:
        self.path = self.path / "deeper.db"
        self.assertIn("No such file", self.refused(*STEPS))

    def test_transaction(self) -> None:
        database = self.open(*STEPS)
        with transaction(database):
            database.execute("INSERT INTO a VALUES (1)")
        with self.assertRaises(ZeroDivisionError), transaction(database):
            database.execute("INSERT INTO a VALUES (2)")
            _ = 1 // 0
        self.assertFalse(database.in_transaction)
        self.assertEqual(database.execute("SELECT x FROM a").fetchall(), [(1,)])

    def test_transaction_left_open(self) -> None:
        database = self.open(*STEPS)
        database.execute("BEGIN")
        database.execute("INSERT INTO a VALUES (1)")
        with transaction(database):
            database.execute("INSERT INTO a VALUES (2)")
        self.assertEqual(database.execute("SELECT x FROM a").fetchall(), [(2,)])

    def test_explain(self) -> None:
        database = self.open(*STEPS)
        database.execute("PRAGMA max_page_count = 1")
        with self.assertRaises(sqlite3.Error) as caught, transaction(database):
            database.execute("INSERT INTO a VALUES (zeroblob(100000))")
        self.assertIn("the disk is full", str(explain(self.path, caught.exception)))
        self.assertEqual(str(explain(Path("x.db"), OverflowError())), "x.db: OverflowError")

    def test_schema_steps(self) -> None:
        steps = schema_steps("outbox")
        self.assertIn("CREATE TABLE readings", steps[0])
        self.assertEqual(schema_steps("outbo"), ())
