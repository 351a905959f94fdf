"""Each meter is asked who it is: seldom, between its cycles, and not by those that mind."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.config.values import MeterOptions
from dlmsd.errors import ClosedError
from dlmsd.fleet.board import Board
from dlmsd.fleet.incumbents import Incumbents
from dlmsd.fleet.inquiry import Inquiry
from dlmsd.meter.identity import Identity
from dlmsd.meter.turns import Work
from dlmsd.model import Gone, MeterState, MeterStatus
from dlmsd.simulator.personality import MICROSTAR
from tests.fleet.serials import MemorySerials
from tests.meter.fleet import FleetCase

HOUR, DAY = 3600.0, 86_400.0
METER = MeterStatus("a", "h:1", "p", 5.0, MeterState.READING, connects=1)
OPTIONS = MeterOptions("a", "h", "p", "a", ())


class WhenTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.board = Board()
        self.asked: list[Deferred[Any]] = []
        self.read = True
        incumbents = Incumbents(self.board, MemorySerials(), self.clock.seconds)
        inquiry = Inquiry(
            self.board, self.ask, incumbents, wall=self.clock.seconds, clock=self.clock
        )
        inquiry.know([OPTIONS])
        self.inquiry = inquiry

    def ask(self, name: str, work: Work) -> Deferred[Any]:
        if not self.read:
            raise LookupError(name)
        self.asked.append(Deferred())
        return self.asked[-1]

    def after(self, seconds: float, **changes: Any) -> int:
        """How often it was asked, when it is read after so many seconds."""
        self.clock.advance(seconds)
        self.board.post(evolve(METER, **changes))
        return len(self.asked)

    def tell(self, serial: str = "1", ahead: float | None = 0.0) -> None:
        self.asked[-1].callback(Identity("a", serial, ahead))

    def test_a_minute_after_the_first_reading_and_then_daily(self) -> None:
        self.assertEqual([self.after(0), self.after(59), self.after(1), self.after(5)],
                         [0, 0, 1, 1])  # fmt: skip
        self.tell()
        self.assertEqual(self.board.identities, {"a": Identity("a", "1", 0.0)})
        self.assertEqual([self.after(DAY - 6), self.after(1)], [1, 2])

    def test_one_that_is_read_seldom_while_its_connection_stands(self) -> None:
        self.assertEqual(self.after(0, interval=60.0), 1)

    def test_a_new_connection_is_asked_but_not_within_the_hour(self) -> None:
        self.after(0)
        self.after(60)
        self.tell()
        self.after(60, connects=2)
        self.assertEqual([self.after(60, connects=2), self.after(HOUR - 120, connects=2)], [1, 2])
        self.tell()
        self.assertEqual(self.after(HOUR, connects=2), 2, "once")

    def test_a_wrong_clock_is_looked_at_by_the_hour(self) -> None:
        self.after(0)
        self.after(60)
        self.tell(ahead=-31.0)
        self.assertEqual([self.after(HOUR - 1), self.after(1)], [1, 2])

    def test_what_tells_nothing_or_minds_is_left_alone_for_a_day(self) -> None:
        for mind in (False, True):
            self.setUp()
            self.after(0)
            self.after(60)
            if mind:
                self.asked[-1].errback(Failure(ClosedError("it hung up")))
            else:
                self.tell("", None)
            self.after(0, connects=2)
            self.assertEqual([self.after(DAY - 1, connects=2), self.after(1, connects=2)], [1, 2])

    def test_nobody_else(self) -> None:
        self.after(0, state=MeterState.DOWN)
        self.assertEqual(self.after(60, state=MeterState.DOWN), 0)
        self.after(0)
        self.read = False
        self.assertEqual(self.after(60), 0, "it is just being left")
        self.read = True
        self.inquiry.know([evolve(OPTIONS, identify=False)])
        self.assertEqual(self.after(60), 0)
        self.inquiry.know([OPTIONS])
        self.assertEqual(self.after(60), 1)
        self.tell()
        self.board.post(Gone("meter", "a"))
        self.assertEqual(self.board.identities, {})


class WhoTests(FleetCase):
    def setUp(self) -> None:
        super().setUp()
        self.board = Board()

    def post(self, status: MeterStatus) -> None:
        super().post(status)
        self.board.post(status)

    def told(self, see: tuple[str, ...] | None = None) -> Identity:
        """By a virtual meter that is 100 s ahead of us, and of which we ``see`` what is named."""
        personality = MICROSTAR
        if see is not None:
            clients = tuple(evolve(one, sees=see) for one in MICROSTAR.clients)
            personality = evolve(personality, clients=clients)
        self.simulate(personality=personality)
        options = self.options()
        self.read(options)
        assert self.fleet is not None
        wall = lambda: self.wall() - 100  # noqa: E731
        incumbents = Incumbents(self.board, MemorySerials(), wall)
        inquiry = Inquiry(self.board, self.fleet.ask, incumbents, wall=wall, clock=self.network)
        inquiry.know(options)
        self.run_for(100)
        slots = [round((one.ts - self.readings[0].ts) / 1000) for one in self.readings]
        self.assertEqual(slots, list(range(0, 5 * len(slots), 5)), "no cycle was late")
        self.assertEqual({len(one.values) for one in self.readings}, {5})
        self.assertEqual(self.statuses[options[0].name].connects, 1)
        return self.board.identities[options[0].name]

    def test_its_serial_number_and_its_clock(self) -> None:
        told = self.told()
        self.assertRegex(told.serial, "^0+[0-9]$")
        assert told.ahead is not None
        self.assertLess(abs(told.ahead - 100), 0.5)

    def test_what_is_refused_is_not_told(self) -> None:
        registers = ("1-1:32.7.0", "1-1:31.7.0", "1-1:14.7.0", "1-1:1.7.0", "1-1:1.8.0")
        told = self.told(registers)
        self.assertEqual(told, Identity(told.name))

    def test_the_other_name_where_there_is_no_number(self) -> None:
        registers = ("1-1:32.7.0", "1-1:31.7.0", "1-1:14.7.0", "1-1:1.7.0", "1-1:1.8.0")
        told = self.told((*registers, "0-0:42.0.0"))
        self.assertNotEqual(told.serial, "")
        self.assertIsNone(told.ahead)
