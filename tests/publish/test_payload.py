from __future__ import annotations

import json
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.publish import payload


class PayloadTests(SynchronousTestCase):
    @given(st.decimals(allow_nan=False, allow_infinity=False))
    def test_every_digit_of_a_decimal_arrives(self, value: Decimal) -> None:
        body = json.loads(payload.encode(value), parse_float=Decimal, parse_int=Decimal)
        self.assertEqual(body.as_tuple(), value.as_tuple())

    def test_scaled_as_the_meter_says(self) -> None:
        self.assertEqual(payload.encode(Decimal(1365).scaleb(-1)), b"136.5")
