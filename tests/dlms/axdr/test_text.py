"""Data as people write it, there and back."""

from __future__ import annotations

import math

from hypothesis import assume, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.axdr.clock import ClockStatus, Date, DateTime, Time
from dlmsd.dlms.axdr.data import BitString, Data, Tag, decode, encode
from dlmsd.dlms.axdr.text import parse, write
from tests.dlms.axdr import trees

# What each type is like, by hand: the table at the top of the module.
WRITTEN = {
    "null": Data(Tag.NULL_DATA, None),
    "boolean:true": Data(Tag.BOOLEAN, True),
    "bit-string:0101": Data(Tag.BIT_STRING, BitString(b"\x50", 4)),
    "double-long:-5": Data(Tag.DOUBLE_LONG, -5),
    "long-unsigned:5": Data(Tag.LONG_UNSIGNED, 5),
    "octet-string:0102": Data(Tag.OCTET_STRING, b"\x01\x02"),
    'visible-string:"a, b}"': Data(Tag.VISIBLE_STRING, "a, b}"),
    'utf8-string:"\\u00e9\\u001b"': Data(Tag.UTF8_STRING, "é\x1b"),
    "bcd:42": Data(Tag.BCD, b"\x42"),
    "float32:1.5": Data(Tag.FLOAT32, 1.5),
    "date-time:2026-11-26T12:00:00-05:00": Data(
        Tag.DATE_TIME,
        DateTime(Date(2026, 11, 26, 4), Time(12, 0, 0, 0), 300, ClockStatus(0)),
    ),
    "date-time:07ea0b1aff0c0000008000ff": Data(
        Tag.DATE_TIME, DateTime(Date(2026, 11, 26), Time(12, 0, 0, 0))
    ),
    "date:2026-11-26": Data(Tag.DATE, Date(2026, 11, 26, 4)),
    "time:12:00:00": Data(Tag.TIME, Time(12, 0, 0, 0)),
    "structure{enum:1, array{null, long:2}}": Data(
        Tag.STRUCTURE,
        (Data(Tag.ENUM, 1), Data(Tag.ARRAY, (Data(Tag.NULL_DATA, None), Data(Tag.LONG, 2)))),
    ),
    "array{}": Data(Tag.ARRAY, ()),
    "data:0c01ff": Data(Tag.UTF8_STRING, b"\xff"),
}
# What may be left out, by what is there.
GUESSED = {
    "5": (Data(Tag.LONG_UNSIGNED, 1), "long-unsigned:5"),
    "0x10": (Data(Tag.ENUM, 1), "enum:16"),
    "true": (Data(Tag.BOOLEAN, False), "boolean:true"),
    "a, b": (Data(Tag.VISIBLE_STRING, ""), 'visible-string:"a, b"'),
    '"AB"': (Data(Tag.OCTET_STRING, b""), "octet-string:4142"),
    "0a 0b": (Data(Tag.OCTET_STRING, b""), "octet-string:0a0b"),
    "2026-11-26T12:00:00Z": (
        Data(Tag.OCTET_STRING, bytes(12)),
        "octet-string:07ea0b1a040c00000000" + "0000",
    ),
    "2026-11-26": (Data(Tag.OCTET_STRING, bytes(5)), "octet-string:07ea0b1a04"),
    "{3, enum:4}": (
        Data(Tag.STRUCTURE, (Data(Tag.LONG, 1), Data(Tag.LONG, 2))),
        "structure{long:3, enum:4}",
    ),
    "{3, 4}": (Data(Tag.ARRAY, (Data(Tag.LONG, 1),)), "array{long:3, long:4}"),
    "null": (Data(Tag.LONG, 1), "null"),
    "unsigned:7": (Data(Tag.LONG, 1), "unsigned:7"),
}
REFUSED = (
    "5", "long:70000", "long:x", "boolean:1", "bit-string:012", "octet-string:0", "bcd:123",
    "date-time:tomorrow", "structure{long:1", "structure{long:1,}", "structure{long:1} long:2",
    "structure{long:1 long:2}", 'visible-string:"a', "{long:1}", "nonsense:1", "data:ff00",
    "data:12", "", "structure{" * 20, "date:2026-13-01", "time:25:00:00",
)  # fmt: skip


def _comparable(data: Data) -> bool:
    if isinstance(data.value, tuple) and data.tag in (Tag.ARRAY, Tag.STRUCTURE):
        return all(_comparable(one) for one in data.value if isinstance(one, Data))
    return not (isinstance(data.value, float) and math.isnan(data.value))


class TextTests(SynchronousTestCase):
    def test_both_ways(self) -> None:
        for text, data in WRITTEN.items():
            with self.subTest(text=text):
                self.assertEqual(parse(text), data)
                self.assertEqual(write(data), text)

    def test_types_left_out(self) -> None:
        for text, (like, meant) in GUESSED.items():
            with self.subTest(text=text):
                self.assertEqual(write(parse(text, like)), meant)

    def test_what_is_none(self) -> None:
        for text in REFUSED:
            with self.subTest(text=text):
                self.assertRaises(ValueError, parse, text)

    @given(trees.trees)
    def test_whatever_a_meter_holds(self, data: Data) -> None:
        assume(_comparable(data))
        text = write(data)
        self.assertTrue(text.isascii() and text.isprintable())
        self.assertEqual(encode(parse(text)), encode(data))

    @given(st.text() | st.text(st.sampled_from('{},:"0a structurelong-')))
    def test_whatever_is_written(self, text: str) -> None:
        try:
            data = parse(text)
        except ValueError:
            return
        self.assertEqual(decode(encode(data))[1], len(encode(data)))
