"""A virtual meter's objects: complete, plausible, and true to their time."""

from __future__ import annotations

import datetime

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.axdr.clock import DateTime
from dlmsd.dlms.axdr.data import Data, Tag, decode, encode
from dlmsd.dlms.cosem import catalogue
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.simulator.curves import DAY
from dlmsd.simulator.meter import VirtualMeter
from tests.simulator.client import NOON, register
from tests.simulator.cosem.bench import Bench

UNITS = {"V": 35, "A": 33, "Hz": 44, "W": 27, "var": 29, "VA": 28, "°": 8, "": 255}
UNITS |= {"Wh": 30, "varh": 32, "VAh": 31}


class VirtualMeterTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.meter = VirtualMeter(0, 1)

    def value(self, code: str, t: float = NOON, meter: VirtualMeter | None = None) -> float:
        """Scaled by what attribute 3 says."""
        raw = (meter or self.meter).read(register(code), t)
        scaler_unit = self.meter.read(register(code, 3), t)
        self.assertIsInstance(raw.value, int)
        return raw.value * 10.0 ** scaler_unit.value[0].value

    def test_whole_catalogue(self) -> None:
        for name in catalogue.NAMES:
            entry = catalogue.lookup(name)
            value = self.meter.read(entry.attribute, NOON)
            self.assertIsInstance(value, Data, name)
            self.assertEqual(decode(encode(value))[0], value)
            scaler_unit = self.meter.read(register(str(entry.attribute.obis), 3), NOON)
            self.assertEqual(scaler_unit.value[1], Data(Tag.ENUM, UNITS[entry.unit]), name)
            name_attribute = self.meter.read(register(str(entry.attribute.obis), 1), NOON)
            self.assertEqual(name_attribute, Data(Tag.OCTET_STRING, entry.attribute.obis.raw))

    def test_plausible_through_a_day(self) -> None:
        for index in range(1, 6):
            meter = VirtualMeter(9, index)
            for hour in range(24):
                t = NOON + hour * 3600 + 17.3
                volts = [self.value(f"1-1:{c}.7.0", t, meter) for c in (32, 52, 72)]
                amperes = [self.value(f"1-1:{c}.7.0", t, meter) for c in (31, 51, 71)]
                watts = [self.value(f"1-1:{c}.7.0", t, meter) for c in (21, 41, 61)]
                factor = self.value("1-1:13.7.0", t, meter)
                for volt, ampere, watt in zip(volts, amperes, watts, strict=True):
                    self.assertTrue(225 < volt < 235, volt)
                    self.assertApproximates(volt * ampere * factor / watt, 1, 0.02)
                total = self.value("1-1:1.7.0", t, meter)
                self.assertApproximates(total, sum(watts), 3)
                self.assertTrue(49.95 <= self.value("1-1:14.7.0", t, meter) <= 50.05)

    def test_energies_integrate_power(self) -> None:
        for power, energy in (("1-1:1.7.0", "1-1:1.8.0"), ("1-1:2.7.0", "1-1:2.8.0")):
            steps = 2880
            width = DAY / steps
            used = sum(self.value(power, NOON + (i + 0.5) * width) * width for i in range(steps))
            counted = self.value(energy, NOON + DAY) - self.value(energy, NOON)
            self.assertAlmostEqual(counted / (used / 3600), 1, places=2)

    def test_energies_are_monotonic(self) -> None:
        for c in (1, 2, 3, 4, 9, 10):
            values = [
                self.meter.read(register(f"1-1:{c}.8.0"), NOON + 0.7 * i).value for i in range(3000)
            ]
            self.assertEqual(values, sorted(values))
            self.assertGreater(values[-1], values[0])

    def test_deterministic(self) -> None:
        same = VirtualMeter(0, 1)
        other = VirtualMeter(0, 2)
        voltage = register("1-1:31.7.0")
        self.assertEqual(self.meter.read(voltage, NOON), same.read(voltage, NOON))
        self.assertNotEqual(self.meter.read(voltage, NOON), other.read(voltage, NOON))

    def test_types(self) -> None:
        types = {
            "1-1:32.7.0": Tag.LONG_UNSIGNED,
            "1-1:31.7.0": Tag.DOUBLE_LONG_UNSIGNED,
            "1-1:1.8.0": Tag.LONG64_UNSIGNED,
            "1-1:13.7.0": Tag.LONG,
        }
        for code, tag in types.items():
            self.assertIs(self.meter.read(register(code), NOON).tag, tag)

    def test_clock_tells_the_time_given(self) -> None:
        time = self.meter.read(register("0-0:1.0.0", 2, 8), NOON + 0.25)
        moment = DateTime.decode(time.value).to_datetime()
        self.assertEqual(moment, datetime.datetime.fromtimestamp(NOON + 0.25, datetime.UTC))

    def test_data_objects(self) -> None:
        serial = self.meter.read(register("0-0:96.1.0", 2, 1), NOON)
        self.assertEqual(serial, Data(Tag.OCTET_STRING, b"00000001"))
        name = self.meter.read(register("0-0:42.0.0", 2, 1), NOON)
        self.assertEqual(len(name.value), 16)
        firmware = self.meter.read(register("1-0:0.2.0", 2, 1), NOON)
        self.assertIs(firmware.tag, Tag.OCTET_STRING)

    def test_extended_register(self) -> None:
        maximum = self.meter.read(register("1-1:1.6.0", 2, 4), NOON).value
        self.assertGreater(maximum, self.meter.read(register("1-1:1.7.0"), NOON).value)
        captured = self.meter.read(register("1-1:1.6.0", 5, 4), NOON)
        self.assertIsNotNone(DateTime.decode(captured.value).to_datetime())

    def test_demand_register(self) -> None:
        def demand(attribute: int, t: float) -> int:
            return self.meter.read(register("1-1:1.4.0", attribute, 5), t).value

        begin = NOON - NOON % 900
        self.assertEqual(demand(2, begin), 0)
        self.assertLess(demand(2, begin + 100), demand(2, begin + 800))
        self.assertApproximates(demand(2, begin + 899.9), demand(3, begin + 900), 10)
        self.assertEqual(demand(8, NOON), 900)

    def test_maximum_after_a_reset(self) -> None:
        held = Bench(t=NOON + 100)
        highest = held.value("1-0:1.6.0")
        self.assertIs(held.invoke("1-0:1.6.0", "reset"), ActionResult.SUCCESS)
        found = []
        for wait in (0, 799, 1):
            held.t += wait
            captured = DateTime.decode(held.value("1-0:1.6.0", "capture_time")).to_datetime()
            found.append((held.value("1-0:1.6.0"), captured.timestamp() - NOON))
        self.assertEqual(found, [(0, 100), (0, 100), (highest, 900)])

    def test_a_period_that_is_begun_by_hand(self) -> None:
        for method, keeps in (("next_period", True), ("reset", False)):
            held = Bench(t=NOON + 600)
            before = held.value("1-0:1.4.0", "current_average_value")
            self.assertIs(held.invoke("1-0:1.4.0", method), ActionResult.SUCCESS)
            last = held.value("1-0:1.4.0", "last_average_value")
            self.assertEqual(last, before if keeps else 0)
            self.assertEqual(held.value("1-0:1.4.0", "current_average_value"), 0)
            held.t = NOON + 899.999
            current = held.value("1-0:1.4.0", "current_average_value")
            self.assertTrue(0 < current < before)
            held.t = NOON + 900
            last = held.value("1-0:1.4.0", "last_average_value")
            self.assertApproximates(last, current, 2)
            held.t = NOON + 1800
            whole = self.meter.read(register("1-0:1.4.0", 3, 5), NOON + 1800)
            self.assertEqual(held.read("1-0:1.4.0", "last_average_value"), whole)

    def test_refusals(self) -> None:
        cases = {
            register("1-1:99.9.9"): DataAccessResult.OBJECT_UNDEFINED,
            register("1-1:32.7.0", 2, 4): DataAccessResult.OBJECT_CLASS_INCONSISTENT,
            register("1-1:32.7.0", 4): DataAccessResult.READ_WRITE_DENIED,
            AttributeDescriptor(
                3, register("1-1:32.7.0").obis, -1
            ): DataAccessResult.READ_WRITE_DENIED,
        }
        for attribute, result in cases.items():
            self.assertIs(self.meter.read(attribute, NOON), result)

    def test_a_wall_clock_at_zero(self) -> None:
        for name in catalogue.NAMES:
            value = self.meter.read(catalogue.lookup(name).attribute, 0.0)
            self.assertEqual(decode(encode(value))[0], value)
