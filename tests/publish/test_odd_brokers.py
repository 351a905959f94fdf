"""Brokers that do not keep to MQTT: nothing is lost, doubled or believed without a PUBACK."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from twisted.trial.unittest import SynchronousTestCase

from tests.publish.bench import Bench, meter
from tests.publish.broker import Ack, ModelBroker, Published
from tests.publish.outbox import reading

COUNT = 200
Puback = Callable[[Published], Iterable[Ack]]


class OddBrokerTests(SynchronousTestCase):
    """The outbox refuses what is delivered twice, or without a PUBACK below 0x80."""

    def begin(self, version: int) -> Bench:
        bench = Bench(meter("a"), protocol=version)
        bench.outbox.commit([reading("a", ts) for ts in range(COUNT)])
        return bench

    def end(self, bench: Bench, why: object, seconds: float = 90) -> None:
        """Everything arrives, the first time in order."""
        bench.run(seconds)
        self.assertEqual((bench.outbox.waiting, bench.outbox.isolated), ([], {}), why)
        self.assertEqual(list(dict.fromkeys(bench.stamps())), list(range(COUNT)), why)
        stopping = bench.stop()
        bench.run(6)  # the model's own last words included
        self.successResultOf(stopping)
        self.assertEqual(bench.clock.getDelayedCalls(), [], why)

    def test_what_it_acknowledges(self) -> None:
        ways: dict[str, Puback] = {
            "twice": lambda one: [Ack(one.packet_id)] * 2,
            "twice, later": lambda one: [Ack(one.packet_id), Ack(one.packet_id, delay=3)],
            "strangers too": lambda one: [Ack(one.packet_id + 3000), Ack(one.packet_id)],
            "nothing, too": lambda one: [Ack(0), Ack(one.packet_id)],
            "taken, then refused": lambda one: [Ack(one.packet_id), Ack(one.packet_id, 0x97)],
            "in any order": lambda one: [Ack(one.packet_id, delay=(one.packet_id * 7) % 5)],
        }
        for version in (5, 311):
            for name, puback in ways.items():
                bench = self.begin(version)
                bench.broker.puback = puback
                bench.start()
                self.end(bench, (version, name))
                self.assertEqual(len(bench.broker.connects), 1, (version, name))

    def test_refused_then_taken(self) -> None:
        """What it said first counts: it is sent again."""
        bench = self.begin(5)
        first: list[int] = []

        def puback(one: Published) -> list[Ack]:
            if one.topic == "dlmsd/a" and len(first) < 3:
                first.append(one.packet_id)
                return [Ack(one.packet_id, 0x97), Ack(one.packet_id)]
            return [Ack(one.packet_id)]

        bench.broker.puback = puback
        bench.start()
        self.end(bench, "refused then taken", 300)
        self.assertEqual(len(first), 3)
        self.assertGreater(len(bench.stamps()), COUNT)

    def test_packets_that_nobody_asked_for(self) -> None:
        """SUBACK, UNSUBACK, PINGRESP and those of QoS 2; a second CONNACK; an AUTH."""
        for version in (5, 311):
            tail = b"\x00" if version == 5 else b""
            for kind, body in (
                (0x90, b"\x77\x77" + tail + b"\x01"),
                (0xB0, b"\x77\x77" + tail),
                (0xD0, b""),
                (0x50, b"\x77\x77"),
                (0x70, b"\x77\x77"),
                (0x20, b"\x00\x00" + tail),
                (0xF0, b"\x18\x00"),
            ):
                bench = self.begin(version)
                bench.start()
                for connection in list(bench.broker.open):
                    connection.send(kind, body)
                self.end(bench, (version, hex(kind)))

    def test_it_closes_at_once_or_never_answers_for_a_while(self) -> None:
        def closes(broker: ModelBroker) -> Callable[[], None]:
            broker.deaf_to = (4, 5)
            return lambda: setattr(broker, "deaf_to", ())

        def is_silent(broker: ModelBroker) -> Callable[[], None]:
            broker.connack = None
            return lambda: setattr(broker, "connack", 0)

        def takes_nothing(broker: ModelBroker) -> Callable[[], None]:
            before, broker.puback = broker.puback, lambda one: []
            return lambda: setattr(broker, "puback", before)

        for version in (5, 311):
            for trouble in (closes, is_silent, takes_nothing):
                bench = self.begin(version)
                mend = trouble(bench.broker)
                bench.start()
                bench.run(300)
                self.assertEqual(len(bench.outbox.done), 0, trouble.__name__)
                self.assertTrue(bench.status.error, trouble.__name__)
                # No more than one attempt in two seconds, on the whole.
                self.assertLess(len(bench.broker.connects), 150, trouble.__name__)
                mend()
                self.end(bench, (version, trouble.__name__), 200)
