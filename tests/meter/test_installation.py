"""Transformers' ratios go by what a unit measures, and are exact."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.config.values import Measurement
from dlmsd.dlms.axdr.clock import DateTime
from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.cosem.units import UNITS
from dlmsd.dlms.quirks import NEGATE_DEVIATION
from dlmsd.meter.installation import BARE, Installation
from dlmsd.meter.scaling import Scale, ScalerUnit
from tests.dlms.cosem.test_profile import BERLIN, local
from tests.meter.fleet import FleetCase

ATTRIBUTE = AttributeDescriptor(3, Obis.parse("1-1:1.8.0"), 2)
TRANSFORMED = Installation(Decimal(40), Decimal("114.5"))
BOTH = Decimal(4580)


def scale(code: int | None, scaler: int = 0, **wanted: object) -> Scale:
    told = None if code is None else ScalerUnit(scaler, code)
    return Scale(Measurement("m", ATTRIBUTE, "m", **wanted), told, TRANSFORMED)


class RatioTests(SynchronousTestCase):
    def test_by_quantity(self) -> None:
        ratios = {each.symbol: TRANSFORMED.ratio(each.symbol) for each in UNITS.values()}
        changed = {symbol: ratio for symbol, ratio in ratios.items() if ratio != 1}
        electric = dict.fromkeys(("W", "VA", "var", "Wh", "VAh", "varh"), BOTH)
        others = {"A": Decimal(40), "V": Decimal("114.5"), "Ah": Decimal(40)}
        squares = {"A²h": Decimal(1600), "V²h": Decimal("13110.25")}
        self.assertEqual(changed, electric | others | squares)

    def test_however_the_unit_is_written(self) -> None:
        for symbol in ("kWh", "MWh", "kvarh", "mA", "kV", "A2h"):
            self.assertNotEqual(TRANSFORMED.ratio(symbol), 1, symbol)
        for symbol in ("", "Hz", "°", "%", "J", "Nm", "nonsense"):
            self.assertEqual(TRANSFORMED.ratio(symbol), 1, symbol)

    def test_long_ratios_lose_no_digit(self) -> None:
        long = Decimal("1.2345678901234567890123")
        product = Decimal("1.52415787532388367504942236884722755800955129")
        self.assertEqual(Installation(long, long).ratio("W"), product)


class ScaleTests(SynchronousTestCase):
    def test_after_scaler_and_prefix(self) -> None:
        energy = scale(30, -1, unit="kWh")
        self.assertEqual(energy.symbol, "kWh")
        value = energy.value(Data(Tag.LONG64_UNSIGNED, 2**64 - 1))
        self.assertEqual(value, Decimal(2**64 - 1) * BOTH / 10_000)
        self.assertEqual(str(scale(35, -1).value(Data(Tag.LONG_UNSIGNED, 1105))), "12652.25")

    def test_with_a_unit_that_the_operator_vouches_for(self) -> None:
        vouched = scale(None, unit="kWh", scale=Decimal("0.001"))
        self.assertEqual(vouched.value(Data(Tag.LONG_UNSIGNED, 1000)), BOTH)

    def test_without_a_unit_nothing_is_known(self) -> None:
        self.assertEqual(scale(None).value(Data(Tag.LONG_UNSIGNED, 7)), 7)
        self.assertEqual(scale(255).value(Data(Tag.LONG_UNSIGNED, 7)), 7)

    def test_moments_without_deviation(self) -> None:
        measurement = Measurement("m", ATTRIBUTE, "m")
        moment = local("2026-01-15T12:00:00", 0)
        self.assertIs(Scale(measurement, None, BARE).value(moment), None)
        there = Scale(measurement, None, Installation(timezone=BERLIN))
        self.assertEqual(there.value(moment), "2026-01-15T12:00:00+01:00")
        sent = Data(Tag.DATE_TIME, DateTime.decode(moment.value))
        self.assertEqual(there.value(sent), "2026-01-15T12:00:00+01:00")

    def test_moments_with_the_opposite_deviation(self) -> None:
        sent = DateTime.from_datetime(datetime.fromisoformat("2026-01-15T12:00:00-01:00"))
        moment = Data(Tag.OCTET_STRING, sent.encode())
        for installation, told in (
            (BARE, "-01:00"),
            (Installation(negate_deviation=True), "+01:00"),
        ):
            there = Scale(Measurement("m", ATTRIBUTE, "m"), None, installation)
            self.assertEqual(there.value(moment), f"2026-01-15T12:00:00{told}")


class CycleTests(FleetCase):
    def test_the_quirk_reaches_it(self) -> None:
        self.simulate()
        (options,) = self.options()
        for quirks in (frozenset((NEGATE_DEVIATION,)), frozenset()):
            installation = Installation.of(evolve(options, quirks=quirks))
            self.assertIs(installation.negate_deviation, bool(quirks))

    def test_readings_of_the_primary_side(self) -> None:
        self.simulate(2)
        plain, transformed = self.options()
        self.read([plain, evolve(transformed, vt_ratio=TRANSFORMED.vt_ratio)])
        self.run_for(30)
        secondary, primary = (
            next(each.values for each in self.readings if each.meter == one.name)
            for one in (plain, transformed)
        )
        self.assertLess(secondary["voltage_l1"], 300)
        self.assertGreater(primary["voltage_l1"], 20_000)
        self.assertEqual(primary["voltage_l1"] % Decimal("11.45"), 0)
        self.assertLess(primary["frequency"], 51)
