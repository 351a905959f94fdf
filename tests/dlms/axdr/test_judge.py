"""dlms-cosem 21.3.2 (MIT) as independent judge of octets and values.

It decodes null-data, array, structure, boolean, the integers, enum, octet-string,
date-time, date and time. What it cannot judge:

* bit-string, visible-string, utf8-string, float32, float64, dont-care: raise
  NotImplementedError; compact-array and the delta types it does not know;
* bcd: it expects a length, the standard has one octet;
* a date-time with anything unspecified or with deviation 0: it reads 0 and "none" alike;
* encoding of arrays (TypeError), and of octet-strings above 127 octets (short length).
"""

from __future__ import annotations

import datetime
from typing import Any

from dlms_cosem import dlms_data, time
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.axdr.clock import ClockStatus, DateTime
from dlmsd.dlms.axdr.data import Data, Tag, decode, encode
from tests.dlms.axdr import trees
from tests.vectors.axdr import VECTORS

INTEGERS = {
    Tag.DOUBLE_LONG: dlms_data.DoubleLongData,
    Tag.DOUBLE_LONG_UNSIGNED: dlms_data.DoubleLongUnsignedData,
    Tag.INTEGER: dlms_data.IntegerData,
    Tag.LONG: dlms_data.LongData,
    Tag.UNSIGNED: dlms_data.UnsignedIntegerData,
    Tag.LONG_UNSIGNED: dlms_data.UnsignedLongData,
    Tag.LONG64: dlms_data.Long64Data,
    Tag.LONG64_UNSIGNED: dlms_data.UnsignedLong64Data,
    Tag.ENUM: dlms_data.EnumData,
}
JUDGED = (Tag.NULL_DATA, Tag.BOOLEAN, Tag.OCTET_STRING, *INTEGERS)
UNJUDGED = {
    Tag.BIT_STRING,
    Tag.VISIBLE_STRING,
    Tag.UTF8_STRING,
    Tag.FLOAT32,
    Tag.FLOAT64,
    Tag.BCD,
    Tag.DONT_CARE,
    Tag.COMPACT_ARRAY,
}
_MODERATE = settings(deadline=None, max_examples=150)


def _python(data: Data) -> Any:
    value = data.value
    return [_python(each) for each in value] if type(value) is tuple else value


class JudgeTests(SynchronousTestCase):
    def judged(self, octets: bytes) -> Any:
        (only,) = dlms_data.DlmsDataParser().parse(octets)
        return only.to_python()

    def test_its_tags_are_ours(self) -> None:
        deltas = {tag for tag in Tag if Tag.DELTA_INTEGER <= tag <= Tag.DELTA_DOUBLE_LONG_UNSIGNED}
        self.assertEqual(set(dlms_data.DlmsDataFactory.MAP), set(Tag) - deltas)
        clocks = {Tag.DATE_TIME, Tag.DATE, Tag.TIME}
        containers = {Tag.ARRAY, Tag.STRUCTURE}
        self.assertEqual({*JUDGED, *UNJUDGED, *clocks, *containers, *deltas}, set(Tag))

    def test_vectors(self) -> None:
        seen = 0
        for name, (octets, data) in VECTORS.items():
            if data.tag in JUDGED:
                self.assertEqual(self.judged(octets), data.value, name)
                seen += 1
        self.assertGreater(seen, 15)

    @_MODERATE
    @given(trees.plain(*JUDGED))
    def test_it_reads_what_we_write(self, data: Data) -> None:
        self.assertEqual(self.judged(encode(data)), _python(data))

    @_MODERATE
    @given(st.lists(trees.leaves(*INTEGERS), max_size=200))
    def test_we_read_what_it_writes(self, elements: list[Data]) -> None:
        theirs = [INTEGERS[each.tag](each.value) for each in elements]
        octets = dlms_data.DataStructure(theirs).to_bytes()
        ours = Data(Tag.STRUCTURE, tuple(elements))
        self.assertEqual(decode(octets), (ours, len(octets)))

    @_MODERATE
    @given(
        st.datetimes(
            min_value=datetime.datetime(1, 1, 3),
            max_value=datetime.datetime(9999, 12, 29),
            timezones=st.integers(-720, 840)
            .filter(bool)
            .map(lambda east: datetime.timezone(datetime.timedelta(minutes=east))),
        ),
        st.sampled_from((0, 1, 2, 4, 8, 0x80, 0x8F)),
    )
    def test_date_times(self, moment: datetime.datetime, status: int) -> None:
        whole = moment.replace(microsecond=moment.microsecond // 10_000 * 10_000)
        octets = DateTime.from_datetime(whole).encode()[:-1] + bytes((status,))
        ours = DateTime.decode(octets)
        theirs, their_status = self.judged(encode(Data(Tag.DATE_TIME, ours)))
        self.assertEqual(ours.to_datetime(), theirs)
        self.assertEqual(
            ours.status,
            ClockStatus(int.from_bytes(their_status.to_bytes(), "big")),
        )
        self.assertEqual(self.judged(encode(Data(Tag.DATE, ours.date))), theirs.date())
        self.assertEqual(self.judged(encode(Data(Tag.TIME, ours.time))), theirs.time())
        written = time.datetime_to_bytes(whole, their_status)
        # It leaves the day of the week unspecified.
        self.assertEqual(written[:4] + octets[4:5] + written[5:], octets)
