"""A cycle's values: scaled by what the meter tells, absent when that is in doubt."""

import math
from decimal import Decimal
from itertools import pairwise

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.config.values import Measurement
from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.outcome import GetResult
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.meter.cycle import Cycle
from dlmsd.model import Value

ENERGY = AttributeDescriptor(3, Obis.parse("1-1:1.8.0"), 2)
WH = Data(Tag.STRUCTURE, (Data(Tag.INTEGER, 0), Data(Tag.ENUM, 30)))
RAW = Data(Tag.DOUBLE_LONG_UNSIGNED, 123456)


class Asked:
    """A session that answers by attribute, and notes what it was asked."""

    def __init__(self, scaler_unit: GetResult, value: GetResult = RAW) -> None:
        self.answers = {2: value, 3: scaler_unit}
        self.asked: list[int] = []

    async def get_many(self, attributes: list[AttributeDescriptor]) -> list[GetResult]:
        self.asked += [one.attribute for one in attributes]
        return [self.answers[one.attribute] for one in attributes]


class CycleTests(SynchronousTestCase):
    def cycle(self, session: Asked, **wanted: object) -> Cycle:
        self.doubts: list[tuple[str, str]] = []
        measurement = Measurement("energy", ENERGY, "energy", **wanted)
        return Cycle([measurement], session, 5.0, lambda key, why: self.doubts.append((key, why)))

    def run_once(self, cycle: Cycle) -> dict[str, Value]:
        due = cycle.due(0.0)
        return self.successResultOf(Deferred.fromCoroutine(cycle.run(due, 0.0)))

    def test_scaled_and_in_the_wanted_unit(self) -> None:
        cycle = self.cycle(Asked(WH), unit="kWh")
        self.assertEqual(self.run_once(cycle), {"energy": Decimal("123.456")})
        self.assertEqual(cycle.units, {"energy": "kWh"})

    def test_an_odd_refusal_of_the_scaler_is_no_value_and_asked_again(self) -> None:
        for odd in (
            DataAccessResult.OTHER_REASON,
            DataAccessResult.TEMPORARY_FAILURE,
            DataAccessResult(77),
            Data(Tag.NULL_DATA, None),
        ):
            session = Asked(odd)
            cycle = self.cycle(session, unit="kWh")
            self.assertEqual(self.run_once(cycle), {})
            self.assertIn("scaler", cycle.absent["energy"])
            session.answers[3] = WH
            self.assertEqual(self.run_once(cycle), {"energy": Decimal("123.456")})
            self.assertEqual(cycle.absent, {})

    def test_a_meter_without_scalers_gives_raw_numbers_and_no_unit(self) -> None:
        cycle = self.cycle(Asked(DataAccessResult.READ_WRITE_DENIED))
        self.assertEqual(self.run_once(cycle), {"energy": Decimal(123456)})
        self.assertEqual(cycle.units, {"energy": ""})

    def test_its_numbers_are_not_called_by_a_unit_that_it_did_not_tell(self) -> None:
        cycle = self.cycle(Asked(DataAccessResult.READ_WRITE_DENIED), unit="kWh")
        self.assertEqual(self.run_once(cycle), {})
        self.assertIn("no unit, not kWh", cycle.absent["energy"])

    def test_the_operator_may_vouch_for_it(self) -> None:
        cycle = self.cycle(
            Asked(DataAccessResult.READ_WRITE_DENIED), unit="kWh", scale=Decimal("0.001")
        )
        self.assertEqual(self.run_once(cycle), {"energy": Decimal("123.456")})
        self.assertEqual(cycle.units, {"energy": "kWh"})

    def test_another_unit_is_kept_and_told_once(self) -> None:
        cycle = self.cycle(Asked(WH), unit="V")
        self.run_once(cycle)
        self.run_once(cycle)
        self.assertEqual(cycle.units, {"energy": "Wh"})
        self.assertEqual(len(self.doubts), 1)


class RefusedTests(SynchronousTestCase):
    """Two registers, of which the meter refuses one."""

    def setUp(self) -> None:
        self.asked: dict[float, list[str]] = {}
        self.answers: dict[str, GetResult] = {"1-1:1.8.0": RAW, "1-1:2.8.0": RAW}
        self.scaler_units: dict[str, GetResult] = {}
        wanted = [
            Measurement(code, AttributeDescriptor(3, Obis.parse(code), 2), code, "kWh")
            for code in self.answers
        ]
        self.cycle = Cycle(wanted, self, 5.0, lambda key, why: None)  # type: ignore[arg-type]

    async def get_many(self, attributes: list[AttributeDescriptor]) -> list[GetResult]:
        codes = [str(one.obis) for one in attributes]
        self.asked.setdefault(self.now, []).extend(codes)
        return [
            self.scaler_units.get(code, WH) if one.attribute == 3 else self.answers[code]
            for code, one in zip(codes, attributes, strict=True)
        ]

    def until(self, end: float, start: float = 0.0) -> list[float]:
        """When the second register was asked for, in cycles of five seconds."""
        self.asked.clear()
        self.now = start
        while self.now < end:
            due = self.cycle.due(self.now)
            self.successResultOf(Deferred.fromCoroutine(self.cycle.run(due, self.now)))
            self.now += 5.0
        return [now for now, codes in self.asked.items() if "1-1:2.8.0" in codes]

    def test_it_is_asked_for_more_and_more_seldom(self) -> None:
        self.answers["1-1:2.8.0"] = DataAccessResult.READ_WRITE_DENIED
        self.assertEqual(self.until(500.0), [0.0, 5.0, 10.0, 70.0, 190.0, 430.0])
        self.assertIn("1-1:2.8.0", self.cycle.absent)
        hours = self.until(24 * 3600.0, 500.0)
        self.assertTrue(all(later - one <= 3600.0 for one, later in pairwise(hours[-10:])))
        self.assertLess(len(hours), 30)

    def test_so_is_one_whose_scaler_is_refused_where_a_unit_is_wanted(self) -> None:
        for why, told in (
            (DataAccessResult.OBJECT_UNDEFINED, "no such object"),
            (DataAccessResult.READ_WRITE_DENIED, "no unit, not kWh"),
        ):
            self.setUp()
            self.scaler_units["1-1:2.8.0"] = why
            self.assertEqual(self.until(500.0), [0.0, 5.0, 10.0, 70.0, 190.0, 430.0])
            self.assertIn(told, self.cycle.absent["1-1:2.8.0"])
            self.scaler_units.clear()
            self.until(910.0, 500.0)
            self.assertIn("1-1:2.8.0", self.cycle.absent)
            self.until(915.0, 910.0)
            self.assertEqual(self.cycle.absent, {})

    def test_whoever_wants_everything_gets_it_asked_for(self) -> None:
        self.answers["1-1:2.8.0"] = DataAccessResult.OBJECT_UNDEFINED
        self.until(60.0)
        self.assertEqual(len(self.cycle.due(60.0)), 1)
        self.assertEqual(len(self.cycle.due(math.inf)), 2)

    def test_once_it_is_given_it_is_read_each_time_again(self) -> None:
        self.answers["1-1:2.8.0"] = DataAccessResult.OBJECT_UNDEFINED
        self.until(60.0)
        self.answers["1-1:2.8.0"] = RAW
        self.assertEqual(self.until(90.0, 60.0), [70.0, 75.0, 80.0, 85.0])
        self.answers["1-1:2.8.0"] = DataAccessResult.OBJECT_UNDEFINED
        self.assertEqual(self.until(110.0, 90.0), [90.0, 95.0, 100.0])

    def test_what_may_come_soon_is_asked_for_each_time(self) -> None:
        self.answers["1-1:2.8.0"] = DataAccessResult.TEMPORARY_FAILURE
        self.assertEqual(len(self.until(100.0)), 20)

    def test_where_everything_is_refused_everything_is_asked_for(self) -> None:
        for code in self.answers:
            self.answers[code] = DataAccessResult.READ_WRITE_DENIED
        self.assertEqual(len(self.until(100.0)), 20)
