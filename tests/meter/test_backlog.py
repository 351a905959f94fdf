"""What is read of the past, when, and what becomes of what cannot be read."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from itertools import product
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.config.values import MeterOptions
from dlmsd.dlms.axdr.clock import DateTime
from dlmsd.dlms.axdr.data import Data
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.errors import (
    ClosedError,
    DecodeError,
    DlmsdError,
    LinkError,
    LocalError,
    MeterError,
    ServiceError,
    SilenceError,
    StoreError,
    TimezoneError,
    UnservedError,
)
from dlmsd.meter.backfill import Backfill
from dlmsd.meter.backlog import LONGEST, SHORTEST, STEP, TRIES, Backlog, Piece
from dlmsd.meter.gaps import GapKeeper, spacing
from dlmsd.model import GapCause, MeterState
from dlmsd.simulator.objects import Objects
from tests.meter.fleet import START, FleetCase
from tests.meter.profiles import MIDNIGHT, OBIS, QUARTER, Held, ProfileCase, ProfileSession, series
from tests.meter.test_backfill import HOUR, PROFILE, Book

DAY = datetime.timedelta(days=1)
HOURLY = datetime.timedelta(hours=1)


def piece(gap: int, days: float = 10) -> Piece:
    start = MIDNIGHT + gap * 100 * DAY
    end = start + days * DAY
    return Piece(gap, start, end, end)


class BacklogTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.backlog = Backlog(60.0, self.clock)

    def fail_next(self, error: DlmsdError, seconds: float = 0.0) -> Piece | None:
        """What it is time for fails; what is given up."""
        found = self.backlog.next
        assert found is not None
        return self.backlog.failed(found, self.backlog.start(found), error, seconds)

    def pause(self) -> int:
        """Seconds until it is time for something."""
        for seconds in range(100_000):
            if self.backlog.next is not None:
                return seconds
            self.clock.advance(1)
        raise AssertionError("never")

    def length(self) -> datetime.timedelta:
        found = self.backlog.next
        assert found is not None
        return found.end - self.backlog.start(found)

    def test_the_newest_first_and_what_fails_last(self) -> None:
        for gap in (1, 2, 3):
            self.backlog.add(piece(gap))
        order = []
        for _ in range(4):
            self.pause()
            assert self.backlog.next is not None
            order.append(self.backlog.next.gap)
            self.fail_next(SilenceError())
        self.assertEqual(order, [3, 2, 1, 3])

    def test_the_pause_doubles_up_to_an_hour(self) -> None:
        self.backlog.add(piece(1, 1000))
        pauses = []
        for _ in range(9):
            self.fail_next(ClosedError())
            pauses.append(self.pause())
        self.assertEqual(pauses, [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600])
        self.backlog.good(0.0)
        self.fail_next(ClosedError())
        self.assertEqual(self.pause(), 60, "after a good one anew")

    def test_what_fails_slowly_has_a_fifth_of_the_line_too(self) -> None:
        self.backlog.add(piece(1))
        self.fail_next(SilenceError(), 50.0)
        self.assertEqual(self.pause(), 200)

    def test_half_as_much_each_time_and_more_again_later(self) -> None:
        self.backlog.add(piece(1))
        lengths = []
        for _ in range(6):
            lengths.append(self.length())
            self.fail_next(SilenceError())
            self.pause()
        self.assertEqual(lengths, [LONGEST / 2**n for n in range(5)] + [SHORTEST])
        for hours in (1, 2, 4, 8, 16, 24, 24):
            self.backlog.good(0.0)
            self.assertEqual(self.length(), hours * HOURLY)

    def test_fewer_rows_of_a_fast_profile(self) -> None:
        self.backlog.add(piece(1))
        for period, length in ((0, LONGEST), (900, LONGEST), (60, 500 * HOURLY / 60), (1, HOURLY)):
            self.backlog.period = period
            self.assertEqual(self.length(), length, period)

    def test_it_is_given_up_for_the_meter_alone(self) -> None:
        for error, tries in (
            (DecodeError(), TRIES),
            # It may pass, within some hours.
            (MeterError(), TRIES + 6),
            (SilenceError(), 99),
            (ClosedError(), 99),
            (StoreError(), 99),
            (TimezoneError(), 99),
            (LocalError(), 99),
        ):
            with self.subTest(error=type(error).__name__):
                self.setUp()
                self.backlog.add(piece(1, 1 / 24))
                found = []
                for _ in range(TRIES + 9):
                    found.append(self.fail_next(error) is not None)
                    self.pause()
                self.assertEqual(found, [number >= tries for number in range(1, TRIES + 10)])

    def test_nor_where_the_link_failed_in_between(self) -> None:
        self.backlog.add(piece(1, 1 / 24))
        found = []
        for error in (DecodeError(), SilenceError(), DecodeError(), SilenceError(), DecodeError()):
            found.append(self.fail_next(error) is not None)
            self.pause()
        self.assertEqual(found, [False, False, False, False, True])

    def test_only_chunks_can_be_smaller_where_that_helps(self) -> None:
        self.backlog.add(piece(1))
        for error in (StoreError(), TimezoneError()):
            self.fail_next(error)
            self.pause()
            self.assertEqual(self.length(), LONGEST)

    def test_a_chunk_at_which_the_link_fails_is_set_aside(self) -> None:
        whole = piece(1)
        self.backlog.add(whole)
        for _ in range(5 + TRIES):
            self.fail_next(SilenceError())
            self.pause()
        rest = self.backlog.next
        cut = whole.end - SHORTEST
        self.assertEqual(rest, evolve(whole, end=cut - STEP, until=cut))
        assert rest is not None
        self.backlog.replace(rest)
        self.assertEqual(self.backlog.next, evolve(whole, start=cut))


class Poisoned(ProfileSession):
    """Whatever is asked of a row that is ``bad`` fails."""

    def __init__(self, bad: Callable[[datetime.datetime], bool], error: DlmsdError) -> None:
        super().__init__(series(96 * 8))
        self.bad = bad
        self.error = error

    def _chosen(self, access: Any) -> list[Held]:
        chosen = list(super()._chosen(access))
        if any(self.bad(moment) for moment, _ in chosen):
            raise self.error
        return chosen


class PoisonTests(ProfileCase):
    """Gaps of a profile of which something cannot be read."""

    def setUp(self) -> None:
        super().setUp()
        self.patch_rows(500)
        self.clock = Clock()
        self.book = Book()
        options = MeterOptions("a", "host", "profile", "device", (), interval=60.0)
        self.backfill = Backfill(options, OBIS, self.book, self.book, self.clock)
        self.errors: list[tuple[float, str]] = []

    def ms(self, days: float) -> int:
        return int((MIDNIGHT + days * DAY).timestamp() * 1000)

    def gap(self, first: float, last: float) -> None:
        """From day to day."""
        start, end = self.ms(first), self.ms(last)
        opened = self.book.open("a", GapCause.METER_LINK, start, end)
        self.backfill.add(self.successResultOf(Deferred.fromCoroutine(opened)), start, end)

    def run_for(self, hours: float, session: ProfileSession) -> None:
        """A step after each cycle."""
        for _ in range(int(hours * 60)):
            step = Deferred.fromCoroutine(self.backfill.step(session))  # type: ignore[arg-type]
            step.addErrback(self.heard)
            self.successResultOf(step)
            self.clock.advance(60)

    def heard(self, failure: Any) -> None:
        failure.trap(DlmsdError)
        self.errors.append((self.clock.seconds(), type(failure.value).__name__))

    def rows(self, first: float, last: float) -> set[int]:
        return set(range(self.ms(first), self.ms(last) + 1, 900_000))

    def refused(self) -> list[tuple[int, int | None]]:
        return [
            (gap.from_ts, gap.to_ts)
            for gap in self.book.gaps.values()
            if gap.cause is GapCause.REFUSED
        ]

    def filled(self) -> list[bool]:
        return [
            gap.filled_at is not None
            for gap in self.book.gaps.values()
            if gap.cause is GapCause.METER_LINK
        ]

    def test_a_row_that_does_not_decode(self) -> None:
        """All others are read, those of older gaps first; it is told what is missing."""
        at = MIDNIGHT + 6.4 * DAY
        bad = at - (at - MIDNIGHT) % QUARTER
        session = Poisoned(lambda moment: moment == bad, DecodeError("no row"))
        self.gap(1, 2)
        self.gap(5, 7)
        self.run_for(0.2, session)
        self.assertLessEqual(self.rows(1, 2), set(self.book.readings))
        self.run_for(12, session)
        self.assertEqual(self.filled(), [True, True])
        wanted = self.rows(1, 2) | self.rows(5, 7)
        missing = sorted(wanted - set(self.book.readings))
        self.assertIn(int(bad.timestamp() * 1000), missing)
        self.assertLessEqual(len(missing), 5)
        ((first, last),) = self.refused()
        assert last is not None
        self.assertTrue(first <= missing[0] and missing[-1] <= last)
        self.assertLessEqual(last - first, HOUR + 900_000)
        self.assertLess(len(self.errors), 12)
        self.assertEqual(len(self.book.gaps), 3, "nothing else is said of it")

    def test_a_row_at_the_edge_of_a_chunk(self) -> None:
        for minutes in range(0, 120, 15):
            self.setUp()
            bad = MIDNIGHT + 6 * DAY + datetime.timedelta(minutes=minutes)
            self.gap(5, 7)
            self.run_for(24, Poisoned(lambda at, bad=bad: at == bad, DecodeError("no row")))
            self.assertEqual((self.filled(), len(self.refused())), ([True], 1))

    def test_rows_of_days(self) -> None:
        """Each of its hours ends in a gap row, in its time, and what is below is read."""
        edge = MIDNIGHT + 6.75 * DAY
        self.gap(5, 7)
        self.run_for(48, Poisoned(lambda moment: moment > edge, DecodeError("no row")))
        self.assertEqual(self.filled(), [True])
        self.assertLessEqual(self.rows(5, 6.7), set(self.book.readings))
        self.assertGreaterEqual(len(self.refused()), 6)

    def test_a_link_that_fails_at_a_row(self) -> None:
        """The rest is read; nothing is said of what the meter may have."""
        bad = MIDNIGHT + 6.5 * DAY
        session = Poisoned(lambda moment: moment == bad, SilenceError("no answer"))
        self.gap(1, 2)
        self.gap(5, 7)
        self.run_for(24, session)
        missing = (self.rows(1, 2) | self.rows(5, 7)) - set(self.book.readings)
        self.assertIn(int(bad.timestamp() * 1000), missing)
        self.assertLessEqual(len(missing), 5)
        self.assertEqual((self.filled(), self.refused()), ([True, False], []))
        late = [at for at, _ in self.errors if at >= 12 * 3600]
        self.assertLessEqual(len(late), 12, "an hour apart")
        self.run_for(2, ProfileSession(series(96 * 8)))
        self.assertLessEqual(self.rows(5, 7), set(self.book.readings))
        self.assertEqual((self.filled(), len(self.book.gaps)), ([True, True], 2))

    def test_a_line_that_is_down_for_days(self) -> None:
        self.gap(1, 2)
        self.gap(5, 7)
        self.run_for(96, Poisoned(lambda moment: True, LinkError("no line")))
        self.assertEqual((self.filled(), self.refused()), ([False, False], []))
        self.assertLess(len(self.errors), 110)
        self.run_for(24, ProfileSession(series(96 * 8)))
        self.assertEqual(set(self.book.readings), self.rows(1, 2) | self.rows(5, 7))
        self.assertEqual((self.filled(), len(self.book.gaps)), ([True, True], 2))

    def test_a_meter_that_gives_nothing_for_now(self) -> None:
        """It has lost the association, or says that it is busy: nothing is given up."""
        later = ServiceError("later", DataAccessResult.TEMPORARY_FAILURE)
        for error, days in product((UnservedError("service-not-allowed"), later), (2, 1 / 24)):
            self.setUp()
            self.gap(5, 5 + days)
            self.run_for(3, Poisoned(lambda moment: True, error))
            self.assertEqual((self.filled(), self.refused()), ([False], []))
            self.run_for(8, ProfileSession(series(96 * 8)))
            wanted = self.rows(5, 5 + days)
            self.assertEqual((self.filled(), set(self.book.readings)), ([True], wanted))

    def test_a_profile_that_makes_no_sense(self) -> None:
        """It is refused as a whole, within a day, whatever is missing of it."""
        session = ProfileSession(series(96 * 8))
        session.columns = []
        self.gap(1, 2)
        self.gap(4, 7.5)
        self.run_for(24, session)
        self.assertEqual(self.filled(), [True, True])
        self.assertEqual(
            sorted(self.refused()), [(self.ms(1), self.ms(2)), (self.ms(4), self.ms(7.5))]
        )

    def test_a_store_that_refuses(self) -> None:
        self.gap(1, 2)

        async def refuse(*_: object) -> int:
            raise StoreError("the disk is full")

        self.patch(self.book, "commit_backfill", refuse)
        session = ProfileSession(series(96 * 8))
        self.run_for(24, session)
        self.assertEqual((self.filled(), self.refused()), ([False], []))
        self.assertLess(len(self.errors), 32)
        del self.book.commit_backfill
        self.run_for(2, session)
        self.assertEqual((self.filled(), set(self.book.readings)), ([True], self.rows(1, 2)))

    def test_a_row_before_the_gap(self) -> None:
        """It shows that the meter has not lost what it had; the gap is read all the same."""
        session = Poisoned(lambda moment: moment < MIDNIGHT + 5 * DAY, DecodeError("no row"))
        session.rows = [row for row in session.rows if not 5 <= (row[0] - MIDNIGHT) / DAY < 5.5]
        self.gap(5, 7)
        self.run_for(2, session)
        self.assertEqual((self.filled(), self.refused()), ([True], []))
        self.assertEqual([gap.cause for gap in self.book.gaps.values()][1:], [GapCause.METER_OFF])


class PolledTests(FleetCase):
    """A meter with such a row, polled every minute."""

    def test_cycles_go_on_and_older_gaps_are_filled(self) -> None:
        book, asked = Book(), []
        read = Objects.read

        def poisoned(objects: Objects, client: Any, attribute: Any, access: Any = None) -> Any:
            told: Any = read(objects, client, attribute, access)
            if (attribute.obis, attribute.attribute) != (PROFILE, 2):
                return told
            asked.append(self.network.seconds())
            rows = []
            for row in told.value:
                time, *others = row.value
                at = DateTime.decode(time.value).to_datetime()
                assert at is not None
                if -3 * 3600 <= at.timestamp() - START < -3 * 3600 + 900:
                    row = Data(row.tag, (Data(time.tag, b"12345"), *others))
                rows.append(row)
            return Data(told.tag, tuple(rows))

        def keeper(options: MeterOptions, last_ts: int) -> GapKeeper:
            backfill = Backfill(options, PROFILE, book, book, self.network)
            return GapKeeper(options.name, spacing(options), book, last_ts, self.network, backfill)

        self.patch(Objects, "read", poisoned)
        self.gaps = keeper
        self.simulate()
        (options,) = self.options(interval=60.0)
        now = int(START * 1000)
        for days in (3, 5):
            start = now - days * 24 * HOUR
            opened = book.open(options.name, GapCause.HOST_DOWN, start, start + 4 * HOUR)
            self.successResultOf(Deferred.fromCoroutine(opened))
        self.read([options], {options.name: now - 6 * HOUR})
        self.run_for(24 * 3600)
        told = [(gap.cause, gap.filled_at is not None) for gap in book.gaps.values()]
        self.assertEqual(told[:3], [(GapCause.HOST_DOWN, True)] * 3)
        self.assertEqual(told[3:], [(GapCause.REFUSED, False)])
        self.assertEqual(len(book.readings), 2 * 17 + 25 - 4)
        self.assertLess(len(asked), 20)
        status = self.statuses[options.name]
        self.assertEqual((status.state, status.failed), (MeterState.READING, 0))
        self.assertGreaterEqual(status.good, 1439)
