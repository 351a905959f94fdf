"""Gaps, and what a meter's load profile has of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred

from dlmsd.config.values import MeterOptions
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.errors import StoreError
from dlmsd.meter.backfill import Backfill
from dlmsd.meter.gaps import GapKeeper, spacing
from dlmsd.meter.session import Session
from dlmsd.model import Gap, GapCause, MeterState, Reading, Watermark
from dlmsd.simulator.equipment import Equipment, ProfileOptions
from dlmsd.simulator.personality import MICROSTAR, Personality
from tests.meter.fleet import START, FleetCase
from tests.meter.test_services import ServiceCase

PROFILE = Obis.parse("1-0:99.1.0")
PERIOD = 900
HOUR = 3_600_000


class Book:
    """Gaps and readings in memory, as the outbox keeps them; it checks its caller."""

    def __init__(self) -> None:
        self.gaps: dict[int, Gap] = {}
        self.readings: dict[int, Reading] = {}
        self.marks: list[Watermark] = []
        self.broken = False
        self.restored: bool | None = False
        self.short = False
        self.owed: list[tuple[int, tuple[str, ...]]] = []

    async def open(
        self, meter: str, cause: GapCause, from_ts: int, to_ts: int | None = None
    ) -> int:
        if self.broken:
            raise StoreError("the disk is full")
        number = len(self.gaps) + 1
        assert to_ts is None or to_ts >= from_ts
        new = Gap(number, meter, "", cause, from_ts, to_ts)
        for gap in self.gaps.values():
            if evolve(gap, id=number) == new:
                return gap.id
        self.gaps[number] = new
        return number

    async def close(self, gap: int, to_ts: int, cause: GapCause | None = None) -> None:
        if self.broken:
            raise StoreError("the disk is full")
        assert self.gaps[gap].to_ts is None
        assert to_ts > self.gaps[gap].from_ts
        self.gaps[gap] = evolve(self.gaps[gap], to_ts=to_ts, cause=cause or self.gaps[gap].cause)

    async def fill(self, gap: int) -> None:
        assert self.gaps[gap].to_ts is not None
        self.gaps[gap] = evolve(self.gaps[gap], filled_at=1)

    async def since(self, ts: int, meter: str | None = None) -> list[Gap]:
        if self.broken:
            raise StoreError("the disk is full")
        return list(self.gaps.values())

    def pressed(self) -> bool:
        return self.short

    async def restore(self, gap: int) -> bool | None:
        return self.restored

    async def commit_backfill(
        self, readings: Sequence[Reading], sinks: Sequence[str], watermark: Watermark | None = None
    ) -> int:
        new = {one.ts: one for one in readings if one.ts not in self.readings}
        self.owed += [(ts, tuple(sinks)) for ts in new]
        self.readings |= new
        if watermark is not None:
            self.marks.append(watermark)
        return len(new)


def meter(**profile: Any) -> Personality:
    return evolve(MICROSTAR, equipment=Equipment(profile=ProfileOptions(**profile)))


class BackfillTests(ServiceCase):
    """The virtual meters have captured a row every quarter of an hour since for ever."""

    def fill(
        self,
        hours: float,
        personality: Personality = MICROSTAR,
        profile: Obis = PROFILE,
        book: Book | None = None,
        sink: str = "",
    ) -> Book:
        """A gap of so many hours that has just ended."""
        book = book or Book()
        end = int(START * 1000)
        start = end - int(hours * HOUR)

        async def work(session: Session) -> None:
            (options,) = self.options()
            backfill = Backfill(options, profile, book, book, self.network)
            gap = 1 if book.gaps else await book.open(options.name, GapCause.METER_LINK, start, end)
            backfill.add(gap, start, end, sink)
            for _ in range(200):
                if not backfill.waiting:
                    return
                used = await backfill.step(session)
                if not used:
                    await self.pause(1.0)

        self.visit(work, personality)
        return book

    def pause(self, seconds: float) -> Deferred[None]:
        done = Deferred[None]()
        self.network.callLater(seconds, done.callback, None)
        return done

    def expected(self, hours: float) -> list[int]:
        end = int(START) // PERIOD * PERIOD
        first = int(START - hours * 3600)
        return [ts * 1000 for ts in range(end, first - 1, -PERIOD)][::-1]

    def test_every_row_of_the_gap_once(self) -> None:
        for hours in (1, 3, 30):
            with self.subTest(hours=hours):
                self.setUp()
                book = self.fill(hours)
                self.assertEqual(sorted(book.readings), self.expected(hours))
                self.assertIn("active_energy", next(iter(book.readings.values())).values)
                self.assertEqual([gap.filled_at for gap in book.gaps.values()], [1])
                self.assertEqual(book.marks[0].ts, max(book.readings))
                self.end()

    def test_a_meter_that_was_off(self) -> None:
        book = self.fill(20, meter(off_every=36_000.0, off_for=7_200.0))
        _, *holes = book.gaps.values()
        self.assertGreaterEqual(len(holes), 1)
        self.assertEqual({gap.cause for gap in holes}, {GapCause.METER_OFF})
        # Nothing has filled them, and a later life asks no more.
        self.assertEqual([gap.filled_at for gap in book.gaps.values()], [1, *(None for _ in holes)])
        keeper = self.keeper_after(book)
        self.assertEqual(keeper.waiting, 0)
        missing = set(self.expected(20)[:-1]) - set(book.readings)
        self.assertGreater(len(missing), 4)
        for ts in missing:
            self.assertTrue(any(g.from_ts <= ts <= (g.to_ts or 0) for g in holes), ts)

    def test_a_gap_of_one_sink_is_filled_for_that_one(self) -> None:
        """However many chunks it takes; and nothing is said of the meter."""
        book = Book()
        end = int(START * 1000)
        lost = Gap(1, "virtual-001", "slow", GapCause.OUTBOX_FULL, end - 60 * HOUR, end, 9)
        book.gaps[1] = lost
        self.fill(60, book=book, sink="slow")
        self.assertEqual(sorted(book.readings), self.expected(60))
        self.assertEqual({sinks for _, sinks in book.owed}, {("slow",)})
        self.assertEqual(list(book.gaps.values()), [evolve(lost, filled_at=1)])

    def test_the_meter_is_asked_for_what_the_outbox_lacks(self) -> None:
        self.simulate()
        lost = Gap(1, "virtual-001", "slow", GapCause.OUTBOX_FULL, 0, HOUR, 9)
        for restored, sinks, asked in (
            (False, ("slow", "tb"), 1),
            (True, ("slow", "tb"), 0),
            (None, ("slow", "tb"), 0),
            (False, ("tb",), 0),
        ):
            book = Book()
            book.gaps[1], book.restored = lost, restored
            self.assertEqual(self.keeper_after(book, sinks).waiting, asked, (restored, sinks))

    def test_what_was_lost_is_asked_for_when_there_is_room(self) -> None:
        """Also where there was none at the start, and there is some before the first visit."""
        lost = Gap(1, "virtual-001", "slow", GapCause.OUTBOX_FULL, 0, HOUR, 9)
        self.simulate()
        book = Book()
        book.gaps[1], book.short = lost, True
        backfill = Backfill(self.options()[0], PROFILE, book, book, self.network)
        keeper = GapKeeper("virtual-001", 60.0, book, 1, self.network, backfill, ("slow",))
        keeper.start()
        self.assertEqual(backfill.waiting, 0)
        book.short = False

        async def work(session: Session) -> None:
            await keeper.fill(session)

        self.visit(work)
        self.assertEqual(book.gaps[1].filled_at, 1)

    def keeper_after(self, book: Book, sinks: Sequence[str] = ()) -> Backfill:
        """What another life finds to do."""
        backfill = Backfill(self.options()[0], PROFILE, book, book, self.network)
        GapKeeper("virtual-001", 60.0, book, 1, self.network, backfill, sinks).start()
        return backfill

    def test_a_meter_that_was_off_for_days(self) -> None:
        """One hole, however many chunks it was asked in: nothing was lost."""
        week = 7 * 86_400
        since = START % week  # since the meter went off
        for off_for, hours in ((since - 3600, 150), (since - 3600, since / 3600 - 0.2)):
            with self.subTest(hours=hours):
                self.setUp()
                book = self.fill(hours, meter(off_every=week, off_for=off_for))
                _, *holes = book.gaps.values()
                self.assertEqual([gap.cause for gap in holes], [GapCause.METER_OFF])
                first = min(ts for ts in book.readings if ts > START * 1000 - HOUR * 3)
                self.assertEqual(holes[0].to_ts, first)
                self.end()

    def test_what_the_meter_has_lost(self) -> None:
        """A ring of ten rows, two and a half hours: one hole, and nothing else is said of it."""
        book = self.fill(72, meter(entries=10))
        self.assertEqual(sorted(book.readings), self.expected(72)[-10:])
        gap, hole = book.gaps.values()
        self.assertEqual(hole.cause, GapCause.LOST_IN_METER)
        self.assertEqual((hole.from_ts, hole.to_ts), (gap.from_ts, min(book.readings)))

    def test_again_after_a_restart(self) -> None:
        """What was found of a gap is found again, and said once."""
        kind = meter(off_every=36_000.0, off_for=7_200.0, entries=200)
        book = self.fill(100, kind)
        before = list(book.gaps.values())
        self.assertEqual(len({gap.cause for gap in before}), 3)
        self.fill(100, kind, book=book)
        self.assertEqual(list(book.gaps.values()), before)

    def test_no_such_profile(self) -> None:
        book = self.fill(3, profile=Obis.parse("1-0:99.9.0"))
        self.assertEqual(book.readings, {})
        self.assertEqual(
            [gap.cause for gap in book.gaps.values()], [GapCause.METER_LINK, GapCause.REFUSED]
        )
        self.assertEqual([gap.filled_at for gap in book.gaps.values()], [1, None])

    def test_by_entry_where_ranges_are_refused(self) -> None:
        book = self.fill(3, meter(selectors=(2,), entries=200))
        self.assertEqual(sorted(book.readings), self.expected(3))

    def test_a_fifth_of_the_line(self) -> None:
        """Between two chunks the line is free for four times as long as the first took."""
        used: list[tuple[float, float]] = []
        step = Backfill.step

        async def timed(backfill: Backfill, session: Session) -> bool:
            began = self.network.seconds()
            did = await step(backfill, session)
            if did:
                used.append((began, self.network.seconds()))
            return did

        self.patch(Backfill, "step", timed)
        self.fill(60)
        self.assertGreater(len(used), 2)
        for (began, ended), (again, _) in pairwise(used):
            self.assertGreaterEqual(again - ended, 4 * (ended - began) - 0.001)


class OutageTests(FleetCase):
    """A meter that is polled every minute, and what was missed of it."""

    def setUp(self) -> None:
        super().setUp()
        self.book = Book()
        self.gaps = self.keeper

    def keeper(self, options: MeterOptions, last_ts: int) -> GapKeeper:
        backfill = Backfill(options, PROFILE, self.book, self.book, self.network)
        return GapKeeper(options.name, spacing(options), self.book, last_ts, self.network, backfill)

    def poll(self, last_ts: int = 0) -> None:
        self.simulate()
        (options,) = self.options(interval=60.0)
        self.read([options], {options.name: last_ts} if last_ts else None)

    def rows(self, since: float, until: float) -> set[int]:
        """When the meter captured, Unix ms."""
        first = int(START + since) // PERIOD + 1
        last = int(START + until) // PERIOD
        return {number * PERIOD * 1000 for number in range(first, last + 1)}

    def test_an_outage_of_the_link(self) -> None:
        self.poll()
        self.run_for(600)
        port = self.simulation.endpoints[0].port
        server = self.network.listening.pop(port)
        for pipe in self.network.connections:
            pipe.abortConnection()
        self.run_for(5 * 3600)
        self.network.listening[port] = server
        self.run_for(1200)
        (gap,) = self.book.gaps.values()
        self.assertEqual((gap.cause, gap.filled_at), (GapCause.METER_LINK, 1))
        self.assertLessEqual(self.rows(600, 600 + 5 * 3600), set(self.book.readings))
        self.assertLessEqual(len(self.book.readings), 22)
        self.assertIs(self.statuses["virtual-001"].state, MeterState.READING)

    def test_an_outage_of_the_host(self) -> None:
        self.poll(int((START - 6 * 3600) * 1000))
        self.run_for(600)
        (gap,) = self.book.gaps.values()
        self.assertEqual((gap.cause, gap.filled_at), (GapCause.HOST_DOWN, 1))
        self.assertEqual(set(self.book.readings), self.rows(-6 * 3600, 0) | {gap.from_ts})
        # The present was not kept waiting for the past.
        self.assertGreaterEqual(len(self.readings), 10)
        self.assertEqual(self.statuses["virtual-001"].missed, 0)

    def test_nothing_was_missed(self) -> None:
        self.poll()
        self.run_for(3600)
        self.assertEqual((self.book.gaps, self.book.readings), ({}, {}))
