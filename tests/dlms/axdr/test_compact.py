from __future__ import annotations

from hypothesis import given, settings
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.axdr.compact import CompactArray, TypeDescription
from dlmsd.dlms.axdr.data import Data, Tag, decode, encode
from dlmsd.dlms.axdr.limits import MAX_DEPTH
from dlmsd.errors import DecodeError, LocalError
from tests.dlms.axdr import trees
from tests.vectors.axdr import COMPACT

_UNSIGNED = TypeDescription(Tag.UNSIGNED)


class CompactArrayTests(SynchronousTestCase):
    def refused(self, octets: str, *words: str) -> None:
        error = self.assertRaises(DecodeError, decode, bytes.fromhex(octets))
        for word in words:
            self.assertIn(word, str(error))

    def test_elements_are_those_of_a_plain_array(self) -> None:
        for name, (text, array) in COMPACT.items():
            decoded = decode(bytes.fromhex(text))[0].value
            assert isinstance(decoded, CompactArray)
            plain = encode(Data(Tag.ARRAY, array.elements))
            self.assertEqual(decoded.elements, decode(plain)[0].value, name)

    def test_inside_other_data(self) -> None:
        inner = Data(Tag.COMPACT_ARRAY, CompactArray(_UNSIGNED, (Data(Tag.UNSIGNED, 9),)))
        data = Data(Tag.STRUCTURE, (inner, Data(Tag.ENUM, 1), inner))
        self.assertEqual(encode(data).hex(), "020313110109160113110109")
        self.assertEqual(decode(encode(data)), (data, 12))

    def test_elements_must_fill_the_contents(self) -> None:
        self.refused("13 12 03 000102", "end at byte 6, not 5")
        self.refused("13 05 05 0000000000", "end at byte 8, not 7")
        # The octet-string ends inside the buffer, yet behind the contents.
        self.refused("13 09 02 03AA BBCC", "end at byte 5, not 7")
        self.refused("13 02 02 09 11 05 01AA05 0311 AABBCC", "end at byte 11, not 14")

    def test_contents_cut_short(self) -> None:
        self.refused("13 11 05 0102", "compact-array at byte 2 is cut short")

    def test_an_element_that_cannot_fit(self) -> None:
        self.refused("13 02 02 12 12 03 000102", "structure at byte 6 is cut short")
        self.refused("13 01 FFFF 11 02 0102", "array at byte 6 is cut short")

    def test_contents_of_nothing(self) -> None:
        for description in ("00", "FF", "0200", "01000011", "020200FF"):
            self.refused(f"13 {description} 01 00", "of a type without any")
            self.assertEqual(
                encode(decode(bytes.fromhex(f"13 {description} 00"))[0]).hex(),
                f"13{description}00".lower(),
            )

    def test_no_compact_array_inside(self) -> None:
        self.refused("13 13 11 01 01", "no compact-array holds tag 19, at byte 1")
        self.refused("13 02 01 07 01 01", "no compact-array holds tag 7, at byte 3")

    def test_nesting_of_descriptions(self) -> None:
        deepest = b"\x13" + b"\x02\x01" * (MAX_DEPTH - 1) + b"\x11\x01\x05"
        self.assertEqual(encode(decode(deepest)[0]), deepest)
        self.assertRaises(DecodeError, decode, b"\x13" + b"\x02\x01" * MAX_DEPTH + b"\x11\x01\x05")
        self.assertRaises(DecodeError, decode, b"\x02\x01" + deepest)

    def test_sizes_are_known_beforehand(self) -> None:
        null = TypeDescription(Tag.NULL_DATA)
        pair = TypeDescription(Tag.STRUCTURE, (TypeDescription(Tag.LONG), null))
        array = TypeDescription(Tag.ARRAY, (pair,), 3)
        self.assertEqual((pair.least, pair.cost, pair.empty), (2, 4, 1))
        self.assertEqual((array.least, array.cost, array.empty), (6, 14, 3))
        self.assertEqual((null.least, null.cost, null.empty), (0, 1, 1))

    @settings(deadline=None, max_examples=200)
    @given(trees.compact_arrays())
    def test_round_trip(self, data: Data) -> None:
        self.assertEqual(decode(encode(data))[0], data)


class EncodeErrorTests(SynchronousTestCase):
    def refused(self, description: TypeDescription, *elements: Data) -> None:
        array = CompactArray(description, elements)
        self.assertRaises(LocalError, encode, Data(Tag.COMPACT_ARRAY, array))

    def test_elements_not_as_described(self) -> None:
        pair = TypeDescription(Tag.ARRAY, (_UNSIGNED,), 2)
        one = Data(Tag.UNSIGNED, 1)
        self.refused(_UNSIGNED, Data(Tag.INTEGER, 1))
        self.refused(_UNSIGNED, Data(Tag.UNSIGNED, 256))
        self.refused(pair, Data(Tag.ARRAY, (one,)))
        self.refused(pair, Data(Tag.ARRAY, (one, one, one)))
        self.refused(pair, Data(Tag.STRUCTURE, (one, one)))
        self.refused(pair, Data(Tag.ARRAY, None))

    def test_elements_that_could_not_be_counted(self) -> None:
        self.refused(TypeDescription(Tag.NULL_DATA), Data(Tag.NULL_DATA, None))

    def test_impossible_descriptions(self) -> None:
        self.refused(TypeDescription(Tag.COMPACT_ARRAY))
        self.refused(TypeDescription(Tag.ARRAY, (), 1))
        self.refused(TypeDescription(Tag.ARRAY, (_UNSIGNED, _UNSIGNED), 1))
        self.refused(TypeDescription(Tag.ARRAY, (_UNSIGNED,), 65536))
        deep = _UNSIGNED
        for _ in range(MAX_DEPTH):
            deep = TypeDescription(Tag.STRUCTURE, (deep,))
        self.refused(deep)
