"""BER: lengths, integers and limits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.acse import ber
from dlmsd.dlms.xdlms.cursor import Cursor
from dlmsd.errors import DecodeError


class ElementTests(SynchronousTestCase):
    @given(st.integers(0, 255).filter(lambda tag: tag & 0x1F != 0x1F), st.binary(max_size=400))
    def test_round_trip(self, tag: int, content: bytes) -> None:
        cursor = Cursor("test", ber.encode_element(tag, content))
        found, part = ber.decode_element(cursor)
        self.assertEqual((found, part.octets(part.end - part.offset, "all")), (tag, content))
        cursor.finish()

    def test_a_part_ends_where_its_element_ends(self) -> None:
        cursor = Cursor("test", bytes.fromhex("A1020401FF"))
        _, part = ber.decode_element(cursor)
        error = self.assertRaises(DecodeError, ber.decode_element, part)
        self.assertIn("element 04 is cut short at byte 4", str(error))

    def test_a_length_does_not_reach_over_the_end_of_a_part(self) -> None:
        cursor = Cursor("test", bytes.fromhex("A103048201FF00"))
        _, part = ber.decode_element(cursor)
        error = self.assertRaises(DecodeError, ber.decode_element, part)
        self.assertIn("the length of element 04 is cut short at byte 3", str(error))

    def test_a_huge_length_costs_nothing(self) -> None:
        cursor = Cursor("test", bytes.fromhex("A184FFFFFFFF00"))
        error = self.assertRaises(DecodeError, ber.decode_element, cursor)
        self.assertIn("cut short", str(error))


class IntegerTests(SynchronousTestCase):
    @given(st.integers(0, 2**31 - 1))
    def test_round_trip(self, number: int) -> None:
        content = Cursor("test", ber.encode_integer(number))
        self.assertEqual(ber.decode_integer(content, "number"), number)

    def test_the_sign_bit_is_kept_free(self) -> None:
        self.assertEqual(ber.encode_integer(127).hex(), "7f")
        self.assertEqual(ber.encode_integer(128).hex(), "0080")

    def test_what_is_too_large_is_refused(self) -> None:
        for octets in ("", "80", "FF000000", "0000000001"):
            content = Cursor("test", bytes.fromhex(octets))
            self.assertRaises(DecodeError, ber.decode_integer, content, "number")
