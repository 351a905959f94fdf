"""Gaps while the wall clock is set, and as a meter that is polled has them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from dlmsd.config.values import MeterOptions
from dlmsd.meter.backfill import Backfill
from dlmsd.meter.gaps import GapKeeper, spacing
from dlmsd.model import Gap, GapCause, GapStart, Reading
from tests.meter.fleet import START, FleetCase
from tests.meter.test_backfill import HOUR, PERIOD, PROFILE, Book
from tests.meter.test_gaps import SLOT, GapCase


class ClockTests(GapCase):
    """The wall clock is set, mostly back by two hours."""

    def setUp(self) -> None:
        super().setUp()
        self.keeper()

    def read_until(self, first: int, last: int) -> None:
        for ts in range(first, last, SLOT):
            self.read(ts)

    def test_readings_go_on(self) -> None:
        self.read_until(4 * HOUR, 5 * HOUR)
        self.set_back = 2 * HOUR
        self.read_until(5 * HOUR, 8 * HOUR)
        self.assertEqual(self.told(), [])

    def test_an_outage_soon_after(self) -> None:
        self.read_until(4 * HOUR, 5 * HOUR)
        self.set_back = 2 * HOUR
        self.read_until(5 * HOUR, 5 * HOUR + 10 * SLOT)
        last = 3 * HOUR + 9 * SLOT
        self.missed(5 * HOUR + 11 * SLOT)
        self.assertEqual(self.told(), [(GapCause.METER_LINK, last, None)])
        self.read(6 * HOUR)
        self.assertEqual(self.told(), [(GapCause.METER_LINK, last, 4 * HOUR)])

    def test_also_where_no_slot_was_missed(self) -> None:
        self.read_until(4 * HOUR, 5 * HOUR)
        self.set_back = 2 * HOUR
        self.read(6 * HOUR)
        self.assertEqual(self.told(), [(GapCause.METER_LINK, 3 * HOUR - SLOT, 4 * HOUR)])

    def test_set_forward(self) -> None:
        """No reading has a time of what was left out, which is a gap as any other."""
        self.read_until(4 * HOUR, 5 * HOUR)
        self.set_back = -2 * HOUR
        self.read_until(5 * HOUR, 6 * HOUR)
        self.assertEqual(self.told(), [(GapCause.METER_LINK, 5 * HOUR - SLOT, 7 * HOUR)])

    def test_while_nothing_is_read(self) -> None:
        """It began, by the clock as it is now, before the last reading."""
        self.read_until(4 * HOUR, 5 * HOUR)
        self.set_back = 2 * HOUR
        self.missed(5 * HOUR + SLOT)
        self.read(5 * HOUR + 10 * SLOT)
        self.assertEqual(
            self.told(), [(GapCause.METER_LINK, 3 * HOUR - SLOT, 3 * HOUR + 10 * SLOT)]
        )

    def test_while_a_gap_lasts(self) -> None:
        """It is as long as it was, and what is read back is of the time as it is now."""
        wanted: list[tuple[int, int, int]] = []
        options = MeterOptions("a", "host", "profile", "device", ())
        self.backfill = Backfill(options, PROFILE, self.book, self.book, self.clock)
        self.patch(self.backfill, "add", lambda *gap: wanted.append(gap))
        self.keeper()
        self.read_until(4 * HOUR, 5 * HOUR)
        last = 5 * HOUR - SLOT
        self.missed(5 * HOUR + SLOT)
        self.set_back = 2 * HOUR
        self.missed(5 * HOUR + 5 * SLOT)
        self.read(5 * HOUR + 10 * SLOT)
        self.assertEqual(self.told(), [(GapCause.METER_LINK, last, last + 11 * SLOT)])
        self.assertEqual(wanted, [(1, last - self.set_back, 3 * HOUR + 10 * SLOT)])

    def test_over_a_restart(self) -> None:
        """How long nobody was there is not known; what is missed later on is."""
        self.at(5 * HOUR)
        self.set_back = 2 * HOUR
        self.keeper(5 * HOUR)
        self.read_until(5 * HOUR + SLOT // 60, 6 * HOUR)
        self.assertEqual(self.told(), [])
        self.missed(7 * HOUR)
        self.assertEqual([told[1] for told in self.told()], [4 * HOUR - SLOT + SLOT // 60])

    def test_over_a_restart_with_nobody_there(self) -> None:
        self.at(5 * HOUR)
        self.set_back = 2 * HOUR
        self.keeper(5 * HOUR)
        for ts in range(5 * HOUR, 6 * HOUR, SLOT):
            self.missed(ts)
        self.read(6 * HOUR)
        self.assertEqual(self.told(), [(GapCause.HOST_DOWN, 3 * HOUR, 4 * HOUR)])

    @given(
        st.lists(
            st.tuples(st.booleans(), st.integers(1, 400), st.sampled_from([0, 0, 0, 20, 7200])),
            max_size=40,
        )
    )
    def test_no_outage_goes_unnoticed(self, events: list[tuple[bool, int, int]]) -> None:
        """However the clock is set back: as many gaps as pairs of readings that are apart."""
        self.setUp()
        now, times = 100 * HOUR, []
        for good, seconds, back in [*events, (True, 1, 0)]:
            now += seconds * 1000
            self.set_back += back * 1000
            if good:
                self.read(now)
                times.append(now)
            else:
                self.missed(now)
        wanted = [last - first for first, last in pairwise(times) if last - first > 90_000]
        gaps = list(self.book.gaps.values())
        self.assertEqual(len(gaps), len(wanted))
        for gap, length in zip(gaps, wanted, strict=True):
            assert gap.to_ts is not None
            self.assertLessEqual(abs(gap.to_ts - gap.from_ts - length), 400_000)


class PolledTests(FleetCase):
    """A meter that is polled every minute, and read back from its profile."""

    def setUp(self) -> None:
        super().setUp()
        self.book = Book()
        self.behind: list[GapStart] = []
        self.set_back = 0.0
        self.gaps = self.keeper

    def keeper(self, options: MeterOptions, last_ts: int) -> GapKeeper:
        backfill = Backfill(options, PROFILE, self.book, self.book, self.network)
        return GapKeeper(options.name, spacing(options), self.book, last_ts, self.network, backfill)

    def wall(self) -> float:
        return super().wall() - self.set_back

    def commit(
        self, reading: Reading, sinks: Sequence[str], behind: GapStart | None = None
    ) -> Deferred[None]:
        if behind is not None:
            self.behind.append(behind)
        return super().commit(reading, sinks, behind)

    def unreachable(self) -> None:
        """For an hour."""
        port = self.simulation.endpoints[0].port
        server = self.network.listening.pop(port)
        for pipe in self.network.connections:
            pipe.abortConnection()
        self.run_for(3600)
        self.network.listening[port] = server
        self.run_for(3600)

    def outage(self) -> Gap:
        """The only gap."""
        self.unreachable()
        (gap,) = self.book.gaps.values()
        return gap

    def test_an_outage_that_the_book_refuses_goes_with_the_reading(self) -> None:
        self.simulate()
        self.read(self.options(interval=60.0))
        self.run_for(130)
        last = self.readings[-1]
        self.book.broken = True
        self.unreachable()
        self.assertEqual(self.behind, [GapStart(GapCause.METER_LINK, last.ts)])

    def test_an_outage_after_the_clock_was_set_back(self) -> None:
        for seconds in (0.0, 2 * 3600.0):
            with self.subTest(seconds=seconds):
                self.setUp()
                self.simulate()
                (options,) = self.options(interval=60.0)
                self.read([options])
                self.run_for(600)
                self.set_back = seconds
                self.run_for(120)
                gap = self.outage()
                assert gap.to_ts is not None
                first = (START + 720 - seconds) * 1000
                self.assertLess(abs(gap.from_ts - first), 61_000)
                self.assertLess(abs(gap.to_ts - first - HOUR), 600_000)
                self.assertEqual(gap.filled_at, 1)
                step = PERIOD * 1000
                rows = list(range(-(-gap.from_ts // step) * step, gap.to_ts + 1, step))
                self.assertEqual(sorted(self.book.readings), rows)
                self.end()

    def test_a_disk_that_refused_its_beginning(self) -> None:
        self.simulate()
        (options,) = self.options(interval=60.0)
        self.read([options])
        self.run_for(600)
        self.book.broken = True
        self.network.callLater(600, setattr, self.book, "broken", False)
        gap = self.outage()
        self.assertEqual((gap.cause, gap.filled_at), (GapCause.METER_LINK, 1))
        self.assertGreaterEqual(len(self.book.readings), 4)
