"""A hundred steps move no timer; and a timer on the wall clock is seen."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.store.counters import Change
from dlmsd.store.ledger import Ledger
from tests.clock_steps.twins import STEPS, twins
from tests.storm.life import Life
from tests.storm.world import START, World


class ClockStepTests(SynchronousTestCase):
    def test_a_hundred_steps_move_no_timer(self) -> None:
        done = twins(1)
        print(f"{done.timers} timers, {done.readings} readings", end=" ")
        self.assertEqual(done.violations, ())
        self.assertEqual(done.steps, STEPS)
        self.assertGreater(done.readings, 1000)


class OracleTests(SynchronousTestCase):
    def broken(self) -> str:
        """What the first twins that differ differ in."""
        return "\n".join(next(filter(None, (twins(seed, 25).violations for seed in range(9))), ()))

    def test_timers_on_the_wall_clock(self) -> None:
        worlds: list[World] = []
        build = World.build

        def remembered(self: World) -> None:
            worlds.append(self)
            build(self)

        self.patch(World, "build", remembered)
        begin = Life.__init__

        def on_the_wall_clock(self: Life, *given: Any) -> None:
            begin(self, *given)
            self.seconds = lambda: worlds[-1].wall() - START

        self.patch(Life, "__init__", on_the_wall_clock)
        self.assertRegex(self.broken(), "with steps .* at|fired at")

    def test_a_timestamp_used_twice(self) -> None:
        def nothing(*_: Any) -> dict[str, int]:
            return {}

        self.patch(Change, "add_reading", nothing)
        self.patch(Ledger, "last_ts", nothing)
        self.assertIn("is not above the one before", self.broken())
