"""The disconnector: what it holds back, by which mode, and for how long."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.simulator.cosem import literal
from dlmsd.simulator.supply import MAX_INTERRUPTIONS
from tests.simulator.client import NOON
from tests.simulator.cosem.bench import Bench

SWITCH = "0-0:96.3.10"
OPEN, CLOSE = "remote_disconnect", "remote_reconnect"


class DisconnectTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.bench = Bench()

    def state(self) -> tuple[bool, int]:
        return self.bench.value(SWITCH, "output_state"), self.bench.value(SWITCH, "control_state")

    def invoke(self, name: str) -> ActionResult:
        return self.bench.invoke(SWITCH, name, literal.integer(0))

    def test_nothing_flows_while_it_is_open(self) -> None:
        flowing = ("1-0:1.7.0", "1-0:31.7.0", "1-0:2.7.0", "1-0:9.7.0")
        energies = ("1-0:1.8.0", "1-0:2.8.0", "1-0:1.8.1")
        self.assertEqual(self.state(), (True, 1))
        self.assertIs(self.invoke(OPEN), ActionResult.SUCCESS)
        self.assertEqual(self.state(), (False, 0))
        self.assertEqual([self.bench.value(each) for each in flowing], [0] * 4)
        self.assertGreater(self.bench.value("1-0:32.7.0"), 2000)
        before = [self.bench.value(each) for each in energies]
        self.bench.t += 3600
        self.assertEqual([self.bench.value(each) for each in energies], before)
        self.assertIs(self.invoke(CLOSE), ActionResult.SUCCESS)
        self.assertEqual(self.state(), (True, 1))
        self.assertTrue(all(self.bench.value(each) > 0 for each in flowing))
        self.assertEqual([self.bench.value(each) for each in energies], before)
        self.bench.t += 3600
        for old, code in zip(before, energies, strict=True):
            self.assertGreater(self.bench.value(code), old)

    def test_the_past_stays_as_it_was(self) -> None:
        before = self.bench.value("1-0:1.7.0"), self.bench.value("1-0:1.8.0")
        self.bench.t += 900
        self.invoke(OPEN)
        self.bench.t = NOON
        self.assertEqual((self.bench.value("1-0:1.7.0"), self.bench.value("1-0:1.8.0")), before)

    def test_demand(self) -> None:
        self.bench.t = NOON
        self.invoke(OPEN)
        self.bench.t += 800
        self.assertEqual(self.bench.value("1-0:1.4.0", "current_average_value"), 0)

    def test_by_hand(self) -> None:
        self.bench.write(SWITCH, "control_mode", literal.enum(1))
        self.invoke(OPEN)
        self.assertIs(self.invoke(CLOSE), ActionResult.SUCCESS)
        self.assertEqual(self.state(), (False, 2))

    def test_never(self) -> None:
        self.bench.write(SWITCH, "control_mode", literal.enum(0))
        self.assertIs(self.invoke(OPEN), ActionResult.READ_WRITE_DENIED)
        self.assertEqual(self.state(), (True, 1))
        wrong = self.bench.write(SWITCH, "control_mode", literal.enum(7))
        self.assertIs(wrong, DataAccessResult.OTHER_REASON)

    def test_twice(self) -> None:
        for name, state in ((CLOSE, True), (OPEN, False), (OPEN, False), (CLOSE, True)):
            self.assertIs(self.invoke(name), ActionResult.SUCCESS)
            self.assertEqual(self.state()[0], state)

    def test_it_wears(self) -> None:
        for _ in range(MAX_INTERRUPTIONS):
            self.assertIs(self.invoke(OPEN), ActionResult.SUCCESS)
            self.invoke(CLOSE)
        self.assertIs(self.invoke(OPEN), ActionResult.HARDWARE_FAULT)
        self.assertTrue(self.state()[0])
