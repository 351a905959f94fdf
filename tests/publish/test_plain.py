from __future__ import annotations

import json
import uuid
from collections import deque
from decimal import Decimal

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.model import Reading
from dlmsd.publish.pack import Room
from dlmsd.publish.plain import READINGS, PlainDialect
from dlmsd.publish.topics import Topics
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

    def test_a_clean_stop_says_offline_itself(self) -> None:
        bench = Bench(meter("a"))
        bench.start()
        stopping = bench.stop()
        bench.run(0.5)
        self.successResultOf(stopping)
        self.assertEqual(bench.broker.retained["dlmsd/status"], b"offline")
        self.assertEqual((bench.broker.wills, bench.broker.disconnects), ([], 1))

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
