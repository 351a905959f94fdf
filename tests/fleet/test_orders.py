"""What a running fleet may be asked for, by name."""

from __future__ import annotations

from collections.abc import Coroutine
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import msgspec
from attrs import evolve
from twisted.internet.defer import Deferred, fail

from dlmsd.config.values import (
    Configuration,
    DaemonOptions,
    MeterOptions,
    OutboxOptions,
    WebOptions,
)
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.errors import (
    ClosedError,
    DlmsdError,
    NotListeningError,
    ReadOnlyError,
    RefusedError,
    ServiceError,
    StoreError,
    UnsynchronisedError,
)
from dlmsd.fleet.board import Board
from dlmsd.fleet.overrides import Overrides
from dlmsd.meter import excerpt
from dlmsd.meter.excerpt import Excerpt
from dlmsd.meter.session import Session
from dlmsd.meter.timekeeping import TIME
from dlmsd.model import MeterStatus, Reading, ReloadStatus
from dlmsd.orders import (
    PATIENCE,
    FailedError,
    Orders,
    UnknownMeterError,
    UnknownProfileError,
    UnreadError,
)
from dlmsd.secret import Secret
from dlmsd.simulator.equipment import ClockOptions
from dlmsd.simulator.faults import Fault, FaultKind
from dlmsd.simulator.personality import MICROSTAR, Personality
from dlmsd.store.metrics import Figures
from dlmsd.store.registry import Registry
from dlmsd.web.status import StatusDocument
from tests.meter.fleet import START, FleetCase, wanted
from tests.store.immediate import ImmediateWriter


class OrdersCase(FleetCase):
    def setUp(self) -> None:
        super().setUp()
        self.board = Board()
        self.meters: list[MeterOptions] = []
        self.synchronised = True
        folder = Path(self.mktemp())
        folder.mkdir()
        writer = ImmediateWriter()
        writer.start()
        self.registry = Registry(
            folder / "registry.db", writer=writer, wall=self.wall, draw=Random(3).randbytes
        )
        self.done(self.registry.start())
        self.addCleanup(lambda: self.done(self.registry.stop()))

    def done(self, coroutine: Any) -> Any:
        return self.successResultOf(Deferred.fromCoroutine(coroutine))

    def post(self, status: MeterStatus) -> None:
        super().post(status)
        self.board.post(status)

    def begin(
        self,
        meters: int = 1,
        away: bool = False,
        personality: Personality = MICROSTAR,
        **options: Any,
    ) -> None:
        """A fleet that has read for some seconds; its first meter may be ``away``."""
        self.simulate(meters, personality)
        if away:
            self.port = self.simulation.endpoints[0].port
            self.factory = self.network.listening.pop(self.port)
        self.meters = self.options(**options)
        self.read(self.meters)
        assert self.fleet is not None
        self.orders = Orders(
            self.board,
            self.fleet,
            StatusDocument(self.board, self.wall, "0"),
            self.registry,
            configuration=self.configuration,
            reload=self.reload,
            last_ts=self.last_ts,
            clock=self.network,
            wall=self.wall,
            synchronised=lambda: self.synchronised,
            overrides=Overrides(self.registry, self.configuration, self.reload, self.network),
        )
        self.run_for(2)

    def configuration(self) -> Configuration:
        daemon = DaemonOptions(Path("state"))
        web, outbox = WebOptions(), OutboxOptions()
        return Configuration(Path("x"), daemon, web, outbox, (), tuple(self.meters))

    async def reload(self, trigger: str) -> ReloadStatus:
        return ReloadStatus(1, trigger)

    async def last_ts(self) -> dict[str, int]:
        return {}

    def read_now(self, name: str = "") -> Deferred[Reading]:
        return Deferred.fromCoroutine(self.orders.read_now(name or self.names[0]))

    @property
    def names(self) -> list[str]:
        return [one.name for one in self.simulation.endpoints]


class ReadNowTests(OrdersCase):
    def test_everything_also_when_the_link_had_to_be_opened_again(self) -> None:
        read = (wanted("voltage_l1"), wanted("active_energy", every=3600))
        self.begin(interval=20.0, read=read)
        self.simulation.inject([Fault(FaultKind.DM, every=1)])
        asked = self.read_now()
        self.simulation.inject([])
        self.run_for(5)
        self.assertEqual(len(self.successResultOf(asked).values), 2)

    def test_everything_at_once_and_the_slots_stay(self) -> None:
        read = (wanted("voltage_l1"), wanted("active_energy", every=3600))
        self.begin(interval=20.0, read=read)
        first = self.readings[0].ts
        self.run_for(5)
        reading = self.successResultOf(self.after(self.read_now()))
        self.assertEqual(set(reading.values), {"voltage_l1", "active_energy"})
        self.run_for(40)
        stamps = [round((one.ts - first) / 1000) for one in self.readings]
        self.assertEqual(stamps, [0, 7, 20, 40])
        self.assertEqual([len(one.values) for one in self.readings], [2, 2, 1, 1])

    def after(self, asked: Deferred[Reading], seconds: float = 1.0) -> Deferred[Reading]:
        self.run_for(seconds)
        return asked

    def test_two_who_ask_are_told_of_one_cycle(self) -> None:
        self.begin(interval=60.0)
        both = self.read_now(), self.read_now()
        self.run_for(1)
        first, second = (self.successResultOf(one) for one in both)
        self.assertIs(first, second)
        self.assertEqual(len(self.readings), 2)

    def test_a_meter_that_is_away(self) -> None:
        self.begin(away=True, interval=600.0)
        failure = self.failureResultOf(self.after(self.read_now()), FailedError)
        self.assertEqual(str(failure.value), "connection refused")

    def test_a_cycle_that_does_not_end_in_time(self) -> None:
        self.begin(interval=600.0, timeout=PATIENCE * 2)
        self.simulation.inject([Fault(FaultKind.SILENCE, chance=1.0)])
        self.failureResultOf(self.after(self.read_now(), PATIENCE + 1), FailedError)

    def test_a_reading_that_is_not_kept(self) -> None:
        self.begin(interval=60.0)
        self.answer = lambda reading: fail(StoreError("no room"))
        failure = self.failureResultOf(self.after(self.read_now()), FailedError)
        self.assertEqual(str(failure.value), "no room")

    def test_who_is_not_read(self) -> None:
        self.begin(2)
        self.failureResultOf(self.read_now("nobody"), UnknownMeterError)
        first, second = self.options()
        self.change([first, evolve(second, status="inactive")])
        self.run_for(1)
        self.failureResultOf(self.read_now(second.name), UnreadError)

    def test_the_end_is_told_to_who_waits(self) -> None:
        self.begin(interval=60.0)
        asked = self.read_now()
        self.orders.stop()
        self.failureResultOf(asked, FailedError)
        self.failureResultOf(self.read_now(), FailedError)


class ReconnectTests(OrdersCase):
    def reconnect(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.orders.reconnect(self.names[0]))

    def test_a_new_connection_of_its_line_alone(self) -> None:
        self.begin(2, interval=60.0)
        asked = self.reconnect()
        self.run_for(3)
        self.successResultOf(asked)
        names = sorted(one.meter for one in self.readings)
        self.assertEqual(names, [self.names[0], *self.names])

    def test_pauses_end(self) -> None:
        self.begin(away=True)
        self.run_for(900)
        self.network.listening[self.port] = self.factory
        asked = self.reconnect()
        self.run_for(3)
        self.successResultOf(asked)
        self.assertEqual(len(self.readings), 1)

    def test_many_at_once_and_a_change_between_leave_one_line(self) -> None:
        self.begin(interval=5.0)
        asked = [self.reconnect() for _ in range(3)]
        self.change(self.options(interval=7.0))
        self.run_for(30)
        for one in asked:
            self.successResultOf(one)
        self.assertEqual(self.statuses[self.names[0]].interval, 7.0)
        tail = [one.ts for one in self.readings[-3:]]
        self.assertEqual([round((b - a) / 1000) for a, b in pairwise(tail)], [7, 7])

    def test_after_the_end_nothing_begins(self) -> None:
        self.begin()
        assert self.fleet is not None
        stopping = Deferred.fromCoroutine(self.fleet.stop())
        asked = self.reconnect()
        self.run_for(5)
        self.successResultOf(stopping)
        self.failureResultOf(asked, UnreadError)

    def test_status(self) -> None:
        self.begin(2)
        first, second = (f'"name":"{name}"'.encode() for name in self.names)
        told = bytes(self.orders.status(self.names[1]))
        self.assertEqual((first in told, second in told), (False, True))
        self.assertIn(b'"meters":{"healthy":2}', bytes(self.orders.status()))
        self.assertRaises(UnknownMeterError, self.orders.status, "nobody")


WRITER = {"client": 32, "password": Secret("11111111"), "writing": True}
PROFILE = Obis.parse("1-0:99.1.0")
QUARTER = 900_000


class TurnsCase(OrdersCase):
    def ask(self, work: Any, seconds: float = 5.0) -> Deferred[Any]:
        """What the meter is asked, some seconds later."""
        assert self.fleet is not None
        asked: Deferred[Any] = self.fleet.ask(self.names[0], work)
        self.run_for(seconds)
        return asked

    def order(self, work: Coroutine[Any, Any, Any], seconds: float = 5.0) -> Deferred[Any]:
        asked = Deferred.fromCoroutine(work)
        self.run_for(seconds)
        return asked

    async def time(self, session: Session) -> Any:
        return (await session.get(TIME)).value

    def audit(self) -> list[tuple[str, str, str, str]]:
        rows = self.done(self.registry.audit.list())
        return [(one.who, one.action, one.subject, one.detail) for one in rows][::-1]


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


class WritingTests(TurnsCase):
    def test_the_clock(self) -> None:
        equipment = evolve(MICROSTAR.equipment, clock=ClockOptions(drift=86_400.0))
        self.begin(interval=60.0, personality=evolve(MICROSTAR, equipment=equipment), **WRITER)
        self.ask(self.time, 10.0)
        before, after = self.successResultOf(
            self.order(self.orders.set_clock(self.names[0], "me", force=False))
        )
        self.assertGreater(before.difference, 8)
        self.assertLess(abs(after.difference), 1.5)
        self.assertEqual(self.audit(), [("me", "clock set", self.names[0], "done")])

    def test_not_by_a_clock_that_may_be_wrong(self) -> None:
        self.begin(interval=60.0, **WRITER)
        self.synchronised = False
        for force in (False, True):
            asked = self.order(self.orders.set_clock(self.names[0], "me", force=force))
            if force:
                self.successResultOf(asked)
            else:
                self.failureResultOf(asked, UnsynchronisedError)

    def test_the_supply(self) -> None:
        self.begin(interval=60.0, **WRITER)
        for on, state in ((False, "disconnected"), (True, "connected")):
            supply = self.successResultOf(
                self.order(self.orders.switch(self.names[0], "me", on=on))
            )
            self.assertEqual((supply.connected, supply.state), (on, state))
        self.assertEqual(
            [action for _, action, *_ in self.audit()],
            ["supply disconnected", "supply reconnected"],
        )

    def test_only_where_the_configuration_allows_it(self) -> None:
        self.begin(interval=60.0)
        frames = len(self.record)
        for work in (
            self.orders.switch(self.names[0], "me", on=False),
            self.orders.set_clock(self.names[0], "me", force=True),
        ):
            failure = self.failureResultOf(self.order(work, 0.0), ReadOnlyError)
            assert isinstance(failure.value, ReadOnlyError)
            self.assertIn("`writing = true`", failure.value.advice)
        self.assertEqual((len(self.record), self.audit()), (frames, []))

    def test_what_failed_is_kept_too(self) -> None:
        """The reader's client asks to write."""
        self.begin(interval=60.0, writing=True)
        asked = self.order(self.orders.switch(self.names[0], "me", on=False))
        failure = self.failureResultOf(asked, ServiceError)
        [(_, action, _, detail)] = self.audit()
        self.assertEqual((action, detail), ("supply disconnected", str(failure.value)))

    def test_an_audit_that_cannot_be_written(self) -> None:
        self.begin(interval=60.0, **WRITER)
        self.done(self.registry.stop())
        self.successResultOf(self.order(self.orders.switch(self.names[0], "me", on=False)))


class ProfileTests(TurnsCase):
    def profile(self, hours: float, seconds: float = 30.0, start: int = 0) -> Excerpt:
        end = int(START * 1000)
        first = start or end - int(hours * 3_600_000)
        asked = self.order(self.orders.profile(self.names[0], first, end), seconds)
        found: Excerpt = self.successResultOf(asked)
        return found

    def test_every_row_of_a_day_while_cycles_go_on(self) -> None:
        self.begin(interval=5.0, load_profile=PROFILE)
        before = len(self.readings)
        found = self.profile(24)
        start = int(START - 86_400) // 900 * QUARTER
        self.assertEqual(list(found.rows), list(range(start, start + 97 * QUARTER, QUARTER)))
        self.assertTrue(found.complete)
        self.assertIn("active_energy", next(iter(found.rows.values())))
        self.assertEqual(found.units["active_energy"], "Wh")
        self.assertGreaterEqual(len(self.readings) - before, 5)

    def test_a_long_time_is_given_in_pieces_that_fit(self) -> None:
        self.begin(interval=60.0, load_profile=PROFILE)
        rows: list[int] = []
        start = 0
        for _ in range(100):
            found = self.profile(24 * 40, start=start)
            rows += found.rows
            if found.complete:
                break
            self.assertGreater(found.reached, rows[-1])
            start = found.reached
        self.assertEqual(rows, sorted(set(rows)))
        self.assertEqual(len(rows), 40 * 96 + 1)

    def test_no_more_than_a_message_holds(self) -> None:
        self.patch(excerpt, "MOST_OCTETS", 3000)
        self.begin(interval=60.0, load_profile=PROFILE)
        found = self.profile(24)
        told = [{"ts": ts, "values": dict(values)} for ts, values in found.rows.items()]
        size = len(msgspec.json.Encoder(decimal_format="number").encode(told))
        self.assertTrue(2000 < size <= 3000, size)
        self.assertEqual((found.full, found.complete), (True, False))
        rest = self.profile(24, start=found.reached)
        self.assertEqual(min(rest.rows), found.reached)
        self.assertEqual(found.reached - max(found.rows), QUARTER)

    def test_nothing_there(self) -> None:
        self.begin(interval=60.0, load_profile=PROFILE)
        end = int(START * 1000)
        order = self.orders.profile(self.names[0], end + QUARTER, end + 2 * QUARTER - 1000)
        found = self.successResultOf(self.order(order))
        self.assertEqual((dict(found.rows), found.complete), ({}, True))

    def test_no_profile(self) -> None:
        self.begin(interval=60.0)
        asked = self.order(self.orders.profile(self.names[0], 1, 2))
        failure = self.failureResultOf(asked, UnknownProfileError)
        assert isinstance(failure.value, UnknownProfileError)
        self.assertIn("`load_profile =", failure.value.advice)


class StatsTests(TurnsCase):
    def test_now_and_in_a_day(self) -> None:
        self.begin(interval=5.0)
        self.done(self.registry.configured(self.names))
        number = self.registry.ids[self.names[0]]
        now = int(self.wall() * 1000)
        for ago, most in ((2 * 86_400_000, 99_000), (7_200_000, 3000), (60_000, 2000)):
            figures = Figures(
                good=3, failed=1, timed=3, read_ms=3000, least_ms=500, most_ms=most, queued=ago
            )
            self.done(self.registry.metrics.write(now - ago, [(number, figures)]))
        status, day = self.done(self.orders.stats(self.names[0]))
        self.assertEqual(status, self.statuses[self.names[0]])
        self.assertEqual((day.good, day.success, day.average_ms), (6, 0.75, 1000.0))
        self.assertEqual((day.least_ms, day.most_ms, day.queued), (500, 3000, 60_000))
