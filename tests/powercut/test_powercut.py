"""Power cuts lose nothing that was committed; and the disk that shows it can lose."""

from __future__ import annotations

import sqlite3
from contextlib import nullcontext
from itertools import count
from random import Random
from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.store import database, gaps, invocation, ledger, log
from dlmsd.store.counters import Change
from tests.powercut.disk import Disk, Sync, Write
from tests.powercut.life import LOG_FRAMES, lives
from tests.powercut.vfs import MemoryVfs

SEEDS = range(1000, 1050)
CUTS = 200
# Lives in which it matters.
UNHEARD, BELIEVED, BEHIND = (3147,), (3013,), (3177,)


class DiskTests(SynchronousTestCase):
    """The disk itself: sure is what was synced, and nothing else."""

    def outcomes(self, *operations: Write | Sync) -> set[bytes]:
        found = set()
        for seed in range(300):
            disk = Disk()
            for operation in operations:
                disk.take(operation)
            found.add(bytes(disk.after_a_cut(Random(seed)).get("f", b"")))
        return found

    def test_what_is_synced_stays(self) -> None:
        told = self.outcomes(Write("f", 0, b"one"), Sync("f"), Write("f", 3, b"two"))
        self.assertEqual(told, {b"one", b"onetwo"})

    def test_later_writes_may_be_there_without_earlier_ones(self) -> None:
        told = self.outcomes(Write("f", 0, b"a"), Write("f", 1, b"b"))
        self.assertEqual(told, {b"", b"a", b"\0b", b"ab"})

    def test_a_write_may_be_there_in_part(self) -> None:
        told = self.outcomes(Write("f", 0, b"x" * 1024))
        self.assertIn(bytes(512) + b"x" * 512, told)
        self.assertIn(b"x" * 512, told)

    def test_a_cut_of_the_file_may_be_lost_too(self) -> None:
        told = self.outcomes(Write("f", 0, b"abc"), Sync("f"), Write("f", 1, None))
        self.assertEqual(told, {b"abc", b"a"})


class LibraryTests(SynchronousTestCase):
    def test_it_is_the_library_that_the_daemon_uses(self) -> None:
        """Python's sqlite3 opens files in our file system, and is of the same making."""
        with MemoryVfs() as vfs:
            connection = sqlite3.connect("/nowhere/at/all.db")
            connection.execute("CREATE TABLE t (x)")
            ((told,),) = connection.execute("SELECT sqlite_source_id()")
            connection.close()
            self.assertEqual(told, vfs.version())
            (name,) = vfs.files
            self.assertTrue(name.startswith("/nowhere/at/all.db"))
        with self.assertRaises(sqlite3.OperationalError):
            sqlite3.connect("/nowhere/at/all.db").execute("CREATE TABLE t (x)")


class PowerCutTests(SynchronousTestCase):
    def test_ten_thousand_cuts_lose_nothing(self) -> None:
        verdict = lives(SEEDS, CUTS)
        print(f"{verdict.cuts} power cuts, {verdict.checked} promises checked", end=" ")
        self.assertEqual(verdict.violations, 0, verdict)
        self.assertEqual(verdict.cuts, len(SEEDS) * CUTS)
        self.assertGreater(verdict.checked, 10 * verdict.cuts)

    def test_the_disk_loses_what_is_not_synced(self) -> None:
        """NORMAL for FULL: the oracle must see it."""
        normal = tuple(
            (name, "NORMAL", 1) if name == "synchronous" else (name, wanted, told)
            for name, wanted, told in database.PRAGMAS
        )
        self.patch(database, "PRAGMAS", normal)
        verdict = lives(SEEDS[:2], CUTS)
        self.assertGreater(verdict.lost, 100)
        self.assertGreater(verdict.repeated, 0)
        self.assertEqual(verdict.altered, 0)

    def test_a_failed_sync_that_nobody_hears_is_seen(self) -> None:
        """SQLite writes its log back by itself, and keeps what the disk says to itself."""
        itself = tuple(
            (name, str(LOG_FRAMES), LOG_FRAMES) if name == "wal_autocheckpoint" else (name, *said)
            for name, *said in database.PRAGMAS
        )
        self.patch(database, "PRAGMAS", itself)
        self.patch(log, "write_back", lambda opened, path, hurry: None)
        verdict = lives(UNHEARD, CUTS)
        self.assertGreater(verdict.lost + verdict.unopenable, 0)

    def test_a_later_sync_that_is_believed_is_seen(self) -> None:
        self.patch(database.Database, "trusted", lambda opened: nullcontext())
        self.assertGreater(lives(BELIEVED, CUTS).lost, 0)

    def test_a_next_life_behind_the_hole_is_seen(self) -> None:
        def trust(opened: database.Database) -> None:
            opened._renewed = True

        self.patch(database.Database, "renew", trust)
        self.assertGreater(lives(BEHIND, CUTS).lost, 0)


class BookTests(SynchronousTestCase):
    """Bugs that leave every reading in its place, and are seen without a single lost write."""

    def seen(self) -> dict[str, int]:
        seen = lives(SEEDS[:4], CUTS // 4).seen
        return {kind: times for kind, times in seen.items() if times}

    def at_start(self, statement: str) -> None:
        """Whenever the file is opened this is done."""
        begin = ledger.Ledger.__init__

        def broken(opened: ledger.Ledger, *arguments: Any) -> None:
            begin(opened, *arguments)
            opened.database.execute(statement)

        self.patch(ledger.Ledger, "__init__", broken)

    def test_what_waits_is_taken_for_delivered(self) -> None:
        self.at_start("UPDATE deliveries SET delivered_at = 1 WHERE delivered_at IS NULL")
        self.assertGreater(self.seen()["unpaid"], 100)

    def test_what_was_delivered_waits_again(self) -> None:
        self.at_start("UPDATE deliveries SET delivered_at = NULL")
        self.assertGreater(self.seen()["unmarked"], 100)

    def test_a_second_sink_is_owed_nothing(self) -> None:
        store = ledger.Ledger._store
        self.patch(
            ledger.Ledger,
            "_store",
            lambda opened, entry, *rest: store(opened, evolve(entry, sinks=entry.sinks[:1]), *rest),
        )
        self.assertGreater(self.seen()["unpaid"], 100)

    def test_counters_are_not_always_written(self) -> None:
        write, number = Change.write, count(1)

        def forgetful(change: Change, opened: sqlite3.Connection) -> None:
            if next(number) % 10:
                write(change, opened)

        self.patch(Change, "write", forgetful)
        self.assertGreater(self.seen()["unbalanced"], 100)

    def test_counters_of_meters_are_not_kept(self) -> None:
        self.patch(invocation, "keep", lambda *_: None)
        self.assertEqual(list(self.seen()), ["forgotten"])

    def test_gaps_never_end(self) -> None:
        self.patch(gaps, "_CLOSE", "SELECT ?, ?, ?")
        self.assertEqual(list(self.seen()), ["forgotten"])
