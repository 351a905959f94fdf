"""A cycle's values: scaled by what the meter tells, absent when that is in doubt."""

from decimal import Decimal

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
