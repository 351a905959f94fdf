"""Meters that share one connection, where some of them or all fail."""

from __future__ import annotations

from attrs import evolve

from dlmsd.model import MeterState
from dlmsd.secret import Secret
from dlmsd.standing import Rung
from tests.meter.test_ladder import PATIENT, SILENT, LadderCase


class SharedTests(LadderCase):
    def test_one_silent_meter_of_four_costs_its_neighbours_no_connection(self) -> None:
        self.simulate(meters=4, gateway=True)
        self.read(self.options(interval=10.0, timeout=2.0))
        self.run_for(60)
        self.simulation.inject([SILENT], "virtual-001")
        self.run_for(3600)
        self.assertEqual(len(self.network.connections), 1)
        for name in ("virtual-002", "virtual-003", "virtual-004"):
            self.assertGreaterEqual(self.statuses[name].good, 355, name)
        self.assertIs(self.status.state, MeterState.WAITING)
        self.simulation.inject([], "virtual-001")
        self.run_for(310)
        self.assertIs(self.status.state, MeterState.READING)

    def test_a_silent_line_is_given_up(self) -> None:
        self.simulate(meters=3, gateway=True)
        self.read(self.options(interval=10.0))
        self.run_for(31)
        self.simulation.inject([SILENT])
        self.run_for(120)
        self.assertGreater(len(self.network.connections), 1)

    def test_one_meter_whose_password_is_wrong(self) -> None:
        self.simulate(meters=3, gateway=True)
        first, *others = self.options(interval=10.0)
        self.read([evolve(first, password=Secret("mistaken")), *others])
        self.run_for(3601)
        self.assertEqual(len(self.network.connections), 1)
        self.assertIs(self.status.standing.rung, Rung.BARRED)
        self.assertEqual(self.status.cause, "auth")
        aarqs = [s for s in self.history if s.state is MeterState.ASSOCIATING]
        self.assertEqual(sum(s.name == "virtual-001" for s in aarqs), 4)
        self.assertEqual(self.statuses["virtual-002"].good, 361)

    def test_a_dead_connection_is_not_kept_for_a_neighbour_that_is_read_seldom(self) -> None:
        """One of its serial side's tasks hangs: what this connection brings goes nowhere."""
        self.simulate(meters=2, gateway=True, personality=PATIENT)
        often, seldom = self.options()
        self.read([often, evolve(seldom, interval=7200.0)])
        self.run_for(60)
        (pipe,) = self.network.connections
        pipe.arrive = lambda octets: None  # type: ignore[method-assign]
        before = self.status.good
        self.run_for(60)
        self.assertEqual(len(self.network.connections), 2)
        self.assertGreater(self.status.good, before + 4)
        self.assertEqual(
            {status.error for status in self.history if status.name == seldom.name}, {""}
        )

    def test_a_dead_meter_asked_often_is_no_trouble_of_those_asked_seldom(self) -> None:
        self.simulate(meters=3, gateway=True, personality=PATIENT)
        dead, *others = self.options(timeout=2.0)
        self.read([dead, *(evolve(other, interval=900.0) for other in others)])
        self.run_for(60)
        self.simulation.inject([SILENT], dead.name)
        self.run_for(6 * 3600)
        for other in others:
            status = self.statuses[other.name]
            self.assertEqual((status.good, status.failed, status.missed), (25, 0, 0))
        others_errors = {one.error for one in self.history if one.name != dead.name}
        self.assertEqual(others_errors, {""})
        # It is tried at least every five minutes, each second time with a connection of its own.
        self.assertLess(len(self.network.connections), 6 * 12)
        self.simulation.inject([], dead.name)
        self.run_for(310)
        self.assertIs(self.status.state, MeterState.READING)
