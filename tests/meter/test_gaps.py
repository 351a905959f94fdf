"""When gaps begin and end, whatever the disk does."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import Logger
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.config.values import MeterOptions
from dlmsd.meter import ledger
from dlmsd.meter.backfill import Backfill
from dlmsd.meter.gaps import GapKeeper
from dlmsd.model import GapCause, GapStart
from tests.meter.test_backfill import HOUR, PROFILE, Book

SLOT = 60_000


class GapCase(SynchronousTestCase):
    """A meter whose slots are a minute; times are in ms since it was first heard of."""

    def setUp(self) -> None:
        self.book = Book()
        self.clock = Clock()
        self.set_back = 0
        self.backfill: Backfill | None = None

    def keeper(self, last_ts: int = 0) -> GapKeeper:
        self.kept = GapKeeper("a", 60.0, self.book, last_ts, self.clock, self.backfill)
        return self.kept

    def at(self, ms: int) -> int:
        """It is then by the clock that nobody sets; what the wall clock says."""
        self.clock.advance(max(0.0, ms / 1000 - self.clock.seconds()))
        return ms - self.set_back

    def read(self, ms: int) -> None:
        self.kept.read(self.kept.moment(self.at(ms)))

    def missed(self, ms: int, cause: GapCause | None = None) -> None:
        self.kept.missed(self.at(ms), cause)

    def events(self, events: Sequence[tuple[bool, bool, int]]) -> None:
        """Slots that are good or not, with a book that refuses or not, so many seconds apart."""
        now, times = 1, []
        for good, broken, seconds in events:
            self.book.broken = broken
            now += seconds * 1000
            if good:
                self.read(now)
                times.append(now)
            else:
                self.missed(now)
        wanted = [(first, last) for first, last in pairwise(times) if last - first > 90_000]
        closed = [(gap.from_ts, gap.to_ts) for gap in self.book.gaps.values() if gap.to_ts]
        self.assertEqual(closed, wanted)

    def told(self) -> list[tuple[GapCause, int, int | None]]:
        return [(gap.cause, gap.from_ts, gap.to_ts) for gap in self.book.gaps.values()]


class GapKeeperTests(GapCase):
    def test_readings_in_time_make_none(self) -> None:
        self.keeper()
        for ts in range(0, HOUR, SLOT):
            self.read(ts + 1)
        self.assertEqual(self.told(), [])

    def test_it_lasts_from_reading_to_reading(self) -> None:
        self.keeper()
        self.read(1_000)
        for late in (61_000, 121_000, 181_000):
            self.missed(late)
        self.assertEqual(self.told(), [(GapCause.METER_LINK, 1_000, None)])
        self.read(241_000)
        self.assertEqual(self.told(), [(GapCause.METER_LINK, 1_000, 241_000)])

    def test_one_late_slot_is_none(self) -> None:
        self.keeper()
        self.read(1_000)
        self.missed(62_000)
        self.read(80_000)
        self.assertEqual(self.told(), [])

    def test_nor_is_a_reading_that_is_stored_late(self) -> None:
        keeper = self.keeper()
        self.read(1_000)
        moment = keeper.moment(self.at(61_000))
        self.at(HOUR)
        keeper.read(moment)
        keeper.read(keeper.moment(121_000, HOUR / 1000 - 121))
        self.assertEqual(self.told(), [])

    def test_nobody_was_there(self) -> None:
        keeper = self.keeper(5_000)
        keeper.read(keeper.moment(HOUR))
        self.assertEqual(self.told(), [(GapCause.HOST_DOWN, 5_000, HOUR)])

    def test_before_the_first_reading_of_all(self) -> None:
        self.keeper()
        self.missed(HOUR)
        self.read(2 * HOUR)
        self.assertEqual(self.told(), [])

    def test_one_that_lasted_over_a_restart(self) -> None:
        self.keeper()
        self.read(1_000)
        self.missed(HOUR)
        self.keeper(1_000).start()
        self.missed(2 * HOUR)
        self.read(3 * HOUR)
        self.assertEqual(self.told(), [(GapCause.METER_LINK, 1_000, 3 * HOUR)])

    def test_it_is_told_before_the_reading_behind_it_is_stored(self) -> None:
        keeper = self.keeper(5_000)
        moment = keeper.moment(HOUR)
        keeper.expect(moment)
        self.assertEqual(self.told(), [(GapCause.HOST_DOWN, 5_000, None)])
        keeper.read(moment)
        self.assertEqual(self.told(), [(GapCause.HOST_DOWN, 5_000, HOUR)])

    def test_one_that_was_over_when_the_life_ended_and_not_told_so(self) -> None:
        keeper = self.keeper(5_000)
        keeper.expect(keeper.moment(HOUR))
        self.keeper(HOUR).start()
        self.read(HOUR + SLOT)
        self.read(HOUR + 2 * SLOT)
        self.assertEqual(self.told(), [(GapCause.HOST_DOWN, 5_000, HOUR + SLOT)])

    @given(st.lists(st.tuples(st.booleans(), st.integers(1, 400)), max_size=40))
    def test_gaps_are_what_no_reading_is_near(self, events: list[tuple[bool, int]]) -> None:
        """Against the definition: pairs of readings more than a slot and a half apart."""
        self.setUp()
        self.keeper()
        self.events([(good, False, seconds) for good, seconds in events])


class DiskTests(GapCase):
    """The book refuses; what it was to be told is not forgotten."""

    def test_a_disk_that_refuses(self) -> None:
        self.keeper()
        self.read(1_000)
        self.book.broken = True
        self.missed(HOUR)
        self.read(2 * HOUR)
        self.book.broken = False
        self.read(4 * HOUR)
        self.assertEqual(
            self.told(),
            [(GapCause.METER_LINK, 1_000, 2 * HOUR), (GapCause.METER_LINK, 2 * HOUR, 4 * HOUR)],
        )

    def test_a_beginning_that_is_refused(self) -> None:
        """The page shows it while it lasts, as soon as the disk takes it."""
        self.keeper()
        self.read(1_000)
        self.book.broken = True
        self.missed(HOUR)
        self.book.broken = False
        self.missed(HOUR + SLOT // 2)
        self.assertEqual(self.told(), [], "not each slot")
        self.missed(HOUR + SLOT)
        self.assertEqual(self.told(), [(GapCause.METER_LINK, 1_000, None)])
        self.read(2 * HOUR)
        self.assertEqual(self.told(), [(GapCause.METER_LINK, 1_000, 2 * HOUR)])

    def test_what_the_book_has_refused_is_stored_with_the_reading(self) -> None:
        self.keeper()
        self.read(1_000)
        self.book.broken = True
        self.missed(HOUR, GapCause.OUTBOX_FULL)
        start = GapStart(GapCause.OUTBOX_FULL, 1_000)
        for ms in (2 * HOUR, 2 * HOUR + SLOT):  # none of which is stored yet
            self.assertEqual(self.kept.expect(self.kept.moment(self.at(ms))), start)
        self.read(2 * HOUR)
        self.assertIsNone(self.kept.expect(self.kept.moment(self.at(2 * HOUR + SLOT))))

    def test_an_end_that_is_refused(self) -> None:
        """It is told before what follows, and then read back."""
        wanted: list[tuple[int, int, int]] = []
        self.backfill = Backfill(
            MeterOptions("a", "host", "profile", "device", ()),
            PROFILE,
            self.book,
            self.book,
            self.clock,
        )
        self.patch(self.backfill, "add", lambda *gap: wanted.append(gap))
        self.keeper()
        self.read(1_000)
        self.missed(HOUR)
        self.book.broken = True
        self.read(2 * HOUR)
        self.missed(3 * HOUR)
        self.assertEqual((self.told(), wanted), ([(GapCause.METER_LINK, 1_000, None)], []))
        self.book.broken = False
        self.missed(3 * HOUR + SLOT)
        self.assertEqual(
            self.told(),
            [(GapCause.METER_LINK, 1_000, 2 * HOUR), (GapCause.METER_LINK, 2 * HOUR, None)],
        )
        self.assertEqual(wanted, [(1, 1_000, 2 * HOUR)])

    def test_what_is_left_cannot_be_read_at_the_start(self) -> None:
        self.successResultOf(
            Deferred.fromCoroutine(self.book.open("a", GapCause.HOST_DOWN, 1_000, None))
        )
        self.book.broken = True
        self.keeper(1_000).start()
        self.missed(HOUR)
        self.book.broken = False
        self.read(2 * HOUR)
        self.assertEqual(self.told(), [(GapCause.HOST_DOWN, 1_000, 2 * HOUR)], "the same one")

    def test_it_is_told_once_that_the_disk_refuses(self) -> None:
        lines: list[object] = []
        self.patch(ledger.Ledger, "_log", Logger(observer=lines.append))
        self.keeper()
        for day in range(2):
            self.book.broken = True
            self.read((1 + day * 24) * HOUR)
            for minute in range(60, 120):
                self.missed((1 + day * 24) * HOUR + minute * SLOT)
            self.book.broken = False
            self.read((4 + day * 24) * HOUR)
        self.assertEqual(len(lines), 2)

    def test_a_book_that_refuses_for_ever(self) -> None:
        """What waits for it is bounded; nothing between the first and the last is left out."""
        keeper = self.keeper()
        self.read(1_000)
        self.book.broken = True
        hours = 1000
        for hour in range(1, hours):
            self.read(hour * HOUR)
        waiting = len(keeper._ledger._events)
        self.assertLess(waiting, 110)
        self.book.broken = False
        self.read(hours * HOUR)
        closed = [(gap.from_ts, gap.to_ts) for gap in self.book.gaps.values()]
        self.assertEqual(closed[0][0], 1_000)
        self.assertEqual(closed[-1][1], hours * HOUR)
        self.assertTrue(all(one[1] == other[0] for one, other in pairwise(closed)))

    @given(st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(1, 400)), max_size=60))
    def test_it_refuses_now_and_then(self, events: list[tuple[bool, bool, int]]) -> None:
        """All that is over is told once it takes them again."""
        self.setUp()
        self.keeper()
        self.events([*events, (True, False, 1), (True, False, 1)])
