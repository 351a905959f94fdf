"""The sinks against ThingsBoard as its servers behave: tests/thingsboard/sheet.md."""

from __future__ import annotations

import itertools
import json
from decimal import Decimal
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.config.sinks import LONGEST_KEEPALIVE
from dlmsd.model import Lane, MeterState, MeterStatus
from dlmsd.secret import Secret
from tests.publish.bench import Bench, meter, stamps
from tests.publish.broker import acknowledge
from tests.publish.outbox import MemoryDelivery, reading
from tests.thingsboard.case import RELEASES, add, server
from tests.thingsboard.device import Credentials, Filters
from tests.thingsboard.limits import Rates
from tests.thingsboard.visitor import Visitor

READING = MeterState.READING
EXACT = {"energy": "12345678.9", "counter": "9007199254740993", "power": "136.5", "cold": "-0.04"}


class ServedBench(Bench):
    """A sink before the stand-in; the outbox refuses a delivery that is not kept there."""

    def __init__(
        self, kind: str, *names: str, release: str = "4.3", limits: Any = None, **options: Any
    ) -> None:
        token = Secret("gw") if kind == "thingsboard-gateway" else None
        super().__init__(
            *(meter(name) for name in names),
            connect=lambda factory: self.server.connect(factory),
            kind=kind,
            token=token,
            **options,
        )
        self.server = server(self.clock, release, **(limits or {}))
        self.lost: list[MemoryDelivery] = []
        if kind == "thingsboard":
            for name in names:
                device = add(self.server, f"token-of-{name}")
                device.name = f"Device {name}"

    def kept(self, delivery: MemoryDelivery) -> bool:
        device = self.server.named(f"Device {delivery.reading.meter}")
        return device is not None and all(
            delivery.reading.ts in device.telemetry.get(key, {}) for key in delivery.reading.values
        )

    def witness(self, delivery: MemoryDelivery) -> None:
        if not self.kept(delivery):
            self.lost.append(delivery)


class GatewayCase(SynchronousTestCase):
    """A gateway of two meters, which the stand-in knows."""

    def setUp(self) -> None:
        self.begin()

    def begin(self, protocol: int = 5) -> None:
        self.bench = ServedBench("thingsboard-gateway", "a", "b", protocol=protocol)
        self.server = self.bench.server
        self.bench.start()
        self.bench.run(2)


class ThingsBoardServerTests(SynchronousTestCase):
    def test_exact_values_on_every_release_and_version(self) -> None:
        for kind in ("thingsboard", "thingsboard-gateway"):
            for release in RELEASES:
                for protocol in (5, 311, "auto"):
                    bench = ServedBench(kind, "a", "b", release=release, protocol=protocol)
                    bench.start()
                    bench.outbox.commit([reading("a", 1, **EXACT), reading("b", 2, p="4.20")])
                    bench.run(3)  # below 3.8 the first connection waits for limits
                    self.assertEqual((bench.outbox.waiting, bench.lost), ([], []))
                    kept = bench.server["Device a"]
                    self.assertEqual(
                        {key: Decimal(str(kept.series(key)[0][1])) for key in EXACT},
                        {key: Decimal(text) for key, text in EXACT.items()},
                    )
                    self.assertEqual(bench.server["Device b"].series("p"), [(2, 4.2)])
                    if kind == "thingsboard-gateway":
                        self.assertEqual(kept.type, "microstar")

    def test_numbers_that_it_would_keep_as_text(self) -> None:
        """V5: those of a ratio with many digits are rounded, and only those."""
        values = {
            "long": "0.123456789012345678",
            "tiny": "1E-18",
            "short": "0.1234567890123456",
            "huge": "1E+50",
        }
        for kind in ("thingsboard", "thingsboard-gateway"):
            bench = ServedBench(kind, "a")
            bench.start()
            bench.outbox.commit([reading("a", 1, **values, energy="12345678.90")])
            bench.run(3)
            device = bench.server["Device a"]
            found = {key: device.series(key)[0][1] for key in (*values, "energy")}
            expected = {"long": 0.1234567890123457, "tiny": 0.0, "short": 0.1234567890123456}
            self.assertIsInstance(found.pop("huge"), str)  # V4
            self.assertEqual(found, {**expected, "energy": 12345678.9})
            self.assertEqual(bench.outbox.waiting, [])

    def test_the_longest_keepalive_outlives_the_servers_patience(self) -> None:
        """L9"""
        for kind in ("thingsboard", "thingsboard-gateway"):
            bench = ServedBench(kind, "a", keepalive=LONGEST_KEEPALIVE)
            bench.start()
            bench.run(7200, 1.0)
            self.assertEqual((len(bench.server.connects), bench.status.error), (1, ""))

    def profiled(self, protocol: int, **options: Any) -> ServedBench:
        """A sink before a device whose profile has topics of its own."""
        bench = ServedBench("thingsboard", "a", protocol=protocol, **options)
        bench.server.filters["meters"] = Filters("plant/+/t", "plant/+/a")
        bench.server["Device a"].type = "meters"
        bench.start()
        bench.sink.meter_status(MeterStatus("a", "h:1", "microstar", interval=5.0, state=READING))
        return bench

    def test_topics_of_a_device_profile(self) -> None:
        """T9, T10: readings and attributes go there, all else where it always goes."""
        topics = {"telemetry_topic": "plant/7/t", "attributes_topic": "plant/7/a"}
        for protocol in (5, 311):
            bench = self.profiled(protocol, **topics)
            device = bench.server["Device a"]
            bench.outbox.commit([reading("a", ts, p="4.20") for ts in (1, 2)])
            bench.run(3)
            self.assertEqual((bench.outbox.waiting, bench.lost, bench.status.error), ([], [], ""))
            self.assertEqual(device.series("p"), [(1, 4.2), (2, 4.2)])
            self.assertEqual(device.client["interval"], 5)
            bench.server.share(device, {"interval": 60})
            answer = bench.server.ask(device, "getStatus", {})
            bench.run(1)
            self.assertEqual(bench.orders.overridden, [("a", {"interval": 60}, "sink s")])
            self.assertIsInstance(self.successResultOf(answer), dict)

    def test_the_ordinary_topics_before_such_a_profile(self) -> None:
        """T9: over version 5 the refusal is told and everything kept."""
        bench = self.profiled(5)
        bench.outbox.commit([reading("a", 1)])
        bench.run(30)
        self.assertEqual((bench.outbox.waiting, bench.lost), ([1], []))
        self.assertIn("topic name invalid", bench.status.error)
        self.assertIn("telemetry_topic", bench.status.advice)

    def test_attributes_on_another_topic_count_as_telemetry(self) -> None:
        """L5"""
        rates = Rates(telemetry_messages="5:60")
        topics = {"telemetry_topic": "plant/7/t", "attributes_topic": "plant/7/a"}
        bench = self.profiled(5, limits={"device": rates}, **topics)
        for ts in range(20):
            bench.sink.meter_status(
                MeterStatus("a", "h:1", "microstar", interval=5.0 + ts, state=READING)
            )
            bench.outbox.commit([reading("a", ts)])
            bench.run(1)
        self.assertIn("limit of 5 telemetry messages in 60 s", bench.status.held)
        self.assertEqual({one.error for one in bench.statuses}, {""})

    def test_another_client_with_the_same_token(self) -> None:
        for kind, token in (("thingsboard", "token-of-a"), ("thingsboard-gateway", "gw")):
            for release, protocol, why in (
                ("4.3", 5, "session taken over"),
                ("4.3", 311, "without a reason"),
                ("3.6", 5, "without a reason"),
            ):
                bench = ServedBench(kind, "a", release=release, protocol=protocol)
                bench.start()
                bench.outbox.commit([reading("a", 1)])
                bench.run(3)
                Visitor(bench.server, username=token, client_id="another")
                bench.run(0.5)
                self.assertIn(why, bench.status.error)
                bench.outbox.commit([reading("a", 2)])
                bench.run(90)
                self.assertEqual((bench.outbox.waiting, bench.lost), ([], []))

    def test_a_rate_limit_that_the_server_tells_is_kept(self) -> None:
        """L3, L6; in 3.1.1 what is above it would be acknowledged and lost (L8)."""
        rates = Rates(telemetry_messages="10:60")
        for kind in ("thingsboard", "thingsboard-gateway"):
            for release, protocol in itertools.product(("3.8", "4.2.1", "4.3"), (5, 311)):
                limits = {"device": rates, "gateway_devices": rates}
                bench = ServedBench(kind, "a", release=release, limits=limits, protocol=protocol)
                bench.start()
                for ts in range(30):
                    bench.outbox.commit([reading("a", ts)])
                    bench.run(1)
                self.assertIn("limit of 10 telemetry messages in 60 s", bench.status.held)
                # What waits shares messages: 8 a minute are enough for it.
                bench.run(60)
                self.assertEqual((bench.outbox.waiting, bench.lost), ([], []))
                self.assertEqual({one.error for one in bench.statuses}, {""})
                self.assertEqual((bench.status.held, bench.status.delivered), ("", 30))

    def test_a_limit_of_values_and_one_of_other_messages(self) -> None:
        rates = Rates(messages="5:10", telemetry_points="60:60")
        names = [f"m{number}" for number in range(12)]
        for protocol in (5, 311):
            limits = {"gateway_devices": rates, "gateway_itself": rates}
            bench = ServedBench("thingsboard-gateway", *names, limits=limits, protocol=protocol)
            bench.outbox.commit([reading(name, ts, **EXACT) for ts in range(4) for name in names])
            bench.start()
            bench.run(300)
            self.assertEqual((bench.outbox.waiting, bench.lost), ([], []))
            self.assertEqual({one.error for one in bench.statuses}, {""})
            sentences = {one.held for one in bench.statuses}
            self.assertEqual(
                sentences,
                {
                    "",
                    "held to the server's limit of 5 messages in 10 s",
                    "held to the server's limit of 60 telemetry values in 60 s",
                },
            )

    def test_a_rate_limit_that_nobody_tells(self) -> None:
        # One of them is the meter's attributes.
        rates = Rates(telemetry_messages="4:60")
        for kind in ("thingsboard", "thingsboard-gateway"):
            limits = {"device": rates, "gateway_devices": rates}
            bench = ServedBench(kind, "a", release="3.6", limits=limits, protocol=5)
            bench.start()
            bench.run(2)
            for ts in range(5):
                bench.outbox.commit([reading("a", ts)])
                bench.run(1)
            self.assertIn("without a reason", bench.status.error)
            self.assertEqual(len(bench.outbox.waiting), 2)
            bench.run(300)
            self.assertEqual((bench.outbox.waiting, bench.lost), ([], []))

    def test_a_smaller_payload_and_window_are_kept(self) -> None:
        for kind in ("thingsboard", "thingsboard-gateway"):
            limits = {"max_payload": 2000, "max_queued": 2}
            bench = ServedBench(kind, "a", limits=limits)
            bench.outbox.commit([reading("a", ts, **EXACT) for ts in range(500)])
            bench.start()
            bench.run(5)
            self.assertEqual((bench.outbox.waiting, bench.lost), ([], []))
            self.assertEqual({one.error for one in bench.statuses}, {""})
            courier = next(iter(bench.sink._routes.values())).courier
            self.assertEqual((courier._limits.payload, courier._limits.inflight), (2000, 2))

    def test_a_device_that_is_no_gateway(self) -> None:
        bench = ServedBench("thingsboard-gateway", "a")
        bench.server["gw"].info["gateway"] = False
        bench.start()
        bench.outbox.commit([reading("a", 1)])
        bench.run(70)
        self.assertIn("no PUBACK", bench.status.error)
        self.assertIn("'Is gateway'", bench.status.advice)
        bench.server["gw"].info["gateway"] = True
        bench.run(80)
        self.assertEqual((bench.outbox.waiting, bench.lost, bench.status.error), ([], [], ""))

    def test_mqtt_basic(self) -> None:
        """A2: any of the three; what is wrong is refused, and told without the password."""
        theirs = {"mqtt_client_id": "clientId", "mqtt_username": "userName"}
        theirs["mqtt_password"] = "password"
        for keys in (("mqtt_client_id",), ("mqtt_username", "mqtt_password"), tuple(theirs)):
            for protocol in (5, 311):
                bench = ServedBench("thingsboard", protocol=protocol)
                basic = {theirs[key]: f"canary of {key}" for key in keys}
                bench.server.create("Device a", credentials=Credentials("MQTT_BASIC", basic=basic))
                self.change(bench, **{key: f"canary of {key}" for key in keys})
                bench.start()
                bench.outbox.commit([reading("a", 1, p="4.20")])
                bench.run(3)
                self.assertEqual((bench.outbox.waiting, bench.lost), ([], []))
                self.assertEqual(bench.server["Device a"].series("p"), [(1, 4.2)])
                for key in keys:
                    wrong = {one: f"canary of {one}" for one in keys} | {key: "something else"}
                    self.change(bench, **wrong)
                    bench.run(3)
                    self.assertIn("refused: ", bench.status.error)
                    self.assertNotIn("canary of mqtt_password", repr(bench.statuses))
                    if key == "mqtt_username":
                        self.assertIn("from user something else", bench.status.error)

    def change(self, bench: ServedBench, **options: str) -> None:
        """``bench`` is for one meter with these credentials from now on."""
        given: dict[str, Any] = dict(options)
        if "mqtt_password" in given:
            given["mqtt_password"] = Secret(given["mqtt_password"])
        changed = Deferred.fromCoroutine(bench.sink.change([meter("a", token=None, **given)]))
        bench.run(3)
        self.successResultOf(changed)

    def test_a_wrong_token(self) -> None:
        for protocol in (5, 311):
            bench = ServedBench("thingsboard", "a", protocol=protocol)
            bench.server["Device a"].credentials = bench.server["gw"].credentials
            bench.start()
            bench.run(1)
            self.assertIn(Secret("token-of-a").fingerprint(), bench.status.error)

    def test_a_restart_and_changed_credentials(self) -> None:
        bench = ServedBench("thingsboard-gateway", "a")
        bench.start()
        bench.server.restart()
        bench.outbox.commit([reading("a", 1)])
        bench.run(5)
        self.assertEqual(bench.outbox.waiting, [])
        bench.server.set_credentials(bench.server["gw"], bench.server["meter"].credentials)
        bench.run(0.5)
        self.assertIn("DISCONNECT 0x98", bench.status.error)

    def test_latency_is_told_where_it_is_wanted(self) -> None:
        for wanted in (True, False):
            bench = ServedBench("thingsboard-gateway", "a", latency_metadata=wanted)
            bench.start()
            now = bench.server.now
            bench.outbox.commit([reading("a", now - 250, p="1")])
            # What was read back is of any age.
            bench.outbox.commit([reading("a", now - 86_400_000, p="2")], lane=Lane.BACKFILL)
            bench.run(70)
            self.assertEqual((bench.outbox.waiting, bench.lost), ([], []))
            found = bench.server["gw"].series("gatewayMetrics")
            if not wanted:
                self.assertEqual(found, [])
                continue
            [(_, metrics)] = found
            assert isinstance(metrics, dict)
            (told,) = metrics.values()
            self.assertEqual(metrics.keys(), {"dlms"})
            self.assertTrue(250 <= told["minGwLatency"] <= told["maxGwLatency"] < 1250, told)

    def test_what_is_sent_again_differs_in_the_time_of_its_publishing_alone(self) -> None:
        bench = Bench(
            meter("a"), kind="thingsboard-gateway", token=Secret("gw"), latency_metadata=True
        )
        bench.broker.puback = lambda published: []
        bench.start()
        bench.outbox.commit([reading("a", 1, p="1.50")])
        bench.run(5)
        bench.broker.puback = acknowledge
        bench.broker.drop()
        bench.run(5)
        first, second = (json.loads(one.payload) for one in bench.broker.published if stamps(one))
        (before,), (after,) = first["Device a"], second["Device a"]
        self.assertEqual(before["metadata"]["receivedTs"], 1)
        self.assertLess(before["metadata"]["publishedTs"], after["metadata"].pop("publishedTs"))
        del before["metadata"]["publishedTs"]
        self.assertEqual(before, after)
