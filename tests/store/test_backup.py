"""Copies of a file: before a step of its schema, and while somebody writes."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.errors import StoreError
from dlmsd.store.backup import StepBackups, copy
from dlmsd.store.database import open_database

STEPS = tuple(f"CREATE TABLE t{number} (x);" for number in range(1, 6))


class StepBackupTests(SynchronousTestCase):
    def setUp(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        self.path = folder / "registry.db"

    def open(self, *steps: str) -> sqlite3.Connection:
        database = open_database(self.path, steps, before_step=StepBackups(self.path).take)
        self.addCleanup(database.close)
        return database

    def copies(self) -> list[str]:
        return sorted(one.name for one in self.path.parent.iterdir() if "bak" in one.name)

    def test_a_new_file_has_none(self) -> None:
        self.open(*STEPS)
        self.assertEqual(self.copies(), [])

    def test_the_last_two(self) -> None:
        self.open(STEPS[0]).close()
        self.open(*STEPS[:2]).close()
        self.assertEqual(self.copies(), ["registry-1.bak"])
        self.open(*STEPS).close()
        self.assertEqual(self.copies(), ["registry-3.bak", "registry-4.bak"])
        with closing(sqlite3.connect(self.path.with_name("registry-3.bak"))) as old:
            tables = old.execute("SELECT name FROM sqlite_master ORDER BY name").fetchall()
            self.assertEqual(tables, [("t1",), ("t2",), ("t3",)])
            self.assertEqual(old.execute("PRAGMA user_version").fetchone(), (3,))

    def test_a_step_that_fails_leaves_its_copy(self) -> None:
        self.open(STEPS[0]).close()
        self.assertRaises(StoreError, self.open, STEPS[0], "nonsense")
        self.assertEqual(self.copies(), ["registry-1.bak"])

    def test_no_step_without_its_copy(self) -> None:
        self.open(STEPS[0]).close()
        self.path.with_name("registry-1.bak").mkdir()
        self.assertRaises(StoreError, self.open, *STEPS[:2])
        self.assertEqual(self.open(STEPS[0]).execute("PRAGMA user_version").fetchone(), (1,))
        self.assertEqual(self.copies(), ["registry-1.bak"])

    def test_private_and_of_one_instant(self) -> None:
        database = self.open(STEPS[0])
        other = self.open(STEPS[0])
        database.execute("INSERT INTO t1 VALUES (1)")
        other.execute("BEGIN IMMEDIATE")
        other.execute("INSERT INTO t1 VALUES (2)")
        target = self.path.with_name("copy.db")
        copy(database, target)
        other.execute("COMMIT")
        self.assertEqual(target.stat().st_mode & 0o777, 0o600)
        with closing(sqlite3.connect(target)) as copied:
            self.assertEqual(copied.execute("SELECT x FROM t1").fetchall(), [(1,)])
