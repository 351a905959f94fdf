"""What takes the place of a damaged file: whole, with room or without, again and again."""

from __future__ import annotations

import contextlib
import errno
import sqlite3
from collections.abc import Callable
from pathlib import Path

from twisted.internet.defer import Deferred

from dlmsd.dlms.security.counter import COUNTER_END
from dlmsd.errors import StoreError
from dlmsd.meter.security import BLOCK
from dlmsd.store import log, mend, salvage
from dlmsd.store.database import open_database, schema_steps
from dlmsd.store.invocation import CountersSpentError
from dlmsd.store.replay import Replay
from dlmsd.store.salvage import JUMP
from tests.store.case import NOW, NOW_MS, look, reading
from tests.store.damage_case import NAME, DamageCase


class SalvageTests(DamageCase):
    def test_a_copy_that_finds_no_room(self) -> None:
        """It is tried until there is room: nothing is given up before."""
        self.scribble(0)
        full: list[int] = [1]

        def crowded(source: int, copy: str, size: int) -> None:
            if full:
                raise OSError(full.pop(), "No space left on device")
            made(source, copy, size)

        made = mend._copy
        full[0] = errno.ENOSPC
        self.patch(mend, "_copy", crowded)
        self.writer.start()
        started = Deferred.fromCoroutine(self.outbox.start())
        self.assertNoResult(started)
        self.clock.advance(2)
        self.successResultOf(started)
        self.all_kept()

    def test_nothing_is_left_in_the_log_of_the_new_file(self) -> None:
        path = Path(self.mktemp())
        new = open_database(path, schema_steps("outbox"))
        self.addCleanup(new.close)
        told = salvage.salvage(self.path, new, NOW_MS)
        self.assertIn(f"{len(self.waiting)} deliveries that wait", told)
        self.assertEqual(Path(f"{path}-wal").stat().st_size, 0)

    def test_a_new_file_whose_log_somebody_holds(self) -> None:
        """It does not take the place of the damaged one without what its log has."""
        self.scribble(0)
        making = self.path.with_name("outbox.db.salvaging")
        readers: list[sqlite3.Connection] = []

        def recount(rescue: salvage._Rescue, now: int) -> int:
            lost = counted(rescue, now)
            readers.append(sqlite3.connect(making))
            readers[0].execute("BEGIN")
            readers[0].execute("SELECT * FROM meters").fetchall()
            return lost

        counted = salvage._Rescue.recount
        self.patch(salvage._Rescue, "recount", recount)
        self.writer.start()
        started = Deferred.fromCoroutine(self.outbox.start())
        told = str(self.failureResultOf(started, StoreError).value)
        self.assertIn("another program holds the new file", told)
        self.assertEqual(self.asides(), [])
        readers[0].close()
        self.patch(salvage._Rescue, "recount", counted)
        self.done(self.outbox.start())
        self.all_kept()

    def test_damaged_again_and_again(self) -> None:
        """A file that was salvaged once is salvaged like any other; no counter goes back."""
        before = 6000
        for life in range(1, 4):
            self.scribble(0)
            self.open()
            self.assertEqual(len(self.asides()), life)
            self.all_waits()
            first = self.next_counter(NAME)
            self.assertEqual(first, before + JUMP)
            other = self.next_counter(f"since life {life}")
            self.assertGreaterEqual(other, max(first, int(NOW)))
            before = first + 1
            self.clock.advance(1)
            self.close()
        self.assertGreater(other, int(NOW) + JUMP)

    def test_counters_jump_over_all_that_a_log_may_have_held(self) -> None:
        """One reservation with each frame, and a transaction of some more at the end."""
        self.assertGreater(JUMP, (log.MOST_FRAMES + log.LOG_FRAMES) * BLOCK)

    def test_a_counter_near_its_end_stops_there(self) -> None:
        """It never begins anew; others go on, and names that are not known stop with it."""
        look(self.path, "INSERT INTO transmit_counters VALUES ('late', ?)", COUNTER_END - JUMP // 2)
        self.scribble(0)
        self.open()
        for name in ("late", "of nobody yet"):
            reserved = self.outbox.invocation_counters.reserve_counters(name, 0, 1)
            self.failureResultOf(reserved, CountersSpentError)
        spent = self.done(self.outbox.invocation_counters.spent_counters())
        self.assertEqual(spent["late"], COUNTER_END)
        self.assertEqual(self.next_counter(NAME), 6000 + JUMP)

    def test_no_id_is_used_again(self) -> None:
        """Neither that of a delivery in quarantine, nor one that is forgotten by now."""
        self.open()
        *delivered, _, _, _ = sorted(self.backlog())
        self.outbox.quarantine(sorted(self.backlog())[-3:], "too large")
        self.outbox.delivered(delivered)
        self.clock.advance(2)
        forgotten = self.store(reading("a", NOW_MS + 20_000))
        self.outbox.delivered(forgotten)
        self.close()
        known = self.path.read_bytes()
        look(self.path, "DELETE FROM deliveries WHERE id = ?", *forgotten)
        for whole, *damaged in (
            (self.path.read_bytes(), "deliveries_done"),
            (known, "sqlite_sequence", "deliveries_done"),
            (known, "sqlite_sequence", "deliveries"),
        ):
            for one in self.path.parent.iterdir():
                one.unlink()
            self.path.write_bytes(whole)
            for page in [self.root(one) for one in damaged]:
                self.scribble(page)
            self.open()
            self.assertIn("set aside as", self.status.alarm)
            self.assertEqual(self.look("SELECT count(*) FROM quarantine"), [(5,)], damaged)
            (new,) = self.store(reading("a", NOW_MS + 30_000))
            self.assertGreater(new, *forgotten, damaged)
            self.outbox.quarantine([new], "too large")
            again = Replay(0, 1 << 60, quarantined=True)
            self.assertEqual(self.done(self.outbox.replay(again)), 6, damaged)
            self.assertEqual(self.done(self.outbox.audit()), [])
            self.close()

    def test_ids_that_never_were_given(self) -> None:
        """No new one would be left above them."""
        for number in (-1, (1 << 63) - 1):
            look(self.path, "INSERT INTO readings VALUES (?, 'a', ?, '{}', 1)", number, number >> 9)
            look(
                self.path,
                "INSERT INTO deliveries (id, reading, meter, sink) SELECT ?, id, 'a', 'tb' "
                "FROM readings WHERE meter = 'b' LIMIT 1",
                number,
            )
        whole = self.path.read_bytes()
        for table in ("deliveries_waiting", "readings", "deliveries"):
            for one in self.path.parent.iterdir():
                one.unlink()
            self.path.write_bytes(whole)
            self.scribble(self.root(table))
            self.open()
            self.assertEqual(self.backlog().keys(), self.waiting.keys(), table)
            (new,) = self.store(reading("a", NOW_MS + 30_000))
            self.assertLess(new, 1 << 40)
            self.assertEqual(self.done(self.outbox.audit()), [])
            self.close()


class CrashTests(DamageCase):
    """The process ends at any step of the replacement; the next start ends it."""

    def interrupted(self, step: Callable[[Path], bool]) -> None:
        rename = Path.rename

        def maybe(this: Path, target: Path) -> Path:
            if step(Path(target)):
                raise KeyboardInterrupt
            return rename(this, target)

        self.scribble(30)
        self.writer.start()
        self.patch(Path, "rename", maybe)
        with contextlib.suppress(KeyboardInterrupt):
            Deferred.fromCoroutine(self.outbox.start()).addErrback(lambda failure: None)
        self.patch(Path, "rename", rename)

    def test_every_step(self) -> None:
        whole = self.path.read_bytes()
        for step in (
            lambda target: target.name.endswith(".salvaged"),
            lambda target: ".corrupt-" in target.name,
            lambda target: target.name == "outbox.db",
        ):
            for one in self.path.parent.iterdir():
                one.unlink()
            self.path.write_bytes(whole)
            self.interrupted(step)
            self.open()
            self.assertNotEqual(self.status.alarm, "")
            self.assertEqual(len([one for one in self.asides() if one.endswith("Z")]), 1)
            self.assertGreater(len(self.backlog()), 600)
            self.assertEqual(self.done(self.outbox.audit()), [])
            self.assertEqual(sorted(one.name for one in self.path.parent.glob("*salvag*")), [])
            self.close()


del DamageCase  # only its kinds are tests
