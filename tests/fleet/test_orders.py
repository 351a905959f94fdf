"""What a running fleet may be asked for, by name."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred, fail

from dlmsd.config.values import MeterOptions
from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.errors import (
    DlmsdError,
    ReplacedError,
    StoreError,
)
from dlmsd.fleet.incumbents import NobodyError
from dlmsd.meter.identity import Serial
from dlmsd.model import Reading
from dlmsd.orders import (
    PATIENCE,
    SETTLING,
    FailedError,
    UnknownMeterError,
    UnreadError,
)
from dlmsd.simulator.faults import Fault, FaultKind
from dlmsd.simulator.objects import Objects
from dlmsd.store.metrics import Figures
from dlmsd.store.serials import Incumbent
from tests.fleet.orders_case import OrdersCase, TurnsCase
from tests.meter.fleet import wanted


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
        failure = self.failureResultOf(self.after(self.read_now(), SETTLING), FailedError)
        self.assertEqual(str(failure.value), "connection refused")

    def test_one_that_still_holds_its_former_connection(self) -> None:
        self.begin(away=True, interval=600.0)
        asked = self.after(self.read_now(), 3)
        self.network.listening[self.port] = self.factory
        self.run_for(SETTLING - 3)
        self.assertEqual(set(self.successResultOf(asked).values), set(self.readings[0].values))

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


class AcceptTests(OrdersCase):
    def hindrance(self, meter: MeterOptions) -> DlmsdError | None:
        return self.incumbents.obstacle(meter.name)

    def replace(self, **options: Any) -> None:
        """Another meter was seen in the place of the first one."""
        self.begin(2, **options)
        self.name = self.names[0]
        self.done(self.registry.configured(self.names))
        self.done(self.incumbents.know(self.meters))
        self.incumbents.meet(self.name, Serial("1", "0-0:96.1.0"))
        connects = self.statuses[self.name].connects
        self.failureResultOf(self.accept(), NobodyError)
        self.run_for(5)
        self.assertEqual(self.statuses[self.name].connects, connects, "its line is left alone")
        self.assertRaises(ReplacedError, self.incumbents.meet, self.name,
                          Serial("2", "0-0:96.1.0"))  # fmt: skip

    def told(self) -> list[Any]:
        return [one.values["voltage_l1"] for one in self.readings if one.meter == self.name]

    def test_another_meter_in_its_place(self) -> None:
        self.replace(interval=600.0)
        name = self.name
        before = len(self.told())
        accepted = self.accept()
        self.run_for(2)
        self.assertIsNone(self.successResultOf(accepted))
        self.run_for(3)
        self.assertEqual(len(self.told()), before + 1, "it is read at once")
        kept = self.done(self.registry.serials.all())
        self.assertEqual(kept, {name: Incumbent("2", "0-0:96.1.0", self.incumbents.since(name))})
        (change,) = self.done(self.registry.audit.list())
        self.assertEqual((change.who, change.action, change.subject, change.detail),
                         ("ana", "meter accepted", name, "1 > 2"))  # fmt: skip

    def test_nothing_of_it_is_scaled_as_the_old_one_was(self) -> None:
        """Also while the acceptance waits for the line of a neighbour."""
        self.replace(interval=5.0)
        (before, *_) = self.told()
        count = len(self.told())
        self.whole_volts()
        held: Deferred[None] = Deferred()
        aside = Deferred.fromCoroutine(self.orders.aside(self.names[1], lambda: held))
        self.run_for(5)
        accepted = self.accept()
        self.run_for(20)
        self.assertNoResult(accepted)
        self.assertEqual(len(self.told()), count)
        held.callback(None)
        self.run_for(10)
        self.assertIsNone(self.successResultOf(accepted))
        self.assertIsNone(self.successResultOf(aside))
        new = self.told()[count:]
        self.assertTrue(new)
        for value in new:
            self.assertLess(abs(value - before), 10)
            self.assertEqual(value, int(value), "whole volts")

    def test_one_that_is_not_read(self) -> None:
        """As one that pushes: whoever files its readings asks for the obstacle each time."""
        self.replace(interval=5.0)
        self.change([evolve(self.meters[0], status="inactive"), self.meters[1]])
        self.run_for(5)
        self.assertIsNone(self.successResultOf(self.accept()))
        self.assertIsNone(self.incumbents.obstacle(self.name))

    def whole_volts(self) -> None:
        """What meters tell of their voltage from now on, scaler and number."""
        real, obis = Objects.read, wanted("voltage_l1").attribute.obis

        def read(objects: Objects, client: Any, attribute: Any, access: Any = None) -> Any:
            told = real(objects, client, attribute, access)
            if attribute.obis != obis:
                return told
            if attribute.attribute == 3:
                return Data(Tag.STRUCTURE, (Data(Tag.INTEGER, 0), Data(Tag.ENUM, 35)))
            return Data(told.tag, told.value // 10)

        self.patch(Objects, "read", read)

    def accept(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.orders.accept(self.names[0], "ana"))


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
