"""Values keep every digit, and their types, through the JSON text."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.errors import StoreError
from dlmsd.store.values import decode_values, encode_values

NUMBERS = st.decimals(allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | st.from_regex(r"-?\d+(\.\d+)?(e\d)?")
VALUES = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"])), NUMBERS | TEXTS | st.booleans()
)


def exact(value: object) -> tuple[type, str]:
    """Equal only for the same type and the same digits: Decimal("1.0") == Decimal("1") else."""
    return type(value), str(value)


class ValuesTests(SynchronousTestCase):
    @settings(deadline=None)  # a busy machine is no bug
    @given(VALUES)
    def test_nothing_changes(self, values: dict[str, Decimal | str | bool]) -> None:
        back = decode_values(encode_values(values))
        self.assertEqual(
            {name: exact(value) for name, value in back.items()},
            {name: exact(value) for name, value in values.items()},
        )

    def test_digits(self) -> None:
        for digits in (
            "230.10", "0.000", "-0", "-0.0", "1E+3", "0E-7", "1E-400", "136.5",
            "18446744073709551615", "-9223372036854775808", "123456789012345678901234567890",
        ):  # fmt: skip
            text = encode_values({"x": Decimal(digits)})
            self.assertEqual(str(decode_values(text)["x"]), digits)

    def test_as_numbers(self) -> None:
        """What another program reads is a number, not a text that holds one."""
        text = encode_values({"u": Decimal("230.10"), "serial": "00123", "on": True})
        self.assertEqual(text, '{"u":230.10,"serial":"00123","on":true}')

    def test_refused(self) -> None:
        for value in (Decimal("NaN"), Decimal("-Infinity"), Decimal("sNaN"), None, 1.5, 7, b"x"):
            error = self.assertRaises(StoreError, encode_values, {"power": value})
            self.assertIn("power", str(error))
        self.assertRaises(StoreError, encode_values, {"serial": "\ud800"})
