"""An outbox that is nearly full: what a load profile holds waits in its meter, in virtual time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred

from dlmsd.config.values import MeterOptions, OutboxOptions
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.meter.backfill import Backfill
from dlmsd.meter.gaps import GapKeeper, spacing
from dlmsd.model import GapCause, Lane, MeterState, OutboxStatus, Reading
from dlmsd.store.outbox import Outbox
from tests.meter.fleet import FleetCase
from tests.store.immediate import ImmediateWriter

PROFILE = Obis.parse("1-0:99.1.0")
HOURS = 4


class PressureTests(FleetCase):
    limits = OutboxOptions(max_bytes=1_000_000)

    def setUp(self) -> None:
        super().setUp()
        folder = Path(self.mktemp())
        folder.mkdir()
        writer = ImmediateWriter()
        writer.start()
        posted: list[OutboxStatus] = []
        self.outbox = Outbox(
            folder / "outbox.db",
            self.limits,
            writer=writer,
            clock=self.network,
            wall=self.wall,
            post=posted.append,
        )
        self.done(self.outbox.start())
        self.addCleanup(lambda: self.done(self.outbox.stop()))
        self.answer = lambda reading: self.outbox.commit(reading, ["tb"])
        self.gaps = self.keeper

    def done(self, work: Any) -> Any:
        return self.successResultOf(Deferred.fromCoroutine(work))

    def hindrance(self, meter: MeterOptions) -> Any:
        return self.outbox.obstacle(meter.sinks, elsewhere=meter.load_profile is not None)

    def keeper(self, options: MeterOptions, last_ts: int) -> GapKeeper:
        backfill = None
        if options.load_profile is not None:
            backfill = Backfill(
                options, options.load_profile, self.outbox, self.outbox.gaps, self.network
            )
        gaps = self.outbox.gaps
        return GapKeeper(
            options.name, spacing(options), gaps, last_ts, self.network, backfill, options.sinks
        )

    def pressed(self) -> bool:
        return self.outbox._file.bulletin.status.pressure

    def squeeze(self) -> None:
        """Another meter's readings, until there is pressure."""
        ts = int(self.wall() * 1000)
        while not self.pressed():
            ts += 1
            self.outbox.commit(Reading("other", ts, {"text": "x" * 2000}), ["tb"])
            self.done(self.outbox.flush())

    def counted(self) -> dict[str, int]:
        names = [one.meter for one in self.readings]
        return {name: names.count(name) for name in names}

    def test_it_waits_there_and_is_read_back(self) -> None:
        self.simulate(2)
        first, second = self.options(interval=60.0, sinks=("tb",))
        self.read([evolve(first, load_profile=PROFILE), second])
        self.run_for(600)
        self.squeeze()
        before = self.counted()
        self.run_for(HOURS * 3600)
        after = self.counted()
        self.assertTrue(self.pressed())
        self.assertEqual(after[first.name], before[first.name])
        self.assertGreaterEqual(after[second.name], before[second.name] + HOURS * 60 - 1)
        told = {
            (one.state, one.error.partition("; ")[2])
            for one in self.history
            if one.name == first.name
        }
        why = "this meter's load profile keeps what is missed until some readings are delivered"
        self.assertIn((MeterState.WAITING, why), told)
        self.assertEqual(self.statuses[first.name].failed, 0)
        self.assertEqual(self.outbox._file.bulletin.status.dropped, 0)

        waiting = self.done(self.outbox.pending("tb", 0, 1000, "other"))
        self.outbox.delivered([one.id for one in waiting])
        self.run_for(1200)
        self.assertFalse(self.pressed())
        self.assertIs(self.statuses[first.name].state, MeterState.READING)
        found = self.done(self.outbox.gaps.since(0, first.name))
        self.assertEqual([one.cause for one in found], [GapCause.OUTBOX_FULL])
        self.assertIsNotNone(found[0].filled_at)
        back = self.done(self.outbox.pending("tb", 0, 1000, first.name, Lane.BACKFILL))
        self.assertGreaterEqual(len(back), HOURS * 4)
        self.assertEqual(self.done(self.outbox.gaps.since(0, second.name)), [])


class OneSinkTests(PressureTests):
    """One of two sinks stands still until the outbox is full: the other goes on."""

    limits = OutboxOptions(max_bytes=1_000_000, when_full="pause")

    def test_it_waits_there_and_is_read_back(self) -> None:
        self.simulate(1)
        (first,) = self.options(interval=60.0, sinks=("tb", "mq"))
        self.answer = lambda reading: self.outbox.commit(reading, ["tb", "mq"])
        self.read([evolve(first, load_profile=PROFILE)])
        self.run_for(600)
        self.deliver("mq")
        self.squeeze()
        ts = int(self.wall() * 1000) + 1_000_000_000
        while self.outbox.obstacle() is None:
            ts += 1
            self.outbox.commit(Reading("other", ts, {"text": "y" * 9000}), ["tb"])
            self.done(self.outbox.flush())
            self.run_for(1)
        before = self.counted()[first.name]
        for _ in range(HOURS * 60):
            self.run_for(60)
            self.deliver("mq")
        self.assertGreaterEqual(self.counted()[first.name], before + HOURS * 60 - 1)
        account = self.done(self.outbox.accounts())[first.name, "tb"]
        self.assertTrue(account.balanced, account)
        self.assertGreaterEqual(account.dropped, HOURS * 60 - 2)
        self.assertEqual(self.back("tb", first.name), 0)

        self.drain("tb")
        self.run_for(1200)
        self.assertGreaterEqual(self.back("tb", first.name), HOURS * 4 - 1)
        self.assertEqual(self.back("mq", first.name), 0)
        found = self.done(self.outbox.gaps.since(0, first.name))
        self.assertEqual({(one.sink, one.cause) for one in found}, {("tb", GapCause.OUTBOX_FULL)})
        self.assertEqual([one.filled_at is None for one in found], [False] * len(found))
        self.assertEqual(self.done(self.outbox.audit()), [])

    def test_what_the_other_sink_still_waits_for_comes_without_the_meter(self) -> None:
        self.simulate(1)
        (first,) = self.options(interval=60.0, sinks=("tb", "mq"))  # without a load profile
        self.answer = lambda reading: self.outbox.commit(reading, ["tb", "mq"])
        self.read([first])
        self.run_for(600)
        self.deliver("mq")
        ts = int(self.wall() * 1000) + 1_000_000_000
        while self.outbox.obstacle() is None:
            ts += 1
            self.outbox.commit(Reading("other", ts, {"text": "y" * 300}), ["tb"])
            self.done(self.outbox.flush())
        self.run_for(600)
        self.drain("tb", "other")
        [gap] = self.done(self.outbox.gaps.since(0, first.name))
        self.assertEqual((gap.sink, gap.cause), ("tb", GapCause.OUTBOX_FULL))
        self.assertGreaterEqual(gap.count, 10)
        lost = [one.ts for one in self.readings if gap.from_ts <= one.ts <= gap.to_ts]
        self.assertEqual(len(lost), gap.count)
        self.run_for(600)
        self.assertEqual(self.back("tb", first.name), 0)  # nothing of this meter was taken yet
        self.drain("tb")
        self.run_for(120)
        waiting = self.done(self.outbox.pending("tb", 0, 1000, first.name, Lane.BACKFILL))
        self.assertEqual([one.ts for one in waiting], lost)
        self.assertEqual(self.back("mq", first.name), 0)
        [gap] = self.done(self.outbox.gaps.since(0, first.name))
        self.assertIsNotNone(gap.filled_at)
        self.assertEqual(self.done(self.outbox.audit()), [])

    def drain(self, sink: str, meter: str | None = None) -> None:
        while waiting := self.done(self.outbox.pending(sink, 0, 1000, meter)):
            self.outbox.delivered([one.id for one in waiting])
            self.run_for(1)

    def deliver(self, sink: str) -> None:
        waiting = self.done(self.outbox.pending(sink, 0, 1000))
        self.outbox.delivered([one.id for one in waiting])

    def back(self, sink: str, meter: str) -> int:
        """How many readings of the load profile wait for a sink."""
        return len(self.done(self.outbox.pending(sink, 0, 1000, meter, Lane.BACKFILL)))
