"""Invocation counters: none is given twice, none goes back, whatever happens in between."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from dlmsd.config.values import OutboxOptions
from dlmsd.dlms.security.counter import COUNTER_END, CounterBlock
from dlmsd.dlms.security.errors import CounterExhaustedError
from dlmsd.errors import LocalError, StoreError
from dlmsd.store import database as database_module
from dlmsd.store import outbox as module
from dlmsd.store.database import open_database, schema_steps
from dlmsd.store.invocation import CountersSpentError
from dlmsd.store.outbox import Outbox
from dlmsd.store.writer import WriterThread
from tests.store.case import NOW, OutboxCase, look, reading
from tests.store.immediate import ImmediateWriter
from tests.store.reserver import NAMES

ROOT = Path(__file__).parents[2]
KILLS = 20
REFUSE = """
    CREATE TRIGGER refuse BEFORE INSERT ON {} BEGIN SELECT RAISE(ABORT, 'the disk is on fire'); END
"""


class ReserveTests(OutboxCase):
    def reserve(self, name: str = "c/k", above: int = 0, count: int = 1000) -> tuple[int, int]:
        block: tuple[int, int] = self.successResultOf(
            self.outbox.invocation_counters.reserve_counters(name, above, count)
        )
        return block

    def refused(self, *arguments: Any, error: type[Exception] = StoreError) -> str:
        failure = self.failureResultOf(
            self.outbox.invocation_counters.reserve_counters(*arguments), error
        )
        return str(failure.value)

    def test_one_after_the_other(self) -> None:
        self.assertEqual(self.reserve(), (0, 1000))
        self.assertEqual(self.reserve(count=1), (1000, 1001))
        self.assertEqual(self.reserve("c/other"), (0, 1000))
        self.assertEqual(self.reserve(), (1001, 2001))

    def test_above_raises_and_never_lowers(self) -> None:
        self.assertEqual(self.reserve(above=5000), (5000, 6000))
        self.assertEqual(self.reserve(above=10), (6000, 7000))
        self.assertEqual(self.reserve(above=7000), (7000, 8000))
        self.assertEqual(self.reserve(above=8001, count=1), (8001, 8002))

    def test_on_disk_before_it_is_told(self) -> None:
        seen: list[object] = []
        reserved = self.outbox.invocation_counters.reserve_counters("c/k", 40, 2)
        reserved.addCallback(
            lambda block: seen.extend([block, *self.look("SELECT * FROM transmit_counters")])
        )
        self.assertEqual(seen, [(40, 42), ("c/k", 42)])

    def test_not_before_the_disk(self) -> None:
        self.writer.hold()
        reserved = [
            self.outbox.invocation_counters.reserve_counters("c/k", 0, 10) for _ in range(3)
        ]
        self.clock.advance(10)
        for one in reserved:
            self.assertNoResult(one)
        self.writer.release()
        blocks = [self.successResultOf(one) for one in reserved]
        self.assertEqual(blocks, [(0, 10), (10, 20), (20, 30)])

    def test_it_waits_for_no_group(self) -> None:
        """And takes none along: a reading that the disk refuses costs no association."""
        self.look(REFUSE.format("readings"))
        committed = self.outbox.commit(reading(), ["tb"])
        self.assertEqual(self.reserve(), (0, 1000))
        self.assertNoResult(committed)
        self.clock.advance(0.25)
        self.failureResultOf(committed, StoreError)
        self.assertEqual(self.reserve(), (1000, 2000))

    def test_the_disk_refuses(self) -> None:
        self.reserve()
        self.look(REFUSE.format("transmit_counters"))
        self.assertIn("the disk is on fire", self.refused("c/k", 0, 1000))
        self.look("DROP TRIGGER refuse")
        self.assertEqual(self.reserve(), (1000, 2000))

    def test_after_a_restart(self) -> None:
        self.reserve()
        self.close()
        self.refused("c/k", 0, 1000)
        self.open()
        self.assertEqual(self.reserve(), (1000, 2000))

    def test_the_end(self) -> None:
        last = COUNTER_END - 1
        self.assertEqual(self.reserve(above=last - 10, count=10), (last - 10, last))
        message = self.refused("c/k", 0, 2, error=CountersSpentError)
        self.assertIn(f"c/k is at {last}", message)
        self.assertEqual(self.reserve(count=1), (last, COUNTER_END))
        CounterBlock(last, COUNTER_END)  # the security layer takes it
        for above in (0, COUNTER_END, COUNTER_END + 1, 1 << 80):
            self.refused("c/k", above, 1, error=CountersSpentError)
        self.assertEqual(self.look("SELECT next FROM transmit_counters"), [(COUNTER_END,)])

    def test_a_refused_jump_moves_nothing(self) -> None:
        self.reserve()
        for above in (COUNTER_END - 999, COUNTER_END, 1 << 40):
            self.refused("c/k", above, 1000, error=CountersSpentError)
        self.assertEqual(self.reserve(), (1000, 2000))

    def test_the_operator_is_told_of_keys_not_of_disks(self) -> None:
        self.assertTrue(issubclass(CountersSpentError, CounterExhaustedError))
        self.assertIn("new encryption_key", CountersSpentError("").advice)

    def test_numbers_that_are_none(self) -> None:
        for above, count in ((-1, 1000), (0, 0), (0, -5)):
            self.refused("c/k", above, count, error=LocalError)
        self.assertEqual(self.reserve(), (0, 1000))

    @settings(
        max_examples=30, deadline=None, suppress_health_check=[HealthCheck.differing_executors]
    )
    @given(
        st.lists(
            st.tuples(
                st.sampled_from("ab"),
                st.integers(0, 300) | st.sampled_from((COUNTER_END - 60, COUNTER_END)),
                st.integers(1, 50),
                st.booleans(),
            ),
            max_size=25,
        )
    )
    def test_against_a_model(self, calls: list[tuple[str, int, int, bool]]) -> None:
        self.close()
        self.path.unlink()
        self.open()
        following = {"a": 0, "b": 0}
        for name, above, count, restart in calls:
            first = max(above, following[name])
            if first + count > COUNTER_END:
                self.refused(name, above, count, error=CountersSpentError)
            else:
                self.assertEqual(self.reserve(name, above, count), (first, first + count))
                following[name] = first + count
            if restart:
                self.close()
                self.open()


class ReceivedTests(OutboxCase):
    KEPT = "SELECT name, last FROM received_counters ORDER BY name"

    def received(self, prefix: str = "") -> dict[str, int]:
        kept: dict[str, int] = self.done(self.outbox.invocation_counters.received_counters(prefix))
        return kept

    def test_within_a_second(self) -> None:
        self.outbox.invocation_counters.keep_received("m/k", 7)
        self.clock.advance(0.9)
        self.assertEqual(self.look(self.KEPT), [])
        self.clock.advance(0.1)
        self.assertEqual(self.look(self.KEPT), [("m/k", 7)])
        self.assertEqual(self.clock.getDelayedCalls()[2:], [])  # housekeeping's and replay's alone

    def test_a_commit_takes_them_along(self) -> None:
        self.outbox.invocation_counters.keep_received("m/k", 7)
        self.store(reading())
        self.assertEqual(self.look(self.KEPT), [("m/k", 7)])

    def test_never_lowered(self) -> None:
        for counter in (7, 3):
            self.outbox.invocation_counters.keep_received("m/k", counter)
        self.clock.advance(1)
        self.outbox.invocation_counters.keep_received("m/k", 5)
        self.clock.advance(1)
        self.assertEqual(self.look(self.KEPT), [("m/k", 7)])
        self.outbox.invocation_counters.keep_received("m/k", 0xFFFFFFFF)
        self.assertEqual(self.received(), {"m/k": 0xFFFFFFFF})

    def test_zero_is_a_counter(self) -> None:
        self.outbox.invocation_counters.keep_received("m/k", 0)
        self.assertEqual(self.received(), {"m/k": 0})

    def test_prefix(self) -> None:
        for counter, name in enumerate(("A/1", "A/2", "AB/1", "a/1", "%/1", "_/1")):
            self.outbox.invocation_counters.keep_received(name, counter)
        self.assertEqual(self.received("A/"), {"A/1": 0, "A/2": 1})
        self.assertEqual(self.received("%"), {"%/1": 4})
        self.assertEqual(self.received("_"), {"_/1": 5})
        self.assertEqual(len(self.received()), 6)
        self.assertEqual(self.received("x"), {})

    def test_after_a_stop(self) -> None:
        self.outbox.invocation_counters.keep_received("m/k", 7)
        self.close()
        self.failureResultOf(
            Deferred.fromCoroutine(self.outbox.invocation_counters.received_counters()), StoreError
        )
        self.open()
        self.assertEqual(self.received(), {"m/k": 7})

    def test_the_disk_refuses_for_a_while(self) -> None:
        self.look(REFUSE.format("received_counters"))
        self.outbox.invocation_counters.keep_received("m/k", 7)
        self.outbox.invocation_counters.keep_received("n/k", 1)
        self.clock.advance(1)
        self.assertIn("fire", self.status.error)
        self.outbox.invocation_counters.keep_received("m/k", 6)
        self.assertEqual(self.received("m/"), {"m/k": 7})
        self.look("DROP TRIGGER refuse")
        self.clock.advance(module.RETRY_SECONDS)
        self.assertEqual(self.look(self.KEPT), [("m/k", 7), ("n/k", 1)])
        self.assertEqual(self.status.error, "")

    def test_what_is_none_costs_no_reading(self) -> None:
        for counter in (-1, 1 << 32):
            self.assertRaises(
                LocalError, self.outbox.invocation_counters.keep_received, "m/k", counter
            )
        self.store(reading())
        self.assertEqual(self.received(), {})


class ThreadTests(TestCase):
    async def test_concurrent_calls_never_overlap(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        writer = WriterThread(reactor)
        writer.start()
        self.addCleanup(lambda: Deferred.fromCoroutine(writer.stop()))
        outbox = Outbox(
            folder / "outbox.db",
            OutboxOptions(),
            writer=writer,
            clock=reactor,
            wall=lambda: NOW,
            post=lambda status: None,
        )
        await outbox.start()
        self.addCleanup(lambda: Deferred.fromCoroutine(outbox.stop()))
        blocks = await gatherResults(
            [
                outbox.invocation_counters.reserve_counters("c/k", above, 5)
                for above in (0, 100, 3) * 30
            ]
        )
        numbers = [number for block in blocks for number in range(*block)]
        self.assertEqual(len(numbers), 450)
        self.assertEqual(len(set(numbers)), 450)


class UpgradeTests(SynchronousTestCase):
    """A file of the first version gains the tables, whole or not at all."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "outbox.db"
        self.steps = schema_steps("outbox")
        with closing(open_database(self.path, self.steps[:1])) as old:
            old.execute("INSERT INTO readings VALUES (1, 'a', 5, '{\"u\":230.10}', 0)")
            old.execute("INSERT INTO meters VALUES ('a', 1, 5)")

    def version(self) -> int:
        ((version,),) = look(self.path, "PRAGMA user_version")
        return int(version)

    def tables(self) -> set[str]:
        rows = look(self.path, "SELECT name FROM sqlite_master WHERE type = 'table'")
        return {name for (name,) in rows}

    def test_upgrade(self) -> None:
        self.assertEqual(self.version(), 1)
        before = self.tables()
        writer = ImmediateWriter()
        writer.start()
        outbox = Outbox(
            self.path,
            OutboxOptions(history_days=36_600),
            writer=writer,
            clock=Clock(),
            wall=lambda: NOW,
            post=lambda status: None,
        )
        self.successResultOf(Deferred.fromCoroutine(outbox.start()))
        reserved = self.successResultOf(outbox.invocation_counters.reserve_counters("c/k", 9, 1))
        history = self.successResultOf(Deferred.fromCoroutine(outbox.readings("a", 0, 10, 10)))
        self.successResultOf(Deferred.fromCoroutine(outbox.stop()))
        self.assertEqual(reserved, (9, 10))
        self.assertEqual([one.ts for one in history], [5])
        self.assertEqual(self.version(), len(self.steps))
        self.assertGreater(self.tables() - before, {"transmit_counters", "received_counters"})

    def test_atomic(self) -> None:
        """Wherever the step ends early, the old file is left, and is upgraded next time."""
        before = self.tables()
        statements = self.steps[1].split(";")
        for number in range(len(statements)):
            broken = ";".join([*statements[:number], "\nINSERT INTO nowhere VALUES (1);"])
            self.assertRaises(StoreError, open_database, self.path, (self.steps[0], broken))
            self.assertEqual((self.version(), self.tables()), (1, before))
        open_database(self.path, self.steps[:2]).close()
        self.assertEqual(self.version(), 2)

    def test_a_full_disk(self) -> None:
        """No room for the tables: the file stays as it was."""
        before = self.tables()

        class Full(sqlite3.Connection):
            def executescript(self, script: str) -> sqlite3.Cursor:
                ((pages,),) = self.execute("PRAGMA page_count")
                self.execute(f"PRAGMA max_page_count = {pages}")
                return super().executescript(script)

        def connect(*args: Any, **options: Any) -> sqlite3.Connection:
            return Full(*args, **options)

        self.patch(database_module.sqlite3, "connect", connect)
        error = self.assertRaises(StoreError, open_database, self.path, self.steps)
        self.assertIn("the disk is full", str(error))
        self.assertEqual((self.version(), self.tables()), (1, before))


class KillTests(SynchronousTestCase):
    """Processes killed at any moment, one after the other, over one file."""

    def test_no_number_is_handed_out_twice(self) -> None:
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        path = folder / "outbox.db"
        chance = random.Random(4711)
        used: dict[str, set[int]] = {name: set() for name in NAMES}
        received, remembered = 0, 0
        for _ in range(KILLS):
            for first, second, name in self.run_and_kill(path, chance.randrange(1, 60)):
                if first == "+":
                    # Lost is at most what was not on disk yet, and never gained.
                    self.assertLessEqual(int(second), received)
                    self.assertGreaterEqual(int(second), remembered)
                    remembered = int(second)
                elif first == "-":
                    received = max(received, int(second))
                else:
                    block = set(range(int(first), int(second)))
                    self.assertEqual(len(block), 3)
                    self.assertEqual(used[name] & block, set(), "handed out twice")
                    used[name] |= block
            for name, following in look(path, "SELECT name, next FROM transmit_counters"):
                self.assertGreater(following, max(used[name], default=0))
        self.assertGreater(remembered, 0)
        for name in NAMES:
            self.assertGreater(len(used[name]), 3 * KILLS)
            self.assertGreaterEqual(min(used[name]), 7)

    def run_and_kill(self, path: Path, after: int) -> list[list[str]]:
        """All whole lines of a process that was killed once it had said ``after`` of them."""
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.store.reserver", str(path)],
            stdout=subprocess.PIPE, text=True, cwd=ROOT,
        )  # fmt: skip
        assert process.stdout is not None
        try:
            lines = [process.stdout.readline() for _ in range(after)]
        finally:
            process.kill()
        rest, _ = process.communicate()
        return [line.split() for line in "".join([*lines, rest]).split("\n")[:-1] if line]
