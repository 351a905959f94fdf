"""Load profiles: every row once, whatever a meter refuses or has odd; constant memory."""

from __future__ import annotations

import datetime
import tracemalloc
from collections.abc import Iterator, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.axdr.data import Data, Tag, encode
from dlmsd.errors import (
    MeterError,
    ServiceError,
)
from dlmsd.meter import intake
from dlmsd.meter.layout import ProfileRow
from dlmsd.meter.profile import read
from tests.meter.profiles import (
    DAY,
    HOUR,
    MIDNIGHT,
    OBIS,
    QUARTER,
    Held,
    ProfileCase,
    ProfileSession,
    numbers,
    series,
)


class Moving(ProfileSession):
    """It captures a row before each answer, and forgets the oldest."""

    forgotten = 0

    def _chosen(self, access: Any) -> Sequence[Held]:
        new = series(1, MIDNIGHT + (100 + self.forgotten) * QUARTER)
        self.forgotten += 1
        oldest_first = self.told[5] == 1
        self.rows = [*self.rows[1:], *new] if oldest_first else [*new, *self.rows[:-1]]
        return super()._chosen(access)


class Timeless(ProfileSession):
    """Of the rows of an answer the first alone has a time."""

    def _encoded(self, chosen: Sequence[Held]) -> Iterator[bytes]:
        yield from super()._encoded(chosen[:1])
        for _, number in chosen[1:]:
            cells = (Data(Tag.NULL_DATA, None), Data(Tag.DOUBLE_LONG_UNSIGNED, number))
            yield encode(Data(Tag.STRUCTURE, cells))


class WayTests(ProfileCase):
    def test_by_range(self) -> None:
        session = ProfileSession(series(100))
        rows = self.read(session, MIDNIGHT + HOUR, MIDNIGHT + 20 * HOUR)
        self.assertEqual(numbers(rows), list(range(4, 81)))
        self.assertEqual(set(session.asked), {1})
        self.assertLessEqual(session.most, 11)

    def test_by_range_without_deviation(self) -> None:
        session = ProfileSession(series(100), refuses=[3])
        rows = self.read(session, MIDNIGHT + HOUR, MIDNIGHT + 20 * HOUR)
        self.assertEqual(numbers(rows), list(range(4, 81)))
        self.assertEqual(set(session.asked), {1})

    def test_by_entry(self) -> None:
        session = ProfileSession(series(1000), refuses=[1])
        rows = self.read(session, MIDNIGHT + 5 * DAY, MIDNIGHT + 6 * DAY)
        self.assertEqual(numbers(rows), list(range(480, 577)))
        self.assertLess(len(session.asked), 40)
        self.assertLessEqual(session.most, 10)

    def test_by_entry_newest_first(self) -> None:
        session = ProfileSession(series(1000)[::-1], refuses=[1], sort=2)
        rows = self.read(session, MIDNIGHT + 5 * DAY, MIDNIGHT + 6 * DAY)
        self.assertEqual(numbers(rows), list(range(576, 479, -1)))
        self.assertLess(len(session.asked), 40)

    def test_whole(self) -> None:
        session = ProfileSession(series(1000), refuses=[1, 2])
        rows = self.read(session, MIDNIGHT + 5 * DAY, MIDNIGHT + 6 * DAY)
        self.assertEqual(numbers(rows), list(range(480, 577)))
        self.assertEqual(session.asked[-1], 0)

    def test_what_is_refused_altogether(self) -> None:
        self.assertIn("scope", self.error_of(ServiceError, ProfileSession([], refuses=[0, 1, 2])))

    def test_open_ended(self) -> None:
        for refuses in ([], [2]):
            rows = self.read(ProfileSession(series(50), refuses=refuses), MIDNIGHT + 10 * HOUR)
            self.assertEqual(numbers(rows), list(range(40, 50)))
            rows = self.read(ProfileSession(series(50), refuses=refuses), None, MIDNIGHT + HOUR)
            self.assertEqual(numbers(rows), list(range(5)))

    def test_a_meter_that_ignores_what_is_selected(self) -> None:
        session = ProfileSession(series(100))
        session._chosen = lambda access: session.rows  # type: ignore[method-assign]
        rows = self.read(session, MIDNIGHT + HOUR, MIDNIGHT + 20 * HOUR)
        self.assertEqual(numbers(rows), list(range(4, 81)))
        self.assertEqual(len(self.read(session)), 100)

    def test_wrong_entries_in_use(self) -> None:
        for in_use in (0, 1, 15, 99, 101, 500, 1 << 31):
            session = ProfileSession(series(100), in_use=in_use, refuses=[1])
            self.assertEqual(numbers(self.read(session)), list(range(100)), in_use)
            found = self.read(session, MIDNIGHT + 10 * HOUR, MIDNIGHT + 15 * HOUR)
            self.assertEqual(numbers(found), list(range(40, 61)), in_use)

    def test_an_order_that_is_not_told_is_that_of_time(self) -> None:
        session = Timeless(series(96))
        session.told[5] = 0
        rows = self.read(session, MIDNIGHT, MIDNIGHT + 2 * HOUR)
        self.assertEqual([row.time for row in rows], [MIDNIGHT + n * QUARTER for n in range(9)])

    def test_rows_that_move_while_they_are_read(self) -> None:
        for sort in (1, 2):
            moving = Moving(series(100)[:: sort * -2 + 3], sort=sort, in_use=100, refuses=[1])
            got = numbers(self.read(moving, MIDNIGHT, MIDNIGHT + 99 * QUARTER))
            self.assertEqual(len(got), len(set(got)))
            # What the buffer forgot before it was asked for is gone.
            self.assertLessEqual({*range(moving.forgotten, 100)}, {*got})

    def test_newest(self) -> None:
        for options in (
            {},
            {"sort": 2},
            {"refuses": [2]},
            {"in_use": 0},
            {"in_use": 70},
            {"in_use": 5000},
            {"sort": 5},
        ):
            held = series(100)
            session = ProfileSession(held[::-1] if options.get("sort") == 2 else held, **options)
            rows = self.read(session, newest=25)
            self.assertEqual(numbers(rows), list(range(75, 100)), options)
        ring = ProfileSession(series(100)[60:] + series(100)[:60])
        self.assertEqual(numbers(self.read(ring, newest=25)), list(range(75, 100)))
        self.assertEqual(len(self.read(ProfileSession(series(7)), newest=25)), 7)


class HostileTests(ProfileCase):
    def test_a_buffer_without_end(self) -> None:
        self.patch(intake, "MAX_ROWS", 50)
        self.assertIn(
            "more than 50 rows", self.error_of(MeterError, ProfileSession(series(60), refuses=[2]))
        )

    def test_a_range_full_of_times(self) -> None:
        self.patch(intake, "MAX_HANDED", 50)
        tiny = datetime.timedelta(milliseconds=10)
        session = ProfileSession([(MIDNIGHT + each * tiny, each) for each in range(60)])
        wanted = {"start": MIDNIGHT, "end": MIDNIGHT + DAY}
        self.assertIn("more than 50 rows in", self.error_of(MeterError, session, **wanted))

    def test_absurd_periods(self) -> None:
        for period in (1, 2**32 - 1):
            session = ProfileSession(series(20), period=period)
            rows = self.read(session, MIDNIGHT, MIDNIGHT + HOUR)
            self.assertEqual(numbers(rows), list(range(5)))


class MemoryTests(SynchronousTestCase):
    def peak(self, number: int, refuses: Sequence[int]) -> int:
        session: Any = ProfileSession(series(number), columns=7, refuses=refuses)
        rows = 0

        def count(row: ProfileRow) -> None:
            nonlocal rows
            rows += 1

        end = MIDNIGHT + number * QUARTER
        tracemalloc.start()
        try:
            ran = Deferred.fromCoroutine(read(session, OBIS, MIDNIGHT, end, count))
            self.assertEqual(self.successResultOf(ran), number)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    def test_ten_thousand_rows_take_no_more_than_a_thousand(self) -> None:
        for refuses in ((), (1,), (1, 2)):
            few, many = self.peak(1_000, refuses), self.peak(10_000, refuses)
            self.assertLess(many, few + 200_000, refuses)
            self.assertLess(many, 1 << 20)
