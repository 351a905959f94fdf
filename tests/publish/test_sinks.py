"""Sinks while meters and sinks change: who need not change keeps his connection."""

from __future__ import annotations

from pathlib import Path

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.config.values import (
    Configuration,
    DaemonOptions,
    MeterOptions,
    OutboxOptions,
    SinkOptions,
    WebOptions,
)
from dlmsd.model import Lane
from dlmsd.publish.sinks import Sinks
from dlmsd.secret import Secret
from tests.publish.bench import Bench, meter
from tests.publish.broker import Published
from tests.publish.outbox import reading


class SinkChangeTests(SynchronousTestCase):
    def change(self, bench: Bench, *meters: MeterOptions, seconds: float = 3.0) -> None:
        changed = Deferred.fromCoroutine(bench.sink.change(meters))
        bench.run(seconds)
        self.successResultOf(changed)

    def end(self, bench: Bench) -> None:
        stopping = bench.stop()
        bench.run(3)
        self.successResultOf(stopping)
        self.assertEqual((bench.clock.getDelayedCalls(), bench.broker.open), ([], []))

    def test_only_a_new_or_changed_meters_courier_connects(self) -> None:
        bench = Bench(meter("a"), meter("b"), kind="thingsboard")
        bench.start()
        other = evolve(meter("b"), token=Secret("other"))
        self.change(bench, meter("a"), other, meter("c"))
        names = [str(one.username) for one in bench.broker.connects]
        self.assertEqual(len(names), 4)
        self.assertEqual(sorted(names[2:]), ["b'other'", "b'token-of-c'"])
        self.assertEqual((bench.status.connections, bench.status.connected), (3, 3))
        bench.outbox.commit([reading(name, 1) for name in "abc"])
        bench.run(1)
        self.assertEqual(bench.outbox.waiting, [])
        self.end(bench)

    def test_what_a_meter_left_is_delivered_before_its_courier_goes(self) -> None:
        bench = Bench(meter("a"), meter("b"), kind="thingsboard")
        bench.broker.listening = False
        bench.start()
        bench.outbox.commit([reading("b", ts) for ts in range(5)])
        self.change(bench, meter("a"))
        bench.broker.listening = True
        bench.run(150)
        self.assertEqual(bench.outbox.waiting, [])
        self.assertEqual(bench.stamps(), list(range(5)))
        bench.run(70)
        self.assertEqual((bench.status.connections, len(bench.broker.open)), (1, 1))
        self.end(bench)

    def test_what_was_read_back_for_it_is_delivered_too(self) -> None:
        bench = Bench(meter("a"), meter("b"), kind="thingsboard")
        bench.broker.listening = False
        bench.start()
        bench.outbox.commit([reading("b", ts) for ts in range(5)], lane=Lane.BACKFILL)
        self.change(bench, meter("a"))
        bench.broker.listening = True
        bench.run(150)
        self.assertEqual(bench.outbox.waiting, [])
        self.assertEqual((bench.status.connections, len(bench.broker.open)), (1, 1))
        self.end(bench)

    def test_one_that_comes_back_while_the_outbox_is_asked_keeps_its_courier(self) -> None:
        bench = Bench(meter("a"), meter("b"), kind="thingsboard")
        bench.start()
        bench.run(1)
        bench.outbox.latency = 0.5
        leaving = Deferred.fromCoroutine(bench.sink.change([meter("a")]))
        self.change(bench, meter("a"), meter("b"))
        self.successResultOf(leaving)
        bench.run(130)
        self.assertEqual((bench.status.connections, len(bench.broker.open)), (2, 2))
        self.assertEqual(len(bench.broker.connects), 2)
        self.end(bench)

    def test_one_that_left_nothing_goes_at_once(self) -> None:
        bench = Bench(meter("a"), meter("b"), kind="thingsboard")
        bench.start()
        self.change(bench, meter("a"))
        self.assertEqual(len(bench.broker.open), 1)
        self.end(bench)

    def test_a_gateway_goes_on_with_new_meters_and_without_old_ones(self) -> None:
        bench = Bench(meter("a"), kind="thingsboard-gateway", token=Secret("g"))
        bench.start()
        bench.outbox.commit([reading("a", 1)])
        self.change(bench, evolve(meter("b"), device_name="Device B"))
        bench.outbox.commit([reading("b", 1), reading("a", 2)])
        bench.run(1)
        self.assertEqual(len(bench.broker.connects), 1)
        said = b"".join(one.payload for one in bench.broker.published).decode()
        self.assertIn("Device B", said)
        self.assertEqual(bench.outbox.waiting, [])
        self.change(bench, evolve(meter("b"), device_name="Device C"))
        bench.outbox.commit([reading("b", 2)])
        bench.run(1)
        self.assertEqual(len(bench.broker.connects), 2)
        self.assertIn(b"Device C", bench.broker.published[-1].payload)
        self.end(bench)

    def test_what_is_published_is_counted_by_meter(self) -> None:
        bench = Bench(meter("a"), meter("b"))
        bench.start()
        bench.outbox.commit([reading("a", 1), reading("b", 1), reading("a", 2)])
        bench.run(1)
        self.assertEqual(bench.messages, {"a": 2, "b": 1})
        # PUBLISH of MQTT 5: two octets in front, the topic's length, the packet identifier, and
        # the length of its properties.
        sizes = [2 + 2 + len(one.topic) + 2 + 1 + len(one.payload) for one in self.readings(bench)]
        self.assertEqual(bench.octets["a"] + bench.octets["b"], sum(sizes))
        self.end(bench)

    def readings(self, bench: Bench) -> list[Published]:
        return [one for one in bench.broker.published if one.topic in ("dlmsd/a", "dlmsd/b")]

    def test_plain_sinks_do_not_care(self) -> None:
        bench = Bench(meter("a"))
        bench.start()
        self.change(bench, meter("b"))
        self.assertEqual(len(bench.broker.connects), 1)
        self.end(bench)


class SinksTests(SynchronousTestCase):
    """Each sink has a bench of its own."""

    def setUp(self) -> None:
        self.benches: list[Bench] = []
        self.sinks = Sinks(self.make)

    def make(self, options: SinkOptions, meters: object) -> object:
        bench = Bench(*meters, name=options.name, inflight=options.inflight)  # type: ignore[misc]
        self.benches.append(bench)
        return bench.sink

    def change(self, *sinks: SinkOptions) -> None:
        configuration = Configuration(
            path=Path("dlmsd.toml"),
            daemon=DaemonOptions(Path("var")),
            web=WebOptions(),
            outbox=OutboxOptions(),
            sinks=sinks,
            meters=(evolve(meter("a"), sinks=("one", "two", "three")),),
        )
        changed = Deferred.fromCoroutine(self.sinks.change(configuration))
        for _ in self.benches:  # one after the other, each by its own clock
            self.run_for(3)
        self.successResultOf(changed)

    def run_for(self, seconds: float) -> None:
        for bench in self.benches:
            bench.run(seconds)

    def test_only_what_changed(self) -> None:
        one = SinkOptions("one", "mqtt", "mqtt://h")
        two = SinkOptions("two", "mqtt", "mqtt://h")
        self.change(one, two)
        self.sinks.meter_state("a", True)
        self.change(one, evolve(two, inflight=7), SinkOptions("three", "mqtt", "mqtt://h"))
        self.assertEqual([len(bench.broker.connects) for bench in self.benches], [1, 1, 1, 1])
        self.assertEqual([len(bench.broker.open) for bench in self.benches], [1, 0, 1, 1])
        # The new ones know who is online.
        for bench in self.benches[2:]:
            topics = [one.topic for one in bench.broker.published]
            self.assertIn("dlmsd/a/availability", topics)
        self.change()
        self.assertEqual([len(bench.broker.open) for bench in self.benches], [0, 0, 0, 0])
        stopped = Deferred.fromCoroutine(self.sinks.stop())
        self.successResultOf(stopped)
        for bench in self.benches:
            self.assertEqual(bench.clock.getDelayedCalls(), [])
