"""The gateway API."""

from __future__ import annotations

from tests.thingsboard.case import START, ThingsBoardCase, add
from tests.thingsboard.server import NoAnswer
from tests.thingsboard.visitor import Visitor

CONNECT, DISCONNECT = "v1/gateway/connect", "v1/gateway/disconnect"
TELEMETRY, ATTRIBUTES = "v1/gateway/telemetry", "v1/gateway/attributes"
RPC = "v1/gateway/rpc"


def pack(*names: str, ts: int = 1) -> dict[str, object]:
    return {name: [{"ts": ts, "values": {"p": 42.5}}] for name in names}


class GatewayCase(ThingsBoardCase):
    def gate(self, version: int = 5, token: str = "gw") -> Visitor:
        return self.visit(token, version)


class PublishTests(GatewayCase):
    def test_connect_then_telemetry(self) -> None:
        """G1, G2, G3, N4"""
        gate = self.gate()
        self.assertEqual(gate.acked(CONNECT, {"device": "A", "type": "DLMS meter"}), 0)
        self.assertEqual(gate.acked(TELEMETRY, {**pack("A", "B"), "C": {"ts": 1}}), 0)
        self.assertEqual(len(gate.acks), 2)
        self.assertEqual(self.server["A"].type, "DLMS meter")
        self.assertEqual(self.server["B"].type, "default")
        self.assertEqual(self.server["A"].series("p"), [(1, 42.5)])
        self.assertIsNone(self.server.named("C"))
        self.assertEqual(self.server.log, ["C: can't parse value"])

    def test_nothing_left(self) -> None:
        """G4"""
        for body in ({"A": {}}, {}, [1]):
            gate = self.gate()
            self.assertEqual(gate.acked(TELEMETRY, body), 0x83)
            self.assertEqual((gate.reason, gate.closed), (0x83, True))
            old = self.gate(4)
            self.assertEqual((old.acked(TELEMETRY, body), old.closed), (None, True))

    def test_attributes(self) -> None:
        """G5, V3"""
        gate = self.gate()
        self.assertEqual(gate.acked(ATTRIBUTES, {"A": {"serial": "0042", "model": "x"}}), 0)
        self.assertEqual(self.server["A"].client, {"serial": 42, "model": "x"})

    def test_attribute_requests(self) -> None:
        """G6"""
        gate = self.gate()
        gate.publish(ATTRIBUTES, {"A": {"c": 1}})
        self.server.share(self.server["A"], {"s": 2, "t": 3})
        topic, response = f"{ATTRIBUTES}/request", f"{ATTRIBUTES}/response"
        for body in (
            {"id": 1, "device": "A", "client": True, "key": "c"},
            {"id": 2, "device": "A", "client": False, "keys": ["s", "t"]},
            {"id": 3, "device": "A", "client": False, "keys": ["none"]},
        ):
            self.assertEqual(gate.acked(topic, body), 0)
        self.assertEqual(
            gate.bodies(response),
            [
                {"id": 1, "device": "A", "value": 1},
                {"id": 2, "device": "A", "values": {"s": 2, "t": 3}},
                {"id": 3, "device": "A"},
            ],
        )
        # as the documentation shows it
        shown = {"id": 4, "device": "A", "client": ["c"], "shared": ["s"]}
        self.assertEqual(gate.acked(topic, shown), 0x83)

    def test_no_gateway(self) -> None:
        """G10"""
        for version in (4, 5):
            visitor = self.visit(version=version)
            self.assertEqual(visitor.acked(TELEMETRY, pack("A")), None)
            self.assertFalse(visitor.closed)
            self.assertIsNone(self.server.named("A"))
        self.assertIn("no gateway", self.server.log[0])

    def test_quality_0(self) -> None:
        """G11, G16"""
        gate = self.gate()
        gate.publish(TELEMETRY, pack("A"), qos=0)
        self.assertEqual(gate.bodies(DISCONNECT), [{"device": "A", "reason": 129}])
        self.assertEqual((self.server["A"].series("p"), gate.closed), ([(1, 42.5)], False))

    def test_a_record_that_does_not_convert(self) -> None:
        """G17, V7"""
        gate = self.gate()
        self.assertEqual(gate.acked(TELEMETRY, {**pack("A"), "B": [7]}), 0x99)
        self.assertEqual((gate.closed, len(gate.acks)), (False, 1))
        self.assertEqual(gate.acked(TELEMETRY, b"{"), 0x99)
        old = self.gate(4)
        self.assertEqual((old.acked(TELEMETRY, {"B": [7]}), old.closed), (None, True))

    def test_a_device_that_cannot_be_made(self) -> None:
        """G18"""
        for release, reason in (("4.2.1", 0x97), ("3.8", None)):
            self.begin(release, max_devices=2)
            gate = self.gate()
            self.assertEqual(gate.acked(CONNECT, {"device": "A"}), None)
            self.assertEqual(gate.acked(TELEMETRY, pack("A")), reason)
            self.assertFalse(gate.closed)

    def test_packs_before_4_2_1(self) -> None:
        """N3, N4: the second PUBACK has the same packet id"""
        for release, acks in (("3.8", 2), ("4.2.1", 1)):
            self.begin(release)
            for version in (4, 5):
                gate = self.gate(version)
                gate.publish(TELEMETRY, pack("A", "B"))
                self.assertEqual(gate.heard.count(b"\x40\x02\x00\x01"), acks)

    def test_the_backend_is_down(self) -> None:
        """L8, G16, N3"""
        for release, version, ack, told in (
            ("4.2.1", 5, 0x80, []),
            ("4.2.1", 4, 0, []),
            ("3.8", 5, None, [{"device": "A", "reason": 128}]),
            ("3.6", 5, None, []),
        ):
            self.begin(release)
            gate = self.gate(version)
            self.server.backend_down = True
            self.assertEqual(gate.acked(TELEMETRY, pack("A")), ack)
            self.assertEqual((gate.bodies(DISCONNECT), gate.closed), (told, True))
            self.assertEqual(self.server["A"].telemetry, {})


class AskTests(GatewayCase):
    def test_rpc(self) -> None:
        """G7, G9"""
        gate = self.gate()
        gate.publish(CONNECT, {"device": "A", "type": "x"})
        device = self.server["A"]
        answer = self.server.ask(device, "readNow", {})
        gate.settle()
        asked = {"device": "A", "data": {"id": 1, "method": "readNow", "params": {}}}
        self.assertEqual(gate.bodies(RPC), [asked])
        self.assertEqual(gate.acked(RPC, {"device": "A", "id": 1, "data": {"success": True}}), 0)
        self.assertEqual(self.successResultOf(answer), {"success": True})
        self.assertEqual(gate.acked(DISCONNECT, {"device": "A"}), 0)
        self.failureResultOf(self.server.ask(device, "readNow", {}), NoAnswer)
        gate.publish(TELEMETRY, pack("A"))
        gate.leave()
        self.failureResultOf(self.server.ask(device, "readNow", {}), NoAnswer)

    def test_shared_attributes(self) -> None:
        """G8"""
        gate = self.gate()
        gate.publish(CONNECT, {"device": "A"})
        self.server.share(self.server["A"], {"poll_interval": 60})
        gate.settle()
        self.assertEqual(gate.bodies(ATTRIBUTES), [{"device": "A", "data": {"poll_interval": 60}}])

    def test_two_gateways_and_one_device(self) -> None:
        """G12"""
        add(self.server, "second", gateway=True)
        first, second = self.gate(), self.gate(token="second")
        counts = []
        for gate in (first, second, first):
            gate.publish(TELEMETRY, pack("A"))
            self.server.ask(self.server["A"], "x", None, oneway=True)
            gate.settle()
            counts.append((len(first.bodies(RPC)), len(second.bodies(RPC))))
        self.assertEqual(counts, [(1, 0), (1, 1), (2, 1)])
        self.assertEqual((first.closed, second.closed), (False, False))

    def test_renamed_and_deleted(self) -> None:
        """G14"""
        request = "v1/devices/me/rpc/request"
        gate = self.gate()
        gate.subscribe(f"{request}/+")
        gate.publish(CONNECT, {"device": "A"})
        self.server.rename(self.server["A"], "B")
        gate.settle()
        renamed = {"method": "gateway_device_renamed", "params": {"A": "B"}}
        self.assertEqual(gate.told, [(f"{request}/1", renamed)])
        gate.leave()
        self.server.delete(self.server["B"])
        gate = self.gate()
        gate.subscribe(f"{request}/+")
        deleted = {"method": "gateway_device_deleted", "params": "B"}
        self.assertEqual(gate.told, [(f"{request}/2", deleted)])

    def test_a_day_is_the_longest_that_a_notice_waits(self) -> None:
        """G14"""
        self.server.notify(self.gateway, "gateway_device_deleted", "A")
        self.clock.run(86401)
        gate = self.gate()
        gate.subscribe("v1/devices/me/rpc/request/+")
        self.assertEqual(gate.told, [])

    def test_pings_are_activity(self) -> None:
        """G15"""
        for wanted in (False, True):
            self.begin()
            self.gateway.info["overwriteActivityTime"] = wanted
            gate = self.gate()
            gate.publish(TELEMETRY, pack("A"))
            before = self.server["A"].active
            self.clock.run(60)
            gate.ping()
            self.assertEqual(self.server["A"].active > before, wanted)

    def test_latencies(self) -> None:
        """G13"""
        gate = self.gate()
        sent = int(START * 1000)
        for metadata in (
            {"connector": "dlms", "receivedTs": sent - 30, "publishedTs": sent - 10},
            {"connector": "dlms", "receivedTs": sent - 10},
        ):
            record = {"ts": 1, "values": {"p": 1}, "metadata": metadata}
            gate.publish(TELEMETRY, {"A": [record]})
        self.clock.run(61)
        [(_, metrics)] = self.gateway.series("gatewayMetrics")
        assert isinstance(metrics, dict)
        self.assertEqual(set(metrics), {"dlms"})
        self.assertEqual(metrics["dlms"]["avgGwLatency"], 20)
        self.assertTrue(10 <= metrics["dlms"]["maxTransportLatency"] < 100)
