"""The working timeout follows what was measured, and believes no ambiguous answer."""

from __future__ import annotations

import math

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.config.recovery import RecoveryOptions
from dlmsd.meter.timing import RoundTrip
from dlmsd.model import MeterState
from dlmsd.simulator.faults import Fault, FaultKind
from dlmsd.simulator.personality import MICROSTAR, WRAPPER
from tests.meter.fleet import FleetCase

SECONDS = st.floats(0, 100, allow_nan=False)


def rfc_6298(samples: list[float]) -> float:
    """Sections 2.2 and 2.3 as they are written there, without limits."""
    srtt, rttvar = samples[0], samples[0] / 2
    for sample in samples[1:]:
        rttvar = (1 - 1 / 4) * rttvar + 1 / 4 * abs(srtt - sample)
        srtt = (1 - 1 / 8) * srtt + 1 / 8 * sample
    return srtt + 4 * rttvar


class RoundTripTests(SynchronousTestCase):
    def test_before_the_first_measurement_it_is_the_ceiling(self) -> None:
        trip = RoundTrip(5.0)
        self.assertEqual((trip.wait, trip.smoothed), (5.0, None))
        trip.silent()
        self.assertEqual(trip.wait, 5.0)

    @given(st.lists(SECONDS, min_size=1, max_size=50))
    def test_it_is_that_of_rfc_6298_between_floor_and_ceiling(self, samples: list[float]) -> None:
        trip = RoundTrip(20.0, 0.5)
        for sample in samples:
            trip.measured(sample)
        wanted = min(max(rfc_6298(samples), 0.5), 20.0)
        self.assertTrue(math.isclose(trip.wait, wanted, rel_tol=1e-9, abs_tol=1e-9))

    @given(st.integers(1, 12))
    def test_each_silence_doubles_it_up_to_the_ceiling_and_an_answer_ends_that(
        self, n: int
    ) -> None:
        trip = RoundTrip(5.0, 0.5)
        trip.measured(0.01)
        for _ in range(n):
            trip.silent()
        self.assertEqual(trip.wait, min(0.5 * 2**n, 5.0))
        trip.measured(0.01)
        self.assertEqual(trip.wait, 0.5)

    def test_a_ceiling_below_the_floor_holds(self) -> None:
        trip = RoundTrip(0.2, 0.5)
        trip.measured(0.01)
        self.assertEqual(trip.wait, 0.2)


class SilenceTests(FleetCase):
    """What the meter's silences cost, seen by when frames are sent."""

    def read_then(self, *faults: Fault, latency: float = 0.05, **options: object) -> list[float]:
        """When frames were sent after faults began, in seconds."""
        sent: list[float] = []
        self.trace = lambda direction, octets: (
            sent.append(self.network.seconds()) if direction == "sent" else None
        )
        self.simulate(personality=evolve(MICROSTAR, response_delay=latency))
        self.read(self.options(interval=20.0, **options))
        self.run_for(110)
        self.simulation.inject(faults)
        sent.clear()
        self.run_for(20)
        return sent

    def test_a_fast_meter_is_asked_again_soon_and_given_up_late(self) -> None:
        first, again, *later = self.read_then(Fault(FaultKind.SILENCE, chance=1.0))
        self.assertAlmostEqual(again - first, 0.5, delta=0.05)
        self.assertAlmostEqual(later[0] - again, 5.0, delta=0.05)

    def test_a_slow_meter_is_left_its_time(self) -> None:
        first, again, *_ = self.read_then(Fault(FaultKind.SILENCE, chance=1.0), latency=2.0)
        self.assertTrue(2.0 < again - first < 5.0, again - first)

    def test_the_floor_is_the_operator_s(self) -> None:
        recovery = RecoveryOptions(least_timeout=3.0)
        first, again, *_ = self.read_then(Fault(FaultKind.SILENCE, chance=1.0), recovery=recovery)
        self.assertAlmostEqual(again - first, 3.0, delta=0.05)

    def test_an_answer_to_the_repetition_measures_nothing(self) -> None:
        self.read_then(Fault(FaultKind.SILENCE, every=2))
        before = self.latency()
        self.run_for(200)
        self.assertAlmostEqual(self.latency(), before, delta=0.02)

    def test_a_meter_that_became_slow_is_learned_without_a_lost_cycle(self) -> None:
        self.simulate(personality=evolve(MICROSTAR, response_delay=0.05))
        self.read(self.options(interval=30.0))
        self.run_for(100)
        self.network.delay = 1.5
        self.run_for(600)
        status = self.statuses["virtual-001"]
        self.assertEqual((status.failed, status.state), (0, MeterState.READING))
        self.assertGreater(self.latency(), 2.5)

    def test_wrapper_repeats_nothing_and_so_waits_the_whole_timeout(self) -> None:
        self.simulate(personality=evolve(WRAPPER, response_delay=0.05))
        self.read(self.options(interval=20.0, framing="wrapper"))
        self.run_for(50)
        self.simulation.inject([Fault(FaultKind.LATE, chance=1.0)])
        self.run_for(200)
        self.assertGreaterEqual(self.statuses["virtual-001"].failed, 1)

    def latency(self) -> float:
        latency = self.statuses["virtual-001"].latency
        assert latency is not None
        return latency
