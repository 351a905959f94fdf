"""Over MQTT 3.1.1 a reading must come back, or the watch hears of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.model import CloseCause
from dlmsd.publish.canary import PATIENCE
from dlmsd.publish.plain import PlainDialect
from tests.publish.bench import Bench, meter
from tests.publish.outbox import reading


class CanaryTests(SynchronousTestCase):
    def begin(self, protocol: Any = 311, **options: Any) -> None:
        self.bench = Bench(meter("a"), meter("b"), protocol=protocol, **options)
        self.broker = self.bench.broker
        self.count = 0

    def read(self, *names: str) -> None:
        for name in names or ("a", "b"):
            self.count += 1
            self.bench.outbox.commit([reading(name, self.count)])
        self.bench.run(1.0)

    def wait(self) -> tuple[str, ...]:
        """The topics that are told of when an echo would be due."""
        self.bench.run(PATIENCE + 1)
        status = self.bench.status
        self.assertEqual(len(status.unechoed_topics), min(3, status.unechoed))
        return status.unechoed_topics

    @property
    def filters(self) -> list[str]:
        (connection,) = self.broker.open
        return self.readings(connection.filters)

    def readings(self, filters: Sequence[str]) -> list[str]:
        """Those of readings."""
        return [one for one in filters if one.count("/") == 1 and one != "dlmsd/status"]

    def test_an_echo_ends_the_subscription(self) -> None:
        self.begin()
        self.bench.start()
        self.read()
        self.assertEqual(self.wait(), ())
        self.assertEqual(self.filters, [])
        told = self.readings(self.broker.subscribed)
        self.assertEqual(told, ["dlmsd/a", "dlmsd/b"])
        self.read()
        told = self.readings(self.broker.subscribed)
        self.assertEqual(told, ["dlmsd/a", "dlmsd/b"], "once a connection")
        self.assertEqual(self.bench.status.error, "")

    def deny(self, topic: str) -> bool:
        """As mosquitto 2.0 where ``max_queued_messages`` is 0: PUBACK, and the end."""
        denied = topic == "dlmsd/b"
        if denied:
            self.bench.clock.callLater(0.01, self.broker.drop)
        return denied

    def test_what_is_acknowledged_and_closes_is_told(self) -> None:
        self.begin()
        self.broker.unwritable = self.deny
        self.bench.start()
        for _ in range(6):
            self.read("b")
            self.bench.run(30)
        status = self.bench.status
        self.assertEqual(status.unechoed_topics, ("dlmsd/b",))
        assert status.verdict is not None
        self.assertEqual(status.verdict.cause, CloseCause.REFUSED_TOPIC)
        self.assertEqual(self.bench.outbox.isolated, {})

    def test_what_is_cut_by_chance_is_not_told(self) -> None:
        self.begin()
        self.bench.start()
        for round in range(6):
            self.broker.unwritable = lambda topic, n=round: n % 3 < 2
            self.read("b")
            self.broker.drop()
            self.bench.run(30)
        self.assertEqual(self.bench.status.unechoed, 0)

    def test_what_is_dropped_is_told_until_it_passes(self) -> None:
        self.begin()
        self.broker.unwritable = lambda topic: topic == "dlmsd/b"
        self.bench.start()
        self.read()
        self.assertEqual(self.bench.status.unechoed, 0, "an echo may take a while")
        self.assertEqual(self.wait(), ("dlmsd/b",))
        self.broker.drop()
        self.bench.run(5.0)
        self.assertEqual(self.bench.status.unechoed, 1, "a new connection is no echo")
        self.broker.unwritable = lambda topic: False
        self.read()
        self.assertEqual(self.bench.status.unechoed, 0)
        self.assertEqual(self.wait(), ())
        self.assertEqual(self.filters, [])

    def test_what_may_not_be_read_back_is_told_too(self) -> None:
        self.begin()
        self.broker.unreadable = lambda topic: True
        self.bench.start()
        self.read()
        self.assertEqual(self.wait(), ("dlmsd/a", "dlmsd/b"))
        self.broker.unreadable = lambda topic: False
        self.read("a")
        self.assertEqual(self.wait(), ("dlmsd/b",))

    def test_what_was_retained_before_is_no_echo(self) -> None:
        self.begin()
        self.broker.retained["dlmsd/a"] = b"{}"
        self.broker.unwritable = lambda topic: True
        self.bench.start()
        self.read("a")
        self.assertEqual(self.wait(), ("dlmsd/a",))

    def test_a_subscription_that_is_refused_tells_nothing(self) -> None:
        self.begin()
        self.broker.unheard = True
        self.broker.unwritable = lambda topic: True
        self.bench.start()
        self.read()
        self.assertEqual(self.wait(), ())

    def test_a_broker_that_closes_upon_it_still_gets_readings(self) -> None:
        """Also where it closes upon no other subscription."""
        self.begin(requests=False)
        self.patch(PlainDialect, "subscriptions", lambda dialect: [])
        self.broker.closing = True
        self.bench.start()
        self.read()
        self.bench.run(30.0)
        self.assertEqual(self.bench.outbox.waiting, [])
        self.assertEqual(len(self.broker.connects), 3)
        self.assertEqual(self.wait(), ())

    def test_mqtt_5_and_whoever_wants_none_subscribe_to_nothing(self) -> None:
        for options in ({"protocol": 5}, {"canary": False}):
            self.begin(**options)
            self.broker.unwritable = lambda topic: True
            self.bench.start()
            self.read()
            self.assertEqual(self.wait(), ())
            self.assertEqual(self.readings(self.broker.subscribed), [])

    def test_thingsboard_has_no_echo(self) -> None:
        self.begin(kind="thingsboard")
        self.broker.unwritable = lambda topic: topic.endswith("telemetry")
        self.bench.start()
        self.read()
        self.assertEqual(self.wait(), ())

    def test_it_stops_with_its_sink(self) -> None:
        self.begin()
        self.broker.unwritable = lambda topic: True
        self.bench.start()
        self.read()
        self.bench.stop()
        self.bench.run(3.0)
        self.assertEqual(self.bench.clock.calls, [])
