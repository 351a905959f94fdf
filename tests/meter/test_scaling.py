"""Values leave exact: no digit of a counter lost, none invented."""

import math
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.config.values import Measurement
from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.dlms.axdr.value import DELTAS
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.errors import DecodeError
from dlmsd.meter.scaling import Scale, ScalerUnit

VOLTAGE = AttributeDescriptor(3, Obis.parse("1-1:32.7.0"), 2)


def scale(scaler: int = 0, code: int = 255, **wanted: object) -> Scale:
    """For a measurement that wants ``wanted`` of a meter that tells scaler and unit."""
    return Scale(Measurement("m", VOLTAGE, "m", **wanted), ScalerUnit(scaler, code))


class ScalerUnitTests(SynchronousTestCase):
    def test_of_attribute_3(self) -> None:
        told = Data(Tag.STRUCTURE, (Data(Tag.INTEGER, -1), Data(Tag.ENUM, 35)))
        self.assertEqual(ScalerUnit.of(told), ScalerUnit(-1, 35))
        self.assertEqual(ScalerUnit.of(told).symbol, "V")

    def test_anything_else_is_refused(self) -> None:
        for told in (
            Data(Tag.NULL_DATA, None),
            Data(Tag.STRUCTURE, (Data(Tag.INTEGER, -1),)),
            Data(Tag.STRUCTURE, (Data(Tag.VISIBLE_STRING, "x"), Data(Tag.ENUM, 35))),
            Data(Tag.LONG_UNSIGNED, 7),
        ):
            self.assertRaises(DecodeError, ScalerUnit.of, told)


class ScaleTests(SynchronousTestCase):
    def test_the_value_of_the_contract(self) -> None:
        value = scale(-1).value(Data(Tag.LONG_UNSIGNED, 1365))
        self.assertEqual(str(value), "136.5")

    @given(st.integers(0, 2**64 - 1), st.integers(-20, 5))
    def test_a_64_bit_counter_keeps_every_digit(self, raw: int, scaler: int) -> None:
        value = scale(scaler).value(Data(Tag.LONG64_UNSIGNED, raw))
        self.assertEqual(
            value * Decimal(10) ** -scaler if scaler < 0 else value, value_of(raw, scaler)
        )

    def test_whole_numbers_have_no_exponent(self) -> None:
        self.assertEqual(str(scale(3).value(Data(Tag.DOUBLE_LONG, 5))), "5000")
        self.assertEqual(str(scale(0).value(Data(Tag.DOUBLE_LONG, 0))), "0")

    def test_an_absurd_scaler_costs_nothing(self) -> None:
        for scaler in (-128, 127):
            value = scale(scaler).value(Data(Tag.LONG64_UNSIGNED, 2**64 - 1))
            self.assertLess(len(str(value)), 60)

    def test_wanted_unit(self) -> None:
        turned = scale(0, 30, unit="kWh")
        self.assertEqual(str(turned.value(Data(Tag.DOUBLE_LONG_UNSIGNED, 1234567))), "1234.567")
        self.assertEqual(turned.symbol, "kWh")

    def test_a_unit_of_another_quantity_is_kept_and_told(self) -> None:
        kept = scale(0, 35, unit="kWh")
        self.assertEqual(kept.value(Data(Tag.LONG_UNSIGNED, 230)), Decimal(230))
        self.assertEqual(kept.symbol, "V")
        self.assertIn("V", kept.mismatch)

    def test_scale_multiplies(self) -> None:
        self.assertEqual(
            str(scale(-1, scale=Decimal("0.1")).value(Data(Tag.LONG_UNSIGNED, 5))), "0.05"
        )

    def test_a_silent_meter_gives_the_raw_number_and_no_unit(self) -> None:
        plain = Scale(Measurement("m", VOLTAGE, "m"), None)
        self.assertEqual((plain.value(Data(Tag.LONG, -3)), plain.symbol), (Decimal(-3), ""))
        self.assertEqual(plain.mismatch, "")

    def test_a_unit_that_nobody_vouches_for_is_never_claimed(self) -> None:
        for told in (None, ScalerUnit(0, 255)):
            claimed = Scale(Measurement("m", VOLTAGE, "m", unit="kWh"), told)
            self.assertEqual(claimed.symbol, "")
            self.assertIn("no unit, not kWh", claimed.mismatch)
        vouched = Scale(Measurement("m", VOLTAGE, "m", unit="kWh", scale=Decimal("0.1")), None)
        self.assertEqual((vouched.symbol, vouched.mismatch), ("kWh", ""))
        self.assertEqual(str(vouched.value(Data(Tag.LONG, 12))), "1.2")

    def test_floats(self) -> None:
        self.assertEqual(str(scale().value(Data(Tag.FLOAT32, 0.10000000149011612))), "0.1")
        self.assertEqual(str(scale().value(Data(Tag.FLOAT64, 0.1))), "0.1")
        for none in (math.nan, math.inf, -math.inf):
            self.assertIsNone(scale().value(Data(Tag.FLOAT64, none)))

    def test_what_is_no_value_is_none(self) -> None:
        for data in (
            Data(Tag.NULL_DATA, None),
            Data(Tag.STRUCTURE, ()),
            Data(Tag.ARRAY, (Data(Tag.LONG, 1),)),
            Data(Tag.OCTET_STRING, b""),
            *(Data(tag, 5) for tag in DELTAS),
            Data(Tag.VISIBLE_STRING, ""),
        ):
            self.assertIsNone(scale().value(data), data)

    def test_text(self) -> None:
        self.assertEqual(scale().value(Data(Tag.OCTET_STRING, b"ISK0012")), "ISK0012")
        self.assertEqual(scale().value(Data(Tag.OCTET_STRING, b"\x01\xff")), "01ff")
        self.assertEqual(scale().value(Data(Tag.VISIBLE_STRING, "a\nb\x00")), "a\ufffdb\ufffd")
        self.assertLessEqual(len(scale().value(Data(Tag.VISIBLE_STRING, "x" * 9999))), 256)

    def test_twelve_octets_of_text(self) -> None:
        for text in ("123456789012", "LGZ103012345", " 00000000001", "~~~~~~~~~~~~"):
            self.assertEqual(scale().value(Data(Tag.OCTET_STRING, text.encode())), text)
        octets = "Zähler-0001".encode()
        self.assertEqual(scale().value(Data(Tag.OCTET_STRING, octets)), octets.hex())

    def test_a_time_that_is_none(self) -> None:
        for octets in (bytes(12), b"\xff" * 12, bytes.fromhex("07EA0D15060A1E00FF012C00")):
            self.assertIsNone(scale().value(Data(Tag.OCTET_STRING, octets)), octets)

    def test_text_that_is_no_utf8_is_shown_as_octets(self) -> None:
        self.assertEqual(scale().value(Data(Tag.UTF8_STRING, b"\xe2\x82")), "e282")

    def test_a_clock(self) -> None:
        octets = bytes.fromhex("07EA0B15060A1E00FF012C00")
        self.assertEqual(scale().value(Data(Tag.OCTET_STRING, octets)), "2026-11-21T10:30:00-05:00")
        self.assertIsInstance(scale().value(Data(Tag.BOOLEAN, True)), bool)


def value_of(raw: int, scaler: int) -> Decimal:
    """The judge: whole numbers, no Decimal arithmetic that could round."""
    return Decimal(raw if scaler <= 0 else raw * 10**scaler)
