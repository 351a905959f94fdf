"""What JSON becomes."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.thingsboard import values
from tests.thingsboard.values import NotConvertible, Record


class ValueTests(SynchronousTestCase):
    def kept(self, text: str) -> Any:
        return values.attributes(values.parse(b'{"v":' + text.encode() + b"}"))["v"]

    def test_what_each_value_becomes(self) -> None:
        for text, expected in {
            # V6
            "7": 7,
            "136.5": 136.5,
            "1.0": 1.0,
            "1e2": 100,
            "1.5E1": 15,
            "0": 0,
            "true": True,
            '"text"': "text",
            # V3
            '"00012345"': 12345,
            '"-4.50"': -4.5,
            '"1e5"': "1e5",
            '"5."': "5.",
            '"ISK-00012345"': "ISK-00012345",
            # V4
            "9223372036854775807": 2**63 - 1,
            "-9223372036854775808": -(2**63),
            "9223372036854775808": "9223372036854775808",
            '"98765432109876543210"': "98765432109876543210",
            # V5
            "0.1234567890123456": 0.1234567890123456,
            "0.12345678901234567": "0.12345678901234567",
            # V2
            '{"serial":"0012","n":[1,2.5,null]}': {"serial": "0012", "n": [1, 2.5, None]},
        }.items():
            found = self.kept(text)
            self.assertEqual((found, type(found)), (expected, type(expected)), text)

    def test_null_is_skipped(self) -> None:
        self.assertEqual(values.attributes(values.parse(b'{"a":null,"b":1}')), {"b": 1})

    def test_the_forms_of_telemetry(self) -> None:
        def records(text: bytes) -> list[Record]:
            return values.telemetry(values.parse(text), 99)

        self.assertEqual(records(b'{"ts":5,"values":{"a":1}}'), [Record(5, {"a": 1})])
        self.assertEqual(records(b'{"a":1}'), [Record(99, {"a": 1})])
        self.assertEqual(
            records(b'[{"ts":5,"values":{"a":1}},{"b":2}]'),
            [Record(5, {"a": 1}), Record(99, {"b": 2})],
        )

    def test_what_does_not_convert(self) -> None:
        for text in (
            b"",
            b"{",
            b"NaN",
            b"7",
            b"[7]",
            b'{"ts":"x","values":{}}',
            b'{"ts":1,"values":7}',
        ):
            with self.assertRaises(NotConvertible):
                values.telemetry(values.parse(text), 0)
