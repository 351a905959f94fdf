"""The gas meter behind a virtual meter."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.axdr.clock import DateTime
from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.simulator.cosem import literal
from tests.simulator.client import NOON
from tests.simulator.cosem.bench import Bench

CLIENT, VOLUME = "0-1:24.1.0", "0-1:24.2.1"
SUCCESS, OTHER = ActionResult.SUCCESS, ActionResult.OTHER_REASON


class MbusTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.bench = Bench(t=NOON + 100)

    def captured(self) -> float:
        moment = DateTime.decode(self.bench.value(VOLUME, "capture_time")).to_datetime()
        assert moment is not None
        return moment.timestamp()

    def test_hourly(self) -> None:
        self.assertEqual(self.captured(), NOON)
        before = self.bench.value(VOLUME)
        self.bench.t += 3000
        self.assertEqual(self.bench.value(VOLUME), before)
        self.bench.t += 3000
        self.assertEqual(self.captured(), NOON + 3600)
        self.assertGreater(self.bench.value(VOLUME), before)

    def test_by_hand(self) -> None:
        self.assertIs(self.bench.invoke(CLIENT, "capture"), SUCCESS)
        self.bench.t += 5
        self.assertEqual(self.captured(), NOON + 100)

    def test_install(self) -> None:
        address = literal.unsigned(7)
        self.assertIs(self.bench.invoke(CLIENT, "slave_install", address), OTHER)
        self.assertEqual(self.bench.value(CLIENT, "device_type"), 3)
        self.assertIs(self.bench.invoke(CLIENT, "slave_deinstall"), SUCCESS)
        names = ("primary_address", "identification_number", "device_type", "manufacturer_id")
        self.assertEqual([self.bench.value(CLIENT, each) for each in names], [0] * 4)
        self.assertIs(self.bench.invoke(CLIENT, "capture"), ActionResult.TEMPORARY_FAILURE)
        for wrong in (0, 251):
            result = self.bench.invoke(CLIENT, "slave_install", literal.unsigned(wrong))
            self.assertIs(result, OTHER)
        self.assertIs(self.bench.invoke(CLIENT, "slave_install", address), SUCCESS)
        self.assertEqual(self.bench.value(CLIENT, "primary_address"), 7)

    def test_alarm(self) -> None:
        self.assertEqual(self.bench.value(CLIENT, "alarm"), 1)
        self.bench.invoke(CLIENT, "reset_alarm")
        self.assertEqual(self.bench.value(CLIENT, "alarm"), 0)
