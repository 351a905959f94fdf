"""What one sink lost for want of room, and the file still has for another."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from dlmsd.config.values import OutboxOptions
from dlmsd.errors import StoreError
from dlmsd.model import Gap, GapCause, Lane
from dlmsd.store import restitution
from tests.store.case import NOW_MS, OutboxCase, reading


class RestitutionCase(OutboxCase):
    """Sink ``slow`` stands still until the file is full; ``tb`` goes on."""

    options = OutboxOptions(max_bytes=1 << 20, when_full="pause")

    def setUp(self) -> None:
        super().setUp()
        self.patch(restitution, "SLICE", 3)
        number = NOW_MS
        self.store(reading("m", NOW_MS), sinks=["slow", "tb"])
        while not self.outbox._file.room.full:
            number += 1
            self.store(reading("other", number, text="x" * 500), sinks=["slow"])
        self.lost = [NOW_MS + number for number in range(10, 18)]
        for ts in self.lost:
            self.store(reading("m", ts), sinks=["slow", "tb"])

    def restore(self, gap: Gap) -> bool | None:
        found: bool | None = self.done(self.outbox.gaps.restore(gap.id))
        return found

    def gap(self) -> Gap:
        [gap] = self.done(self.outbox.gaps.since(0, "m"))
        assert isinstance(gap, Gap)
        return gap

    def deliver(self, *, meter: str | None = None) -> None:
        """All that waits live for ``slow``, until there is room."""
        chosen = {} if meter is None else {"meter": meter}
        while waiting := self.pending("slow", **chosen):
            self.outbox.delivered([one.id for one in waiting])
            self.clock.advance(1.0)
        self.clock.advance(60.0)

    def times(self, sink: str, lane: Lane) -> list[int]:
        return [one.ts for one in self.pending(sink, meter="m", lane=lane)]


class RestitutionTests(RestitutionCase):
    def test_it_is_owed_again_and_no_other_gets_it_twice(self) -> None:
        gap = self.gap()
        self.assertEqual((gap.sink, gap.cause), ("slow", GapCause.OUTBOX_FULL))
        self.assertEqual((gap.from_ts, gap.to_ts, gap.count), (self.lost[0], self.lost[-1], 8))
        self.deliver()
        self.heard.clear()
        self.assertIs(self.restore(gap), True)
        self.assertEqual(self.times("slow", Lane.BACKFILL), self.lost)
        self.assertEqual(self.times("tb", Lane.LIVE), [NOW_MS, *self.lost])
        self.assertEqual(self.times("tb", Lane.BACKFILL), [])
        told = [one for group in self.heard for one in group]
        self.assertEqual(told, self.pending("slow", meter="m", lane=Lane.BACKFILL))
        self.assertEqual(self.gap().filled_at, int(NOW_MS + self.clock.seconds() * 1000))
        account = self.done(self.outbox.accounts())["m", "slow"]
        self.assertEqual((account.committed, account.delivered, account.queued, account.dropped),
            (17, 1, 8, 8))  # fmt: skip
        self.assertEqual(self.done(self.outbox.audit()), [])
        self.assertIsNone(self.restore(gap))  # filled
        held = "SELECT DISTINCT held FROM readings WHERE meter = 'm' AND ts BETWEEN ? AND ?"
        self.assertEqual(self.look(held, gap.from_ts, gap.to_ts), [(2,)])

    def test_a_sink_that_takes_nothing_gets_nothing(self) -> None:
        """It would be lost again."""
        self.deliver(meter="other")
        self.assertFalse(self.outbox.gaps.pressed())
        self.assertIsNone(self.restore(self.gap()))
        self.assertEqual(self.times("slow", Lane.BACKFILL), [])
        self.assertIsNone(self.gap().filled_at)

    def test_nothing_while_room_is_short(self) -> None:
        self.outbox.delivered([one.id for one in self.pending("slow", meter="m")])
        self.clock.advance(6.0)
        self.assertTrue(self.outbox.gaps.pressed())
        self.assertIsNone(self.restore(self.gap()))
        self.assertEqual(self.times("slow", Lane.BACKFILL), [])

    def test_what_is_gone_from_the_file_is_left_to_the_meter(self) -> None:
        isolated, delivered, *_ = [one.id for one in self.pending("tb", meter="m")][1:]
        self.outbox.quarantine([isolated], "too large")  # holds its reading, too
        self.outbox.delivered([delivered])
        self.clock.advance(1.0)  # under pressure its reading goes
        self.deliver()
        self.assertIs(self.restore(self.gap()), False)
        self.assertEqual(self.times("slow", Lane.BACKFILL), [self.lost[0], *self.lost[2:]])
        self.assertIsNone(self.gap().filled_at)
        # Once more, as after a kill: what is owed already is not owed twice.
        self.assertIs(self.restore(self.gap()), False)
        self.assertEqual(len(self.times("slow", Lane.BACKFILL)), 7)
        self.assertEqual(self.done(self.outbox.audit()), [])

    def test_what_was_owed_again_and_is_forgotten_is_not_owed_once_more(self) -> None:
        """Where a part is gone for good the gap stays open, and its readings outlive what tells
        that the sink had them."""
        [gone, *_] = [one.id for one in self.pending("tb", meter="m")][1:]
        self.outbox.delivered([gone])
        self.clock.advance(1.0)  # under pressure its reading goes
        self.deliver()
        self.assertIs(self.restore(self.gap()), False)
        owed = self.pending("slow", meter="m", lane=Lane.BACKFILL)
        self.assertEqual(len(owed), 7)
        self.outbox.delivered([one.id for one in owed])
        self.clock.advance(1.0)
        self.look("DELETE FROM deliveries WHERE delivered_at IS NOT NULL AND sink = 'slow'")
        self.assertIs(self.restore(self.gap()), False)
        self.assertEqual(self.times("slow", Lane.BACKFILL), [])

    def test_two_who_ask_at_once_are_owed_once(self) -> None:
        """As where a meter is changed while its former keeper of gaps still waits."""
        self.deliver()
        gap, run = self.gap().id, self.outbox._file._jobs.run
        held: list[Deferred[None]] = []

        async def later(job: Any) -> Any:
            held.append(Deferred())
            await held[-1]
            return await run(job)

        self.patch(self.outbox._file._jobs, "run", later)
        asked = [Deferred.fromCoroutine(self.outbox._file._restore(gap)) for _ in range(2)]
        while held:
            held.pop(0).callback(None)
        self.patch(self.outbox._file._jobs, "run", run)
        self.assertEqual([self.successResultOf(one) for one in asked], [True, None])
        self.assertEqual(self.times("slow", Lane.BACKFILL), self.lost)
        self.assertEqual(self.done(self.outbox.accounts())["m", "slow"].queued, 8)

    def test_what_the_sink_had_is_not_sent_again(self) -> None:
        """Also where a loss of which one row tells lies around it."""
        self.deliver()
        self.store(reading("m", NOW_MS + 100), reading("m", NOW_MS + 200), sinks=["slow", "tb"])
        waiting = self.pending("slow", meter="m")
        self.outbox.delivered([waiting[0].id])
        self.outbox.quarantine([waiting[1].id], "too large")
        self.clock.advance(1.0)
        self.look("UPDATE gaps SET to_ts = to_ts + 1000 WHERE meter = 'm'")
        self.assertIs(self.restore(self.gap()), True)
        self.assertEqual(self.times("slow", Lane.BACKFILL), self.lost)

    def test_a_disk_that_refuses_leaves_nothing_half_done(self) -> None:
        self.deliver()
        refuse: Any = """
            CREATE TRIGGER refuse BEFORE INSERT ON deliveries WHEN NEW.lane = 1
            BEGIN SELECT RAISE(ABORT, 'the disk is on fire'); END
        """
        self.look(refuse)
        failed = Deferred.fromCoroutine(self.outbox._file._restore(self.gap().id))
        self.failureResultOf(failed, StoreError)
        self.look("DROP TRIGGER refuse")
        self.assertEqual(self.done(self.outbox.audit()), [])
        self.assertIs(self.restore(self.gap()), True)
        self.assertEqual(self.times("slow", Lane.BACKFILL), self.lost)
