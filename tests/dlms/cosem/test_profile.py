"""Load profiles: rows as they come, what meters leave out, and constant memory."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

from dlms_cosem import cosem, enumerations
from dlms_cosem.parsers import ProfileGenericBufferParser
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.axdr.clock import ClockStatus, Date, DateTime, Time
from dlmsd.dlms.axdr.compact import CompactArray, TypeDescription
from dlmsd.dlms.axdr.data import Data, Tag, decode, encode
from dlmsd.dlms.axdr.length import encode_length
from dlmsd.dlms.axdr.value import DELTAS
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.capture import CaptureObject
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.cosem.profile import ProfileRows, Row
from dlmsd.errors import DecodeError, LocalError

CLOCK = CaptureObject(AttributeDescriptor(8, Obis.parse("0-0:1.0.0"), 2))
STATUS = CaptureObject(AttributeDescriptor(1, Obis.parse("0-0:96.10.7"), 2))
ENERGY = CaptureObject(AttributeDescriptor(3, Obis.parse("1-1:1.8.0"), 2))
COLUMNS = (CLOCK, STATUS, ENERGY)
QUARTER = 900
MINUTE = datetime.timedelta(minutes=1)
MIDNIGHT = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)
NULL = Data(Tag.NULL_DATA, None)
BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str) -> datetime.datetime:
    """An instant of UTC."""
    return datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC)


def time(moment: datetime.datetime) -> Data:
    return Data(Tag.OCTET_STRING, DateTime.from_datetime(moment).encode())


def local(text: str, status: int | None = 0xFF) -> Data:
    """A time without deviation."""
    sent = DateTime.from_datetime(datetime.datetime.fromisoformat(text)).encode()
    return Data(Tag.OCTET_STRING, sent[:11] + bytes((0xFF if status is None else status,)))


def status(number: int) -> Data:
    return Data(Tag.UNSIGNED, number)


def energy(number: int) -> Data:
    return Data(Tag.DOUBLE_LONG_UNSIGNED, number)


def row(*values: Data) -> Data:
    return Data(Tag.STRUCTURE, values)


def buffer(*rows: Data) -> bytes:
    return encode(Data(Tag.ARRAY, rows))


def read(octets: bytes, period: int = QUARTER, **options: Any) -> list[Row]:
    rows = ProfileRows(COLUMNS, period, **options)
    found = rows.feed(octets)
    rows.finish()
    return found


def times(*moments: Data, period: int = QUARTER, **options: Any) -> list[Any]:
    """The times of rows that hold these in their first column."""
    octets = buffer(*(row(moment, status(0), energy(1)) for moment in moments))
    return [each.time for each in read(octets, period, **options)]


class RowTests(SynchronousTestCase):
    def test_a_row(self) -> None:
        values = (time(MIDNIGHT), status(8), energy(5))
        (found,) = read(buffer(row(*values)))
        self.assertEqual(found, Row(MIDNIGHT, ClockStatus(0), False, values))

    def test_null_repeats_the_row_before(self) -> None:
        octets = buffer(
            row(time(MIDNIGHT), status(8), energy(5)),
            row(NULL, NULL, energy(6)),
            row(NULL, NULL, NULL),
        )
        found = read(octets)
        self.assertEqual(
            [tuple(each.values[1:]) for each in found],
            [(status(8), energy(5)), (status(8), energy(6)), (status(8), energy(6))],
        )
        self.assertEqual(
            [each.time for each in found], [MIDNIGHT + 15 * each * MINUTE for each in range(3)]
        )
        self.assertEqual([each.computed for each in found], [False, True, True])
        self.assertEqual([each.status for each in found], [ClockStatus(0), None, None])

    def test_null_as_no_value(self) -> None:
        octets = buffer(row(time(MIDNIGHT), status(8), energy(5)), row(NULL, NULL, NULL))
        self.assertEqual(read(octets, null_repeats=False)[1].values, (NULL, NULL, NULL))

    def test_null_in_the_first_row(self) -> None:
        (found,) = read(buffer(row(NULL, NULL, energy(5))))
        self.assertEqual(found, Row(None, None, False, (NULL, NULL, energy(5))))

    def test_a_delta_adds_to_the_row_before(self) -> None:
        octets = buffer(
            row(time(MIDNIGHT), status(8), energy(2**32 - 1000)),
            row(NULL, NULL, Data(Tag.DELTA_UNSIGNED, 200)),
            row(NULL, status(9), NULL),
            row(NULL, NULL, Data(Tag.DELTA_LONG, -70)),
            row(NULL, Data(Tag.DELTA_INTEGER, -9), Data(Tag.DELTA_LONG_UNSIGNED, 800)),
        )
        expected = [(8, -1000), (8, -800), (9, -800), (9, -870), (0, -70)]
        self.assertEqual(
            [each.values[1:] for each in read(octets)],
            [(status(one), energy(2**32 + two)) for one, two in expected],
        )
        found = read(octets, null_repeats=False)
        self.assertEqual(found[1].values, (NULL, NULL, energy(2**32 - 800)))
        self.assertEqual(found[3].values[2].tag, Tag.DELTA_LONG)

    def test_a_delta_of_every_type(self) -> None:
        for tag in DELTAS:
            (_, found) = read(
                buffer(row(NULL, NULL, energy(5)), row(NULL, NULL, Data(tag, 2))), period=0
            )
            self.assertEqual(found.values[2], energy(7), tag)

    def test_a_delta_without_a_number_before_it_stays_one(self) -> None:
        delta = Data(Tag.DELTA_UNSIGNED, 2)
        for before in (
            NULL,
            delta,
            energy(2**32 - 2),
            Data(Tag.ENUM, 1),
            Data(Tag.BOOLEAN, True),
            Data(Tag.FLOAT32, 1.5),
            Data(Tag.OCTET_STRING, b"5"),
        ):
            rows = [row(time(MIDNIGHT), status(8), each) for each in (before, delta, NULL)]
            found = read(buffer(*rows))
            self.assertEqual([each.values[2] for each in found], [before, delta, delta], before)
        self.assertEqual(read(buffer(rows[1]))[0].values[2], delta)

    def test_the_number_of_columns(self) -> None:
        octets = buffer(row(time(MIDNIGHT), status(8), energy(5)), row(NULL, NULL))
        error = self.assertRaises(DecodeError, read, octets)
        self.assertIn("row 1 has 2 columns for 3 capture objects", str(error))
        error = self.assertRaises(DecodeError, read, buffer(NULL))
        self.assertIn("row 0 is null-data, not structure", str(error))

    def test_the_ends_of_the_calendar(self) -> None:
        for year, month, day, deviation in ((1, 1, 1, -600), (9999, 12, 31, 600)):
            date, hour = Date(year, month, day), Time(12 + (11 if year > 1 else -12), 0)
            sent = DateTime(date, hour, deviation, ClockStatus(0))
            at_end = Data(Tag.OCTET_STRING, sent.encode())
            for period in (QUARTER, 2**32 - 1):
                self.assertEqual(times(at_end, at_end, NULL, period=period), [None] * 3)
        last = time(at("9999-12-31T23:50:00"))
        self.assertEqual(times(last, NULL)[1], None)

    def test_capture_objects_come_first(self) -> None:
        error = self.assertRaises(LocalError, ProfileRows, ())
        self.assertIn("to be read before its buffer", str(error))

    def test_a_wrong_number_of_rows(self) -> None:
        octets = b"\x01\x07" + buffer(row(time(MIDNIGHT), status(8), energy(5)))[2:]
        self.assertRaises(DecodeError, read, octets)
        self.assertEqual(len(read(octets, counted=False)), 1)

    def test_a_compact_array(self) -> None:
        description = TypeDescription(
            Tag.STRUCTURE,
            tuple(
                TypeDescription(tag)
                for tag in (Tag.OCTET_STRING, Tag.UNSIGNED, Tag.DOUBLE_LONG_UNSIGNED)
            ),
        )
        rows = tuple(
            row(time(MIDNIGHT + 15 * each * MINUTE), status(each), energy(each))
            for each in range(100)
        )
        compact = encode(Data(Tag.COMPACT_ARRAY, CompactArray(description, rows)))
        self.assertEqual(read(compact), read(buffer(*rows)))

    def test_a_profile_without_clock(self) -> None:
        rows = ProfileRows((ENERGY,), QUARTER)
        (found,) = rows.feed(buffer(row(energy(5))))
        self.assertEqual(found, Row(None, None, False, (energy(5),)))

    def test_rows_that_tell_nothing(self) -> None:
        for told, clock in ((energy(5), ENERGY), (time(MIDNIGHT), CLOCK)):
            rows = ProfileRows((clock,), QUARTER)
            found = rows.feed(buffer(row(told), row(NULL), row(NULL)))
            repeated = told if clock is ENERGY else NULL
            self.assertEqual([each.values for each in found], [(told,), (repeated,), (repeated,)])
        self.assertEqual(found[2].time, MIDNIGHT + 30 * MINUTE)
        self.assertTrue(found[2].computed)

    def test_a_clock_in_another_column(self) -> None:
        rows = ProfileRows((ENERGY, CLOCK), QUARTER)
        found = rows.feed(buffer(row(energy(5), time(MIDNIGHT)), row(NULL, NULL)))
        self.assertEqual(found[1].time, MIDNIGHT + 15 * MINUTE)
        self.assertEqual(found[1].values, (energy(5), NULL))


class TimeTests(SynchronousTestCase):
    def test_types_of_time(self) -> None:
        sent = DateTime.from_datetime(MIDNIGHT)
        self.assertEqual(times(Data(Tag.DATE_TIME, sent)), [MIDNIGHT])
        self.assertEqual(times(time(MIDNIGHT)), [MIDNIGHT])

    def test_an_empty_time_is_none(self) -> None:
        empty = Data(Tag.OCTET_STRING, b"")
        self.assertEqual(
            times(time(MIDNIGHT), empty, empty),
            [MIDNIGHT, MIDNIGHT + 15 * MINUTE, MIDNIGHT + 30 * MINUTE],
        )
        self.assertEqual(times(empty), [None])

    def test_no_time_where_the_newest_row_comes_first(self) -> None:
        sent = (time(MIDNIGHT), NULL, NULL, time(MIDNIGHT - 60 * MINUTE), NULL)
        expected = [MIDNIGHT - each * MINUTE for each in (0, 15, 30, 60, 75)]
        self.assertEqual(times(*sent, direction=-1), expected)
        first = time(at("0001-01-01T00:05:00"))
        self.assertEqual(times(first, NULL, direction=-1)[1], None)

    def test_no_time_in_an_order_that_is_not_known(self) -> None:
        later = time(MIDNIGHT + 60 * MINUTE)
        found = times(time(MIDNIGHT), NULL, later, direction=0)
        self.assertEqual(found, [MIDNIGHT, None, MIDNIGHT + 60 * MINUTE])

    def test_no_time_without_a_period(self) -> None:
        self.assertEqual(times(time(MIDNIGHT), NULL, NULL, period=0), [MIDNIGHT, None, None])

    def test_what_is_no_time(self) -> None:
        for wrong in (Data(Tag.OCTET_STRING, bytes(5)), Data(Tag.UNSIGNED, 1)):
            error = self.assertRaises(DecodeError, times, time(MIDNIGHT), wrong)
            self.assertIn("the time of row 1 is", str(error))

    def test_deviation_and_its_opposite(self) -> None:
        bogota = datetime.timezone(datetime.timedelta(hours=-5))
        sent = time(datetime.datetime(2026, 3, 1, 7, tzinfo=bogota))
        self.assertEqual(times(sent), [at("2026-03-01 12:00")])
        self.assertEqual(times(sent, negate_deviation=True), [at("2026-03-01 02:00")])

    def test_a_timezone_for_meters_that_give_none(self) -> None:
        self.assertEqual(times(local("2026-03-01 07:00")), [None])
        for zone, hour in ((ZoneInfo("America/Bogota"), 12), (BERLIN, 6)):
            found = times(local("2026-03-01 07:00"), timezone=zone)
            self.assertEqual(found, [MIDNIGHT.replace(hour=hour)])
        # A deviation is believed before the timezone.
        self.assertEqual(times(time(MIDNIGHT), timezone=BERLIN), [MIDNIGHT])

    def test_the_hour_that_occurs_twice_by_status(self) -> None:
        # On 2026-10-25 at 03:00 summer time it is 02:00 again in Berlin.
        found = times(
            local("2026-10-25 02:30", 0x80), local("2026-10-25 02:30", 0x00), timezone=BERLIN
        )
        self.assertEqual(found, [at("2026-10-25 00:30"), at("2026-10-25 01:30")])

    def test_the_hour_that_occurs_twice_by_order(self) -> None:
        quarters = [
            f"2026-10-25 {hour:02}:{minute:02}"
            for hour in (1, 2, 2, 3)
            for minute in (0, 15, 30, 45)
        ]
        expected = [at("2026-10-24 23:00") + 15 * each * MINUTE for each in range(16)]
        found = times(*(local(each) for each in quarters), timezone=BERLIN)
        self.assertEqual(found, expected)
        # The newest row first.
        found = times(*(local(each) for each in reversed(quarters)), timezone=BERLIN)
        self.assertEqual(found, expected[::-1])

    def test_no_time_in_the_hour_that_is_left_out(self) -> None:
        # On 2026-03-29 at 02:00 it is 03:00 in Berlin: a row without a time passes it.
        found = times(local("2026-03-29 01:45"), NULL, NULL, timezone=BERLIN)
        expected = [at("2026-03-29 00:45") + 15 * each * MINUTE for each in range(3)]
        self.assertEqual(found, expected)
        self.assertEqual(found[1].astimezone(BERLIN).hour, 3)


class StreamTests(SynchronousTestCase):
    ROWS = 10_000

    def rows(self) -> Iterator[bytes]:
        """Eight columns; three rows of four leave the time out and repeat a status."""
        for each in range(self.ROWS):
            moment = time(MIDNIGHT + 15 * each * MINUTE) if each % 4 == 0 else NULL
            flags = status(each % 256) if each % 4 == 0 else NULL
            values = [energy(each * 10 + column) for column in range(6)]
            yield encode(row(moment, flags, *values))

    def blocks(self, size: int) -> Iterator[bytes]:
        pending = b"\x01" + encode_length(self.ROWS)
        for each in self.rows():
            pending += each
            while len(pending) >= size:
                yield pending[:size]
                pending = pending[size:]
        yield pending

    def test_ten_thousand_rows_in_constant_memory(self) -> None:
        longest = max(len(each) for each in self.rows())
        for size in (64, 1000):
            reader = ProfileRows((CLOCK, STATUS, *[ENERGY] * 6), QUARTER)
            count, most_held, most_rows = 0, 0, 0
            for block in self.blocks(size):
                found = reader.feed(block)
                most_held = max(most_held, reader.buffered)
                most_rows = max(most_rows, len(found))
                for each in found:
                    self.assertEqual(each.time, MIDNIGHT + 15 * count * MINUTE)
                    self.assertEqual(each.values[1].value, count // 4 * 4 % 256)
                    self.assertEqual(each.values[7].value, count * 10 + 5)
                    count += 1
            reader.finish()
            self.assertEqual(count, self.ROWS)
            # Never more than a row that is not whole yet, however large the blocks are.
            self.assertLess(most_held, longest)
            self.assertLessEqual(most_rows, size // 30 + 1)

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.integers(1, 40), min_size=1, max_size=20))
    def test_pieces_of_any_size(self, sizes: list[int]) -> None:
        octets = buffer(*(row(time(MIDNIGHT), status(each), energy(each)) for each in range(8)))
        reader = ProfileRows(COLUMNS, QUARTER)
        found: list[Row] = []
        place = 0
        for size in (*sizes, len(octets)):
            found += reader.feed(octets[place : place + size])
            place += size
        reader.finish()
        self.assertEqual(found, read(octets))

    def test_cut_short_and_trailing(self) -> None:
        octets = buffer(*(row(time(MIDNIGHT), status(each), energy(each)) for each in range(3)))
        for end in range(len(octets)):
            self.assertRaises(DecodeError, read, octets[:end])
        self.assertRaises(DecodeError, read, octets + b"\x00")

    @settings(max_examples=200)
    @given(st.binary(max_size=60), st.sampled_from((b"", b"\x01\x02\x02\x03", b"\x13")))
    def test_any_octets(self, octets: bytes, head: bytes) -> None:
        try:
            read(head + octets)
        except DecodeError as error:
            self.assertNotIn("\n", str(error))


class JudgeTests(SynchronousTestCase):
    """dlms-cosem 21.3.2 reads times with deviation, and null-data in them.

    It cannot judge the rest: it drops null-data of other columns, and the clock status;
    what it computes it takes in minutes; and it refuses an empty time.
    """

    @given(st.lists(st.booleans(), min_size=1, max_size=20), st.integers(1, 60))
    def test_times(self, sent: list[bool], minutes: int) -> None:
        zone = datetime.timezone(datetime.timedelta(hours=2))
        start = datetime.datetime(2026, 3, 1, tzinfo=zone)
        rows = [
            row(time(start + each * minutes * MINUTE) if told or not each else NULL, energy(each))
            for each, told in enumerate(sent)
        ]
        octets = buffer(*rows)
        self.assertEqual(decode(octets)[0].value, tuple(rows))
        reader = ProfileRows((CLOCK, ENERGY), minutes * 60)
        theirs = ProfileGenericBufferParser(
            [
                cosem.CosemAttribute(
                    enumerations.CosemInterface(column.attribute.class_id),
                    cosem.Obis.from_bytes(column.attribute.obis.raw),
                    2,
                )
                for column in (CLOCK, ENERGY)
            ],
            minutes,
        ).parse_bytes(octets)
        self.assertEqual(
            [(each.time, each.values[1].value) for each in reader.feed(octets)],
            [(each[0].value, each[1].value) for each in theirs],
        )
