"""One message that a broker cannot bear must not stop all others."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.publish.courier import MOST_REFUSED
from dlmsd.publish.suspicion import MOST_TRIED, Suspicion
from tests.publish.bench import Bench, meter, stamp
from tests.publish.broker import Ack, Published, acknowledge
from tests.publish.outbox import reading


class PoisonTests(SynchronousTestCase):
    def bench(self, count: int, **options: Any) -> Bench:
        bench = Bench(meter("a"), meter("b"), **options)
        bench.outbox.commit([reading("ab"[ts % 2], ts) for ts in range(1, count + 1)])
        return bench

    def closing(self, bench: Bench, poison: Callable[[int], bool], forget: bool = False) -> None:
        """The broker closes on these, and may forget the PUBACKs before."""

        def puback(published: Published) -> Iterable[Ack]:
            ts = stamp(published)
            if ts is not None and poison(ts):
                connection = bench.broker.open[0]
                bench.clock.callLater(0, connection.transport.abortConnection)
                return []
            return [Ack(published.packet_id, delay=0.05 if forget and ts else 0)]

        bench.broker.puback = puback

    def isolated(self, bench: Bench) -> list[int]:
        return [bench.outbox.deliveries[one - 1].reading.ts for one in bench.outbox.isolated]

    def test_a_puback_that_refuses_for_good_names_it(self) -> None:
        for reason in (0x95, 0x99):
            bench = self.bench(100)
            bench.broker.puback = lambda published, reason=reason: [
                Ack(published.packet_id, reason if stamp(published) in (5, 60) else 0)
            ]
            bench.start()
            bench.run(3)
            self.assertEqual((self.isolated(bench), bench.outbox.waiting), ([5, 60], []))
            self.assertEqual(len(bench.broker.connects), 1)
            self.assertIn(f"PUBACK 0x{reason:02X}", bench.outbox.isolated[5])

    def test_what_may_pass_later_is_no_poison(self) -> None:
        for reason in (0x80, 0x83, 0x87, 0x97, 0x9F):
            bench = self.bench(20)
            bench.broker.puback = lambda published, reason=reason: [
                Ack(published.packet_id, reason if stamp(published) == 5 else 0)
            ]
            bench.start()
            bench.run(60)
            self.assertEqual(bench.outbox.isolated, {}, hex(reason))
            bench.broker.puback = acknowledge
            bench.run(80)
            self.assertEqual(bench.outbox.waiting, [])
            self.assertEqual(bench.stamps()[-1], 20)

    def test_a_broker_that_refuses_everything_for_good_is_not_believed(self) -> None:
        bench = self.bench(100)
        bench.broker.puback = lambda published: [
            Ack(published.packet_id, 0x99 if stamp(published) else 0)
        ]
        bench.start()
        bench.run(600)
        self.assertEqual(len(bench.outbox.isolated), MOST_REFUSED)
        self.assertIn("payload format invalid", bench.status.error)
        bench.broker.puback = acknowledge
        bench.run(80)
        self.assertEqual(bench.outbox.waiting, [])

    def test_too_large_for_this_broker_is_not_even_sent(self) -> None:
        bench = self.bench(0)
        # Maximum Packet Size (MQTT 5, 3.2.2.3.6): 200
        bench.broker.connack_properties = b"\x27\x00\x00\x00\xc8"
        bench.outbox.commit(
            [reading("a", ts, **({"x": "1" * 200} if ts == 3 else {})) for ts in range(1, 6)]
        )
        bench.start()
        bench.run(1)
        self.assertEqual((bench.stamps(), self.isolated(bench)), ([1, 2, 4, 5], [3]))
        self.assertIn("the broker takes at most 200", bench.outbox.isolated[3])
        self.assertEqual(len(bench.broker.connects), 1)

    def test_a_close_is_narrowed_down_by_halves(self) -> None:
        for where in (1, 2, 7, 13, 20):
            for forget in (False, True):
                bench = self.bench(100)
                self.closing(bench, lambda ts, where=where: ts == where, forget)
                bench.start()
                bench.run(300)
                self.assertEqual(self.isolated(bench), [where])
                self.assertEqual(bench.outbox.waiting, [])
                self.assertIn("closes the connection", bench.outbox.isolated[where])
                reconnects = len(bench.broker.connects) - 1
                self.assertLessEqual(reconnects, math.log2(20) + 1 + 7)  # a minute of patience
                by_meter = [ts for ts in dict.fromkeys(bench.stamps()) if ts % 2]
                self.assertEqual([ts for ts in by_meter if ts != where], sorted(
                    ts for ts in by_meter if ts != where))  # fmt: skip

    def test_neighbours(self) -> None:
        bench = self.bench(40)
        self.closing(bench, lambda ts: ts in (7, 8, 9, 30))
        bench.start()
        bench.run(500)
        bench.outbox.commit([reading("b", 41)])
        bench.run(100)
        self.assertEqual(self.isolated(bench), [7, 8, 9, 30])
        self.assertEqual(bench.outbox.waiting, [])

    def test_a_broker_that_closes_on_everything_convicts_nobody(self) -> None:
        bench = self.bench(50)
        self.closing(bench, lambda ts: True)
        bench.start()
        bench.run(3600, step=0.5)
        self.assertEqual(bench.outbox.isolated, {})
        bench.broker.puback = acknowledge
        bench.run(80)
        self.assertEqual(bench.outbox.waiting, [])

    def test_a_delivery_that_met_a_restart_once_is_innocent(self) -> None:
        bench = self.bench(1)
        self.closing(bench, lambda ts: True)
        bench.start()
        bench.broker.puback = acknowledge
        bench.outbox.commit([reading("a", 2)])
        bench.run(10)
        self.assertEqual((bench.outbox.isolated, bench.outbox.waiting), ({}, []))

    def test_the_last_one_there_is_keeps_its_chance(self) -> None:
        """Closed on twice, alone, and nothing else to compare it with."""
        bench = self.bench(1)
        self.closing(bench, lambda ts: ts == 1)
        bench.start()
        bench.run(60)
        self.assertGreater(bench.stamps().count(1), 2)
        self.assertEqual(bench.outbox.isolated, {})
        bench.outbox.commit([reading("a", 2)])
        bench.run(80)
        self.assertEqual((self.isolated(bench), bench.outbox.waiting), ([1], []))

    def test_a_late_close_is_nobodys_fault(self) -> None:
        bench = self.bench(1)
        bench.broker.puback = lambda published: [] if stamp(published) else acknowledge(published)
        bench.start()
        for _ in range(5):
            bench.run(200, step=0.5)  # longer than any silent probe
            bench.broker.drop()
            bench.run(80)
        self.assertIsNone(bench.sink._routes[""].courier._suspicion.limit)


class SuspicionTests(SynchronousTestCase):
    @given(st.integers(1, 200), st.data())
    @settings(max_examples=200, deadline=None)
    def test_one_among_many(self, count: int, data: st.DataObject) -> None:
        """Whatever arrives before the close: found within log2(n) + 2 closes, and only it."""
        poison = data.draw(st.integers(0, count - 1))
        waiting = list(range(count + 1))  # one more, behind all of them
        suspicion, closes, window = Suspicion(), 0, count
        guilty: list[int] = []
        while not guilty:
            flying: list[int] = []
            room = min(window, suspicion.limit or window)
            order = [one for one in waiting if one not in suspicion.tried]
            while poison not in (flying := order[:room]):
                guilty += suspicion.arrived(flying)
                waiting = [one for one in waiting if one not in flying]
                order = [one for one in order if one not in flying]
                room = min(window, suspicion.limit or window)
                if guilty:
                    break
            else:
                suspicion.closed(flying, 60.0 * closes)
                closes += 1
        self.assertEqual(guilty, [poison])
        self.assertLessEqual(closes, math.log2(count) + 2)

    def test_no_more_than_so_many_are_kept_back(self) -> None:
        suspicion = Suspicion()
        for number in range(3 * MOST_TRIED):
            suspicion.closed([number], 120.0 * number)
            suspicion.closed([number], 120.0 * number + 60)
            self.assertLessEqual(len(suspicion.tried), MOST_TRIED)
