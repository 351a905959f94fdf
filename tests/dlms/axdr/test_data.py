from __future__ import annotations

from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.axdr.clock import Date, Time
from dlmsd.dlms.axdr.compact import CompactArray, TypeDescription
from dlmsd.dlms.axdr.data import BitString, Data, Tag, decode, encode
from dlmsd.dlms.axdr.length import decode_length
from dlmsd.dlms.axdr.limits import MAX_DEPTH, MAX_ELEMENTS, Budget
from dlmsd.errors import DecodeError, LocalError
from tests.dlms.axdr import trees
from tests.vectors.axdr import VECTORS

_FAST = settings(deadline=None, max_examples=150)


class VectorTests(SynchronousTestCase):
    """Every vector whole, with bytes around it, and cut at every length."""

    def test_every_type_has_one(self) -> None:
        self.assertEqual({data.tag for _, data in VECTORS.values()}, set(Tag))

    def test_whole(self) -> None:
        for name, (octets, data) in VECTORS.items():
            self.assertEqual(decode(octets), (data, len(octets)), name)
            self.assertEqual(encode(data).hex(), octets.hex(), name)

    def test_types_of_values(self) -> None:
        for name, (octets, data) in VECTORS.items():
            decoded, _ = decode(octets)
            self.assertIs(type(decoded.tag), Tag, name)
            self.assertIs(type(decoded.value), type(data.value), name)

    def test_at_an_offset_with_trailing_bytes(self) -> None:
        for name, (octets, data) in VECTORS.items():
            for trailer in (b"\x00", b"\xff\xff", octets):
                found = decode(b"\x12\x34\x56" + octets + trailer, 3)
                self.assertEqual(found, (data, 3 + len(octets)), name)

    def test_cut_at_every_length(self) -> None:
        for octets, _ in VECTORS.values():
            for end in range(len(octets)):
                error = self.assertRaises(DecodeError, decode, octets[:end])
                self.assertIn(" at byte ", str(error))


class ToleranceTests(SynchronousTestCase):
    """What is read although it is not written so."""

    def test_any_octet_but_zero_is_true(self) -> None:
        for octet in (0x01, 0x7F, 0xFF):
            self.assertEqual(decode(bytes((3, octet)))[0], Data(Tag.BOOLEAN, True))

    def test_lengths_are_read_as_everywhere(self) -> None:
        for first in (0x7E, 0x7F, *range(0x81, 0x85)):
            octets = bytes((0x09, first)) + bytes(0x90)
            length, start = decode_length(octets, 1)
            self.assertEqual(
                decode(octets), (Data(Tag.OCTET_STRING, bytes(length)), start + length)
            )

    def test_the_indefinite_length_of_ber_is_refused(self) -> None:
        self.assertRaises(DecodeError, decode, bytes((0x09, 0x80, 0, 0)))

    def test_long_forms_of_lengths(self) -> None:
        for octets in ("098102AABB", "09820002AABB", "098400000002AABB"):
            found = decode(bytes.fromhex(octets))
            self.assertEqual(found, (Data(Tag.OCTET_STRING, b"\xaa\xbb"), len(octets) // 2))


class ErrorTests(SynchronousTestCase):
    def refused(self, octets: str, message: str) -> None:
        error = self.assertRaises(DecodeError, decode, bytes.fromhex(octets))
        self.assertEqual(str(error), message)

    def test_unknown_tags(self) -> None:
        for number in set(range(256)) - set(Tag):
            error = self.assertRaises(DecodeError, decode, bytes((number,)) + bytes(40))
            self.assertEqual(str(error), f"unknown data tag {number} at byte 0")

    def test_messages_name_type_and_byte(self) -> None:
        self.refused("", "a data tag is missing at byte 0")
        self.refused("0202 1101 12AA", "long-unsigned at byte 5 is cut short")
        self.refused("0201 0905 AABB", "octet-string at byte 3 is cut short")
        self.refused("0201 19AABB", "date-time at byte 3 is cut short")
        self.refused("0411 AABB", "bit-string at byte 1 is cut short")
        self.refused("09", "octet-string: a length is missing at byte 1")
        self.refused("0103 0000", "array at byte 0 is cut short")
        self.refused("0202 11", "structure at byte 0 is cut short")
        self.refused("0202 1107", "a data tag is missing at byte 4")
        self.refused("0201 07", "unknown data tag 7 at byte 2")

    def test_an_offset_behind_the_end(self) -> None:
        self.assertRaises(DecodeError, decode, b"\x11\x01", 2)
        self.assertRaises(DecodeError, decode, b"\x11\x01", 999)


class EncodeErrorTests(SynchronousTestCase):
    """A value that its tag cannot hold is our mistake, whatever it is."""

    def test_refused(self) -> None:
        nothing = TypeDescription(Tag.NULL_DATA)
        null = Data(Tag.NULL_DATA, None)
        wrong: tuple[tuple[Tag, Any], ...] = (
            (Tag.NULL_DATA, 0),
            (Tag.UNSIGNED, 256),
            (Tag.UNSIGNED, -1),
            (Tag.UNSIGNED, "1"),
            (Tag.UNSIGNED, 1.0),
            (Tag.INTEGER, 128),
            (Tag.LONG64_UNSIGNED, 2**64),
            (Tag.FLOAT32, 1e300),
            (Tag.FLOAT64, "1"),
            (Tag.BOOLEAN, 1),
            (Tag.BCD, b"12"),
            (Tag.BCD, 12),
            (Tag.OCTET_STRING, "text"),
            (Tag.VISIBLE_STRING, "€"),
            (Tag.VISIBLE_STRING, b"text"),
            (Tag.UTF8_STRING, "\ud800"),
            (Tag.BIT_STRING, b"\x01"),
            (Tag.BIT_STRING, BitString(b"\x01", 9)),
            (Tag.BIT_STRING, BitString(b"", -1)),
            (Tag.DATE_TIME, Date(2024, 1, 1)),
            (Tag.DATE, Date(70000, 1, 1)),
            (Tag.TIME, Time(-1, 0)),
            (Tag.ARRAY, [null]),
            (Tag.STRUCTURE, null),
            (Tag.STRUCTURE, None),
            (Tag.ARRAY, CompactArray(nothing, ())),
            (Tag.COMPACT_ARRAY, ()),
        )
        for tag, value in wrong:
            self.assertRaises(LocalError, encode, Data(tag, value))

    def test_nesting(self) -> None:
        data = Data(Tag.UNSIGNED, 1)
        for _ in range(MAX_DEPTH):
            data = Data(Tag.STRUCTURE, (data,))
        self.assertEqual(decode(encode(data))[0], data)
        self.assertRaises(LocalError, encode, Data(Tag.STRUCTURE, (data,)))


class PropertyTests(SynchronousTestCase):
    @_FAST
    @given(trees.trees, st.binary(max_size=4), st.binary(max_size=4))
    def test_round_trip(self, data: Data, before: bytes, behind: bytes) -> None:
        octets = encode(data)
        found = decode(before + octets + behind, len(before))
        self.assertEqual(found, (data, len(before) + len(octets)))
        self.assertEqual(encode(found[0]).hex(), octets.hex())

    @_FAST
    @given(trees.plain(*trees.VALUES))
    def test_the_budget_pays_for_each_element(self, data: Data) -> None:
        budget = Budget()
        decode(encode(data), 0, budget)
        self.assertEqual(MAX_ELEMENTS - budget.elements, trees.count(data))

    @settings(deadline=None, max_examples=40)
    @given(trees.trees)
    def test_cut_anywhere(self, data: Data) -> None:
        octets = encode(data)
        for end in range(len(octets)):
            self.assertRaises(DecodeError, decode, octets[:end])

    def survive(self, octets: bytes) -> None:
        """Only DecodeError, or Data whose encoding is stable."""
        try:
            data, end = decode(octets)
        except DecodeError:
            return
        self.assertLessEqual(end, len(octets))
        once = encode(data)
        again, end = decode(once)
        self.assertEqual(end, len(once))
        self.assertEqual(encode(again).hex(), once.hex())

    @settings(deadline=None, max_examples=400)
    @given(st.binary(max_size=200))
    @example(bytes.fromhex("177F800001"))
    @example(bytes.fromhex("FF"))
    def test_random_bytes(self, octets: bytes) -> None:
        self.survive(octets)

    @settings(deadline=None, max_examples=400)
    @given(st.lists(st.sampled_from([*Tag, 3, 4, 0x7F, 0x81, 0x82]), max_size=60))
    def test_bytes_that_look_like_data(self, octets: list[int]) -> None:
        self.survive(bytes(octets))

    @settings(deadline=None, max_examples=300)
    @given(
        trees.trees, st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=4)
    )
    def test_damaged_data(self, data: Data, damage: list[tuple[int, int]]) -> None:
        octets = bytearray(encode(data))
        for place, octet in damage:
            octets[place % len(octets)] = octet
        self.survive(bytes(octets))
