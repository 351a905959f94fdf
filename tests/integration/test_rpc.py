"""A server asks, sets and renames: virtual meters, ``twistd dlmsd``, and the stand-in's REST."""

from __future__ import annotations

from typing import Any
from urllib.request import Request, urlopen

from tests.integration.processes import wait_until
from tests.integration.test_thingsboard import TOKEN, WholeWayCase


class RpcTests(WholeWayCase):
    def device_id(self, name: str) -> str:
        device = self.server.device(name)
        assert device is not None, name
        found: str = device["id"]["id"]
        return found

    def ask(self, name: str, method: str, params: Any = None) -> Any:
        body = {"method": method, "params": {} if params is None else params, "timeout": 20_000}
        return self.server.call(f"/api/rpc/twoway/{self.device_id(name)}", body)

    def client(self, name: str) -> dict[str, Any]:
        path = (
            f"/api/plugins/telemetry/DEVICE/{self.device_id(name)}/values/attributes/CLIENT_SCOPE"
        )
        return {one["key"]: one["value"] for one in self.server.call(path)}

    def share(self, name: str, **values: Any) -> None:
        self.server.call(
            f"/api/plugins/telemetry/DEVICE/{self.device_id(name)}/SHARED_SCOPE", values
        )

    def delete(self, path: str) -> None:
        headers = {"X-Authorization": f"Bearer {self.server._token}"}
        url = f"http://127.0.0.1:{self.server.http}{path}"
        urlopen(Request(url, headers=headers, method="DELETE"), timeout=60).read()

    def meter(self, name: str) -> dict[str, Any]:
        [found] = [one for one in self.daemon.status()["meters"] if one["name"] == name]
        return dict(found)

    def served(self, protocol: str) -> None:
        """Both what is asked and what is set, for the meters that are read by now."""
        first, second, _ = self.names
        wait_until(lambda: all(self.arrived(name) for name in self.names), "all meters arrive")
        before = len(self.arrived(first))
        answer = self.ask(first, "readNow")
        self.assertTrue(answer["success"], answer)
        self.assertEqual(answer["data"]["meter"], first)
        wait_until(lambda: len(self.arrived(first)) > before, "what was read is delivered")
        self.assertEqual(self.ask(second, "getStats")["data"]["meter"], second)
        self.assertEqual(self.ask(first, "getStatus")["data"]["meters"][0]["name"], first)
        self.assertTrue(self.ask(first, "reconnect")["success"])
        refused = self.ask(first, "disconnectSupply")
        self.assertIn("`writing = true`", refused["advice"])
        self.assertIn("is no method", self.ask(first, "openDoor")["error"])

        self.share(first, interval=2.5)
        wait_until(lambda: self.client(first).get("interval") == 2.5, "the interval is in force")
        self.assertEqual(self.meter(first)["interval"], 2.5)
        self.assertEqual(self.meter(second)["interval"], 600)
        self.share(first, interval="often")
        wait_until(lambda: self.client(first).get("attributes_error"), "it is reported")
        self.assertEqual(self.meter(first)["interval"], 2.5)
        self.share(first, status="inactive")
        wait_until(lambda: self.client(first)["status"] == "inactive", "it is not read")
        self.assertEqual(self.meter(first)["state"], "inactive")
        self.assertIn("is not read", self.ask(first, "readNow")["error"])
        self.share(first, status="active")
        wait_until(lambda: self.client(first)["online"] is True, "it is read again")
        path = f"/api/plugins/telemetry/DEVICE/{self.device_id(first)}/SHARED_SCOPE?keys=interval"
        self.delete(path)
        wait_until(lambda: self.client(first)["interval"] == 600, "as configured")

    def gateway(self, protocol: str) -> None:
        self.begin()
        sink = self.sink("thingsboard-gateway", "gw") + f"protocol = {protocol}\n"
        self.read(sink + self.meters.configuration(600))
        self.served(protocol)

    def test_a_gateway(self) -> None:
        self.gateway("5")
        first = self.names[0]
        self.server.call("/api/device", {**(self.server.device(first) or {}), "name": "Hall-3"})
        wait_until(
            lambda: "Hall-3" in self.daemon.log.read_text(), "the daemon has heard of the new name"
        )
        self.assertTrue(self.ask("Hall-3", "readNow")["success"])
        self.assertIsNone(self.server.device(first))

    def test_a_gateway_in_3_1_1(self) -> None:
        self.gateway("311")

    def devices(self, protocol: str) -> None:
        self.begin()
        meters = self.meters.configuration(600)
        for name in self.names:
            path = f"/api/device?accessToken=token-{name}"
            self.server.call(path, {"name": name, "type": "DLMS meter"})
            line = f'name = "{name}"\n'
            meters = meters.replace(line, line + TOKEN.format(f"token-{name}"))
        self.read(self.sink("thingsboard") + f"protocol = {protocol}\n" + meters)
        self.served(protocol)

    def test_devices(self) -> None:
        self.devices("5")

    def test_devices_in_3_1_1(self) -> None:
        self.devices("311")
