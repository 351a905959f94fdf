"""What load profiles give: their own lane, watermarks, and the gaps that they fill."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from dlmsd.errors import StoreError
from dlmsd.model import Gap, GapCause, GapStart, Lane, Watermark
from tests.store.case import NOW_MS, OutboxCase, reading

PROFILE = "1.0.99.1.0.255"
REFUSE = """
    CREATE TRIGGER refuse BEFORE INSERT ON watermarks
    BEGIN SELECT RAISE(ABORT, 'the disk is on fire'); END
"""
REFUSE_GAPS = """
    CREATE TRIGGER refuse BEFORE INSERT ON gaps
    BEGIN SELECT RAISE(ABORT, 'the disk is on fire'); END
"""


class BackfillTests(OutboxCase):
    def fill(self, *times: int, watermark: int = 0, meter: str = "a") -> int:
        chunk = [reading(meter, ts) for ts in times]
        mark = Watermark(meter, PROFILE, watermark or max(times))
        stored: int = self.done(self.outbox.commit_backfill(chunk, ["tb"], mark))
        return stored

    def test_its_own_lane(self) -> None:
        self.store(reading("a", 100))
        self.assertEqual(self.fill(10, 20, 30), 3)
        self.store(reading("a", 101))
        self.assertEqual([one.ts for one in self.pending()], [100, 101])
        old = self.pending(lane=Lane.BACKFILL)
        self.assertEqual([(one.ts, one.lane) for one in old], [
            (ts, Lane.BACKFILL) for ts in (10, 20, 30)])  # fmt: skip
        self.assertEqual([*self.heard[1]], old)
        self.assertEqual(self.pending(lane=Lane.BACKFILL, meter="b"), [])
        self.assertEqual((self.status.committed, self.status.oldest_queued_ts), (5, 100))
        self.outbox.delivered([one.id for one in old])
        self.assertEqual(self.pending(lane=Lane.BACKFILL), [])
        self.assertEqual(self.done(self.outbox.last_ts()), {"a": 101})

    def test_what_is_there_already_is_skipped(self) -> None:
        self.store(reading("a", 20))
        self.assertEqual(self.fill(10, 20, 30), 2)
        self.assertEqual(self.fill(10, 20, 30, 40), 1)
        self.assertEqual(self.fill(10, meter="b"), 1)
        self.assertEqual((self.status.readings, self.status.committed), (5, 5))

    def test_watermarks_rise_only(self) -> None:
        self.assertEqual(self.done(self.outbox.watermarks()), [])
        for ts in (50, 40, 60):
            self.fill(ts)
        self.fill(5, meter="b")
        self.close()
        self.open()
        self.assertEqual(
            self.done(self.outbox.watermarks()),
            [Watermark("a", PROFILE, 60), Watermark("b", PROFILE, 5)],
        )

    def test_chunk_and_watermark_are_one(self) -> None:
        self.look(REFUSE)
        chunk = [reading("a", 10)]
        failed = self.outbox.commit_backfill(chunk, ["tb"], Watermark("a", PROFILE, 10))
        self.failureResultOf(Deferred.fromCoroutine(failed), StoreError)
        self.assertEqual(self.look("SELECT count(*) FROM readings"), [(0,)])
        self.assertEqual((self.heard, self.status.committed), ([], 0))


class GapTests(OutboxCase):
    def gaps(self, since: int = 0, meter: str | None = None) -> list[Gap]:
        found: list[Gap] = self.done(self.outbox.gaps.since(since, meter))
        return found

    def open_gap(self, meter: str, cause: GapCause, *times: int) -> int:
        number: int = self.done(self.outbox.gaps.open(meter, cause, *times))
        return number

    def test_opened_closed_filled(self) -> None:
        gap = self.open_gap("a", GapCause.METER_LINK, 100)
        self.assertEqual(self.open_gap("a", GapCause.METER_LINK, 150), gap)
        self.assertEqual(self.gaps(), [Gap(gap, "a", "", GapCause.METER_LINK, 100, None)])
        self.done(self.outbox.gaps.close(gap, 200, GapCause.METER_OFF))
        self.done(self.outbox.gaps.close(gap, 999))
        self.assertEqual(self.gaps(), [Gap(gap, "a", "", GapCause.METER_OFF, 100, 200)])
        self.done(self.outbox.gaps.fill(gap))
        self.assertEqual(self.gaps()[0].filled_at, NOW_MS)

    def test_one_that_a_reading_ends_is_in_its_commit(self) -> None:
        start = GapStart(GapCause.HOST_DOWN, 100)
        self.look(REFUSE_GAPS)
        self.failureResultOf(self.stored(500, start), StoreError)
        self.look("DROP TRIGGER refuse")
        self.successResultOf(self.stored(500, start))
        self.assertEqual(self.look("SELECT ts FROM readings"), [(500,)])
        self.assertEqual(self.gaps(), [Gap(1, "a", "", GapCause.HOST_DOWN, 100, None)])

    def test_one_that_a_reading_ends_is_one_with_what_was_told(self) -> None:
        start = GapStart(GapCause.METER_LINK, 100)
        self.stored(500, start)
        gap = self.open_gap("a", start.cause, start.from_ts)
        self.stored(501, start)
        self.done(self.outbox.gaps.close(gap, 500))
        self.stored(502, start)
        told = [Gap(gap, "a", "", GapCause.METER_LINK, 100, 500)]
        self.assertEqual(self.gaps(), told)
        lasting = self.open_gap("a", GapCause.METER_LINK, 600)
        self.stored(900, GapStart(GapCause.HOST_DOWN, 700))
        self.assertEqual(
            self.gaps(), [*told, Gap(lasting, "a", "", GapCause.METER_LINK, 600, None)]
        )

    def stored(self, ts: int, behind: GapStart) -> Deferred[None]:
        committed = self.outbox.commit(reading("a", ts), ["tb"], behind)
        self.done(self.outbox.flush())
        return committed

    def test_listed(self) -> None:
        hole = self.open_gap("a", GapCause.NEVER_CAPTURED, 50, 60)
        lasting = self.open_gap("b", GapCause.HOST_DOWN, 10)
        late = self.open_gap("b", GapCause.LOST_IN_METER, 70, 90)
        self.assertEqual(self.open_gap("b", GapCause.LOST_IN_METER, 70, 90), late)
        self.assertEqual([gap.id for gap in self.gaps()], [lasting, hole, late])
        self.assertEqual([gap.id for gap in self.gaps(61)], [lasting, late])
        self.assertEqual([gap.id for gap in self.gaps(0, "a")], [hole])

    def test_those_that_last_outlive_the_history(self) -> None:
        self.open_gap("a", GapCause.METER_LINK, 10)
        self.open_gap("a", GapCause.REFUSED, 10, 20)
        self.clock.advance(61)
        self.assertEqual([gap.cause for gap in self.gaps()], [GapCause.METER_LINK])
