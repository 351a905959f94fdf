"""Rows of a load profile in memory: whatever a meter sends, no more than there is room for."""

from __future__ import annotations

import datetime
import tracemalloc
from decimal import Decimal
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.config.values import MeterOptions
from dlmsd.dlms.axdr.clock import ClockStatus
from dlmsd.errors import MeterError
from dlmsd.meter.backfill import Backfill
from dlmsd.meter.dated import MOST_MIB, DatedRows
from dlmsd.meter.excerpt import Excerpt
from dlmsd.meter.layout import ProfileRow
from dlmsd.model import GapCause, Value
from tests.meter.profiles import DAY, MIDNIGHT, OBIS, QUARTER, ProfileCase, ProfileSession, series
from tests.meter.test_backfill import Book

SECOND = datetime.timedelta(seconds=1)


def row(
    time: datetime.datetime | None, status: ClockStatus | None = None, **values: Value
) -> ProfileRow:
    return ProfileRow(time, status, False, values, {}, {})


class DatedRowsTests(SynchronousTestCase):
    def test_a_row_without_a_time_is_not_kept(self) -> None:
        dated = DatedRows()
        dated.take(row(None, key=Decimal(1)))
        dated.take(row(MIDNIGHT, key=Decimal(2)))
        self.assertEqual(list(dated.rows), [MIDNIGHT])

    def test_of_one_time_the_last_that_is_believed(self) -> None:
        doubtful = row(MIDNIGHT, ClockStatus.INVALID, key=Decimal(0))
        one, other = (row(MIDNIGHT, ClockStatus(0), key=Decimal(number)) for number in (1, 2))
        for rows, kept in (
            ([one, other, doubtful], other),
            ([doubtful, one], one),
            ([doubtful], doubtful),
            ([row(MIDNIGHT), one, row(MIDNIGHT)], one),
        ):
            dated = DatedRows()
            for each in rows:
                dated.take(each)
            self.assertEqual(dated.rows, {MIDNIGHT: kept})

    def test_a_reading_each_second_of_an_hour(self) -> None:
        dated = DatedRows()
        for number in range(3600):
            values = {f"key_{place}": Decimal(number) for place in range(30)}
            dated.take(row(MIDNIGHT + number * SECOND, **values))
        self.assertEqual(len(dated.rows), 3600)

    def test_it_takes_no_more_memory_than_it_says(self) -> None:
        for columns, text in ((1, ""), (12, ""), (1, "x" * 5000), (1, "\U0001f50c" * 5000)):
            with self.subTest(columns=columns, text=text[:1]):
                dated = DatedRows()
                tracemalloc.start()
                try:
                    with self.assertRaises(MeterError):
                        for number in range(1 << 20):
                            told = text + str(number) if text else Decimal(number)
                            values = {f"key_{place}": told for place in range(columns)}
                            dated.take(row(MIDNIGHT + number * SECOND, **values))
                    held = tracemalloc.get_traced_memory()[0] / (1 << 20)
                finally:
                    tracemalloc.stop()
                self.assertLess(held, 1.5 * MOST_MIB)


class HostileTests(ProfileCase):
    """A meter that sends rows without a time, or all of one, for as long as it is heard."""

    def setUp(self) -> None:
        super().setUp()
        self.patch_rows(1 << 20)
        number = 45_000
        self.sessions = [
            ProfileSession(series(number), timed=False, block=60_000),
            ProfileSession([(MIDNIGHT, 1)] * number, block=60_000),
        ]
        self.options = MeterOptions("a", "host", "profile", "device", ())

    def test_what_is_read_back(self) -> None:
        book = Book()
        for session in self.sessions:
            backfill = Backfill(self.options, OBIS, book, book, Clock())
            start, end = (int(at.timestamp() * 1000) for at in (MIDNIGHT, MIDNIGHT + QUARTER))
            opened = book.open("a", GapCause.METER_LINK, start, end)
            backfill.add(self.successResultOf(Deferred.fromCoroutine(opened)), start, end)
            self.refused(backfill.step, session)
        self.assertEqual(book.readings, {})

    def test_what_is_asked_for(self) -> None:
        for session in self.sessions:
            start, end = (int(at.timestamp() * 1000) for at in (MIDNIGHT, MIDNIGHT + DAY))
            self.refused(Excerpt(self.options, OBIS, start, end).read, session)

    def refused(self, read: Any, session: ProfileSession) -> None:
        failure = self.failureResultOf(Deferred.fromCoroutine(read(session)), MeterError)
        self.assertIn(f"more than {MOST_MIB} MiB", str(failure.value))
