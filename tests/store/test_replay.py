"""What an operator wants sent again: moved, counted, told, and never twice."""

from __future__ import annotations

from dlmsd.model import Lane
from dlmsd.store import replay as module
from dlmsd.store.counters import Account
from dlmsd.store.inventory import ask_daemon, outcomes
from dlmsd.store.replay import Replay
from dlmsd.store.replayer import LOOK_SECONDS
from tests.store.case import NOW_MS, OutboxCase, reading


class ReplayTests(OutboxCase):
    def setUp(self) -> None:
        super().setUp()
        self.patch(module, "SLICE", 7)
        ids = self.store(
            *(reading(m, NOW_MS + ts) for ts in range(10) for m in "ab"), sinks=("tb", "mq")
        )
        self.outbox.delivered(ids[:30])
        self.outbox.quarantine(ids[30:34], "too large")
        self.clock.advance(1)
        self.heard.clear()

    def replay(self, **chosen: object) -> int:
        given = {"from_ts": 0, "to_ts": 1 << 60, **chosen}
        count: int = self.done(self.outbox.replay(Replay(**given)))
        self.assertEqual(self.done(self.outbox.audit()), [])
        return count

    def backlog(self, sink: str) -> list[tuple[str, int]]:
        found = self.pending(sink, lane=Lane.BACKFILL)
        return [(one.meter, one.ts - NOW_MS) for one in found]

    def test_by_time_sink_and_meter(self) -> None:
        self.assertEqual(self.replay(from_ts=NOW_MS + 2, to_ts=NOW_MS + 5, sink="tb"), 6)
        expected = [(m, ts) for ts in (2, 3, 4) for m in "ab"]
        self.assertEqual(self.backlog("tb"), expected)
        self.assertEqual(self.backlog("mq"), [])
        self.assertEqual(self.replay(meter="b", sink="mq"), 7)
        self.assertEqual(self.backlog("mq"), [("b", ts) for ts in range(7)])

    def test_told_and_counted(self) -> None:
        before = self.done(self.outbox.accounts())[("a", "tb")]
        self.replay(sink="tb", meter="a")
        told = [one for group in self.heard for one in group]
        self.assertEqual(told, self.pending(lane=Lane.BACKFILL))
        self.assertGreater(min(one.id for one in told), 40)
        after = self.done(self.outbox.accounts())[("a", "tb")]
        self.assertEqual(before, Account(10, 8, 1, 1, 0))
        self.assertEqual(after, Account(18, 8, 9, 1, 0))

    def test_what_waits_is_not_sent_twice(self) -> None:
        self.assertEqual(self.replay(), 30)
        self.assertEqual(self.replay(), 0)
        self.outbox.delivered([one.id for one in self.pending(lane=Lane.BACKFILL)])
        self.assertEqual(self.replay(sink="tb"), 15)

    def test_quarantine(self) -> None:
        self.assertEqual(self.replay(quarantined=True), 4)
        self.assertEqual((self.status.quarantined, self.status.committed), (0, 40))
        self.assertEqual(self.backlog("tb"), [("b", 7), ("a", 8)])
        self.assertEqual(self.look("SELECT count(*) FROM quarantine"), [(0,)])

    def test_quarantine_under_an_id_that_is_taken(self) -> None:
        """It fails nobody's commit, and is found."""
        (number,) = self.store(reading("c", NOW_MS), sinks=("tb",))
        self.look("UPDATE quarantine SET id = ? WHERE id = 34", number)
        self.outbox.quarantine([number], "too large")
        self.store(reading("c", NOW_MS + 1))
        self.assertEqual(self.done(self.outbox.audit()), [])
        self.assertEqual(self.status.quarantined, 5)
        self.assertEqual(self.replay(quarantined=True), 5)

    def test_ids_that_are_gone_cost_nothing(self) -> None:
        """Something old is there still, and behind it most of a year's deliveries are not; where
        nothing matches nothing is written."""
        self.look("UPDATE sqlite_sequence SET seq = 20000 WHERE name = 'deliveries'")
        *ids, refused = self.store(*(reading("c", NOW_MS + ts) for ts in range(22)))
        self.outbox.delivered(ids)
        self.outbox.quarantine([refused], "too large")
        self.clock.advance(1)
        said: list[str] = []
        self.outbox._file.ledger.database.set_trace_callback(said.append)
        self.assertEqual(self.replay(meter="c"), 21)
        # The request, and four slices of the nine that hold something.
        self.assertEqual(said.count("COMMIT"), 5)
        self.assertEqual(self.replay(quarantined=True), 5)
        self.assertEqual(said.count("COMMIT"), 7)

    def test_asked_beside_a_running_daemon(self) -> None:
        requests = ask_daemon(self.path, [Replay(0, 1 << 60, "tb"), Replay(0, 1, "mq")])
        self.assertEqual(outcomes(self.path, requests), [None, None])
        self.clock.advance(LOOK_SECONDS)
        self.assertEqual(outcomes(self.path, requests), [15, 0])
        self.assertEqual(len(self.backlog("tb")), 15)

    def test_a_request_outlives_a_restart(self) -> None:
        requests = ask_daemon(self.path, [Replay(0, 1 << 60, "tb")])
        self.close()
        self.open()
        self.clock.advance(LOOK_SECONDS)
        self.assertEqual(outcomes(self.path, requests), [15])

    def test_half_done_is_not_done_twice(self) -> None:
        """A process ends between two slices."""
        (request,) = ask_daemon(self.path, [Replay(0, 1 << 60)])
        steps = self.outbox._file._replayer._replays
        moved = sum(len(steps.step(NOW_MS).deliveries) for _ in range(3))
        self.assertGreater(moved, 10)
        self.close()
        self.open()
        self.clock.advance(LOOK_SECONDS)
        self.assertEqual(outcomes(self.path, [request]), [30])
        self.assertEqual(self.done(self.outbox.audit()), [])
