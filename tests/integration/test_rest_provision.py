"""Devices at the stand-in of ThingsBoard by REST, their tokens in the registry."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import Any

from tests.integration.processes import METER, wait_until
from tests.integration.rest import RestCase
from tests.integration.thingsboard import ThingsBoardProcess

SINK = '[[sinks]]\nname = "tb"\nkind = "thingsboard"\nurl = "mqtt://127.0.0.1:{port}"\n'
PASSWORD = "tenant"


class ProvisionTests(RestCase):
    def begin_with(self, *, daemon: str = "", more: str = "") -> None:
        self.server = ThingsBoardProcess()
        self.addCleanup(self.server.stop)
        self.begin(2, daemon=daemon, text=SINK.format(port=self.server.port) + more)
        self.body = {
            "sink": "tb",
            "url": f"http://127.0.0.1:{self.server.http}",
            "username": "tenant@thingsboard.org",
            "password": PASSWORD,
        }

    def add(self, index: int, name: str, **more: Any) -> int:
        """A meter that waits for its token."""
        place = self.meters.endpoints[index]
        body = {"name": name, "ip_address": place["host"], "port": place["port"]}
        body |= {"logical_device": place["logical"], "server_id": place["physical"]}
        number: int = self.good("POST", "/api/meters", body | more)["id"]
        return number

    def provision(self, **more: Any) -> dict[str, Any]:
        begun = self.ask("POST", "/api/provision", self.body | more)
        self.assertEqual(begun.status, 202, begun.body)
        place = begun.headers["location"]
        wait_until(lambda: self.good("GET", place)["status"] != "running", "the job", 30)
        found: dict[str, Any] = self.good("GET", place)
        return found

    def kept(self) -> list[bytes]:
        with closing(sqlite3.connect(self.folder / "daemon/state/registry.db")) as database:
            return [one for (one,) in database.execute("SELECT secrets FROM own_meters")]

    def test_from_nothing_to_telemetry(self) -> None:
        key = "5A" * 32
        self.begin_with(daemon=f'registry_key = "{key}"\n')
        waits: dict[str, Any] = {"status": "inactive", "sinks": ["tb"]}
        numbers = [self.add(0, "meter-0"), self.add(1, "meter-1", **waits)]
        first = self.provision(meters=numbers[:1])
        self.assertEqual((first["status"], first["done"], first["total"]), ("done", 1, 1))
        self.assertEqual([one["outcome"] for one in first["devices"]], ["created"])
        both = self.provision()["devices"]
        outcomes = {one["meter_id"]: one["outcome"] for one in both}
        self.assertEqual(outcomes, {numbers[0]: "found", numbers[1]: "created"})

        tokens = []
        for number in range(2):
            device = self.server.device(f"meter-{number}")
            assert device is not None
            path = f"/api/device/{device['id']['id']}/credentials"
            tokens.append(self.server.call(path)["credentialsId"])
        told = self.ask("GET", "/api/provision/jobs").body
        for one in self.kept():
            self.assertEqual(one[:1], b"\1")
        for secret in (*tokens, PASSWORD):
            for place in (told, self.daemon.log.read_bytes(), *self.kept()):
                self.assertNotIn(secret.encode(), place.replace(b"tenant@", b""))

        self.good("PATCH", f"/api/meters/{numbers[1]}", {"status": "active"})
        for index in range(2):
            wait_until(lambda i=index: self.server.series(f"meter-{i}"), "telemetry", 30)
        self.end()

    def test_a_test_does_not_end_the_connection_that_delivers(self) -> None:
        """ThingsBoard lets a device in once: a login beside it would look like another program."""
        self.begin_with()
        number = self.add(0, "meter-0", sinks=["tb"], status="inactive")
        self.provision()
        path = f"/api/meters/{number}/thingsboard/test"
        self.good("PATCH", f"/api/meters/{number}", {"status": "active"})
        wait_until(lambda: self.server.series("meter-0"), "telemetry", 30)
        for _ in range(2):
            told = self.good("GET", path)
            self.assertTrue(told["success"], told)
            (sink,) = self.daemon.status()["sinks"]
            self.assertEqual((sink["verdict"], sink["error"]), (None, ""))
            self.assertEqual((sink["connected"], sink["reconnections"]), (1, 0))
        self.assertIsNone(told["seconds"])
        self.assertLess(told["connected_since"], "3")
        # Without a connection of its own it is one login.
        self.good("PATCH", f"/api/meters/{number}", {"sinks": [], "tb_enabled": False})
        wait_until(lambda: not self.daemon.status()["sinks"][0]["connected"], "it leaves", 70)
        told = self.good("GET", path)
        self.assertTrue(told["success"], told)
        self.assertEqual((told["seconds"] is None, told["connected_since"]), (False, None))
        self.end()

    def test_a_device_of_mqtt_basic(self) -> None:
        """Its credentials come with the meter; the password is sealed, and told by nobody."""
        key = "5A" * 32
        self.begin_with(daemon=f'registry_key = "{key}"\n')
        secret = "canary-of-mqtt-basic"
        mine = {"mqtt_client_id": "c-0", "mqtt_username": "u-0", "mqtt_password": secret}
        number = self.add(0, "meter-0", options=mine)
        found = self.good("GET", f"/api/meters/{number}")
        self.assertEqual(found["sinks"], ["tb"])
        (device,) = self.provision(meters=[number])["devices"]
        self.assertEqual((device["outcome"], device["fingerprint"]), ("created", None))
        made = self.server.device("meter-0")
        assert made is not None
        credentials = self.server.call(f"/api/device/{made['id']['id']}/credentials")
        self.assertEqual(credentials["credentialsType"], "MQTT_BASIC")
        expected = {"clientId": "c-0", "userName": "u-0", "password": secret}
        self.assertEqual(json.loads(credentials["credentialsValue"]), expected)
        wait_until(lambda: self.server.series("meter-0"), "telemetry", 90)
        tried = self.good("GET", f"/api/meters/{number}/thingsboard/test")
        self.assertEqual((tried["success"], tried["message"][:10]), (True, "The broker"))
        for place in (
            self.ask("GET", f"/api/meters/{number}").body,
            self.ask("GET", "/api/configuration").body,
            self.ask("GET", "/api/provision/jobs").body,
            self.daemon.log.read_bytes(),
            *self.kept(),
        ):
            self.assertNotIn(secret.encode(), place)
        self.end()

    def test_by_a_device_profiles_key_and_secret(self) -> None:
        """Over MQTT: no tenant is needed, and no url."""
        self.begin_with()
        self.add(0, "meter-0", sinks=["tb"], status="inactive")
        asked = {"sink": "tb", "provision_key": "key", "provision_secret": "wrong-canary"}
        self.body = asked
        job = self.provision()
        self.assertEqual(job["status"], "failed")
        self.assertIn("key and secret", job["advice"])
        self.assertIsNone(self.server.device("meter-0"))
        job = self.provision(provision_secret="secret")
        self.assertEqual([one["outcome"] for one in job["devices"]], ["created"])
        self.assertIsNotNone(self.server.device("meter-0"))
        again = self.provision(provision_secret="secret")
        self.assertEqual([one["outcome"] for one in again["devices"]], ["found"])
        for wrong, key in (
            ({"sink": "tb"}, "url"),
            ({"sink": "tb", "provision_key": "key"}, "provision_secret"),
        ):
            heard = self.ask("POST", "/api/provision", wrong)
            self.assertEqual(heard.status, 422, wrong)
            self.assertEqual([one["field"] for one in heard.json["errors"]], [key])
        self.assertNotIn(b"wrong-canary", self.daemon.log.read_bytes())
        self.end()

    def test_what_is_refused_and_what_fails(self) -> None:
        place = self.meters_of_file()
        self.begin_with(more=place)
        for wrong, key in (
            ({"sink": "other"}, "sink"),
            ({"url": "ftp://x"}, "url"),
            ({"password": None}, "api_key"),
            ({"type": 7}, "type"),
        ):
            heard = self.ask("POST", "/api/provision", self.body | wrong)
            self.assertEqual(heard.status, 422, wrong)
            self.assertIn(key, [one["field"] for one in heard.json["errors"]])
        unknown = self.ask("POST", "/api/provision", self.body | {"meters": [99]})
        self.assertEqual(unknown.status, 404)
        job = self.provision()
        (one,) = job["devices"]
        self.assertEqual((job["status"], one["outcome"]), ("done", "failed"))
        self.assertIn("dlmsd provision", one["error"])
        self.assertIsNone(self.server.device("of-the-file"))
        number = self.add(0, "a", sinks=[])
        job = self.provision(meters=[number], password="wrong")
        self.assertEqual(job["status"], "failed")
        self.good("DELETE", f"/api/meters/{number}")
        self.add(0, "a", sinks=["tb"], status="inactive")
        job = self.provision(password="wrong")
        self.assertEqual(job["status"], "failed")
        self.assertIn("refused", job["error"] + job["advice"])
        self.assertEqual(self.ask("GET", "/api/provision/jobs/99").status, 404)
        bare = self.ask("POST", "/api/provision", self.body, Authorization="Bearer x")
        self.assertEqual(bare.status, 401)
        self.end()

    def meters_of_file(self) -> str:
        one = {"host": "127.0.0.1", "port": 9, "logical": 0, "physical": 1}
        return METER.format(name="of-the-file", interval=5.0, **one) + 'status = "inactive"\n'
