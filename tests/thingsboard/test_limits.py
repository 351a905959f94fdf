"""Rate limits, and what a server says of them."""

from __future__ import annotations

from tests.thingsboard.case import ThingsBoardCase
from tests.thingsboard.limits import Bucket, Rates
from tests.thingsboard.test_gateway import DISCONNECT, pack

TELEMETRY = "v1/devices/me/telemetry"
LIMITS = "v1/devices/me/rpc/request/1", "v1/devices/me/rpc/response/1"


class BucketTests(ThingsBoardCase):
    def test_bands(self) -> None:
        """L4"""
        bucket = Bucket("4:1,6:60", self.clock.seconds)
        self.assertEqual([bucket.take() for _ in range(5)], [True] * 4 + [False])
        self.clock.run(0.25)
        self.assertEqual([bucket.take() for _ in range(2)], [True, False])
        self.clock.run(1)
        self.assertEqual([bucket.take() for _ in range(2)], [True, False])
        self.clock.run(10)
        self.assertEqual([bucket.take() for _ in range(2)], [True, False])
        self.clock.run(600)
        self.assertEqual([bucket.take() for _ in range(5)], [True] * 4 + [False])
        self.assertTrue(Bucket("", self.clock.seconds).take(10**9))


class LimitTests(ThingsBoardCase):
    def test_the_device_api_closes_without_a_puback(self) -> None:
        """L5, L7"""
        for rates, told in (
            (Rates(telemetry_messages="2:60"), True),
            (Rates(telemetry_points="5:60"), True),
            (Rates(messages="2:60"), False),
        ):
            for version, reason in ((5, 0x83), (4, None)):
                self.begin(device=rates)
                visitor = self.visit(version=version)
                codes = [visitor.acked(TELEMETRY, {"a": n, "b": n}) for n in range(3)]
                if told:
                    self.assertEqual(codes, [0, 0, None])
                    self.assertEqual((visitor.reason, visitor.closed), (reason, True))
                    self.assertEqual([value for _, value in self.meter.series("a")][-1], 1)
                else:
                    self.assertEqual((codes, visitor.closed), ([0, 0, 0], False))

    def test_so_it_does_with_the_backend_down(self) -> None:
        """L7"""
        visitor = self.visit()
        self.server.backend_down = True
        self.assertEqual(visitor.acked(TELEMETRY, {"a": 1}), None)
        self.assertEqual((visitor.reason, self.meter.telemetry), (0x83, {}))

    def test_the_gateway_api_answers_then_closes(self) -> None:
        """L6, L8, N3, G16"""
        for release, version, ack, told, reason in (
            ("4.2.1", 5, 0x97, [], None),
            ("4.2.1", 4, 0, [], None),
            ("3.8", 5, None, [{"device": "C", "reason": 150}], None),
            ("3.6", 5, None, [], None),
            ("3.8", 4, None, [], None),
        ):
            self.begin(release, gateway_devices=Rates(telemetry_messages="3:60"))
            gate = self.visit("gw", version)
            first = gate.acked("v1/gateway/telemetry", pack("A", "B"))
            self.assertEqual(first, 0)
            gate.publish("v1/gateway/telemetry", pack("A", ts=2))
            self.assertEqual(gate.acked("v1/gateway/telemetry", pack("C")), ack)
            self.assertEqual((gate.bodies(DISCONNECT), gate.reason), (told, reason))
            self.assertTrue(gate.closed)
            self.assertEqual(self.server["C"].telemetry, {})

    def test_what_a_gateway_sends_for_itself_has_its_own_buckets(self) -> None:
        """L6"""
        self.begin(
            device=Rates(telemetry_messages="1:60"),
            gateway_itself=Rates(telemetry_messages="2:60"),
            gateway_devices=Rates(telemetry_messages="1:60"),
        )
        gate = self.visit("gw")
        codes = [gate.acked(TELEMETRY, {"a": 1}) for _ in range(2)]
        self.assertEqual((codes, gate.acked("v1/gateway/telemetry", pack("A"))), ([0, 0], 0))

    def test_session_limits(self) -> None:
        """L3"""
        rates = Rates("200:1,6000:60", "9:1", "")
        self.begin(device=rates, gateway_itself=rates, gateway_devices=Rates("5:1", "", "7:1"))
        told = {
            "messages": "200:1,6000:60",
            "telemetryMessages": "9:1",
            "telemetryDataPoints": "",
        }
        same = {"maxPayloadSize": 65536, "maxInflightMessages": 100, "rateLimits": told}
        shared = {"messages": "5:1", "telemetryMessages": "", "telemetryDataPoints": "7:1"}
        for token, answer in (("meter", same), ("gw", {**same, "gatewayRateLimits": shared})):
            visitor = self.visit(token)
            asked = {"method": "getSessionLimits", "params": {}}
            self.assertEqual(visitor.acked(LIMITS[0], asked), 0)
            self.assertEqual(visitor.bodies(LIMITS[1]), [answer])

    def test_before_3_8_nobody_knows_them(self) -> None:
        """L3"""
        self.begin("3.6")
        visitor = self.visit()
        visitor.publish(LIMITS[0], {"method": "getSessionLimits", "params": {}})
        self.clock.run(61)
        self.assertEqual(visitor.bodies(LIMITS[1]), [{"error": "timeout"}])
