"""Who asks a meter something gets a turn between its cycles."""

from __future__ import annotations

from dlmsd.errors import (
    ClosedError,
    DlmsdError,
    NotListeningError,
    RefusedError,
)
from dlmsd.meter.session import Session
from dlmsd.orders import (
    PATIENCE,
)
from dlmsd.secret import Secret
from dlmsd.simulator.faults import Fault, FaultKind
from tests.fleet.orders_case import TurnsCase


class TurnTests(TurnsCase):
    def test_between_two_cycles_which_keep_their_slots(self) -> None:
        self.begin(interval=20.0)
        for _ in range(3):
            self.successResultOf(self.ask(self.time))
        self.run_for(40)
        slots = [round((one.ts - self.readings[0].ts) / 1000) for one in self.readings]
        self.assertEqual(slots, [0, 20, 40])
        self.assertEqual(self.statuses[self.names[0]].missed, 0)
        self.assertEqual(self.statuses[self.names[0]].connects, 1)

    def test_those_that_ask_often_do_not_starve_the_cycles(self) -> None:
        self.begin(interval=1.0)
        assert self.fleet is not None
        before = len(self.readings)
        asked = [self.fleet.ask(self.names[0], self.time) for _ in range(500)]
        self.run_for(20)
        self.assertGreaterEqual(len(self.readings) - before, 19)
        self.run_for(200)
        self.assertTrue(all(self.successResultOf(one) for one in asked))

    def test_asked_during_a_cycle(self) -> None:
        self.begin(interval=600.0)
        asked = self.read_now(), self.ask(self.time, 0.0)
        self.run_for(2)
        self.assertTrue(all(self.successResultOf(one) for one in asked))

    def test_over_a_link_that_had_to_be_opened_again(self) -> None:
        self.begin(interval=600.0)
        self.simulation.inject([Fault(FaultKind.DM, every=1)])
        self.failureResultOf(self.ask(self.time), DlmsdError)
        self.simulation.inject([])
        self.successResultOf(self.ask(self.time))

    def test_a_meter_that_is_away(self) -> None:
        self.begin(away=True)
        self.failureResultOf(self.ask(self.time), NotListeningError)

    def test_one_that_waits_for_a_connection(self) -> None:
        self.begin(interval=600.0)
        for pipe in self.network.connections:
            pipe.abortConnection()
        asked = self.ask(self.time, 0.0)
        self.run_for(30)
        self.assertTrue(asked.called)
        asked.addErrback(lambda failure: failure.trap(ClosedError))

    def test_a_meter_that_refuses_is_not_tried_more_often_for_that(self) -> None:
        self.begin(interval=5.0, password=Secret("33333333"))
        self.run_for(30)
        connects = self.statuses[self.names[0]].connects
        for _ in range(10):
            self.failureResultOf(self.ask(self.time, 1.0), RefusedError)
        self.assertEqual(self.statuses[self.names[0]].connects, connects)

    def test_a_fault_of_ours_ends_no_cycle(self) -> None:
        self.begin(interval=5.0)

        async def broken(session: Session) -> None:
            raise ZeroDivisionError

        failure = self.failureResultOf(self.ask(broken), DlmsdError)
        self.assertIn("a fault of dlmsd", str(failure.value))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        before = len(self.readings)
        self.run_for(20)
        self.assertEqual(len(self.readings) - before, 4)

    def test_who_gave_up_is_not_asked_for(self) -> None:
        self.begin(interval=600.0, timeout=PATIENCE * 3)
        self.simulation.inject([Fault(FaultKind.SILENCE, chance=1.0)])
        first = self.ask(self.time, 0.0)
        second = self.ask(self.time, 0.0)
        second.cancel()
        self.failureResultOf(second)
        self.simulation.inject([])
        self.run_for(400)
        self.assertTrue(first.called)
        first.addErrback(lambda failure: None)

    def test_the_end_is_told_to_who_waits(self) -> None:
        self.begin(interval=600.0)
        self.simulation.inject([Fault(FaultKind.SILENCE, chance=1.0)])
        asked = self.ask(self.time, 0.0), self.ask(self.time, 0.0)
        self.stop()
        for one in asked:
            self.failureResultOf(one, ClosedError)

    def test_the_end_is_told_where_there_is_no_connection_yet(self) -> None:
        self.simulate()
        self.network.listening.clear()
        self.read(self.options(interval=600.0))
        asked = self.ask(self.time, 0.0)
        self.stop()
        self.failureResultOf(asked, ClosedError)
