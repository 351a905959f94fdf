"""Data-Access-Result."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.xdlms.access_result import DataAccessResult

# IEC 62056-53 clause 8.5, Data-Access-Result.
STANDARD = {
    0: "success",
    1: "hardware-fault",
    2: "temporary-failure",
    3: "read-write-denied",
    4: "object-undefined",
    9: "object-class-inconsistent",
    11: "object-unavailable",
    12: "type-unmatched",
    13: "scope-of-access-violated",
    14: "data-block-unavailable",
    15: "long-get-aborted",
    16: "no-long-get-in-progress",
    17: "long-set-aborted",
    18: "no-long-set-in-progress",
    19: "data-block-number-invalid",
    250: "other-reason",
}


class DataAccessResultTests(SynchronousTestCase):
    def test_every_byte_is_a_result(self) -> None:
        for number in range(256):
            result = DataAccessResult(number)
            self.assertEqual(result, number)
            self.assertEqual(result.standard_name, STANDARD.get(number, f"unknown-{number}"))
            self.assertIn(STANDARD.get(number, f"code {number},"), result.words)

    def test_words_are_sentences(self) -> None:
        for result in DataAccessResult:
            self.assertTrue(result.sentence)
            self.assertFalse(result.sentence.endswith("."))

    def test_an_unknown_code_equals_itself(self) -> None:
        self.assertEqual(DataAccessResult(99), DataAccessResult(99))
        self.assertEqual(len({DataAccessResult(99), DataAccessResult(99)}), 1)
        self.assertIsInstance(DataAccessResult(99), DataAccessResult)

    def test_what_is_no_code(self) -> None:
        self.assertRaises(ValueError, DataAccessResult, -1)
        self.assertRaises(ValueError, DataAccessResult, "success")
