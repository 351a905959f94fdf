from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.axdr.value import BitString, Data, Tag


class ValueTests(SynchronousTestCase):
    def test_titles_are_the_standards(self) -> None:
        titles = [tag.title for tag in (Tag.NULL_DATA, Tag.LONG64_UNSIGNED, Tag.UTF8_STRING)]
        self.assertEqual(titles, ["null-data", "long64-unsigned", "utf8-string"])

    def test_bits_are_written_first_bit_first(self) -> None:
        self.assertEqual(str(BitString(b"\xa5\x40", 10)), "1010010101")
        self.assertEqual(str(BitString(b"", 0)), "")

    def test_data_tells_tag_and_value(self) -> None:
        data = Data(Tag.ENUM, 27)
        self.assertEqual((data.tag, data.value), (Tag.ENUM, 27))
