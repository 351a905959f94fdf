"""Room is made by age and by size, and what is lost is written down."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from dlmsd.config.values import OutboxOptions
from dlmsd.store import housekeeping
from tests.store.case import NOW_MS, OutboxCase, reading
from tests.store.full import BODY, GAPS, HOUR, FullCase

HOUR_MS = HOUR * 1000
DAY_MS = 24 * HOUR_MS


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
        self.assertEqual(most, [7, 7, 7, 7, 7, 5, 0])

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
