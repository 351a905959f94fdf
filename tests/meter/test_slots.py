"""When the cycles of one meter begin."""

from __future__ import annotations

from math import inf

from attrs import evolve
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.config.values import MeterOptions
from dlmsd.errors import LinkError
from dlmsd.meter.backfill import Backfill
from dlmsd.meter.gaps import GapKeeper
from dlmsd.meter.session import Session
from dlmsd.meter.slots import Slots
from dlmsd.simulator.faults import Fault, FaultKind
from dlmsd.simulator.personality import MICROSTAR
from tests.meter.fleet import START, FleetCase, wanted
from tests.meter.test_backfill import PROFILE, Book
from tests.meter.test_services import CLOCK
from tests.network import Network

DAY = 86_400.0


class SlotsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(100)
        self.slots = Slots(5.0, self.clock)
        self.slots.begin()

    def passed(self, seconds: float, due: float = -inf, *, between: bool = False) -> int:
        self.clock.advance(seconds)
        return self.slots.passed(due, between=between)

    def test_from_start_to_start(self) -> None:
        self.assertEqual(self.slots.next, 100)
        self.assertEqual((self.passed(0.5), self.slots.next), (0, 105))
        self.assertEqual((self.passed(8), self.slots.next), (0, 110))

    def test_what_a_long_cycle_took(self) -> None:
        self.assertEqual((self.passed(12), self.slots.next), (2, 115))

    def test_one_between_two_leaves_the_next_where_it_is(self) -> None:
        self.passed(0.5)
        self.assertEqual((self.passed(2, between=True), self.slots.next), (0, 105))
        self.assertEqual((self.passed(4, between=True), self.slots.next), (0, 110))

    def test_nothing_is_due_for_a_while(self) -> None:
        self.assertEqual((self.passed(0.5, 197.5), self.slots.next), (0, 200))
        self.assertEqual((self.passed(105, 205), self.slots.next), (1, 210))

    def test_one_between_two_in_vain(self) -> None:
        self.passed(0.5, 197.5)
        self.assertEqual((self.passed(20, between=True), self.slots.next), (0, 125))
        self.passed(0.0, 297.5, between=True)
        self.assertEqual((self.passed(0.0, 290, between=True), self.slots.next), (0, 290))


class Torn(GapKeeper):
    """Whose connection ends while it reads something back."""

    def __init__(self, network: Network) -> None:
        super().__init__("virtual-001", 900.0, Book(), 0, network)
        self._network = network

    async def fill(self, session: Session) -> None:
        for pipe in self._network.connections:
            pipe.abortConnection()
        await session.get(CLOCK)


class SeldomTests(FleetCase):
    """Measurements of which each is wanted less often than the meter could be read."""

    def poll(self, every: float, idle: float) -> None:
        self.simulate(personality=evolve(MICROSTAR, idle_timeout=idle))
        self.read(self.options(interval=5.0, read=(wanted("active_energy", every=every),)))

    def test_a_meter_is_left_alone_until_something_is_due(self) -> None:
        """It is not silent meanwhile, nor is it trouble that it ends what is idle."""
        for every, idle, connects in ((900.0, 0.0, 1), (900.0, 180.0, 24), (3600.0, 180.0, 6)):
            with self.subTest(every=every, idle=idle):
                self.setUp()
                self.poll(every, idle)
                self.run_for(6 * 3600)
                count = int(6 * 3600 / every)
                self.assertEqual(len(self.readings), count)
                late = [one.ts / 1000 - self.readings[0].ts / 1000 for one in self.readings]
                for number, seconds in enumerate(late):
                    self.assertLess(abs(seconds - number * every), 1)
                (status,) = self.statuses.values()
                self.assertEqual((status.connects, status.failed), (connects, 0))
                self.assertEqual({one.error for one in self.history}, {""})
                self.end()

    def test_its_past_is_read_back_meanwhile(self) -> None:
        book = Book()

        def keeper(meter: MeterOptions, last_ts: int | None) -> GapKeeper:
            backfill = Backfill(meter, PROFILE, book, book, self.network)
            return GapKeeper(meter.name, DAY, book, last_ts, self.network, backfill)

        self.gaps = keeper
        self.simulate()
        (options,) = self.options(interval=60.0, read=(wanted("active_energy", every=DAY),))
        self.read([options], {options.name: int((START - 30 * DAY) * 1000)})
        self.run_for(6 * 3600)
        self.assertGreater(len(book.readings), 29 * 96)
        (status,) = self.statuses.values()
        self.assertEqual((len(self.readings), status.good, status.failed), (1, 1, 0))

    def test_who_asks_one_that_has_gone_is_told_at_once(self) -> None:
        self.poll(3600.0, 180.0)
        self.run_for(400)
        del self.network.listening[self.simulation.endpoints[0].port]
        assert self.fleet is not None

        async def work(session: Session) -> str:
            return "done"

        asked = self.fleet.ask("virtual-001", work)
        self.run_for(60)
        self.failureResultOf(asked, LinkError)

    def test_everything_now(self) -> None:
        self.poll(900.0, 0.0)
        self.run_for(60)
        assert self.fleet is not None
        self.fleet.read_now("virtual-001")
        self.run_for(2)
        self.assertEqual(len(self.readings), 2)
        self.run_for(890)
        self.assertEqual(len(self.readings), 2)
        self.run_for(20)
        self.assertEqual(len(self.readings), 3)

    def test_everything_that_was_wanted_in_vain_is_due_in_the_next_slot(self) -> None:
        self.poll(900.0, 0.0)
        self.run_for(60)
        assert self.fleet is not None
        self.simulation.inject([Fault(FaultKind.DM, every=1)])
        self.fleet.read_now("virtual-001")
        self.run_for(0.5)
        self.simulation.inject([])
        self.run_for(30)
        self.assertEqual(len(self.readings), 2)

    def test_a_connection_that_comes_when_nothing_is_due(self) -> None:
        """Nothing was lost with the one before, which ended when something else was read."""
        self.gaps = lambda meter, last_ts: Torn(self.network)
        self.poll(900.0, 0.0)
        self.run_for(890)
        (status,) = self.statuses.values()
        self.assertEqual((len(self.network.attempts), status.good, status.failed), (2, 1, 0))

    def test_one_that_was_not_read_is_due_again_in_the_next_slot(self) -> None:
        self.poll(900.0, 0.0)
        self.run_for(60)
        port = self.simulation.endpoints[0].port
        server = self.network.listening.pop(port)
        for pipe in self.network.connections:
            pipe.abortConnection()
        self.run_for(900)
        self.assertEqual(len(self.readings), 1)
        self.network.listening[port] = server
        self.run_for(310)
        self.assertEqual(len(self.readings), 2)
        (status,) = self.statuses.values()
        self.assertGreater(status.failed, 5)
