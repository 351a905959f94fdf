from __future__ import annotations

import datetime
from zoneinfo import ZoneInfo

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.axdr.clock import (
    DAY_LAST,
    DAY_SECOND_LAST,
    MONTH_DAYLIGHT_SAVING_BEGIN,
    MONTH_DAYLIGHT_SAVING_END,
    ClockStatus,
    Date,
    DateTime,
    Time,
)
from dlmsd.errors import DecodeError, LocalError
from tests.dlms.axdr import trees
from tests.vectors.axdr import KAMSTRUP_CLOCK, KAMSTRUP_DATE_TIME

UTC = datetime.UTC
BERLIN = ZoneInfo("Europe/Berlin")
_QUICK = settings(deadline=None, max_examples=100)


def _moment(date: Date, time: Time, deviation: int | None, status: int | None = 0) -> DateTime:
    return DateTime(date, time, deviation, None if status is None else ClockStatus(status))


NOON = _moment(Date(2024, 5, 1, 3), Time(12, 0, 0, 0), 300)


class CodecTests(SynchronousTestCase):
    def test_a_real_meters_clock(self) -> None:
        self.assertEqual(DateTime.decode(KAMSTRUP_CLOCK), KAMSTRUP_DATE_TIME)
        self.assertEqual(KAMSTRUP_DATE_TIME.encode(), KAMSTRUP_CLOCK)

    def test_nothing_specified(self) -> None:
        octets = bytes.fromhex("FFFFFFFFFFFFFFFFFF8000FF")
        found = DateTime.decode(octets)
        self.assertEqual(found, DateTime(Date(None, None, None), Time(None, None), None, None))
        self.assertEqual(found.encode(), octets)

    def test_rules_are_kept(self) -> None:
        last_sunday = Date.decode(bytes.fromhex("FFFFFEFE07"))
        self.assertEqual(last_sunday, Date(None, MONTH_DAYLIGHT_SAVING_BEGIN, DAY_LAST, 7))
        before = Date.decode(bytes.fromhex("FFFFFDFDFF"))
        self.assertEqual(before, Date(None, MONTH_DAYLIGHT_SAVING_END, DAY_SECOND_LAST))

    def test_status_bits(self) -> None:
        status = DateTime.decode(NOON.encode()[:-1] + b"\x8f").status
        self.assertEqual(
            status,
            ClockStatus.INVALID
            | ClockStatus.DOUBTFUL
            | ClockStatus.DIFFERENT_BASE
            | ClockStatus.INVALID_STATUS
            | ClockStatus.DAYLIGHT_SAVING,
        )

    @_QUICK
    @given(st.binary(min_size=12, max_size=12))
    def test_twelve_bytes_round_trip(self, octets: bytes) -> None:
        self.assertEqual(DateTime.decode(octets).encode().hex(), octets.hex())
        self.assertEqual(Date.decode(octets[:5]).encode().hex(), octets[:5].hex())
        self.assertEqual(Time.decode(octets[:4]).encode().hex(), octets[:4].hex())

    @_QUICK
    @given(trees.date_times)
    def test_values_round_trip(self, moment: DateTime) -> None:
        self.assertEqual(DateTime.decode(moment.encode()), moment)

    def test_wrong_sizes(self) -> None:
        for kind, size in ((DateTime, 12), (Date, 5), (Time, 4)):
            for wrong in set(range(14)) - {size}:
                self.assertRaises(DecodeError, kind.decode, bytes(wrong))

    def test_fields_out_of_range(self) -> None:
        for wrong in (
            evolve(NOON, deviation=40_000),
            evolve(NOON, date=Date(-1, 1, 1)),
            evolve(NOON, time=Time(0, 256)),
        ):
            self.assertRaises(LocalError, wrong.encode)


class ToDatetimeTests(SynchronousTestCase):
    def test_deviation_is_added_to_get_utc(self) -> None:
        # Bogota is UTC-5: noon there is 17:00 UTC.
        found = NOON.to_datetime()
        assert found is not None
        self.assertEqual(found.astimezone(UTC).isoformat(), "2024-05-01T17:00:00+00:00")
        self.assertEqual(found.isoformat(), "2024-05-01T12:00:00-05:00")

    def test_meters_with_the_opposite_sign(self) -> None:
        found = evolve(NOON, deviation=-300).to_datetime(negate_deviation=True)
        self.assertEqual(found, NOON.to_datetime())

    def test_deviation_wins_over_the_timezone(self) -> None:
        self.assertEqual(NOON.to_datetime(BERLIN), NOON.to_datetime())

    def test_without_deviation(self) -> None:
        local = evolve(NOON, deviation=None)
        self.assertIs(local.to_datetime(), None)
        found = local.to_datetime(ZoneInfo("America/Bogota"))
        self.assertEqual(found, NOON.to_datetime())

    def test_seconds_and_hundredths(self) -> None:
        exact = evolve(NOON, time=Time(12, 0, 7, 25)).to_datetime()
        rough = evolve(NOON, time=Time(12, 0)).to_datetime()
        assert exact is not None and rough is not None
        self.assertEqual((exact.second, exact.microsecond), (7, 250_000))
        self.assertEqual((rough.second, rough.microsecond), (0, 0))

    def test_no_instant(self) -> None:
        date, time = NOON.date, NOON.time
        for wrong in (
            evolve(NOON, date=evolve(date, year=None)),
            evolve(NOON, date=evolve(date, month=None)),
            evolve(NOON, date=evolve(date, day=None)),
            evolve(NOON, time=evolve(time, hour=None)),
            evolve(NOON, time=evolve(time, minute=None)),
            evolve(NOON, date=evolve(date, month=MONTH_DAYLIGHT_SAVING_END)),
            evolve(NOON, date=evolve(date, day=DAY_LAST)),
            evolve(NOON, date=Date(2023, 2, 29)),
            evolve(NOON, date=evolve(date, year=0)),
            evolve(NOON, time=Time(24, 0)),
            evolve(NOON, time=Time(12, 0, 0, 100)),
            evolve(NOON, deviation=1440),
            evolve(NOON, deviation=-32767),
        ):
            self.assertIs(wrong.to_datetime(UTC), None)

    def test_no_instant_beyond_all_years(self) -> None:
        for octets, deviation in (("0001010101000000", 0x0001), ("270F0C1F05173B3B", 0xFFFF)):
            first = bytes.fromhex(octets) + b"\x00"
            told = DateTime.decode(first + deviation.to_bytes(2, "big") + b"\x00")
            self.assertIsNotNone(told.to_datetime())
            self.assertIsNone(told.to_datetime(negate_deviation=True))
        told = DateTime.decode(bytes.fromhex("000101010100000000800000"))
        self.assertIsNone(told.to_datetime(datetime.timezone(datetime.timedelta(hours=1))))

    def test_the_hour_that_occurs_twice(self) -> None:
        date, time = Date(2024, 10, 27, 7), Time(2, 30, 0, 0)
        for status, utc_hour in ((0x80, 0), (0x00, 1), (None, 0)):
            found = _moment(date, time, None, status).to_datetime(BERLIN)
            assert found is not None
            self.assertEqual(found.astimezone(UTC).hour, utc_hour)

    def test_the_hour_that_does_not_occur(self) -> None:
        # Without the bit, the meter has not yet changed to summer time: 02:30 is 01:30 UTC.
        for status, utc_hour in ((0x00, 1), (0x80, 0), (None, 1)):
            moment = _moment(Date(2024, 3, 31, 7), Time(2, 30), None, status)
            found = moment.to_datetime(BERLIN)
            assert found is not None
            self.assertEqual(found.astimezone(UTC).hour, utc_hour)

    @_QUICK
    @given(st.binary(min_size=12, max_size=12), st.sampled_from((None, UTC, BERLIN)))
    def test_no_bytes_raise(self, octets: bytes, zone: datetime.tzinfo | None) -> None:
        for negate in (False, True):
            found = DateTime.decode(octets).to_datetime(zone, negate)
            self.assertTrue(found is None or found.tzinfo is not None)


class FromDatetimeTests(SynchronousTestCase):
    def test_fields(self) -> None:
        moment = datetime.datetime(2024, 7, 14, 1, 2, 3, 459_999, tzinfo=BERLIN)
        self.assertEqual(
            DateTime.from_datetime(moment),
            _moment(Date(2024, 7, 14, 7), Time(1, 2, 3, 45), -120, 0x80),
        )
        winter = DateTime.from_datetime(moment.replace(month=1))
        self.assertEqual((winter.deviation, winter.status), (-60, ClockStatus(0)))

    def test_naive(self) -> None:
        found = DateTime.from_datetime(datetime.datetime(2024, 7, 14))
        self.assertEqual((found.deviation, found.status), (None, ClockStatus(0)))

    def test_an_offset_with_seconds(self) -> None:
        odd = datetime.timezone(datetime.timedelta(hours=1, seconds=7))
        self.assertRaises(
            LocalError, DateTime.from_datetime, datetime.datetime(2024, 1, 1, tzinfo=odd)
        )

    @_QUICK
    @given(
        st.datetimes(
            timezones=st.integers(-1439, 1439).map(
                lambda minutes: datetime.timezone(datetime.timedelta(minutes=minutes))
            )
        )
    )
    def test_there_and_back(self, moment: datetime.datetime) -> None:
        cut = moment.replace(microsecond=moment.microsecond // 10_000 * 10_000)
        found = DateTime.decode(DateTime.from_datetime(moment).encode()).to_datetime()
        assert found is not None
        self.assertEqual((found, found.utcoffset()), (cut, cut.utcoffset()))
