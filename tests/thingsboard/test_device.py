"""The device API."""

from __future__ import annotations

from typing import Any

from tests.thingsboard.case import START, ThingsBoardCase
from tests.thingsboard.device import Filters
from tests.thingsboard.server import NoAnswer

TELEMETRY = "v1/devices/me/telemetry"
ATTRIBUTES = "v1/devices/me/attributes"
RPC = "v1/devices/me/rpc"


class PublishTests(ThingsBoardCase):
    def test_telemetry_in_every_form_and_topic(self) -> None:
        """T1, V1"""
        visitor = self.visit()
        for topic in (TELEMETRY, "v2/t", "v2/t/j"):
            self.assertEqual(visitor.acked(topic, b'{"ts":1,"values":{"p":136.5,"n":42}}'), 0)
        self.assertEqual(visitor.acked(TELEMETRY, [{"ts": 2, "values": {"p": 4}}]), 0)
        self.assertEqual(self.meter.series("p"), [(1, 136.5), (2, 4)])
        visitor.publish(TELEMETRY, {"q": 1})
        [(ts, _)] = self.meter.series("q")
        self.assertTrue(0 <= ts - START * 1000 < 1000, ts)

    def test_client_attributes_fall_into_the_same_traps(self) -> None:
        """T1, V3"""
        visitor = self.visit()
        self.assertEqual(visitor.acked(ATTRIBUTES, {"serial": "00012345", "model": "ISK-7"}), 0)
        self.assertEqual(self.meter.client, {"serial": 12345, "model": "ISK-7"})

    def test_what_does_not_convert(self) -> None:
        """V7, C9"""
        for body in (b"{", b"7"):
            visitor = self.visit()
            self.assertEqual(visitor.acked(TELEMETRY, body), 0x99)
            self.assertFalse(visitor.closed)
            visitor.publish(TELEMETRY, body, qos=0)
            self.assertEqual((visitor.reason, visitor.closed), (0x99, True))
            old = self.visit(version=4)
            self.assertEqual((old.acked(TELEMETRY, body), old.closed), (None, True))

    def test_an_unknown_topic_is_acknowledged(self) -> None:
        """T7"""
        self.assertEqual(self.visit().acked("v1/devices/me/telemetri", {}), 0x90)
        self.assertEqual(self.visit(version=4).acked("v1/devices/me/telemetri", {}), 0)

    def test_a_profile_with_topics_of_its_own(self) -> None:
        """T9"""
        self.server.filters["meters"] = Filters("plant/+/t", "plant/#")
        self.meter.type = "meters"
        for version, code in ((5, 0x90), (4, 0)):
            visitor = self.visit(version=version)
            for topic in (TELEMETRY, ATTRIBUTES, "other/7/t"):
                self.assertEqual(visitor.acked(topic, {"lost": 1}), code)
            self.assertEqual(visitor.acked("v2/t", {"ts": 1, "values": {"p": version}}), 0)
            self.assertEqual(self.meter.series("p"), [(1, version)])
        self.assertEqual((list(self.meter.telemetry), self.meter.client), (["p"], {}))

    def test_what_fits_both_filters_is_attributes(self) -> None:
        """T10"""
        self.server.filters["meters"] = Filters("plant/+/t", "plant/+/a")
        self.meter.type = "meters"
        visitor = self.visit()
        self.assertEqual(visitor.acked("plant/7/t", {"ts": 1, "values": {"p": 2}}), 0)
        self.assertEqual(visitor.acked("plant/7/a", {"serial": "A1"}), 0)
        self.server.filters["meters"] = Filters("plant/+/t", "plant/#")
        self.assertEqual(visitor.acked("plant/7/t", {"p": 7}), 0)
        self.assertEqual(self.meter.series("p"), [(1, 2)])
        self.assertEqual(self.meter.client, {"serial": "A1", "p": 7})
        self.assertEqual(visitor.subscribe(ATTRIBUTES, f"{RPC}/request/+"), [1, 1])
        self.server.share(self.meter, {"interval": 60})
        visitor.settle()
        self.assertEqual(visitor.bodies(ATTRIBUTES), [{"interval": 60}])


class SubscribeTests(ThingsBoardCase):
    def test_filters_and_qualities(self) -> None:
        """T6"""
        for version, refused in ((5, 0x8F), (4, 0x80)):
            visitor = self.visit(version=version)
            granted = visitor.subscribe(ATTRIBUTES, "#", f"{RPC}/request/+", "v1/+/me", qos=2)
            self.assertEqual(granted, [1, refused, 1, refused])

    def test_updates_of_shared_attributes(self) -> None:
        """T2, T8"""
        visitor = self.visit()
        self.server.share(self.meter, {"interval": 5})
        visitor.subscribe(ATTRIBUTES, qos=0)
        self.server.share(self.meter, {"interval": 60})
        self.server.unshare(self.meter, "interval")
        visitor.settle()
        self.assertEqual(visitor.bodies(ATTRIBUTES), [{"interval": 60}, {"deleted": ["interval"]}])
        self.assertEqual((self.meter.shared, visitor.qualities), ({}, [0, 0]))

    def test_attribute_requests(self) -> None:
        """T3, T8"""
        visitor = self.visit()
        self.meter.client.update(a=1, b="x")
        self.server.share(self.meter, {"s": {"deep": True}})
        shared = {"s": {"deep": True}}
        cases: list[tuple[dict[str, str], dict[str, Any]]] = [
            ({"clientKeys": "a,c", "sharedKeys": "s"}, {"client": {"a": 1}, "shared": shared}),
            ({"sharedKeys": "nothing"}, {}),
            ({"sharedKeys": "s"}, {"shared": shared}),
            ({}, {"client": {"a": 1, "b": "x"}, "shared": shared}),
        ]
        for number, (asked, answer) in enumerate(cases):
            self.assertEqual(visitor.acked(f"{ATTRIBUTES}/request/{number}", asked), 0)
            self.assertEqual(visitor.bodies(f"{ATTRIBUTES}/response/{number}"), [answer])
        self.assertEqual(set(visitor.qualities), {1})


class RpcTests(ThingsBoardCase):
    def test_the_server_asks(self) -> None:
        """T4"""
        visitor = self.visit()
        self.failureResultOf(self.server.ask(self.meter, "readNow", {}), NoAnswer)
        visitor.subscribe(f"{RPC}/request/+")
        answer = self.server.ask(self.meter, "readNow", {"deep": [1]})
        visitor.settle()
        topic = f"{RPC}/request/1"
        self.assertEqual(visitor.told, [(topic, {"method": "readNow", "params": {"deep": [1]}})])
        visitor.publish(f"{RPC}/response/1", {"done": True})
        self.assertEqual(self.successResultOf(answer), {"done": True})
        visitor.publish(f"{RPC}/response/1", {"done": "twice"})

    def test_silence_and_one_way(self) -> None:
        visitor = self.visit()
        visitor.subscribe(f"{RPC}/request/+")
        answer = self.server.ask(self.meter, "readNow", {}, timeout=10)
        self.clock.run(11)
        self.failureResultOf(answer, NoAnswer)
        visitor.publish(f"{RPC}/response/1", {"late": True})
        self.assertIsNone(self.successResultOf(self.server.ask(self.meter, "x", 1, oneway=True)))
        visitor.settle()
        self.assertEqual(visitor.told[-1][0], f"{RPC}/request/2")

    def test_the_device_asks(self) -> None:
        """T5, T8"""
        visitor = self.visit()

        def now(params: Any) -> dict[str, Any]:
            return {"now": 7, "for": params}

        self.server.methods["getTime"] = now
        visitor.publish(f"{RPC}/request/1", {"method": "getTime", "params": {"z": 1}})
        self.assertEqual(visitor.told, [(f"{RPC}/response/1", {"now": 7, "for": {"z": 1}})])
        self.assertEqual(visitor.acked(f"{RPC}/request/2", {"method": "unknown", "params": {}}), 0)
        self.clock.run(59)
        self.assertEqual(visitor.bodies(f"{RPC}/response/2"), [])
        self.clock.run(2)
        self.assertEqual(visitor.bodies(f"{RPC}/response/2"), [{"error": "timeout"}])
