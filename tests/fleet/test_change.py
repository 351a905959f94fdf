"""Meters that change while others are read: those others are not touched."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from attrs import evolve
from twisted.internet.defer import Deferred

from dlmsd.config.values import MeterOptions
from dlmsd.model import GapStart, MeterState, Reading
from tests.meter.fleet import FleetCase


class ChangeTests(FleetCase):
    def setUp(self) -> None:
        super().setUp()
        self.routes: dict[str, Sequence[str]] = {}

    def commit(
        self, reading: Reading, sinks: Sequence[str], behind: GapStart | None = None
    ) -> Deferred[None]:
        self.routes[reading.meter] = sinks
        return super().commit(reading, sinks, behind)

    def begin(self, count: int, **more: object) -> list[MeterOptions]:
        self.simulate(count, **more)
        meters = self.options()
        self.read(meters)
        self.run_for(12)
        return meters

    def cycles(self, name: str) -> list[int]:
        return [one.ts for one in self.readings if one.meter == name]

    def untouched(self, meters: Sequence[MeterOptions], since: int) -> None:
        """One connection, counters that went on, and a reading each 5 s, also across the change.

        The first cycle reads scalers too, and takes longer.
        """
        for meter in meters:
            status = self.statuses[meter.name]
            self.assertEqual(status.connects, 1, meter.name)
            cycles = self.cycles(meter.name)
            self.assertEqual(status.good, len(cycles))
            gaps = {later - earlier for earlier, later in pairwise(cycles[1:])}
            self.assertLess(max(gaps) - min(gaps), 50, meter.name)
            self.assertGreater(len(cycles), since)

    def test_only_what_changed(self) -> None:
        first, second, third, fourth = self.begin(4)
        self.change([first, evolve(second, interval=2.0), third])
        self.run_for(20)
        self.untouched([first, third], 5)
        self.assertEqual(self.statuses[second.name].interval, 2.0)
        later = self.cycles(second.name)[-3:]
        self.assertAlmostEqual(later[2] - later[1], 2000, delta=50)
        gone = self.cycles(fourth.name)
        self.run_for(20)
        self.assertEqual(self.cycles(fourth.name), gone)

    def test_a_new_one_is_read_within_five_seconds(self) -> None:
        first, second = self.begin(2)[:2]
        self.change([first])
        self.run_for(10)
        before = len(self.cycles(second.name))
        self.change([first, second])
        self.run_for(4)
        self.assertGreater(len(self.cycles(second.name)), before)
        self.untouched([first], 4)

    def test_inactive_and_active_again(self) -> None:
        first, second = self.begin(2)
        self.change([first, evolve(second, status="inactive")])
        self.run_for(7)
        self.assertIs(self.statuses[second.name].state, MeterState.INACTIVE)
        before = len(self.cycles(second.name))
        self.run_for(10)
        self.assertEqual(len(self.cycles(second.name)), before)
        self.change([second, first])
        self.run_for(7)
        self.assertIs(self.statuses[second.name].state, MeterState.READING)
        self.untouched([first], 5)

    def test_behind_a_gateway_all_of_the_line_or_none(self) -> None:
        meters = self.begin(3, gateway=True)
        self.change(meters[::-1])
        self.run_for(10)
        self.assertEqual({self.statuses[one.name].connects for one in meters}, {1})
        good = self.statuses[meters[0].name].good
        self.change([*meters[:2], evolve(meters[2], interval=2.0)])
        self.run_for(10)
        self.assertLess(self.statuses[meters[0].name].good, good)
        self.assertEqual(self.statuses[meters[2].name].interval, 2.0)

    def test_where_readings_go_is_no_affair_of_the_connection(self) -> None:
        first, second = self.begin(2)
        self.change([evolve(first, sinks=("tb", "other"), device_name="x"), second])
        self.run_for(20)
        self.untouched([first, second], 5)
        self.assertEqual(self.routes[first.name], ("tb", "other"))

    def test_the_same_again_changes_nothing(self) -> None:
        meters = self.begin(3)
        for _ in range(5):
            self.change(list(meters))
            self.run_for(5)
        self.untouched(meters, 6)
