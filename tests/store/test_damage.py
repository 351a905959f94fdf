"""A damaged file: set aside, salvaged, told of; never a second start that fails, nor silence."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from random import Random

from twisted.internet.defer import Deferred

from dlmsd.errors import StoreError
from dlmsd.model import GapCause, Lane
from dlmsd.store import damage
from dlmsd.store.database import open_database, schema_steps
from dlmsd.store.inventory import take_inventory
from dlmsd.store.salvage import JUMP
from tests.store.case import NOW, NOW_MS, look, reading
from tests.store.damage_case import NAME, PAGE, DamageCase


class DamageTests(DamageCase):
    def test_no_database_at_all(self) -> None:
        """Nothing can be read; what was never read of counters is surely above any sent."""
        self.path.write_bytes(b"these are the voyages " * 5000)
        self.salvaged()
        self.assertIn("0 deliveries that wait", str(self.posted[0].alarm))
        self.assertIn("an unknown number of deliveries are lost", str(self.posted[0].alarm))
        first = self.next_counter(NAME)
        self.assertGreaterEqual(first, int(NOW))
        self.assertGreaterEqual(self.next_counter("a new meter"), int(NOW))
        self.assertEqual(self.next_counter(NAME), first + 1)

    def test_an_index_is_damaged(self) -> None:
        """All rows are there: nothing is lost."""
        ((page,),) = look(
            self.path, "SELECT rootpage - 1 FROM sqlite_master WHERE name = 'deliveries_waiting'"
        )
        self.scribble(page)
        self.salvaged()
        self.all_kept()

    def test_no_table_has_its_name(self) -> None:
        """Where each table begins is known, and all rows are there; nothing is left behind."""
        whole = self.path.read_bytes()
        scheme = "SELECT rootpage FROM sqlite_master WHERE name = 'deliveries'"
        self.assertEqual(look(self.path, scheme), [(5,)])
        for damaged in (
            b"\xa5" * PAGE + whole[PAGE:],
            bytes(PAGE) + whole[PAGE:],
            whole.replace(b"CREATE TABLE deliveries", b"((((((((((\xff\xfe deliveries", 1),
        ):
            for one in self.path.parent.iterdir():
                one.unlink()
            self.path.write_bytes(damaged)
            self.salvaged()
            self.all_kept()
            self.assertEqual(self.look("SELECT sum(dropped) FROM counters"), [(0,)])
            self.assertEqual(list(self.path.parent.glob("*mending*")), [])
            self.close()

    def test_no_tree_leads_to_its_rows(self) -> None:
        """They stand on their pages still."""
        whole = self.path.read_bytes()
        roots = [self.root(one) for one in ("readings", "deliveries")]
        self.assertEqual([whole[page * PAGE] for page in roots], [5, 5])
        for pages in (roots, roots[:1], roots[1:], range(19)):
            for one in self.path.parent.iterdir():
                one.unlink()
            self.path.write_bytes(whole)
            for page in pages:
                self.scribble(page, bytes(PAGE))
            self.salvaged()
            self.assertLessEqual(self.waiting.keys(), self.backlog().keys(), f"{pages}")
            self.assertLessEqual(self.kept, set(self.look("SELECT meter, ts FROM readings")))
            waits = len(self.waiting) + 1
            self.assertEqual(self.look("SELECT sum(queued) FROM counters"), [(waits,)])
            self.close()

    def test_rows_of_pages_that_were_given_up(self) -> None:
        """What was delivered since then does not wait again, whether that is still known or not."""
        old = self.path.read_bytes()
        self.open()
        ids = sorted(self.backlog())
        self.outbox.delivered(ids[:300])
        self.clock.advance(2)
        self.waiting = self.backlog()
        self.assertEqual(len(self.waiting), len(ids) - 300)
        self.close()
        whole = self.path.read_bytes()
        for forgotten, *tables in (
            ("false", "deliveries"),
            ("false", "deliveries", "counters"),
            ("delivered_at IS NOT NULL", "deliveries"),
        ):
            for one in self.path.parent.iterdir():
                one.unlink()
            self.path.write_bytes(whole)
            look(self.path, f"DELETE FROM deliveries WHERE {forgotten}")
            roots = [self.root(table) for table in tables]
            with self.path.open("r+b") as file:
                file.seek(0, 2)
                file.write(old[20 * PAGE :])
            for root in roots:
                self.scribble(root)
            self.salvaged()
            waits = len(self.waiting) + 1
            self.assertEqual(self.look("SELECT sum(queued) FROM counters"), [(waits,)])
            self.assertLessEqual(self.waiting.keys(), self.backlog().keys())
            self.close()

    def test_any_page_is_damaged(self) -> None:
        """Its rows at most are lost, and counted as such."""
        whole = self.path.read_bytes()
        pages = len(whole) // PAGE
        self.assertGreater(pages, 40)
        best, self.starts = 0, set[tuple[str, int]]()
        for page in Random(3).sample(range(1, pages), 12):
            for name in self.asides():
                self.path.with_name(name).unlink()
            self.path.write_bytes(whole)
            self.scribble(page)
            self.posted.clear()
            self.open()
            self.assertEqual(self.done(self.outbox.audit()), [], f"page {page}")
            found = self.backlog()
            self.assertLessEqual(found.items(), self.waiting.items(), f"page {page}")
            status = self.status
            lost = len(self.waiting) - len(found) + 2 - status.quarantined
            if status.alarm and status.committed == 810:
                self.assertEqual(status.dropped, lost, f"page {page}")
                best = max(best, len(found))
                self.told_since(found, page)
            self.assertGreaterEqual(self.next_counter(NAME), 6000)
            self.close()
        self.assertGreater(best, 600)
        self.assertIn(("b", 49), self.starts, "the last that was delivered")
        self.assertIn(("a", -10), self.starts, "the oldest that waits, where more than one lane")

    def told_since(self, found: dict[int, object], page: int) -> None:
        """The gap of a stream begins where its deliveries were still known, and ends now."""
        gaps = self.done(self.outbox.gaps.since(0))
        for meter in "ab":
            lost = [
                one.ts for number, one in self.waiting.items()
                if number not in found and one.meter == meter and one.lane is Lane.LIVE
            ]  # fmt: skip
            told = [one for one in gaps if (one.sink, one.meter) == ("tb", meter)]
            self.assertEqual([one.cause for one in told], [GapCause.OUTBOX_DAMAGED] * bool(told))
            for gap in told if lost else ():
                self.starts.add((meter, gap.from_ts - NOW_MS))
                self.assertLess(gap.from_ts, min(lost), f"page {page}")
                self.assertGreaterEqual(gap.from_ts, NOW_MS - 10, f"page {page}")
                now = int((NOW + self.clock.seconds()) * 1000)
                self.assertIn(gap.to_ts, (now - 1000, now), f"page {page}")

    def test_cut_short(self) -> None:
        size = self.path.stat().st_size
        with self.path.open("r+b") as file:
            file.truncate(size // 2 // PAGE * PAGE)
        self.salvaged()
        self.assertGreater(self.next_counter(NAME), 6000)

    def test_emptied_beside_its_log(self) -> None:
        self.path.write_bytes(b"")
        Path(f"{self.path}-wal").write_bytes(b"\x37\x7f\x06\x82" + bytes(8000))
        self.salvaged()
        self.assertGreaterEqual(self.next_counter(NAME), int(NOW))

    def test_a_zeroed_log(self) -> None:
        """The file is whole, but what its log held is lost: counters must not go back."""
        self.path.with_name("outbox.db-wal").write_bytes(bytes(3 * PAGE))
        self.salvaged()
        self.assertEqual(self.backlog().keys() & self.waiting.keys(), self.waiting.keys())
        self.assertEqual(self.next_counter(NAME), 6000 + JUMP)
        self.assertIn("-wal", {one[-4:] for one in self.asides()})

    def test_a_log_that_is_gone(self) -> None:
        """Its transactions are lost, and counters must not go back, whoever looked before."""
        self.path.with_name("outbox.db-shm").write_bytes(bytes(32768))
        with self.assertRaisesRegex(StoreError, "the log is gone"):
            take_inventory(self.path, 0, 1)
        self.salvaged()
        self.all_kept()
        self.assertIn("-shm", {one[-4:] for one in self.asides()})

    def test_a_log_that_only_had_begun_is_no_damage(self) -> None:
        self.path.with_name("outbox.db-wal").write_bytes(bytes(32))
        self.open()
        self.assertEqual((self.status.alarm, self.asides()), ("", []))

    def test_a_file_of_the_first_version(self) -> None:
        for one in self.path.parent.iterdir():
            one.unlink()
        database = open_database(self.path, schema_steps("outbox")[:1])
        database.executescript("""
            INSERT INTO readings VALUES (1, 'a', 5, '{"u":230.10}', 1), (2, 'a', 6, '{}', 1);
            INSERT INTO deliveries VALUES (3, 1, 'a', 'tb', 7), (4, 2, 'a', 'tb', NULL);
            INSERT INTO counters VALUES ('a', 'tb', 9, 3, 5);
            INSERT INTO gaps VALUES (1, 'a', 'tb', 1, 4, 5, 'outbox full', 3);
        """)
        database.close()
        damage.note_damage(self.path)
        self.open()
        self.assertEqual([one.id for one in self.pending()], [4])
        self.assertEqual(self.done(self.outbox.gaps.since(0))[0].cause, GapCause.OUTBOX_FULL)
        self.assertEqual(self.done(self.outbox.audit()), [])

    def test_damage_that_shows_while_it_runs(self) -> None:
        """The process ends, and the next start does not believe the file."""
        self.fatal: list[StoreError] = []
        self.open()
        self.outbox._file._tell_fatal = self.fatal.append

        def broken(*_: object) -> None:
            error = sqlite3.DatabaseError("database disk image is malformed")
            error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise error

        self.patch(self.outbox._file.ledger, "commit", broken)
        committed = self.outbox.commit(reading("a", NOW_MS + 9999), ["tb"])
        self.clock.advance(0.25)
        self.failureResultOf(committed, StoreError)
        self.assertEqual(len(self.fatal), 1)
        self.close()
        self.salvaged()
        self.assertFalse(self.path.with_name("outbox.db.damaged").exists())

    def test_a_newer_file_is_left_alone(self) -> None:
        look(self.path, "PRAGMA user_version = 99")
        self.writer.start()
        started = Deferred.fromCoroutine(self.outbox.start())
        self.assertIn("newer dlmsd", str(self.failureResultOf(started, StoreError).value))
        self.assertEqual(self.asides(), [])
