from __future__ import annotations

import json
import uuid
from collections import deque
from decimal import Decimal

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.config.topics import Topics
from dlmsd.model import Reading
from dlmsd.publish.pack import Room
from dlmsd.publish.plain import READINGS, PlainDialect
from tests.publish.bench import Bench, meter
from tests.publish.outbox import MemoryDelivery, reading


class PlainDialectTests(SynchronousTestCase):
    def pack(self, one: Reading, template: str = "dlmsd/{meter}") -> tuple[str, bytes]:
        message, taken = PlainDialect(Topics(template)).pack(
            deque([MemoryDelivery(7, "s", one)]), Room(1000, 1000)
        )
        self.assertEqual(([one.id for one in taken], message.retain), ([7], False))
        return message.topic, message.payload

    def test_payload_is_exact(self) -> None:
        values = {
            "voltage_l1": Decimal("230.10"),
            "energy": Decimal("18446744073709551615"),
            "serial": "ISK-0001",
            "relay": True,
        }
        topic, payload = self.pack(Reading("planta-a", 1700000000123, values))
        self.assertEqual(topic, "dlmsd/planta-a")
        self.assertEqual(
            payload,
            b'{"ts":1700000000123,"values":{"voltage_l1":230.10,'
            b'"energy":18446744073709551615,"serial":"ISK-0001","relay":true},'
            b'"id":"' + str(uuid.uuid5(READINGS, "planta-a/1700000000123")).encode() + b'"}',
        )

    def test_duplicates_are_identical_and_others_differ(self) -> None:
        self.assertEqual(self.pack(reading("a", 1)), self.pack(reading("a", 1)))
        ids = {
            json.loads(self.pack(reading(*one))[1])["id"] for one in (("a", 1), ("a", 2), ("b", 1))
        }
        self.assertEqual(len(ids), 3)

    def test_status_follows_the_template(self) -> None:
        for template, prefix in (
            ("dlmsd/{meter}", "dlmsd"),
            ("site/energy/{meter}/state", "site/energy"),
            ("site/m-{meter}", "site"),
            ("{meter}", "dlmsd"),
        ):
            dialect = PlainDialect(Topics(template))
            self.assertEqual(dialect.will.topic, f"{prefix}/status")
            self.assertEqual(dialect.state("a", True).topic, f"{prefix}/a/availability")
            self.assertEqual(
                self.pack(reading("a", 1), template)[0], template.replace("{meter}", "a")
            )


class PlacesTests(SynchronousTestCase):
    TEMPLATE = "{node}/{group}/{serial}/{meter}"

    def topic(self, bench: Bench, name: str, ts: int) -> str:
        bench.outbox.commit([reading(name, ts)])
        bench.run(0.5)
        (found,) = [one.topic for one in bench.broker.published if f'"ts":{ts}' in str(one.payload)]
        return found

    def test_serial_group_and_node(self) -> None:
        one = meter("a", serial_number="{meter}", group="hall 1")
        bench = Bench(one, topic=self.TEMPLATE, home_assistant=True)
        bench.start()
        self.assertEqual(self.topic(bench, "a", 1), "host/hall 1/{meter}/a")
        self.assertEqual(bench.broker.retained["host/status"], b"online")
        bench.sink.meter_state("a", True)
        bench.run(0.5)
        self.assertEqual(bench.broker.retained["host/a/availability"], b"online")

    def test_a_place_that_changes_is_another_topic(self) -> None:
        """And what is left of a meter that nobody tells of any more is on nobody's topic."""
        bench = Bench(meter("a", serial_number="1"), topic="x/{serial}")
        bench.start()
        found = [self.topic(bench, "a", 1)]
        for ts, meters in enumerate(([meter("a", serial_number="2")], []), 2):
            Deferred.fromCoroutine(bench.sink.change(meters))
            bench.run(5)
            found.append(self.topic(bench, "a", ts))
        self.assertEqual(found, ["x/1", "x/2", "x/bridge/left/a"])

    def test_another_meter_costs_no_connection_unless_its_topic_is_new(self) -> None:
        for topic, connects in (("x/{meter}", 1), ("x/{serial}", 2)):
            bench = Bench(meter("a", serial_number="1"), topic=topic)
            bench.start()
            both = [meter(name, serial_number=f"s-{name}") for name in "ab"]
            Deferred.fromCoroutine(bench.sink.change(both))
            bench.run(5)
            self.assertEqual(len(bench.broker.connects), connects)


class PlainSinkTests(SynchronousTestCase):
    def test_status_and_will(self) -> None:
        bench = Bench(meter("a"))
        bench.start()
        self.assertEqual(bench.broker.retained["dlmsd/status"], b"online")
        bench.broker.listening = False
        bench.broker.drop()
        bench.run(1)
        self.assertEqual(bench.broker.retained["dlmsd/status"], b"offline")
        bench.broker.listening = True
        bench.run(5)
        self.assertEqual(bench.broker.retained["dlmsd/status"], b"online")

    def test_a_will_that_comes_late_is_corrected(self) -> None:
        """As of a session that this connection has replaced."""
        bench = Bench(meter("a"))
        bench.start()
        for retained in (True, False):
            bench.broker.retained["dlmsd/status"] = b"offline"
            bench.broker.tell("dlmsd/status", b"offline", retained)
            bench.run(0.5)
            found = bench.broker.retained["dlmsd/status"]
            # What was retained is from before the greeting.
            self.assertEqual(found, b"offline" if retained else b"online")
        self.assertEqual(bench.topics().count("dlmsd/status"), 2)

    def test_a_clean_stop_says_offline_itself(self) -> None:
        bench = Bench(meter("a"))
        bench.start()
        stopping = bench.stop()
        bench.run(0.5)
        self.successResultOf(stopping)
        self.assertEqual(bench.broker.retained["dlmsd/status"], b"offline")
        self.assertEqual((bench.broker.wills, bench.broker.disconnects), ([], 1))

    def test_a_broker_that_retains_nothing(self) -> None:
        """RetainAvailable 0 (MQTT 5, 3.2.2.3.5): it would end the connection upon the first."""
        bench = Bench(meter("a"))
        bench.broker.connack = 0x9A  # because of the will
        bench.outbox.commit([reading("a", 1)])
        bench.start()
        self.assertIn("retain not supported", bench.status.error)
        bench.broker.connack, bench.broker.connack_properties = 0, b"\x25\0"
        bench.run(5)
        self.assertEqual([one.will is None for one in bench.broker.connects], [False, True])
        self.assertEqual((bench.outbox.waiting, bench.status.error), ([], ""))
        self.assertIn("dlmsd/status", bench.topics())
        self.assertFalse(any(one.retain for one in bench.broker.published))

    def test_availability_is_retained_and_told_after_every_connect(self) -> None:
        bench = Bench(meter("a"), meter("b"))
        bench.sink.meter_state("a", True)
        bench.start()
        bench.sink.meter_state("b", False)
        bench.run(0.5)
        known = {"dlmsd/a/availability": b"online", "dlmsd/b/availability": b"offline"}
        for topic, state in known.items():
            self.assertEqual(bench.broker.retained[topic], state)
        bench.broker.retained.clear()
        bench.broker.drop()
        bench.run(5)
        self.assertEqual(bench.broker.retained.pop("dlmsd/status"), b"online")
        self.assertIn(b'"topic":"dlmsd/{meter}"', bench.broker.retained.pop("dlmsd/bridge/info"))
        self.assertEqual(bench.broker.retained, known)

    def test_a_state_told_again_is_not_sent_again(self) -> None:
        bench = Bench(meter("a"))
        bench.start()
        for _ in range(5):
            bench.sink.meter_state("a", True)
            bench.run(0.5)
        self.assertEqual(bench.topics().count("dlmsd/a/availability"), 1)

    def test_only_the_newest_state_waits_for_a_slow_broker(self) -> None:
        bench = Bench(meter("a"))
        bench.broker.puback = lambda published: []
        bench.outbox.commit([reading("a", ts) for ts in range(30)])
        bench.start()
        for turn in range(1001):
            bench.sink.meter_state("a", turn % 2 == 0)
        self.assertEqual(len(bench.sink._routes[""].courier._notices), 1)
