"""The outbox towards pollers and publishers: groups, order, errors, limits."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import TestCase

from dlmsd.config.values import OutboxOptions
from dlmsd.errors import StoreError
from dlmsd.store import outbox as module
from dlmsd.store.outbox import Delivery, Outbox
from dlmsd.store.outbox_file import LOOK_SECONDS
from dlmsd.store.writer import WriterThread
from tests.store.case import NOW, REFUSE, OutboxCase, reading


class CommitTests(OutboxCase):
    def test_group_by_time(self) -> None:
        first = self.outbox.commit(reading(ts=1), ["tb"])
        self.clock.advance(0.2)
        second = self.outbox.commit(reading(ts=2), ["tb"])
        self.assertNoResult(first)
        self.assertEqual(self.look("SELECT count(*) FROM readings"), [(0,)])
        self.clock.advance(0.05)
        self.successResultOf(first)
        self.successResultOf(second)
        self.assertEqual(self.look("SELECT ts FROM readings ORDER BY ts"), [(1,), (2,)])
        self.assertEqual([len(group) for group in self.heard], [2])

    def test_group_by_number(self) -> None:
        committed = [self.outbox.commit(reading(ts=ts), []) for ts in range(201)]
        for one in committed[:200]:
            self.successResultOf(one)
        self.assertNoResult(committed[200])
        self.clock.advance(0.25)
        self.successResultOf(committed[200])

    def test_not_before_the_disk(self) -> None:
        """Nobody hears of a reading while the COMMIT is still on its way."""
        self.writer.hold()
        committed = self.outbox.commit(reading(), ["tb"])
        self.clock.advance(10)
        self.assertNoResult(committed)
        self.assertEqual(self.heard, [])
        self.writer.release()
        self.successResultOf(committed)
        self.assertEqual(len(self.heard), 1)

    def test_durable(self) -> None:
        database = self.outbox._file.ledger.database
        self.assertEqual(database.execute("PRAGMA synchronous").fetchone(), (2,))
        self.assertEqual(database.execute("PRAGMA journal_mode").fetchone(), ("wal",))

    def test_without_sinks(self) -> None:
        self.assertEqual(self.store(reading(), sinks=()), [])
        self.assertEqual(self.heard, [])
        self.assertEqual(self.look("SELECT count(*) FROM readings"), [(1,)])
        self.assertEqual(self.status.readings, 1)

    def test_duplicate_alone_is_refused(self) -> None:
        self.store(reading(ts=1))
        group = [self.outbox.commit(reading(ts=ts), ["tb"]) for ts in (0, 1, 2, 2, 3)]
        self.clock.advance(0.25)
        for good in (0, 2, 4):
            self.successResultOf(group[good])
        for bad in (1, 3):
            error = self.failureResultOf(group[bad], StoreError).value
            self.assertIn("planta-a already has a reading", str(error))
        self.assertEqual([one.ts for one in self.pending()], [1, 0, 2, 3])
        self.assertEqual((self.status.readings, self.status.committed), (4, 4))
        self.assertEqual(self.status.error, "")

    def test_bad_value_alone_is_refused(self) -> None:
        good = self.outbox.commit(reading(ts=1), ["tb"])
        bad = self.outbox.commit(reading(ts=2, power=Decimal("NaN")), ["tb"])
        self.failureResultOf(bad, StoreError)
        self.clock.advance(0.25)
        self.successResultOf(good)

    def test_failed_group(self) -> None:
        """Nothing of it is stored or counted, everyone hears why, the next one is tried."""
        self.look(REFUSE)
        for ts in (1, 2):
            group = [self.outbox.commit(reading(m, ts), ["tb"]) for m in ("a", "bad", "b")]
            self.clock.advance(0.25)
            for one in group:
                error = self.failureResultOf(one, StoreError).value
                self.assertIn("the disk is on fire", str(error))
                self.assertIn(str(self.path), str(error))
        self.assertEqual(self.look("SELECT count(*) FROM deliveries"), [(0,)])
        self.assertEqual(self.look("SELECT count(*) FROM counters"), [(0,)])
        self.assertEqual(self.heard, [])
        self.assertIn("the disk is on fire", self.status.error)
        self.assertEqual(self.status.readings, 0)
        self.store(reading("a", 3))
        self.assertEqual((self.status.error, self.status.readings), ("", 1))

    def test_full_disk(self) -> None:
        database = self.outbox._file.ledger.database
        ((pages,),) = database.execute("PRAGMA page_count")
        database.execute(f"PRAGMA max_page_count = {pages}")
        committed = self.outbox.commit(reading(ts=1, text="x" * 100_000), ["tb"])
        self.clock.advance(0.25)
        error = self.failureResultOf(committed, StoreError).value
        self.assertIn("the disk is full", str(error))
        database.execute("PRAGMA max_page_count = 1000000")
        self.clock.advance(LOOK_SECONDS)
        self.store(reading(ts=1, text="x" * 100_000))

    def test_memory_is_limited(self) -> None:
        self.patch(module, "MOST_UNWRITTEN", 500)
        self.writer.hold()
        waiting = [self.outbox.commit(reading(ts=ts), ["tb"]) for ts in range(500)]
        error = self.failureResultOf(self.outbox.commit(reading(ts=500), []), StoreError).value
        self.assertIn("500 readings already wait", str(error))
        self.clock.advance(0.25)
        self.writer.release()
        for one in waiting:
            self.successResultOf(one)
        self.store(reading(ts=501))

    def test_failed_ones_do_not_wait_for_ever(self) -> None:
        self.patch(module, "MOST_UNWRITTEN", 3)
        self.look(REFUSE)
        for ts in range(5):
            committed = self.outbox.commit(reading("bad", ts), ["tb"])
            self.clock.advance(0.25)
            self.assertIn("fire", str(self.failureResultOf(committed, StoreError).value))

    def test_broken_listener(self) -> None:
        def broken(deliveries: object) -> None:
            raise ZeroDivisionError

        self.outbox.subscribe(broken)
        later: list[object] = []
        unsubscribe = self.outbox.subscribe(later.append)
        self.store(reading(ts=1))
        self.assertEqual(len(later), 1)
        unsubscribe()
        self.store(reading(ts=2))
        self.assertEqual(len(later), 1)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)


class PendingTests(OutboxCase):
    def test_exact(self) -> None:
        values = {"u": Decimal("230.10"), "serial": "00123", "on": True}
        (number,) = self.store(reading("planta ñ", 7, **values))
        text = '{"u":230.10,"serial":"00123","on":true}'
        self.assertEqual(self.pending(), [Delivery(number, "tb", "planta ñ", 7, text)])
        self.assertEqual([*self.heard[0]], self.pending())

    def test_pages(self) -> None:
        ids = self.store(*(reading(m, ts) for ts in range(5) for m in "ab"), sinks=("tb", "mq"))
        tb, mq = ids[::2], ids[1::2]
        self.assertEqual([one.id for one in self.pending()], tb)
        self.assertEqual([one.id for one in self.pending("mq", mq[3], 4)], mq[4:8])
        self.assertEqual([one.id for one in self.pending("tb", meter="b")], tb[1::2])
        self.assertEqual([one.id for one in self.pending("tb", tb[2], 2, meter="b")], tb[3:7:2])
        self.assertEqual(self.pending("nobody"), [])

    def test_pending_meets_listener(self) -> None:
        """What was asked before a commit lacks it, and its listener is told afterwards."""
        story: list[tuple[str, list[int]]] = []
        self.outbox.subscribe(lambda told: story.append(("told", [one.id for one in told])))

        def ask() -> None:
            asked = Deferred.fromCoroutine(self.outbox.pending("tb", 0, 100))
            asked.addCallback(lambda page: story.append(("page", [one.id for one in page])))

        self.writer.hold()
        ask()
        for ts in (1, 2):
            self.outbox.commit(reading(ts=ts), ["tb"])
            self.clock.advance(0.25)
            ask()
        self.writer.release()
        self.assertEqual(
            story, [("page", []), ("told", [1]), ("page", [1]), ("told", [2]), ("page", [1, 2])]
        )

    def test_history(self) -> None:
        self.store(*(reading(m, ts) for ts in range(10) for m in "ab"), sinks=())
        history = self.done(self.outbox.readings("a", 2, 8, 4))
        self.assertEqual(history, [reading("a", ts) for ts in range(4, 8)])
        self.assertEqual(self.done(self.outbox.readings("c", 0, 10, 4)), [])

    def test_damage_is_told(self) -> None:
        self.store(reading())
        self.look("DROP TABLE deliveries")
        asked = Deferred.fromCoroutine(self.outbox.pending("tb", 0, 10))
        self.assertIn("no such table", str(self.failureResultOf(asked, StoreError).value))


class LifeTests(OutboxCase):
    def test_again(self) -> None:
        ids = self.store(*(reading("a", ts) for ts in (5, 3)), reading("b", 9), sinks=("tb", "mq"))
        self.outbox.delivered(ids[:3])
        self.close()
        before = self.posted[-1]
        self.open()
        self.assertEqual(self.posted[-1], before)
        self.assertEqual(before.queued, {"tb": 1, "mq": 2})
        self.assertEqual((before.readings, before.committed, before.delivered), (3, 6, 3))
        self.assertEqual(before.oldest_queued_ts, 3)
        self.assertEqual([one.id for one in self.pending()], ids[4:5])
        self.assertEqual(self.done(self.outbox.last_ts()), {"a": 5, "b": 9})

    def test_ids_are_never_used_again(self) -> None:
        ids = self.store(reading(ts=1), reading(ts=2))
        self.close()
        self.look("DELETE FROM deliveries")
        self.open()
        self.assertEqual(self.store(reading(ts=3)), [ids[-1] + 1])

    def test_stop_commits_what_waits(self) -> None:
        (number,) = self.store(reading(ts=1))
        committed = self.outbox.commit(reading(ts=2), ["tb"])
        self.outbox.delivered([number])
        self.done(self.outbox.stop())
        self.successResultOf(committed)
        self.assertEqual((self.posted[-1].readings, self.posted[-1].delivered), (2, 1))
        self.assertFalse(self.path.with_name("outbox.db-wal").exists())
        self.done(self.outbox.stop())
        self.failureResultOf(self.outbox.commit(reading(ts=3), ["tb"]), StoreError)
        for ask in (self.outbox.pending("tb", 0, 1), self.outbox.last_ts()):
            self.failureResultOf(Deferred.fromCoroutine(ask), StoreError)
        self.outbox.delivered([number])
        self.done(self.outbox.flush())

    def test_stop_while_it_opens(self) -> None:
        self.close()
        self.writer.start()
        self.writer.hold()
        started = Deferred.fromCoroutine(self.outbox.start())
        stopped = Deferred.fromCoroutine(self.outbox.stop())
        self.writer.release()
        self.successResultOf(started)
        self.successResultOf(stopped)
        self.failureResultOf(self.outbox.commit(reading(), []), StoreError)

    def test_status_of_what_waits(self) -> None:
        ids = self.store(*(reading(ts=ts) for ts in (30, 10, 20)))
        self.assertEqual(self.status.oldest_queued_ts, 30)  # the one that waits longest
        self.outbox.delivered(ids[:1])
        self.clock.advance(1)
        self.assertEqual(self.status.oldest_queued_ts, 10)
        self.outbox.delivered(ids[1:])
        self.clock.advance(1)
        self.assertEqual(self.status.oldest_queued_ts, None)
        self.assertGreater(self.status.bytes, 0)


class StartTests(TestCase):
    def make(self, path: Path) -> Outbox:
        writer = WriterThread(reactor)
        writer.start()
        self.addCleanup(lambda: Deferred.fromCoroutine(writer.stop()))
        return Outbox(
            path,
            OutboxOptions(),
            writer=writer,
            clock=reactor,
            wall=lambda: NOW,
            post=lambda status: None,
        )

    def folder(self) -> Path:
        folder = Path(self.mktemp())
        folder.mkdir()
        return folder

    async def test_threaded(self) -> None:
        """The whole way with the real thread: commit, page, acknowledge, page."""
        outbox = self.make(self.folder() / "outbox.db")
        heard: list[int] = []
        outbox.subscribe(lambda told: heard.extend(one.id for one in told))
        await outbox.start()
        self.addCleanup(lambda: Deferred.fromCoroutine(outbox.stop()))
        await gatherResults([outbox.commit(reading(ts=ts), ["tb"]) for ts in range(450)])
        self.assertEqual(heard, list(range(1, 451)))
        outbox.delivered(heard[:440])
        page = await outbox.pending("tb", 0, 100)
        self.assertEqual([one.id for one in page], heard[440:])
        await outbox.stop()

    async def test_threaded_order(self) -> None:
        """Each page holds exactly what listeners had heard of when it arrived."""
        outbox = self.make(self.folder() / "outbox.db")
        heard: list[int] = []
        outbox.subscribe(lambda told: heard.extend(one.id for one in told))
        await outbox.start()
        self.addCleanup(lambda: Deferred.fromCoroutine(outbox.stop()))
        pages: list[tuple[list[int], list[int]]] = []

        async def ask() -> None:
            page = await outbox.pending("tb", 0, 1000)
            pages.append(([one.id for one in page], list(heard)))

        work = []
        for ts in range(60):
            work += [outbox.commit(reading(ts=ts), ["tb"]), Deferred.fromCoroutine(outbox.flush())]
            work += [Deferred.fromCoroutine(ask()) for _ in range(ts % 3)]
        await gatherResults(work)
        for page, known in pages:
            self.assertEqual(page, known)
        self.assertGreater(len({len(page) for page, _ in pages}), 10)
        self.assertEqual(heard, list(range(1, 61)))

    async def refused(self, path: Path) -> str:
        with self.assertRaises(StoreError) as caught:
            await self.make(path).start()
        self.assertIn(str(path), str(caught.exception))
        return str(caught.exception)

    async def test_no_folder(self) -> None:
        self.assertIn("No such file", await self.refused(self.folder() / "no" / "outbox.db"))

    async def test_newer(self) -> None:
        path = self.folder() / "outbox.db"
        with closing(sqlite3.connect(path)) as database:
            database.execute("PRAGMA user_version = 99")
        self.assertIn("newer dlmsd (version 99", await self.refused(path))
