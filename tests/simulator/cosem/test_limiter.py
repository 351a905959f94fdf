"""Limiter and Register monitor: which threshold holds, and when."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.axdr.data import Data
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.simulator.cosem import literal
from tests.simulator.client import NOON
from tests.simulator.cosem.bench import Bench

LIMITER, MONITOR = "0-0:17.0.0", "0-0:16.1.0"


def emergency(group: int, start: float, seconds: int) -> Data:
    return literal.structure(
        literal.long_unsigned(group), literal.utc(start), literal.double_long_unsigned(seconds)
    )


class LimiterTests(SynchronousTestCase):
    def test_normal(self) -> None:
        held = Bench()
        self.assertEqual(held.value(LIMITER, "threshold_active"), 20_000)
        held.write(LIMITER, "threshold_normal", literal.double_long_unsigned(5))
        self.assertEqual(held.value(LIMITER, "threshold_active"), 5)
        self.assertIs(
            held.write(LIMITER, "threshold_normal", literal.long_unsigned(5)),
            DataAccessResult.TYPE_UNMATCHED,
        )

    def test_emergency(self) -> None:
        held = Bench()
        held.write(LIMITER, "emergency_profile", emergency(1, NOON + 60, 30))
        found = []
        for wait in (59, 1, 29, 1):
            held.t += wait
            active = held.value(LIMITER, "emergency_profile_active")
            self.assertEqual(held.value(LIMITER, "threshold_active"), 2000 if active else 20_000)
            found.append(active)
        self.assertEqual(found, [False, True, True, False])

    def test_of_another_group(self) -> None:
        held = Bench()
        held.write(LIMITER, "emergency_profile", emergency(9, NOON, 30))
        self.assertFalse(held.value(LIMITER, "emergency_profile_active"))
        groups = literal.array(literal.long_unsigned(9))
        held.write(LIMITER, "emergency_profile_group_id_list", groups)
        self.assertTrue(held.value(LIMITER, "emergency_profile_active"))

    def test_monitor(self) -> None:
        held = Bench()
        for name in ("thresholds", "monitored_value", "actions"):
            value = held.read(MONITOR, name)
            self.assertIs(held.write(MONITOR, name, value), DataAccessResult.SUCCESS)
            self.assertIs(held.write(MONITOR, name, literal.NULL), DataAccessResult.TYPE_UNMATCHED)
