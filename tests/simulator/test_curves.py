"""Curves: the integral belongs to the curve, and meters differ."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.simulator.curves import INSTALLED, Curves, Ripple, Wave, energy, power, share

TIMES = st.floats(INSTALLED, INSTALLED + 20 * 366 * 86400)


class CurvesTests(SynchronousTestCase):
    def test_integral_is_the_area(self) -> None:
        wave = Wave(1000, (Ripple(0.5, 3600, 1.0), Ripple(0.3, 77, 2.0)))
        start, steps, width = INSTALLED + 12345.0, 200_000, 0.05
        area = sum(wave.at(start + (i + 0.5) * width) for i in range(steps)) * width
        self.assertAlmostEqual(wave.integral(start, start + steps * width) / area, 1, places=7)

    @given(st.integers(0, 1000), st.integers(1, 5000), TIMES)
    def test_never_beyond_the_ceiling(self, seed: int, index: int, t: float) -> None:
        curves = Curves.of(seed, index)
        self.assertGreater(power(curves.imports, t), 0)
        self.assertGreater(power(curves.exports, t), 0)
        self.assertLessEqual(power(curves.imports, t), curves.ceiling)

    @given(TIMES, st.floats(0, 86400))
    def test_energy_never_runs_backwards(self, t: float, more: float) -> None:
        curves = Curves.of(3, 7)
        for waves in (curves.imports, curves.exports):
            self.assertLessEqual(energy(waves, t), energy(waves, t + more) + 1e-6)

    def test_nothing_before_the_installation(self) -> None:
        self.assertEqual(energy(Curves.of(0, 1).imports, 0), 0)

    def test_a_day_has_a_course(self) -> None:
        curves = Curves.of(0, 1)
        night = curves.demand(INSTALLED + 6 * 3600, INSTALLED + 8 * 3600)
        evening = curves.demand(INSTALLED + 18 * 3600, INSTALLED + 20 * 3600)
        self.assertGreater(evening, 1.3 * night)

    def test_each_meter_is_its_own(self) -> None:
        self.assertEqual(Curves.of(1, 2), Curves.of(1, 2))
        self.assertNotEqual(Curves.of(1, 2), Curves.of(1, 3))
        self.assertNotEqual(Curves.of(1, 2), Curves.of(2, 2))

    def test_shares_are_spread(self) -> None:
        shares = [share(0, index, "x") for index in range(1000)]
        self.assertTrue(all(0 <= one < 1 for one in shares))
        self.assertApproximates(math.fsum(shares) / 1000, 0.5, 0.05)
