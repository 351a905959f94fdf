"""Sessions, from CONNACK to their end."""

from __future__ import annotations

import base64
import hashlib

from tests.thingsboard.case import RELEASES, ThingsBoardCase, add
from tests.thingsboard.device import Credentials

TELEMETRY = "v1/devices/me/telemetry"


class ConnectTests(ThingsBoardCase):
    def test_a_token_whose_password_is_ignored(self) -> None:
        """A1"""
        for version in (4, 5):
            self.assertEqual(self.visit(version=version).connack, 0)
            self.assertEqual(self.visit(version=version, password="whatever").connack, 0)

    def test_mqtt_basic(self) -> None:
        """A2"""
        wanted = {"clientId": "c", "userName": "u", "password": "p"}
        self.server.create("basic", credentials=Credentials("MQTT_BASIC", basic=wanted))
        self.assertEqual(self.visit("u", client_id="c", password="p").connack, 0)
        for wrong in ({"client_id": "d"}, {"password": "q"}):
            login = {"client_id": "c", "password": "p", **wrong}
            self.assertEqual(self.visit("u", **login).connack, 0x86)
        only = Credentials("MQTT_BASIC", basic={"clientId": "alone"})
        self.server.create("by id", credentials=only)
        self.assertEqual(self.visit(None, client_id="alone").connack, 0)

    def test_certificates(self) -> None:
        """A3, C3"""
        digest = hashlib.sha3_256(base64.b64encode(b"certificate")).hexdigest()
        self.server.create("x", credentials=Credentials("X509_CERTIFICATE", digest))
        self.server.certificate = lambda session: b"certificate"
        self.assertEqual(self.visit(None).connack, 0)
        self.server.certificate = lambda session: b"foreign"
        self.assertEqual(self.visit(None).connack, 0x87)
        # paho knows the codes of 3.1.1 by those of version 5
        self.assertEqual(self.visit(None, version=4).connack, 0x87)

    def test_refusals(self) -> None:
        """C1, C2, C5"""
        for version, wrong, unknown in ((5, 0x86, 0x85), (4, 0x87, 0x85)):
            refused = self.visit("wrong", version=version)
            self.assertEqual((refused.connack, refused.closed), (wrong, True))
            # C10
            self.assertEqual(b"\xe0\x02\x86\x00" in refused.heard, version == 5)
            self.assertEqual(self.visit("u", version, password="p").connack, wrong)
            self.assertEqual(self.visit(None, version).connack, unknown)
        self.server.backend_down = True
        self.assertEqual(self.visit().connack, 0x88)
        self.assertEqual(self.visit(version=4).connack, 0x88)

    def test_codes_of_version_5_from_3_5_on(self) -> None:
        """N1: before, 5, which version 5 does not know"""
        self.begin("3.4")
        visitor = self.visit("wrong")
        self.assertTrue(visitor.closed)
        self.assertNotEqual(visitor.connack, 0x86)

    def test_too_many_sessions(self) -> None:
        """C4"""
        from tests.thingsboard.limits import Rates

        for version in (4, 5):
            self.begin(device=Rates(messages="2:60"))
            codes = [self.visit(version=version).connack for _ in range(3)]
            self.assertEqual(codes, [0, 0, 0x9F if version == 5 else 0x88])

    def test_blocked_addresses(self) -> None:
        """L12"""
        for blocked in (False, True):
            self.begin()
            self.server.ip_limits = blocked
            for _ in range(10):
                self.visit("wrong")
            self.assertEqual(self.visit().connack, None if blocked else 0)
            self.clock.run(61)
            self.assertEqual(self.visit().connack, 0)

    def test_packets_before_connack(self) -> None:
        """L2"""
        for count, reason in ((100, None), (101, 0x97)):
            self.begin()
            self.server.validation = 5.0
            visitor = self.visit()
            for number in range(count):
                visitor.publish(TELEMETRY, {"n": number}, qos=0)
            self.clock.run(5)
            self.assertEqual((visitor.reason, visitor.closed), (reason, reason is not None))
            self.assertEqual(visitor.connack, 0 if reason is None else None)
            self.assertEqual(len(self.meter.series("n")) > 0, reason is None)


class EndTests(ThingsBoardCase):
    def test_one_session_for_each_device(self) -> None:
        """A4, C6, C7, N2"""
        for release in RELEASES:
            self.begin(release)
            add(self.server, "other")
            first, other = self.visit(client_id="a"), self.visit("other")
            second = self.visit(client_id="b")
            told = 0x8E if release not in ("3.4", "3.6") else None
            self.assertEqual((first.reason, first.closed), (told, True))
            third = self.visit(version=4)
            self.assertEqual((second.reason, second.closed), (told, True))
            self.visit()
            self.assertEqual((third.reason, third.closed), (None, True))
            self.assertFalse(other.closed)

    def test_changed_credentials_and_deleted_devices(self) -> None:
        """C8"""
        visitor = self.visit()
        self.server.set_credentials(self.meter, Credentials(id="new"))
        visitor.settle()
        self.assertEqual((visitor.reason, visitor.closed), (0x98, True))
        self.assertEqual(self.visit().connack, 0x86)
        visitor = self.visit("new")
        self.server.delete(self.meter)
        visitor.settle()
        self.assertEqual((visitor.reason, visitor.closed), (0x98, True))
        self.assertEqual(self.visit("new").connack, 0x86)

    def test_too_large(self) -> None:
        """L1"""
        for version, reason in ((5, 0x81), (4, None)):
            visitor = self.visit(version=version)
            fits = b'{"a":"' + b"x" * (65536 - 8) + b'"}'
            self.assertEqual((len(fits), visitor.acked(TELEMETRY, fits)), (65536, 0))
            visitor.publish(TELEMETRY, fits + b" ")
            self.assertEqual((visitor.reason, visitor.closed), (reason, True))

    def test_inactivity(self) -> None:
        """L9, L10: the keep alive is nothing, ten minutes are"""
        visitor = self.visit(keepalive=10)
        for _ in range(3):
            self.clock.run(599)
            visitor.ping()
        self.assertEqual((visitor.pongs, visitor.closed), (3, False))
        self.clock.run(601)
        self.assertEqual((visitor.reason, visitor.closed), (0xA0, True))

    def test_a_will_is_nothing(self) -> None:
        """L11"""
        visitor = self.visit(will=(TELEMETRY, b'{"online":false}', 1))
        visitor.transport.abortConnection()
        self.clock.run(1)
        self.assertEqual(self.meter.telemetry, {})
        self.assertIsNone(self.meter.link)

    def test_leaving(self) -> None:
        visitor = self.visit()
        visitor.leave()
        self.assertEqual((visitor.closed, visitor.reason, self.server.sessions), (True, None, []))
        self.assertEqual(self.clock.getDelayedCalls(), [])
