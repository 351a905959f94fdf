"""Bombs: whatever 64 KiB of input say, they cost a bounded number of calls and bytes.

Calls and bytes are counted, not seconds: they are the same on every machine.
"""

from __future__ import annotations

import tracemalloc

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.axdr.data import Data, Tag, decode, encode
from dlmsd.dlms.axdr.length import encode_length
from dlmsd.dlms.axdr.limits import MAX_DEPTH, MAX_ELEMENTS, MAX_EMPTY, Budget
from dlmsd.errors import DecodeError
from tests.dlms.axdr.calls import counted
from tests.dlms.axdr.trees import count

_APDU = 1 << 16

# Calls per octet of input, and beside them per element paid for. Most is measured for
# empty structures: 7 for each of their two octets; for wrapped numbers: 4 per element.
_CALLS_PER_OCTET = 8
_CALLS_PER_ELEMENT = 5
_MEMORY = 32 << 20


def _array(element: bytes, number: int | None = None, tag: int = 1) -> bytes:
    number = (_APDU - 5) // len(element) if number is None else number
    return bytes((tag,)) + encode_length(number) + element * number


def _compact(description: bytes, contents: bytes, number: int | None = None) -> bytes:
    room = _APDU - len(description) - 5
    number = room // len(contents) if number is None else number
    return b"\x13" + description + encode_length(number * len(contents)) + contents * number


def _wrapped(levels: int) -> bytes:
    return b"\x02\x01" * levels + b"\x11"


# Refused, and the words by which.
REFUSED: dict[str, tuple[bytes, str]] = {
    "huge count": (b"\x01\x84\xff\xff\xff\xff" + bytes(_APDU - 6), "array at byte 0 is cut short"),
    "five length bytes": (b"\x09\x85\xff\xff\xff\xff\xff" + bytes(99), "has 5 bytes"),
    "octet-string of 4 GiB": (b"\x09\x84\xff\xff\xff\xff" + bytes(99), "cut short"),
    "bit-string of 512 MiB": (b"\x04\x84\xff\xff\xff\xff" + bytes(99), "cut short"),
    "length 84FFFFFFFF as a tag": (b"\x84\xff\xff\xff\xff", "unknown data tag 132"),
    "unknown tag": (b"\x07" * _APDU, "unknown data tag 7"),
    "nesting": (b"\x02\x01" * (_APDU // 2), f"more than {MAX_DEPTH} levels"),
    "wide nesting": (b"\x01\x82\xff\xf0" * (_APDU // 4), "65536"),
    "null-array": (_array(b"\x00"), f"more than {MAX_EMPTY} elements without contents"),
    "dont-care-array": (_array(b"\xff"), "without contents"),
    "compact: contents of null": (_compact(b"\x00", b"\x00"), "of a type without any"),
    "compact: contents of empty structures": (_compact(b"\x02\x00", b"\x00"), "without any"),
    "compact: 4,294,836,225 nulls a row": (
        _compact(b"\x02\x02\x11\x01\xff\xff\x01\xff\xff\x00", b"\x01"),
        f"more than {MAX_ELEMENTS} elements",
    ),
    "compact: 1,000 nulls a row": (
        _compact(b"\x02\x02\x11\x01\x03\xe8\x00", b"\x01"),
        "without contents",
    ),
    "compact: array of 65,535 to the fourteenth": (
        _compact(b"\x01\xff\xff" * 14 + b"\x11", b"\x01"),
        "array at byte 47 is cut short",
    ),
    "compact: depth": (_compact(_wrapped(MAX_DEPTH), b"\x01"), "levels"),
    "compact: endless description": (b"\x13" + b"\x01\xff\xff" * 21845, "levels"),
    "compact: a type per byte": (_compact(_array(b"\x11", 60_000, 2), b"\x01", 0), "without"),
    "compact: wrapped numbers": (_compact(_wrapped(1), b"\x01"), "more than 65536 elements"),
    "compact: deeply wrapped numbers": (_compact(_wrapped(14), b"\x01"), "65536"),
    "compact: too many bit-strings": (_compact(b"\x04", b"\x00"), "65536"),
    "compact: as many as there are bytes": (
        _array(_compact(b"\x11", b"\x01", 1), 12_000),
        "without contents",
    ),
}

# Decoded, since nothing is wrong with them; each is the worst of its kind.
DECODED: dict[str, bytes] = {
    "booleans": _array(b"\x03\x01"),
    "empty structures": _array(b"\x02\x00"),
    "empty bit-strings": _array(b"\x04\x00"),
    "not UTF-8": _array(b"\x0c\x01\xff"),
    "structures of one": _array(b"\x02\x01\x03\x01"),
    "date-times": _array(b"\x19" + b"\x07\xe8\x01\x02\x03\x04\x05\x06\x07\x01\x2c\x7f"),
    "one long octet-string": b"\x09\x82\xff\xf0" + bytes(0xFFF0),
    "nulls": _array(b"\x00", MAX_EMPTY),
    "compact: numbers": _compact(b"\x11", b"\x01"),
    "compact: one array": _compact(b"\x01\xff\xf0\x11", b"\x01", 0xFFF0),
    "compact: empty bit-strings": _compact(b"\x04", b"\x00", 32_766),
    "compact: empty strings": _compact(b"\x0c", b"\x00", 65_000),
    "compact: date-times": _compact(b"\x19", b"\x07\xe8\x01\x02\x03\x04\x05\x06\x07\x01\x2c\x7f"),
    "compact: structures of one": _compact(_wrapped(1), b"\x01", 21_844),
    "compact: wrapped fourteen times": _compact(_wrapped(14), b"\x01", 2_259),
    "compact: a type with 4,000 parts": _compact(_array(b"\x02\x00", 2_000, 2), b"\x00", 0),
}


def _bound(octets: bytes, elements: int) -> int:
    return _CALLS_PER_OCTET * len(octets) + _CALLS_PER_ELEMENT * elements + 100


def _calls(octets: bytes) -> tuple[int, Budget, str]:
    """How many functions are called to decode; the budget; the error."""
    budget, message = Budget(), ""
    with counted() as calls:
        try:
            decode(octets, 0, budget)
        except DecodeError as error:
            message = str(error)
    return calls.number, budget, message


class BombTests(SynchronousTestCase):
    def test_refused(self) -> None:
        for name, (octets, words) in REFUSED.items():
            self.assertLessEqual(len(octets), _APDU, name)
            calls, _, message = _calls(octets)
            self.assertIn(words, message or "decoded", name)
            self.assertLess(calls, _bound(octets, MAX_ELEMENTS), name)

    def test_refused_before_anything_is_built(self) -> None:
        for name in (
            "huge count",
            "octet-string of 4 GiB",
            "bit-string of 512 MiB",
            "nesting",
            "compact: contents of null",
            "compact: 4,294,836,225 nulls a row",
            "compact: array of 65,535 to the fourteenth",
        ):
            calls, _, _ = _calls(REFUSED[name][0])
            self.assertLess(calls, 600, name)

    def test_decoded(self) -> None:
        for name, octets in DECODED.items():
            self.assertLessEqual(len(octets), _APDU, name)
            calls, budget, message = _calls(octets)
            self.assertEqual(message, "", name)
            paid = MAX_ELEMENTS - budget.elements
            self.assertLess(calls, _bound(octets, paid), name)
            self.assertGreaterEqual(paid, count(decode(octets)[0]), name)

    def test_memory(self) -> None:
        bombs = {**DECODED, **{name: octets for name, (octets, _) in REFUSED.items()}}
        for name, octets in bombs.items():
            tracemalloc.start()
            try:
                decode(octets)
            except DecodeError:
                pass
            finally:
                _, peak = tracemalloc.get_traced_memory()
                tracemalloc.stop()
            self.assertLess(peak, _MEMORY, name)


class EdgeTests(SynchronousTestCase):
    """The last that is let through and the first that is not."""

    def test_depth(self) -> None:
        inside = b"\x02\x01" * (MAX_DEPTH - 1)
        for last in (b"\x01\x00", b"\x02\x00", b"\x13\x11\x00"):
            self.assertEqual(encode(decode(inside + last)[0]), inside + last)
            self.assertRaises(DecodeError, decode, b"\x02\x01" + inside + last)

    def test_empty_elements(self) -> None:
        self.assertEqual(count(decode(_array(b"\x00", MAX_EMPTY))[0]), MAX_EMPTY + 1)
        self.assertRaises(DecodeError, decode, _array(b"\x00", MAX_EMPTY + 1))

    def test_empty_elements_of_a_compact_array(self) -> None:
        # Types have no contents either; in each row there is one null.
        row = b"\x02\x02\x11\x00"
        paid_by_types = 3
        octets = _compact(row, b"\x01", MAX_EMPTY - paid_by_types)
        self.assertEqual(encode(decode(octets)[0]), octets)
        octets = _compact(row, b"\x01", MAX_EMPTY - paid_by_types + 1)
        self.assertRaises(DecodeError, decode, octets)

    def test_elements(self) -> None:
        # The compact-array, its type, then each number, may not be more than the limit.
        for number, fits in ((MAX_ELEMENTS - 2, True), (MAX_ELEMENTS - 1, False)):
            octets = b"\x13\x11" + encode_length(number) + b"\x01" * number
            if fits:
                self.assertEqual(count(decode(octets)[0]), MAX_ELEMENTS - 1)
            else:
                self.assertRaises(DecodeError, decode, octets)

    def test_elements_of_many_data_share_a_budget(self) -> None:
        octets = _compact(b"\x11", b"\x01", 40_000)
        decode(octets)
        budget = Budget()
        decode(octets, 0, budget)
        error = self.assertRaises(DecodeError, decode, octets, 0, budget)
        self.assertIn(f"more than {MAX_ELEMENTS} elements", str(error))

    def test_a_long_profile_is_no_bomb(self) -> None:
        row = Data(
            Tag.STRUCTURE,
            (
                Data(Tag.OCTET_STRING, bytes(12)),
                Data(Tag.UNSIGNED, 0),
                *(Data(Tag.DOUBLE_LONG_UNSIGNED, 10**6),) * 8,
            ),
        )
        octets = encode(Data(Tag.ARRAY, (row,) * 1100))
        self.assertLess(len(octets), _APDU)
        self.assertEqual(count(decode(octets)[0]), 1 + 1100 * 11)
