"""Room is made by age and by size, and what is lost is written down."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import globalLogPublisher

from dlmsd.config.values import OutboxOptions
from dlmsd.errors import StoreError
from dlmsd.store import housekeeping
from tests.store.case import NOW_MS, OutboxCase, reading

HOUR = 3600
HOUR_MS = HOUR * 1000
DAY_MS = 24 * HOUR_MS
BODY = "x" * 2000
GAPS = "SELECT meter, sink, from_ts, to_ts, count, cause FROM gaps ORDER BY id"


def old(days: float, meter: str = "planta-a") -> Any:
    return reading(meter, NOW_MS - int(days * DAY_MS))


class AgeTests(OutboxCase):
    options = OutboxOptions(keep_delivered_hours=2, history_days=10)

    def kept(self) -> list[int]:
        return [ts for (ts,) in self.look("SELECT ts FROM readings ORDER BY ts")]

    def test_delivered_rows(self) -> None:
        ids = self.store(*(reading(ts=NOW_MS + ts) for ts in range(3)))
        self.outbox.delivered(ids[:1])
        self.clock.pump([1] + [60] * 60)
        self.outbox.delivered(ids[1:2])
        self.clock.pump([1] + [60] * 59)
        self.assertEqual(self.look("SELECT id FROM deliveries"), [(n,) for n in ids])
        self.clock.pump([60] * 2)
        self.assertEqual(self.look("SELECT id FROM deliveries"), [(n,) for n in ids[1:]])
        self.clock.pump([60] * 60)
        self.assertEqual(self.look("SELECT id FROM deliveries"), [(ids[2],)])
        self.assertEqual(len(self.kept()), 3)
        self.assertEqual(self.status.delivered, 2)

    def test_history(self) -> None:
        """A reading goes when it is old and no delivery needs it."""
        self.store(old(11), old(9), sinks=())
        (waits, done) = self.store(old(13), old(12))
        self.outbox.delivered([done])
        self.clock.pump([1, 60])
        self.assertEqual(self.kept(), [old(days).ts for days in (13, 12, 9)])
        self.clock.pump([HOUR, HOUR, 60])
        self.assertEqual(self.kept(), [old(days).ts for days in (13, 9)])
        self.assertEqual([one.id for one in self.pending()], [waits])
        self.outbox.delivered([waits])
        self.clock.pump([1, HOUR, HOUR, 60])
        self.assertEqual(self.kept(), [old(9).ts])
        self.assertEqual(self.done(self.outbox.last_ts()), {"planta-a": old(9).ts})

    def test_last_ts_outlives_the_reading(self) -> None:
        self.store(old(11), sinks=())
        self.clock.advance(60)
        self.assertEqual(self.kept(), [])
        self.assertEqual(self.done(self.outbox.last_ts()), {"planta-a": old(11).ts})

    def test_in_slices(self) -> None:
        self.patch(housekeeping, "FORGET_ROWS", 7)
        most: list[int] = []
        sweep = self.outbox._file._housekeeping.sweep
        self.patch(
            self.outbox._file._housekeeping.__class__,
            "sweep",
            lambda this, now: most.append((swept := sweep(now)).aged) or swept,
        )
        self.outbox.delivered(self.store(*(old(11 + n) for n in range(20))))
        self.clock.pump([1, 2 * HOUR, 60])
        self.assertEqual(self.kept(), [])
        self.assertEqual(most, [7, 7, 6, 7, 7, 6, 0, 0])

    def test_again_after_an_error(self) -> None:
        self.store(old(11), sinks=())
        self.look("ALTER TABLE gaps RENAME TO gone")
        self.clock.advance(60)
        self.assertIn("gaps", self.status.error)
        self.look("ALTER TABLE gone RENAME TO gaps")
        self.clock.advance(60)
        self.assertEqual(self.kept(), [])
        self.store(reading())
        self.assertEqual(self.status.error, "")


class FullCase(OutboxCase):
    def setUp(self) -> None:
        super().setUp()
        self.patch(housekeeping, "FORGET_ROWS", 10)
        self.patch(housekeeping, "DROP_ROWS", 10)
        self.ts = NOW_MS
        self.warnings: list[dict[str, Any]] = []
        globalLogPublisher.addObserver(self.warnings.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.warnings.append)

    def fill(self, count: int, meter: str = "planta-a", sinks: tuple[str, ...] = ("tb",)) -> None:
        for _ in range(count):
            self.ts += 1000
            self.store(reading(meter, self.ts, text=BODY), sinks=sinks)


class SizeTests(FullCase):
    options = OutboxOptions(max_bytes=400_000)

    def test_delivered_history_first(self) -> None:
        """Even young history goes, its oldest first, before anything that waits."""
        self.fill(50)
        self.outbox.delivered([one.id for one in self.pending()])
        self.fill(50, sinks=())
        self.fill(120)
        self.assertEqual(self.status.dropped, 0)
        self.assertEqual(self.status.queued, {"tb": 120})
        kept = [ts for (ts,) in self.look("SELECT ts FROM readings ORDER BY ts")]
        self.assertEqual(kept, list(range(kept[0], self.ts + 1, 1000)))
        self.assertGreater(kept[0], NOW_MS + 50_000)
        self.assertLess(self.status.bytes, self.options.max_bytes)

    def test_oldest_waiting_then(self) -> None:
        self.fill(300)
        status = self.status
        self.assertEqual(status.committed, 300)
        self.assertGreater(status.dropped, 0)
        self.assertEqual(status.queued["tb"], 300 - status.dropped)
        waiting = [one.ts for one in self.pending()]
        first = NOW_MS + 1000 * (status.dropped + 1)
        self.assertEqual(waiting, list(range(first, self.ts + 1, 1000)))
        self.assertEqual(self.look("SELECT count(*) FROM readings"), [(len(waiting),)])
        self.assertEqual(
            self.look(GAPS),
            [("planta-a", "tb", NOW_MS + 1000, first - 1000, status.dropped, "outbox_full")],
        )
        # Not much more than needed: the file stays nearly full.
        self.assertLess(status.bytes, self.options.max_bytes)
        self.assertGreater(status.bytes, self.options.max_bytes * 0.85)

    def test_never_silent(self) -> None:
        self.fill(300)
        told = [event for event in self.warnings if "dropped undelivered" in event["log_format"]]
        self.assertEqual(sum(event["count"] for event in told), self.status.dropped)
        self.assertEqual({event["sink"] for event in told}, {"tb"})

    def test_gaps_by_meter_and_sink(self) -> None:
        for _ in range(100):
            self.fill(1, "a", ("tb", "mq"))
            self.fill(1, "b", ("mq",))
            self.outbox.delivered([one.id for one in self.pending("tb")])
        gaps = self.look(GAPS)
        self.assertEqual(sorted({gap[:2] for gap in gaps}), [("a", "mq"), ("b", "mq")])
        self.assertEqual(len(gaps), 2)
        self.assertEqual(sum(gap[4] for gap in gaps), self.status.dropped)
        self.assertEqual(self.status.queued["tb"], 0)

    def test_delivery_ends_a_gap(self) -> None:
        """What got through between two outages belongs to no gap."""
        self.fill(250)
        dropped = self.status.dropped
        through = self.pending()
        self.outbox.delivered([one.id for one in through])
        self.fill(300)
        first, second = self.look(GAPS)
        self.assertEqual(first[4], dropped)
        self.assertEqual(first[3], through[0].ts - 1000)
        self.assertEqual(second[2], through[-1].ts + 1000)

    def test_acknowledged_late(self) -> None:
        """A dropped delivery stays dropped, whoever acknowledges it."""
        self.fill(20)
        early = [one.id for one in self.pending()]
        self.fill(280)
        dropped = self.status.dropped
        self.assertGreater(dropped, 20)
        self.outbox.delivered(early)
        self.clock.advance(1)
        self.assertEqual((self.status.dropped, self.status.delivered), (dropped, 0))

    def test_acknowledged_in_time(self) -> None:
        """A mark that waits in memory is written before room is made."""
        self.fill(120)
        ids = [delivery.id for delivery in self.pending()]
        self.writer.hold()
        self.outbox.commit(reading("b", text=BODY * 60), ["tb"])
        self.clock.advance(0.25)
        self.outbox.delivered(ids)
        self.writer.release()
        self.assertEqual((self.status.dropped, self.status.delivered), (0, 120))

    def test_some_room_at_once(self) -> None:
        """Once over the limit, room is made for many commits, not for one."""
        self.patch(housekeeping, "MARGIN", 4)
        sizes: list[int] = []
        for _ in range(250):
            self.fill(1)
            sizes.append(self.status.bytes)
        first = next(i for i, size in enumerate(sizes) if i and size < sizes[i - 1] - 50_000)
        self.assertGreater(sizes[first - 1], 390_000)
        self.assertLess(sizes[first], 300_000)
        self.assertGreater(sizes[first], 250_000)

    def test_smaller_limit(self) -> None:
        """Reached at the start, without waiting for a reading."""
        self.fill(120)
        self.close()
        self.options = OutboxOptions(max_bytes=200_000)
        self.open()
        self.assertLess(self.status.bytes, 200_000)
        self.assertGreater(self.status.dropped, 0)

    def test_nothing_left_to_remove(self) -> None:
        """A limit that even an empty file is over ends the sweep all the same."""
        self.close()
        self.options = OutboxOptions(max_bytes=1)
        self.open()
        self.fill(3)
        self.assertEqual((self.status.committed, self.status.dropped), (3, 3))

    def test_quarantine_goes_before_what_can_be_delivered(self) -> None:
        self.fill(100)
        isolated = [one.id for one in self.pending()][50:]
        self.outbox.quarantine(isolated, "too large")
        self.fill(100)
        status = self.status
        self.assertLess(status.quarantined, 50)
        self.assertEqual((status.queued["tb"], status.dropped), (150, 50 - status.quarantined))
        self.fill(100)
        self.assertEqual(self.status.quarantined, 0)
        self.assertEqual(self.done(self.outbox.audit()), [])

    def test_pressure_comes_before_loss_and_goes_late(self) -> None:
        while not self.status.pressure:
            self.fill(1)
        self.assertEqual(self.status.dropped, 0)
        self.assertGreater(self.status.bytes, 0.9 * self.options.max_bytes)
        first = [one.id for one in self.pending()]
        self.outbox.delivered(first[:15])
        self.fill(1)
        self.assertLess(self.status.bytes, 0.9 * self.options.max_bytes)
        self.assertTrue(self.status.pressure)
        self.outbox.delivered(first[15:60])
        self.fill(1)
        self.clock.advance(1)
        self.assertFalse(self.status.pressure)


class PauseTests(FullCase):
    """when_full = "pause": nothing that was committed is ever dropped."""

    options = OutboxOptions(max_bytes=400_000, when_full="pause")

    def full(self) -> int:
        """Fill it; how many readings that took."""
        for count in range(1000):
            self.ts += 1000
            committed = self.outbox.commit(reading("a", self.ts, text=BODY), ["tb"])
            self.done(self.outbox.flush())
            if self.outbox.obstacle() is not None:
                self.successResultOf(committed)
                return count + 1
        raise AssertionError("never full")

    def test_refused_in_words_until_there_is_room(self) -> None:
        count = self.full()
        self.assertIn("not read until some", str(self.outbox.obstacle(["tb"])))
        self.assertIn("wait for tb; ", str(self.outbox.obstacle()))
        for _ in range(3):
            self.ts += 1000
            refused = self.outbox.commit(reading("a", self.ts), ["tb"])
            error = self.failureResultOf(refused, StoreError).value
            self.assertIn('when_full is "pause"', error.advice)
        chunk = Deferred.fromCoroutine(self.outbox.commit_backfill([reading("a", 7)], ["tb"]))
        self.failureResultOf(chunk, StoreError)
        status = self.status
        self.assertEqual((status.committed, status.dropped), (count, 0))
        self.assertIn("taken by readings that wait", status.error)
        self.assertTrue(status.pressure)
        self.outbox.delivered([one.id for one in self.pending()][:30])
        self.clock.pump([5, 1])
        self.assertIsNone(self.outbox.obstacle())
        self.assertEqual(self.status.error, "")
        self.store(reading("a", self.ts + 1000))
        self.assertEqual(self.look(GAPS), [("a", "", self.ts - 2000, self.ts, 3, "outbox_full")])
        self.assertEqual((self.status.dropped, self.done(self.outbox.audit())), (0, []))

    def test_still_full_after_a_restart(self) -> None:
        self.full()
        self.close()
        self.open()
        self.assertIsNotNone(self.outbox.obstacle())


class SeveralSinksTests(FullCase):
    """One that stands still never holds back another."""

    options = OutboxOptions(max_bytes=1_000_000, when_full="pause")

    def owe(self, *sinks: str, meter: str = "a", text: str = BODY * 2) -> Any:
        self.ts += 1000
        committed = self.outbox.commit(reading(meter, self.ts, text=text), sinks)
        self.done(self.outbox.flush())
        return committed

    def deliver(self, sink: str) -> int:
        ids = [one.id for one in self.done(self.outbox.pending(sink, 0, 1000))]
        self.outbox.delivered(ids)
        self.clock.advance(1)
        self.done(self.outbox.flush())
        return len(ids)

    def until_full(self, *sinks: str) -> None:
        """Only ``mq`` delivers."""
        for _ in range(1000):
            self.successResultOf(self.owe(*sinks))
            self.deliver("mq")
            if self.outbox.obstacle() is not None:
                return
        raise AssertionError("never full")

    def account(self, meter: str, sink: str) -> Any:
        account = self.done(self.outbox.accounts())[meter, sink]
        self.assertTrue(account.balanced, account)
        return account

    def test_a_meter_of_both_is_read_for_the_one_that_goes_on(self) -> None:
        self.until_full("tb", "mq")
        waiting = self.account("a", "tb").queued
        for sinks in (["tb"], []):
            error = self.outbox.obstacle(sinks)
            self.assertIn("this meter is not read", str(error))
            self.failureResultOf(self.owe(*sinks, meter="b"), StoreError)
        self.assertIsNone(self.outbox.obstacle(["tb", "mq"]))
        self.assertIsNone(self.outbox.obstacle(["tb", "mq"], elsewhere=True))
        first = self.ts + 1000
        for _ in range(500):
            self.successResultOf(self.owe("tb", "mq"))
            self.assertEqual(self.deliver("mq"), 1)
        self.assertLessEqual(self.status.bytes, self.options.max_bytes)
        tb, mq = self.account("a", "tb"), self.account("a", "mq")
        self.assertEqual((tb.queued, tb.dropped, tb.delivered), (waiting, 500, 0))
        self.assertEqual((mq.committed, mq.delivered, mq.dropped), (tb.committed,) * 2 + (0,))
        self.assertEqual(self.look(GAPS), [("a", "tb", first, self.ts, 500, "outbox_full")])
        self.assertEqual(self.done(self.outbox.audit()), [])

        self.deliver("tb")
        self.clock.pump([5, 1])
        self.assertIsNone(self.outbox.obstacle(["tb"]))
        self.successResultOf(self.owe("tb", "mq"))
        self.assertEqual((self.deliver("tb"), self.deliver("mq")), (1, 1))
        self.assertEqual(self.account("a", "tb").dropped, 500)

    def test_of_a_meter_that_never_owed_it_anything(self) -> None:
        self.until_full("tb")
        self.successResultOf(self.owe("tb", "mq", meter="new"))
        chunk = [reading("new", ts) for ts in range(3)]
        self.assertEqual(self.done(self.outbox.commit_backfill(chunk, ["tb", "mq"])), 3)
        self.assertEqual(self.account("new", "tb").dropped, 4)
        self.assertEqual(self.account("new", "mq").queued, 4)
        self.assertEqual(self.done(self.outbox.audit()), [])

    def test_two_that_stand_still_one_of_them_with_little(self) -> None:
        """The reserve is for those that go on, and a second one must not use it up."""
        self.until_full("tb")
        for _ in range(100):
            self.owe("few", meter="b")
            if self.outbox.obstacle(["few"]) is not None:
                break
        self.assertLess(self.account("b", "few").queued, 50)
        self.successResultOf(self.owe("mq", "few", "tb", meter="c"))
        self.assertEqual(self.deliver("mq"), 1)
        self.assertLessEqual(self.status.bytes, self.options.max_bytes)

    def test_all_stand_still(self) -> None:
        for _ in range(1000):
            self.owe("tb", "mq")
            if self.outbox.obstacle() is not None:
                break
        self.assertIn("not read", str(self.outbox.obstacle(["tb", "mq"])))
        self.failureResultOf(self.owe("tb", "mq"), StoreError)
        self.assertEqual(self.status.dropped, 0)

    def test_never_beyond_the_limit(self) -> None:
        """Even who goes on has a queue at times."""
        self.until_full("tb")
        for _ in range(200):
            self.owe("mq", meter="c", text=BODY * 4).addErrback(lambda failure: None)
        self.failureResultOf(self.owe("mq", meter="c"), StoreError)
        self.assertLess(self.status.bytes, 1.02 * self.options.max_bytes)
        self.deliver("mq")
        self.clock.pump([5, 1])
        self.successResultOf(self.owe("mq", meter="c"))

    def test_still_so_after_a_restart(self) -> None:
        self.until_full("tb", "mq")
        self.close()
        self.open()
        self.clock.advance(1)
        self.assertIsNotNone(self.outbox.obstacle(["tb"]))
        self.assertIsNone(self.outbox.obstacle(["tb", "mq"]))

    def test_a_profile_waits_only_where_all_sinks_do(self) -> None:
        for _ in range(1000):
            self.owe("tb", "mq")
            self.deliver("mq")
            if self.status.pressure:
                break
        self.assertIsNotNone(self.outbox.obstacle(["tb"], elsewhere=True))
        self.assertIsNone(self.outbox.obstacle(["tb"]))
        self.assertIsNone(self.outbox.obstacle(["tb", "mq"], elsewhere=True))
        self.successResultOf(self.owe("tb", "mq"))
        self.assertEqual((self.account("a", "tb").dropped, self.deliver("mq")), (0, 1))


class PlanTests(OutboxCase):
    options = OutboxOptions(max_bytes=1)

    def test_no_question_scans_or_sorts(self) -> None:
        """Each statement finds its rows through an index, in their order."""
        asked: list[str] = []
        database = self.outbox._file.ledger.database
        database.set_trace_callback(asked.append)
        self.writer.hold()
        self.outbox.commit(reading(), ["tb", "mq"])
        self.clock.advance(0.25)
        self.outbox.delivered([1])
        paged = [
            Deferred.fromCoroutine(self.outbox.pending("mq", 0, 10, meter))
            for meter in (None, "planta-a")
        ]
        history = Deferred.fromCoroutine(self.outbox.readings("planta-a", 0, NOW_MS + 1, 10))
        self.writer.release()  # then the sweep of a full file, which forgets and drops
        database.set_trace_callback(None)
        self.assertEqual([len(self.successResultOf(page)) for page in paged], [1, 1])
        self.assertEqual(len(self.successResultOf(history)), 1)
        self.assertEqual((self.status.delivered, self.status.dropped), (1, 1))
        plans = {
            sql: [row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {sql}")]
            for sql in asked
            if sql.split()[0] in ("SELECT", "UPDATE", "DELETE", "INSERT")
        }
        self.assertGreater(len(plans), 15)
        for sql, plan in plans.items():
            for line in plan:
                self.assertNotIn("TEMP B-TREE", line, sql)
                if "SCAN" in line:  # in the order of its rowid, and stopped by the LIMIT
                    self.assertIn("NOT INDEXED", sql)
