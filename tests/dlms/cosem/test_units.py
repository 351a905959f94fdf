from __future__ import annotations

from decimal import Decimal

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.cosem.units import UNITS, conversion, unit

# The codes that earlier software had wrong, after the Blue Book's table.
OFTEN_WRONG = {
    8: "°",
    9: "°C",
    27: "W",
    28: "VA",
    29: "var",
    30: "Wh",
    31: "VAh",
    32: "varh",
    33: "A",
    34: "C",
    35: "V",
    36: "V/m",
    37: "F",
    38: "Ω",
    44: "Hz",
    56: "%",
    254: "",
    255: "",
}


class UnitTests(SynchronousTestCase):
    def test_the_table(self) -> None:
        for code, symbol in OFTEN_WRONG.items():
            found = unit(code)
            assert found is not None
            self.assertEqual((found.code, found.symbol), (code, symbol))

    def test_quantities(self) -> None:
        quantities = {code: each.quantity for code, each in UNITS.items()}
        self.assertEqual(quantities[30], "active energy")
        self.assertEqual(quantities[32], "reactive energy")
        self.assertEqual((quantities[254], quantities[255]), ("other", "count"))

    def test_codes(self) -> None:
        first = set(range(1, 58))
        self.assertEqual(set(UNITS), first | set(range(60, 68)) | {70, 71, 72, 254, 255})
        self.assertEqual([each.code for each in UNITS.values()], sorted(UNITS))

    def test_reserved_codes(self) -> None:
        for code in (0, 58, 59, 68, 73, 253, 256, -1):
            self.assertIs(unit(code), None)


class ConversionTests(SynchronousTestCase):
    def test_prefixes(self) -> None:
        for sent, wanted, factor in (
            ("Wh", "kWh", "0.001"),
            ("Wh", "MWh", "0.000001"),
            ("kWh", "Wh", "1000"),
            ("MWh", "kWh", "1000"),
            ("W", "MW", "0.000001"),
            ("V", "kV", "0.001"),
            ("V", "mV", "1000"),
            ("VA", "kVA", "0.001"),
            ("VAh", "kVAh", "0.001"),
            ("var", "kvar", "0.001"),
            ("varh", "Mvarh", "0.000001"),
            ("A", "mA", "1000"),
            ("A", "µA", "1000000"),
            ("A", "uA", "1000000"),
            ("Hz", "kHz", "0.001"),
            ("Ω", "kOhm", "0.001"),
            ("kg", "g", "1000"),
            ("Pa", "hPa", "0.01"),
            ("m", "cm", "100"),
            ("T", "mT", "1000"),
        ):
            found = conversion(sent, wanted)
            # As text too: 1E+3 would be published as such.
            self.assertEqual(str(found), factor, f"{sent} to {wanted}")

    def test_no_rounding(self) -> None:
        factor = conversion("Wh", "kWh")
        assert factor is not None
        self.assertEqual(str(Decimal("18446744073709551615") * factor), "18446744073709551.615")

    def test_each_to_itself(self) -> None:
        for each in UNITS.values():
            self.assertEqual(conversion(each.symbol, each.symbol), 1)

    def test_spellings(self) -> None:
        for sent, wanted in (
            ("Ω", "Ohm"),
            ("Ω", "ohm"),
            ("Ω", "\N{OHM SIGN}"),
            ("m³", "m3"),
            ("m³/h", "m3/h"),
            ("°C", "degC"),
            ("°", "deg"),
            ("V²h", "V2h"),
            ("dBµV", "dB\N{GREEK SMALL LETTER MU}V"),
            ("kWh", " kWh "),
        ):
            self.assertEqual(conversion(sent, wanted), 1, f"{sent} to {wanted}")

    def test_other_quantities(self) -> None:
        for sent, wanted in (
            ("W", "Wh"),
            ("W", "var"),
            ("VA", "kW"),
            ("Wh", "J"),
            ("°C", "K"),
            ("min", "in"),
            ("m³", "km3"),
            ("m³", "l"),
            ("m", "min"),
            ("d", "h"),
            ("", "kWh"),
            ("V", ""),
            ("W", "w"),
            ("W", "KW"),
            ("k", ""),
            ("V", "kkV"),
            ("%", "k%"),
        ):
            self.assertIs(conversion(sent, wanted), None, f"{sent} to {wanted}")

    def test_no_symbol_reads_as_another_with_a_prefix(self) -> None:
        symbols = {each.symbol for each in UNITS.values()}
        for sent in symbols:
            for wanted in symbols - {sent}:
                self.assertIs(conversion(sent, wanted), None, f"{sent} to {wanted}")
