"""The REST interface, over HTTP in memory."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from twisted.internet.testing import StringTransport
from twisted.web.server import Site

from tests.thingsboard.case import ThingsBoardCase
from tests.thingsboard.rest.build import rest
from tests.thingsboard.rest.site import User
from tests.thingsboard.visitor import Visitor

TENANT = {"username": "tenant@thingsboard.org", "password": "tenant"}


class RestCase(ThingsBoardCase):
    def begin(self, release: str = "4.3", **limits: Any) -> None:
        super().begin(release, **limits)
        self.rest = rest(self.server)
        self.site = Site(self.rest, timeout=None, reactor=self.clock)
        self.key = "Bearer " + self.call("POST", "/api/auth/login", TENANT)[1]["token"]

    def begun(
        self, method: str, path: str, body: Any = None, key: str | None = None, **query: Any
    ) -> StringTransport:
        """The answer, as far as it has come."""
        target = f"{path}?{urlencode(query)}" if query else path
        payload = b"" if body is None else json.dumps(body).encode()
        lines = [f"{method} {target} HTTP/1.0", f"Content-Length: {len(payload)}"]
        key = getattr(self, "key", "") if key is None else key
        if key:
            lines.append(f"X-Authorization: {key}")
        channel, transport = self.site.buildProtocol(None), StringTransport()
        channel.makeConnection(transport)
        channel.dataReceived("\r\n".join([*lines, "", ""]).encode() + payload)
        return transport

    def ended(self, transport: StringTransport) -> tuple[int, Any]:
        head, _, body = transport.value().partition(b"\r\n\r\n")
        return int(head.split()[1]), json.loads(body) if body else None

    def call(self, *request: Any, **query: Any) -> tuple[int, Any]:
        """Status and JSON."""
        return self.ended(self.begun(*request, **query))

    def good(self, *request: Any, **query: Any) -> Any:
        status, body = self.call(*request, **query)
        self.assertEqual(status, 200, body)
        return body

    def refused(self, status: int, code: int, *request: Any, **query: Any) -> None:
        found, body = self.call(*request, **query)
        self.assertEqual((found, body["status"], body["errorCode"]), (status, status, code), body)
        self.assertTrue(body["message"])


class AuthorizationTests(RestCase):
    def test_tokens(self) -> None:
        """R1, R3"""
        path = f"/api/device/{self.meter.id}"
        for key in ("", "Bearer nonsense", "Basic xx"):
            self.refused(401, 10, "GET", path, None, key)
        self.refused(401, 10, "POST", "/api/auth/login", {**TENANT, "password": "x"})
        pair = self.good("POST", "/api/auth/login", TENANT)
        self.assertEqual(self.good("GET", path, None, f"Bearer {pair['token']}")["name"], "meter")
        self.refused(401, 10, "GET", path, None, f"Bearer {pair['refreshToken']}")
        self.clock.run(9001)
        self.refused(401, 11, "GET", path, None, f"Bearer {pair['token']}")
        renewed = self.good("POST", "/api/auth/token", {"refreshToken": pair["refreshToken"]})
        self.good("GET", path, None, f"Bearer {renewed['token']}")
        self.refused(401, 10, "POST", "/api/auth/token", {"refreshToken": renewed["token"]})
        self.clock.run(604801)
        self.refused(401, 11, "POST", "/api/auth/token", {"refreshToken": pair["refreshToken"]})

    def test_api_keys(self) -> None:
        """R2, N5"""
        for release, known in (("4.3", True), ("4.2.1", False)):
            self.begin(release)
            self.rest.api_keys.add("tb_secret")
            path = f"/api/device/{self.meter.id}"
            self.assertEqual(
                self.call("GET", path, None, "ApiKey tb_secret")[0], 200 if known else 401
            )
            self.refused(401, 10, "GET", path, None, "ApiKey tb_wrong")

    def test_a_customer_may_read(self) -> None:
        """R4"""
        self.rest.users["customer"] = User("c", "CUSTOMER_USER")
        pair = self.good("POST", "/api/auth/login", {"username": "customer", "password": "c"})
        self.key = f"Bearer {pair['token']}"
        self.good("GET", f"/api/device/{self.meter.id}")
        self.refused(403, 20, "POST", "/api/device", {"name": "x"})
        self.refused(403, 20, "GET", "/api/tenant/devices", pageSize=1, page=0)

    def test_too_many_requests(self) -> None:
        """R16"""
        self.rest.limit = "2:60"
        path = f"/api/device/{self.meter.id}"
        self.assertEqual([self.call("GET", path)[0] for _ in range(3)], [200, 200, 429])
        self.refused(429, 33, "GET", path)
        self.clock.run(61)
        self.good("GET", path)


class DeviceTests(RestCase):
    def test_make_find_and_connect(self) -> None:
        """R6, R9, R10, R14"""
        body = {
            "name": "A",
            "type": "DLMS meter",
            "label": "l",
            "additionalInfo": {"gateway": True},
        }
        made = self.good("POST", "/api/device", body, accessToken="token-a")
        self.assertEqual({key: made[key] for key in body}, body)
        for path in ("/api/tenant/device", "/api/tenant/devices"):
            self.assertEqual(self.good("GET", path, deviceName="A"), made)
        self.refused(404, 32, "GET", "/api/tenant/device", deviceName="B")
        id = made["id"]["id"]
        kept = self.good("GET", f"/api/device/{id}/credentials")
        self.assertEqual(kept["credentialsId"], "token-a")
        self.assertIn("token-a", json.dumps(self.good("GET", f"/api/device-connectivity/{id}")))
        self.assertEqual(Visitor(self.server, username="token-a").connack, 0)
        self.assertTrue(self.server["A"].is_gateway)

    def test_names_that_are_taken(self) -> None:
        """R6"""
        self.refused(400, 31, "POST", "/api/device", {"name": "meter"})
        self.refused(400, 31, "POST", "/api/device", {"name": "meter"}, nameConflictPolicy="FAIL")
        other = self.good("POST", "/api/device", {"name": "meter"}, nameConflictPolicy="UNIQUIFY")
        self.assertTrue(other["name"].startswith("meter_"))
        self.refused(400, 31, "POST", "/api/device", {"name": "A"}, accessToken="meter")
        self.refused(400, 31, "POST", "/api/device", {"type": "default"})
        self.assertIsNone(self.server.named("A"))

    def test_change_with_an_older_version(self) -> None:
        """R7"""
        path = f"/api/device/{self.meter.id}"
        first = self.good("GET", path)
        changed = self.good("POST", "/api/device", {**first, "label": "new"})
        self.assertEqual(changed["label"], "new")
        self.refused(409, 35, "POST", "/api/device", {**first, "label": "older"})
        renamed = self.good("POST", "/api/device", {**changed, "name": "renamed"})
        self.assertEqual((renamed["name"], self.meter.name), ("renamed", "renamed"))

    def test_with_credentials(self) -> None:
        """R8"""
        basic = {"clientId": "c", "userName": "u", "password": "p"}
        device = {"name": "A", "type": "default"}
        given = {"credentialsType": "MQTT_BASIC", "credentialsValue": json.dumps(basic)}
        path = "/api/device-with-credentials"
        self.good("POST", path, {"device": device, "credentials": given})
        login = {"username": "u", "client_id": "c", "password": "p"}
        self.assertEqual(Visitor(self.server, **login).connack, 0)
        wrong = {**given, "credentialsValue": basic}
        self.refused(400, 31, "POST", path, {"device": {"name": "B"}, "credentials": wrong})
        token = {"credentialsType": "ACCESS_TOKEN", "credentialsId": "tok"}
        self.good("POST", path, {"device": {"name": "B"}, "credentials": token})
        self.assertEqual(self.server["B"].credentials.id, "tok")

    def test_changed_credentials_close_the_session(self) -> None:
        """R9, C8"""
        visitor = self.visit()
        kept = self.good("GET", f"/api/device/{self.meter.id}/credentials")
        without = {key: one for key, one in kept.items() if key != "id"}
        path = "/api/device/credentials"
        self.refused(400, 31, "POST", path, {**without, "credentialsId": "new"})
        self.refused(400, 31, "POST", path, {**kept, "credentialsId": "gw"})
        told = self.good("POST", path, {**kept, "credentialsId": "new"})
        self.assertEqual(told["credentialsId"], "new")
        visitor.settle()
        self.assertEqual(visitor.reason, 0x98)
        self.assertEqual(self.visit("new").connack, 0)

    def test_pages(self) -> None:
        """R10"""
        for number in range(5):
            self.server.create(f"Planta {number}", "DLMS meter")
        path = "/api/tenant/devices"
        names = []
        for page in range(3):
            found = self.good("GET", path, pageSize=2, page=page, type="DLMS meter")
            self.assertEqual((found["totalElements"], found["totalPages"]), (5, 3))
            self.assertEqual(found["hasNext"], page < 2)
            names += [one["name"] for one in found["data"]]
        self.assertEqual(names, [f"Planta {number}" for number in range(5)])
        searched = self.good("GET", path, pageSize=9, page=0, textSearch="pLANTA 3")
        self.assertEqual([one["name"] for one in searched["data"]], ["Planta 3"])
        self.refused(400, 31, "GET", path)

    def test_what_is_not_there(self) -> None:
        """R5"""
        for path in ("/api/device/{}", "/api/device/{}/credentials"):
            self.refused(404, 32, "GET", path.format("c1bdf4e0-0000-11ee-8000-000000000000"))
            self.refused(400, 31, "GET", path.format("no-uuid"))
        self.refused(404, 32, "GET", "/api/nothing")

    def test_delete(self) -> None:
        """R15"""
        visitor = self.visit()
        self.good("DELETE", f"/api/device/{self.meter.id}")
        visitor.settle()
        self.assertEqual((visitor.reason, self.server.named("meter")), (0x98, None))

    def test_bulk_import(self) -> None:
        """R11"""
        columns = [{"type": kind} for kind in ("NAME", "TYPE", "ACCESS_TOKEN")]
        columns.append({"type": "SERVER_ATTRIBUTE", "key": "serial"})
        mapping = {"columns": columns, "delimiter": ",", "update": True, "header": True}
        rows = ("name,type,token,serial", "A,DLMS,tok-a,ISK-1", "B,DLMS,tok-b,0042")
        file = "\n".join((*rows, "meter,DLMS,,7", "C,x,gw,", "gw,,,"))
        path = "/api/device/bulk_import"
        found = self.good("POST", path, {"file": file, "mapping": mapping})
        self.assertEqual((found["created"], found["updated"], found["errors"]), (2, 2, 1))
        self.assertTrue(self.gateway.is_gateway)
        self.assertIn("Line 5", found["errorsList"][0])
        self.assertEqual(self.server["A"].server, {"serial": "ISK-1"})
        self.assertEqual(self.server["B"].server, {"serial": 42})
        self.assertEqual((self.meter.type, self.meter.credentials.id), ("DLMS", "meter"))
        self.assertEqual(self.visit("tok-b").connack, 0)
        found = self.good("POST", path, {"file": file, "mapping": {**mapping, "update": False}})
        self.assertEqual((found["created"], found["errors"]), (0, 5))
        self.refused(400, 31, "POST", path, {"file": file})


class TelemetryTests(RestCase):
    def path(self, end: str) -> str:
        return f"/api/plugins/telemetry/DEVICE/{self.meter.id}/{end}"

    def test_attributes(self) -> None:
        """R12, T2"""
        visitor = self.visit()
        visitor.subscribe("v1/devices/me/attributes")
        self.good("POST", self.path("SERVER_SCOPE"), {"s": "x", "n": "0042"})
        self.good("POST", self.path("attributes/SHARED_SCOPE"), {"interval": 60})
        kept = self.good("GET", self.path("values/attributes/SERVER_SCOPE"))
        self.assertEqual({one["key"]: one["value"] for one in kept}, {"s": "x", "n": 42})
        kept = self.good("GET", self.path("values/attributes/SHARED_SCOPE"), keys="interval,no")
        self.assertEqual([one["value"] for one in kept], [60])
        self.good("DELETE", self.path("SHARED_SCOPE"), keys="interval")
        visitor.settle()
        told = visitor.bodies("v1/devices/me/attributes")
        self.assertEqual(told, [{"interval": 60}, {"deleted": ["interval"]}])
        self.refused(400, 31, "POST", self.path("CLIENT_SCOPE"), {"a": 1})
        self.refused(400, 31, "POST", self.path("SERVER_SCOPE"), [1])

    def test_series(self) -> None:
        """R12"""
        for ts in (1, 2, 3):
            self.good("POST", self.path("timeseries/ANY"), {"ts": ts, "values": {"p": ts + 0.5}})
        path = self.path("values/timeseries")
        self.assertEqual(self.good("GET", path, keys="p,q"), {"p": [{"ts": 3, "value": "3.5"}]})
        found = self.good("GET", path, keys="p", startTs=1, endTs=3, useStrictDataTypes="true")
        self.assertEqual(found, {"p": [{"ts": 2, "value": 2.5}, {"ts": 1, "value": 1.5}]})

    def test_rpc(self) -> None:
        """R13"""
        path, topic = f"/api/rpc/twoway/{self.meter.id}", "v1/devices/me/rpc"
        body = {"method": "readNow", "params": {}, "timeout": 1000}
        self.assertEqual(self.call("POST", path, body)[0], 504)
        visitor = self.visit()
        visitor.subscribe(f"{topic}/request/+")
        answer = self.begun("POST", path, body)
        visitor.settle()
        visitor.publish(f"{topic}/response/1", {"done": True})
        self.assertEqual(self.ended(answer), (200, {"done": True}))
        answer = self.begun("POST", path, body)
        self.clock.run(4.9)
        self.assertEqual(answer.value(), b"")
        self.clock.run(0.2)
        self.assertEqual(self.ended(answer)[0], 504)
        oneway = path.replace("twoway", "oneway")
        self.assertEqual(self.call("POST", oneway, body), (200, None))
        self.refused(400, 31, "POST", path, {"method": "readNow"})
