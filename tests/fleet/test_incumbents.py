"""Another meter at a meter's address: its readings and its memory are nobody's until accepted."""

from __future__ import annotations

from functools import partial
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.config.values import Measurement, MeterOptions
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.errors import DlmsdError, ReplacedError
from dlmsd.fleet.board import Board
from dlmsd.fleet.incumbents import Incumbents, NobodyError
from dlmsd.fleet.inquiry import Inquiry
from dlmsd.meter import incumbency
from dlmsd.meter.backfill import Backfill
from dlmsd.meter.gaps import GapKeeper, spacing
from dlmsd.meter.identity import Identity, Serial
from dlmsd.meter.incumbency import Incumbency
from dlmsd.model import Gap, GapCause, Gone, MeterState, MeterStatus
from dlmsd.store.serials import Incumbent
from tests.fleet.serials import MemorySerials
from tests.meter.fleet import NAMES, START, FleetCase, wanted
from tests.meter.test_backfill import PERIOD, PROFILE, Book

NUMBER, NAME = "0-0:96.1.0", "0-0:42.0.0"
OPTIONS = MeterOptions("a", "h", "p", "a", ())
SERIAL = Measurement("serial", AttributeDescriptor(1, Obis.parse(NUMBER), 2), "serial")


class JudgeTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.now = 1000.0
        self.board, self.serials = Board(), MemorySerials()
        self.incumbents = self.life()

    def life(self, options: MeterOptions = OPTIONS) -> Incumbents:
        incumbents = Incumbents(self.board, self.serials, lambda: self.now)
        self.successResultOf(Deferred.fromCoroutine(incumbents.know([options])))
        return incumbents

    def meet(self, serial: str, by: str = NUMBER) -> bool:
        """Whether that is the meter."""
        try:
            self.incumbents.meet("a", Serial(serial, by))
        except ReplacedError:
            return False
        return True

    def test_the_first_is_the_meter_and_another_is_not(self) -> None:
        self.assertFalse(self.incumbents.knows("a"))
        self.assertTrue(self.meet("1"))
        self.assertTrue(self.incumbents.knows("a"))
        self.assertEqual([self.meet("1"), self.meet(""), self.meet("2"), self.meet("2")],
                         [True, True, False, False])  # fmt: skip
        self.assertFalse(self.meet(""), "as long as nobody says that it is back")
        self.assertEqual(self.board.identities["a"].instead, "1")
        self.assertTrue(self.meet("1"), "it is back")
        self.assertEqual(self.board.identities["a"].instead, "")
        self.assertEqual(self.serials.known, {"a": Incumbent("1", NUMBER)})

    def test_it_is_accepted_as_of_when_it_was_first_seen(self) -> None:
        self.assertRaises(NobodyError, self.incumbents.accept, "a")
        self.meet("1")
        self.assertRaises(NobodyError, self.incumbents.accept, "a")
        self.meet("2")
        self.now = 2000.0
        self.assertEqual(self.incumbents.since("a"), 0)
        self.assertEqual(self.incumbents.accept("a"), ("1", "2"))
        self.assertEqual(self.incumbents.since("a"), 1_000_000)
        self.assertEqual([self.meet("2"), self.meet("1")], [True, False])

    def test_over_a_restart(self) -> None:
        self.meet("1")
        self.meet("2")
        self.board = Board()
        self.incumbents = self.life()
        told = Identity("a", "2", told_by=NUMBER, instead="1")
        self.assertEqual(self.board.identities["a"], told)
        self.assertFalse(self.meet(""))

    def test_those_who_are_not_to_be_asked_are_not_judged(self) -> None:
        self.meet("1")
        self.meet("2")
        self.incumbents = self.life(evolve(OPTIONS, identify=False))
        self.assertTrue(self.meet("3"))
        self.assertIsNone(self.incumbents.obstacle("a"))
        self.assertFalse(self.incumbents.knows("a"))

    def test_two_names_of_one_meter_are_not_compared(self) -> None:
        self.meet("1")
        self.assertTrue(self.meet("DVM1", NAME))
        self.assertFalse(self.meet("2"))
        read = evolve(SERIAL, attribute=AttributeDescriptor(1, Obis.parse(NAME), 2))
        self.meet("1")
        self.incumbents = self.life(evolve(OPTIONS, read=(read,)))
        self.assertEqual([self.meet("DVM1", NAME), self.meet("DVM2", NAME)], [True, False])

    def test_what_an_older_dlmsd_knew(self) -> None:
        self.serials.known = {"a": Incumbent("1")}
        self.incumbents = self.life()
        self.assertTrue(self.meet("1"))
        self.assertEqual(self.serials.known["a"], Incumbent("1", NUMBER))

    def test_what_an_older_dlmsd_knew_may_be_the_other_name(self) -> None:
        """It did not keep which of them it was told, and asked for both."""
        self.serials.known = {"a": Incumbent("1")}
        read = evolve(SERIAL, attribute=AttributeDescriptor(1, Obis.parse(NAME), 2))
        self.incumbents = self.life(evolve(OPTIONS, read=(read,)))
        self.assertEqual([self.meet("DVM1", NAME), self.meet("DVM2", NAME)], [True, False])

    def test_one_serial_number_in_several_forms(self) -> None:
        """Its text, with what fills it up; as octets of characters; and in hexadecimal."""
        self.meet("00Ab12")
        for same in (
            "ab12",
            "00AB12  ",
            "00AB12\ufffd",
            b"00Ab12\0\0".hex(),
            b"00Ab12".hex(),
        ):
            self.assertTrue(self.meet(same), same)
        for nothing in (" ", "00000000", "ffffffff", "20202020", "0"):
            self.assertTrue(self.meet(nothing), nothing)
        self.assertFalse(self.meet("ab13"))
        self.assertFalse(self.meet("AB13 "))
        self.assertTrue(self.meet("00Ab12 "), "it is back")
        self.assertEqual(self.serials.known, {"a": Incumbent("00Ab12", NUMBER)})

    def test_who_is_known_as_another_one_is_not_taken_under_another_name(self) -> None:
        self.meet("1")
        self.meet("2")
        read = evolve(SERIAL, attribute=AttributeDescriptor(1, Obis.parse(NAME), 2))
        self.incumbents = self.life(evolve(OPTIONS, read=(read,)))
        self.assertEqual([self.meet("DVM2", NAME), self.meet("DVM2", NAME)], [False, False])
        self.incumbents.accept("a")
        self.assertTrue(self.meet("DVM2", NAME))

    def test_a_registry_that_fails_is_written_later(self) -> None:
        self.serials.broken = True
        self.incumbents = self.life()
        self.meet("1")
        self.serials.broken = False
        self.meet("2")
        self.assertEqual(self.serials.known, {"a": Incumbent("1", NUMBER, 0, "2", 1_000_000)})

    def test_a_registry_that_could_not_be_read_at_the_start_is_believed_later(self) -> None:
        """As after a start on a full disk: who was met meanwhile may be another one."""
        for told, instead in (("1", ""), ("2", "1")):
            self.serials.known = {"a": Incumbent("1", NUMBER)}
            self.serials.broken = True
            self.incumbents = self.life()
            self.assertTrue(self.meet(told))
            self.serials.broken = False
            self.incumbents.inquired(Identity("a", told, told_by=NUMBER))
            self.assertEqual(self.board.identities["a"].instead, instead)
            self.assertEqual(self.incumbents.obstacle("a") is None, not instead)
            self.assertEqual(self.serials.known["a"].serial, "1")

    def test_what_it_told_beside_its_cycles(self) -> None:
        for serial, told in (("1", ""), ("2", "1"), ("", "1"), ("1", "")):
            self.incumbents.inquired(Identity("a", serial, 3.0, told_by=NUMBER))
            found = self.board.identities["a"]
            self.assertEqual((found.instead, found.ahead), (told, 3.0))
        self.assertEqual(found.serial, "1")

    def test_a_meter_that_is_gone(self) -> None:
        self.meet("1")
        self.board.post(Gone("meter", "a"))
        self.assertTrue(self.meet("2"))


class ReplacementTests(FleetCase):
    """A meter that is polled every ten seconds, and has a load profile."""

    def setUp(self) -> None:
        super().setUp()
        self.book, self.board, self.serials = Book(), Board(), MemorySerials()
        self.incumbents = Incumbents(self.board, self.serials, self.wall)
        self.gaps, self.incumbency = self.keeper, self.judge

    def keeper(self, options: MeterOptions, last_ts: int) -> GapKeeper:
        since = partial(self.incumbents.since, options.name)
        backfill = Backfill(options, PROFILE, self.book, self.book, self.network, since)
        return GapKeeper(options.name, spacing(options), self.book, last_ts, self.network, backfill)

    def judge(self, options: MeterOptions) -> Incumbency:
        name = options.name
        known, meet = partial(self.incumbents.knows, name), partial(self.incumbents.meet, name)
        return Incumbency(options, known=known, meet=meet, clock=self.network)

    def hindrance(self, meter: MeterOptions) -> DlmsdError | None:
        return self.incumbents.obstacle(meter.name)

    def post(self, status: MeterStatus) -> None:
        super().post(status)
        self.board.post(status)

    def poll(self, **options: Any) -> None:
        """For ten minutes; by then it is known."""
        self.simulate()
        (self.meter,) = self.options(interval=10.0, **options)
        self.name = self.meter.name
        self.successResultOf(Deferred.fromCoroutine(self.incumbents.know([self.meter])))
        self.read([self.meter])
        assert self.fleet is not None
        inquiry = Inquiry(
            self.board, self.fleet.ask, self.incumbents, wall=self.wall, clock=self.network
        )
        inquiry.know([self.meter])
        self.run_for(600)
        self.assertEqual(self.incumbents.knows(self.name), True)

    def replace(self, serial: bytes, away: float) -> float:
        """Another meter is there after so many seconds; when that is."""
        port = self.simulation.endpoints[0].port
        server = self.network.listening.pop(port)
        for pipe in self.network.connections:
            pipe.abortConnection()
        self.run_for(away)
        self.simulation.meters[0].meter.serial = serial
        self.network.listening[port] = server
        return self.network.seconds()

    def accept(self, last: int) -> None:
        """As orders do: the line is made anew, and the newest reading was that of ``last``."""

        async def take() -> tuple[str, str]:
            return self.incumbents.accept(self.name)

        async def last_ts() -> dict[str, int]:
            return {self.name: last}

        assert self.fleet is not None
        accepted = Deferred.fromCoroutine(self.fleet.apart(self.name, last_ts, take))
        self.run_for(2)
        self.successResultOf(accepted)

    def told(self) -> list[tuple[GapCause, bool]]:
        gaps = sorted(self.book.gaps.values(), key=lambda gap: (gap.from_ts, gap.to_ts or 0))
        return [(gap.cause, gap.filled_at is not None) for gap in gaps]

    def gap(self, cause: GapCause) -> Gap:
        (found,) = [gap for gap in self.book.gaps.values() if gap.cause is cause]
        return found

    def test_nothing_of_another_one_until_it_is_accepted(self) -> None:
        self.poll()
        last = self.readings[-1].ts
        there = self.replace(b"99999999", 3600)
        self.run_for(2 * 3600)
        self.assertEqual(self.readings[-1].ts, last, "not one reading of the other")
        self.assertEqual(self.book.readings, {}, "nor of its memory")
        status = self.statuses[self.name]
        self.assertEqual((status.state, status.cause), (MeterState.WAITING, "replaced"))
        self.assertIn("99999999", status.error)

        self.accept(last)
        self.run_for(1200)
        self.assertIs(self.statuses[self.name].state, MeterState.READING)
        first = next(one.ts for one in self.readings if one.ts > last)
        seen = self.incumbents.since(self.name)
        self.assertLess(0, seen - (START + there) * 1000)
        self.assertLess(seen - (START + there) * 1000, 310_000)
        rows = sorted(self.book.readings)
        self.assertEqual(len(rows), 2 * 3600 // PERIOD)
        self.assertTrue(all(seen <= ts <= first for ts in rows), "and of its own time alone")
        lost, waited = self.gap(GapCause.METER_REPLACED), self.gap(GapCause.NOT_ACCEPTED)
        self.assertEqual((lost.from_ts, waited.to_ts), (last, first))
        self.assertEqual(lost.to_ts, seen)
        self.assertLess(waited.from_ts - seen, 2000)

    def test_the_old_one_is_back(self) -> None:
        self.poll()
        before, count = self.simulation.meters[0].meter.serial, len(self.readings)
        self.replace(b"99999999", 300)
        self.run_for(600)
        self.assertEqual(len(self.readings), count)
        self.assertIs(self.statuses[self.name].state, MeterState.WAITING)
        self.simulation.meters[0].meter.serial = before
        self.run_for(120)
        self.assertGreater(len(self.readings), count, "within two minutes, by itself")
        self.assertNotIn(GapCause.METER_REPLACED, [gap.cause for gap in self.book.gaps.values()])

    def test_the_same_one_is_read_on(self) -> None:
        self.poll()
        before = len(self.readings)
        self.replace(self.simulation.meters[0].meter.serial, 300)
        self.run_for(120)
        self.assertGreater(len(self.readings), before)
        self.assertEqual([cause for cause, _ in self.told()], [GapCause.METER_LINK])

    def test_what_its_readings_tell_needs_no_outage(self) -> None:
        read = (*(wanted(name) for name in NAMES), SERIAL)
        self.poll(read=read)
        self.simulation.meters[0].meter.serial = b"99999999"
        before = len(self.readings)
        self.run_for(60)
        self.assertEqual(len(self.readings), before)
        self.assertEqual({one.values["serial"] for one in self.readings}, {"00000001"})

    def test_a_gap_that_was_still_to_be_filled(self) -> None:
        """Of the old one's time nothing is taken from the new one, whichever gap it is."""
        self.poll()
        day = 86_400_000
        now = int(self.wall() * 1000)
        number = self.successResultOf(
            Deferred.fromCoroutine(
                self.book.open(self.name, GapCause.HOST_DOWN, now - day, now - day // 2)
            )
        )
        self.replace(b"99999999", 300)
        self.run_for(400)
        self.incumbents.accept(self.name)
        self.change([evolve(self.meter, interval=11.0)], {self.name: self.readings[-1].ts})
        self.run_for(600)
        self.assertTrue(all(ts > now for ts in self.book.readings))
        self.assertIsNotNone(self.book.gaps[number].filled_at)
        lost = [g for g in self.book.gaps.values() if g.cause is GapCause.METER_REPLACED]
        self.assertIn((now - day, now - day // 2), [(one.from_ts, one.to_ts) for one in lost])

    def test_one_that_fails_when_it_is_asked_again_is_read_all_the_same(self) -> None:
        self.poll()
        before = len(self.readings)
        asked: list[str] = []

        async def fail(options: MeterOptions, session: Any) -> Serial:
            asked.append(options.name)
            raise DlmsdError("no")

        self.patch(incumbency, "ask_serial", fail)
        self.replace(b"99999999", 300)
        self.run_for(120)
        self.assertEqual(len(asked), 3)
        self.assertGreater(len(self.readings), before)
