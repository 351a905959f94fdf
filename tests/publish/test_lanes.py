"""Old readings do not delay new ones, and do get there."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.model import Lane
from dlmsd.publish.lane import LIVE_FIRST
from tests.publish.bench import Bench, meter
from tests.publish.broker import Ack
from tests.publish.outbox import reading

OLD = 1_000_000


class LaneTests(SynchronousTestCase):
    def bench(self, **options: int) -> Bench:
        bench = Bench(meter("a"), meter("b"), **options)
        bench.outbox.commit(
            [reading(name, OLD + ts) for ts in range(300) for name in "ab"], lane=Lane.BACKFILL
        )
        return bench

    def test_one_in_five_while_live_ones_wait(self) -> None:
        bench = self.bench()
        bench.outbox.commit([reading("a", ts) for ts in range(400)])
        bench.start()
        bench.run(5)
        stamps = bench.stamps()
        # What fills the window before the other lane's page has come is live alone.
        first = stamps[20 : 20 + 5 * 380 // LIVE_FIRST]
        for start in range(0, len(first) - 5, 5):
            self.assertEqual(sum(ts >= OLD for ts in first[start : start + 5]), 1)
        self.assertEqual((len(stamps), bench.outbox.waiting), (1000, []))

    def test_each_lane_in_order_by_meter(self) -> None:
        bench = self.bench()
        bench.start()
        for ts in range(100):
            bench.outbox.commit([reading("a", ts)])
            if ts % 10 == 0:
                bench.outbox.commit([reading("a", OLD + 300 + ts)], lane=Lane.BACKFILL)
            bench.run(0.1)
        bench.run(5)
        live = [ts for ts in bench.stamps() if ts < OLD]
        self.assertEqual(live, list(range(100)))
        old = [ts for ts in bench.stamps() if ts >= OLD]
        self.assertEqual(old, sorted(old))
        self.assertEqual(bench.outbox.waiting, [])

    def test_a_live_reading_overtakes_the_backlog(self) -> None:
        bench = self.bench(inflight=1)
        bench.broker.puback = lambda published: [Ack(published.packet_id, delay=0.1)]
        bench.start()
        bench.run(2)
        before = len(bench.stamps())
        bench.outbox.commit([reading("a", 7)])
        bench.run(0.6)
        self.assertIn(7, bench.stamps()[before : before + 2])

    def test_a_backlog_alone_has_the_whole_window(self) -> None:
        bench = self.bench()
        bench.start()
        bench.run(1)
        self.assertEqual(bench.outbox.waiting, [])
