"""Devices that ask for themselves."""

from __future__ import annotations

import hashlib
from typing import Any

from tests.thingsboard.case import ThingsBoardCase
from tests.thingsboard.provisioning import FAILURE, NOT_FOUND
from tests.thingsboard.server import ProvisioningProfile

REQUEST, RESPONSE = "/provision/request", "/provision/response"
SUCCESS = {"credentialsValue": "", "credentialsType": "ACCESS_TOKEN", "status": "SUCCESS"}


class ProvisioningTests(ThingsBoardCase):
    def setUp(self) -> None:
        super().setUp()
        self.prepare()

    def prepare(self) -> None:
        self.server.profiles["key"] = ProvisioningProfile("secret", "DLMS meter")
        strategy = "CHECK_PRE_PROVISIONED_DEVICES"
        self.server.profiles["known"] = ProvisioningProfile("secret", strategy=strategy)

    def ask(self, version: int = 5, key: str = "key", **body: Any) -> Any:
        visitor = self.visit("provision", version)
        self.assertEqual((visitor.connack, visitor.subscribe(RESPONSE)), (0, [1]))
        keys = {"provisionDeviceKey": key, "provisionDeviceSecret": "secret"}
        self.assertEqual(visitor.acked(REQUEST, {**keys, **body}), 0)
        [answer] = visitor.bodies(RESPONSE)
        self.clock.run(59)
        self.assertFalse(visitor.closed)
        self.clock.run(2)  # P6
        self.assertTrue(visitor.closed)
        return answer

    def test_a_token(self) -> None:
        """P2, P4, P6"""
        for version in (4, 5):
            answer = self.ask(version, deviceName=f"new {version}")
            self.assertEqual(answer | {"credentialsValue": ""}, SUCCESS)
            self.assertEqual(self.visit(answer["credentialsValue"]).connack, 0)
            self.assertEqual(self.server[f"new {version}"].type, "DLMS meter")
        self.assertEqual(self.ask(deviceName="own", token="mine")["credentialsValue"], "mine")
        self.assertEqual(self.visit("mine").connack, 0)

    def test_other_credentials(self) -> None:
        """P2, P4"""
        asked = {"credentialsType": "MQTT_BASIC", "clientId": "c", "username": "u", "password": "p"}
        answer = self.ask(deviceName="basic", **asked)
        basic = {"clientId": "c", "userName": "u", "password": "p"}
        self.assertEqual(answer["credentialsValue"], basic)
        self.assertEqual(self.visit("u", client_id="c", password="p").connack, 0)
        answer = self.ask(deviceName="x", credentialsType="X509_CERTIFICATE", hash="YWE=\n")
        digest = hashlib.sha3_256(b"YWE=").hexdigest()
        self.assertEqual(answer["credentialsValue"], digest)
        self.server.certificate = lambda session: b"aa"
        self.assertEqual(self.visit(None).connack, 0)

    def test_a_gateway(self) -> None:
        """P5"""
        self.ask(deviceName="gate", gateway=True)
        self.assertTrue(self.server["gate"].is_gateway)
        self.ask(deviceName="no gate")
        self.assertFalse(self.server["no gate"].is_gateway)

    def test_refusals(self) -> None:
        """P3"""
        self.assertEqual(self.ask(key="wrong", deviceName="a"), NOT_FOUND)
        self.assertEqual(self.ask(provisionDeviceSecret="wrong", deviceName="a"), NOT_FOUND)
        self.assertEqual(self.ask(deviceName="meter"), FAILURE)
        self.assertEqual(self.ask(key="known", deviceName="unknown"), FAILURE)
        answer = self.ask(key="known", deviceName="meter")
        self.assertEqual(answer["credentialsValue"], "meter")
        self.assertEqual(self.ask(key="known", deviceName="meter"), FAILURE)

    def test_by_client_id_and_other_topics(self) -> None:
        """P1"""
        visitor = self.visit(None, client_id="provision")
        self.assertEqual(visitor.connack, 0)
        self.assertEqual(visitor.acked("provision/request", {}), 0x90)
        self.assertEqual((visitor.reason, visitor.closed), (0x90, True))

    def test_no_suback_in_3_4(self) -> None:
        """P7"""
        self.begin("3.4")
        self.prepare()
        visitor = self.visit("provision", 4)
        self.assertEqual(visitor.subscribe(RESPONSE), [])
        body = {"provisionDeviceKey": "key", "provisionDeviceSecret": "secret"}
        visitor.publish(REQUEST, body)
        self.assertEqual(visitor.bodies(RESPONSE)[0]["status"], "SUCCESS")
