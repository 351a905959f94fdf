"""Arrays that come in pieces: the elements are those of the whole, whatever the pieces."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.axdr.compact import CompactArray, TypeDescription
from dlmsd.dlms.axdr.data import Data, Tag, decode, encode
from dlmsd.dlms.axdr.limits import MAX_DEPTH, MAX_EMPTY
from dlmsd.dlms.cosem.elements import MAX_ELEMENT, Elements
from dlmsd.errors import DecodeError
from tests.dlms.axdr.calls import counted
from tests.dlms.axdr.trees import compact_arrays, trees

# Empty structures take eight for each of their two octets.
_CALLS_PER_OCTET = 9

ARRAYS = st.lists(trees, max_size=6).map(lambda each: Data(Tag.ARRAY, tuple(each)))


def fed(octets: bytes, cuts: list[int], *, counted: bool = True) -> list[Data]:
    """The elements of ``octets``, fed in pieces that end at ``cuts``."""
    reader = Elements(counted=counted)
    places = [0, *sorted(cut % (len(octets) + 1) for cut in cuts), len(octets)]
    found: list[Data] = []
    for start, end in pairwise(places):
        found += reader.feed(octets[start:end])
    reader.finish()
    return found


class PiecesTests(SynchronousTestCase):
    @settings(max_examples=200, deadline=None)
    @given(ARRAYS, st.lists(st.integers(0), max_size=8))
    def test_arrays(self, array: Data, cuts: list[int]) -> None:
        self.assertEqual(fed(encode(array), cuts), list(array.value))

    @settings(deadline=None)
    @given(compact_arrays(), st.lists(st.integers(0), max_size=8))
    def test_compact_arrays(self, array: Data, cuts: list[int]) -> None:
        self.assertEqual(fed(encode(array), cuts), list(array.value.elements))

    @settings(max_examples=50, deadline=None)
    @given(ARRAYS)
    def test_byte_by_byte_and_cut_short(self, array: Data) -> None:
        octets = encode(array)
        self.assertEqual(fed(octets, list(range(len(octets)))), list(array.value))
        for end in range(len(octets)):
            error = self.assertRaises(DecodeError, fed, octets[:end], [])
            self.assertIn(" at byte ", str(error))

    @settings(max_examples=50, deadline=None)
    @given(ARRAYS)
    def test_trailing_octets(self, array: Data) -> None:
        error = self.assertRaises(DecodeError, fed, encode(array) + b"\x00", [])
        self.assertIn(f"behind the last element at byte {len(encode(array))}", str(error))

    def test_an_element_comes_with_its_last_octet(self) -> None:
        reader = Elements()
        octets = bytes.fromhex("0102 02021101 1102 0903")
        self.assertEqual(reader.feed(octets[:7]), [])
        self.assertEqual(reader.feed(octets[7:]), [decode(octets, 2)[0]])
        self.assertEqual(reader.buffered, 2)


class CountTests(SynchronousTestCase):
    def test_a_wrong_count(self) -> None:
        for count in (0, 1, 5, 200):
            octets = bytes((1, 0x81, count)) + bytes.fromhex("1101 1102")
            self.assertRaises(DecodeError, fed, octets, [])
            numbers = [each.value for each in fed(octets, [3], counted=False)]
            self.assertEqual(numbers, [1, 2])

    def test_a_wrong_count_excuses_no_half_element(self) -> None:
        octets = bytes.fromhex("0105 1101 11")
        self.assertRaises(DecodeError, fed, octets, [], counted=False)
        self.assertRaises(DecodeError, fed, b"", [], counted=False)

    def test_a_compact_array_has_no_count_to_ignore(self) -> None:
        octets = encode(
            Data(
                Tag.COMPACT_ARRAY,
                CompactArray(TypeDescription(Tag.UNSIGNED), (Data(Tag.UNSIGNED, 1),)),
            )
        )
        self.assertEqual(fed(octets, [], counted=False), [Data(Tag.UNSIGNED, 1)])
        self.assertRaises(DecodeError, fed, octets + b"\x00", [], counted=False)


class LimitTests(SynchronousTestCase):
    def refused(self, octets: bytes) -> str:
        return str(self.assertRaises(DecodeError, Elements().feed, octets))

    def test_what_is_no_array(self) -> None:
        self.assertIn("tag 2 is no array at byte 0", self.refused(bytes.fromhex("0200")))
        self.assertIn("unknown data tag 238 at byte 4", self.refused(bytes.fromhex("01021105EE")))
        self.assertIn("no compact-array holds tag 19", self.refused(bytes.fromhex("1313")))
        self.assertIn("length of 5 bytes", self.refused(bytes.fromhex("0101 09 850000000000")))

    def test_an_element_is_not_held_for_ever(self) -> None:
        for octets in ("0101 09 83100000", "0101 04 84FFFFFFFF", "13 11 84FFFFFFFF"):
            self.assertIn("more than 65536 octets", self.refused(bytes.fromhex(octets)))
        for element in (b"\x00", b"\x01\x00"):
            reader = Elements()
            reader.feed(bytes.fromhex("0101 0183FFFFFF"))
            self.assertEqual(reader.feed(element * (MAX_ELEMENT // len(element) - 10)), [])
            error = self.assertRaises(DecodeError, reader.feed, element * 100)
            self.assertIn("more than 65536 octets", str(error))

    def test_elements_without_contents(self) -> None:
        for tag in (b"\x00", b"\xff"):
            for cuts in ([], [9], list(range(5000))):
                octets = b"\x01\x82\x10\x00" + tag * MAX_EMPTY
                self.assertEqual(len(fed(octets, cuts)), MAX_EMPTY)
                octets = b"\x01\x82\x10\x01" + tag * (MAX_EMPTY + 1)
                error = self.assertRaises(DecodeError, fed, octets, cuts)
                self.assertIn(f"contents at byte {4 + MAX_EMPTY}", str(error))

    def test_many_small_elements_cost_little(self) -> None:
        # Calls are counted, and not seconds: they are the same on every machine.
        octets = b"\x01\x82\x80\x00" + b"\x02\x00" * 0x8000
        with counted() as calls:
            self.assertEqual(len(Elements().feed(octets)), 0x8000)
        self.assertLess(calls.number, _CALLS_PER_OCTET * len(octets))

    def test_nesting(self) -> None:
        deep = bytes.fromhex("0101") + bytes.fromhex("0201") * MAX_DEPTH + b"\x00"
        self.assertEqual(len(fed(deep, [])), 1)
        deep = bytes.fromhex("0101") + bytes.fromhex("0201") * (MAX_DEPTH + 1) + b"\x00"
        self.assertIn("levels", self.refused(deep))
        self.assertIn("levels", self.refused(b"\x01\x01" + b"\x02\x01" * 5000))

    def test_where_an_element_is_wrong(self) -> None:
        # A structure without elements, in a compact-array that has contents for it.
        octets = bytes.fromhex("0102 1101 130200 0101")
        self.assertIn("from byte 2 on: compact-array at byte 6", self.refused(octets))
        reader = Elements()
        reader.feed(octets[:6])
        error = self.assertRaises(DecodeError, reader.feed, octets[6:])
        self.assertIn("from byte 4 on: compact-array at byte 4", str(error))

    def test_what_does_not_decode_is_not_tried_twice(self) -> None:
        # As many bit-strings without bits as one APDU holds: more than may be.
        octets = b"\x01\x02\x13\x04\x82\xff\xf6" + bytes(0xFFF6)
        with counted() as once:
            self.assertRaises(DecodeError, decode, octets[2:])
        with counted() as calls:
            self.assertRaises(DecodeError, Elements().feed, octets)
        self.assertLess(calls.number, 1.5 * once.number)

    @settings(max_examples=300)
    @given(st.sampled_from((b"\x01", b"\x13", b"")), st.lists(st.binary(max_size=40), max_size=8))
    def test_any_octets(self, head: bytes, pieces: list[bytes]) -> None:
        """Only DecodeError comes out; and what comes is what decoding the whole gives."""
        reader = Elements()
        found: list[Data] = []
        octets = head + b"".join(pieces)
        try:
            for piece in (head, *pieces):
                found += reader.feed(piece)
            reader.finish()
        except DecodeError as error:
            self.assertNotIn("\n", str(error))
            return
        whole, end = decode(octets)
        self.assertEqual(end, len(octets))
        value = whole.value
        elements = value.elements if isinstance(value, CompactArray) else value
        self.assertEqual(repr(found), repr(list(elements)))
