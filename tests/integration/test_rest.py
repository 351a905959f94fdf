"""REST of the running daemon: the documented calls word for word, and what goes wrong."""

from __future__ import annotations

import contextlib
import socket
import time
from threading import Thread
from typing import Any

from tests.integration.documented import CALLS, CONFIG, METER, Documented, forgotten
from tests.integration.mosquitto import free_port
from tests.integration.processes import wait_until
from tests.integration.rest import SINK, Heard, RestCase, ask

SEARCHED = 'scan_networks = ["127.0.0.1/32"]\n'


class Asking(Thread):
    """A request without a token, whose ``answer`` is there when it has ended."""

    answer: Heard

    def __init__(self, *args: Any) -> None:
        super().__init__()
        self._args = args
        self.start()

    def run(self) -> None:
        self.answer = ask(*self._args)


class DocumentedTests(RestCase):
    """Each call of the table, with the token's header, and with legacy_open without it."""

    def test_with_the_token(self) -> None:
        self.begin(web=SEARCHED)
        self.guarded = True
        self.calls()

    def test_with_legacy_open(self) -> None:
        self.begin(web=f"{SEARCHED}legacy_open = true\n")
        self.headers = {}
        self.guarded = False
        self.calls()

    def test_legacy_open_lends_no_secret(self) -> None:
        """What was kept is sent to no place that somebody without a token names."""
        self.begin(web="legacy_open = true\n")
        body = self.documented() | {"password": "TopSecr1", "status": "inactive"}
        number = self.good("POST", "/api/meters", body)["id"]
        heard: list[bytes] = []
        with socket.create_server(("127.0.0.1", 0)) as ours:
            ours.settimeout(0.5)
            here = {"ip_address": "127.0.0.1", "port": ours.getsockname()[1]}
            wrapper = {"options": {"framing": "wrapper"}}
            moved = self.documented() | here | wrapper
            table = f"name,host,port,framing\n{body['name']},127.0.0.1,{here['port']},wrapper\n"
            place = f"/api/meters/{number}"
            platform = {"tb_host": "127.0.0.1", "tb_port": here["port"]}
            account = {"url": f"http://127.0.0.1:{here['port']}", "api_key": "any"}
            for method, path, said in (
                ("POST", f"/api/meters/test?id={number}", moved),
                ("PATCH", place, here | wrapper | {"status": "active"}),
                ("PUT", place, moved),
                ("POST", "/api/meters/import", {"document": table}),
                ("PUT", f"{place}/thingsboard", platform),
                ("PATCH", place, platform),
                ("POST", "/api/provision", account | {"sink": "thingsboard", "set_tokens": True}),
            ):
                asking = Asking(self.base, method, path, said)
                with contextlib.suppress(TimeoutError):
                    line = ours.accept()[0]
                    line.settimeout(1)
                    heard.append(line.recv(500))
                    line.close()
                asking.join()
                self.assertEqual(asking.answer.status, 401, (path, asking.answer.body))
                self.assertIn("www-authenticate", asking.answer.headers)
            self.assertEqual(heard, [])
        told = ask(self.base, "PATCH", place, here).json
        self.assertEqual([one["field"] for one in told["errors"]], ["password"])
        self.assertIn("token of role admin", told["detail"])
        for given, more in ((self.headers, {}), ({}, {"password": "TopSecr1"})):
            self.assertEqual(ask(self.base, "PATCH", place, here | more, **given).status, 200)
            here["port"] = 9
        self.end()

    def calls(self) -> None:
        """All of them in their order; a refused reload raises the alarm that they need."""
        self.meter = self.alarm = 0
        for one in CALLS:
            self.make(one)
        self.assertEqual([m["name"] for m in self.good("GET", "/api/meters")], ["c"])
        self.end()

    def make(self, one: Documented) -> None:
        path = one.path(self.meter, self.alarm)
        body = one.body
        if isinstance(body, dict) and "of" in body:
            body = self.documented() | {key: body[key] for key in body.keys() - {"of"}}
        if "scan" in path:
            self.wait_for_searches()
        if "alarms" in path and not self.alarm:
            self.alarm = self.raised()
            path = one.path(self.meter, self.alarm)
        if self.guarded and one.method != "GET":
            self.assertEqual(ask(self.base, one.method, path, body).status, 401, one)
        heard = self.ask(one.method, path, body)
        self.assertEqual(heard.status, one.status, (one, heard.body))
        if heard.body:
            self.compare(one, heard.json)
        if not self.meter:
            self.meter = heard.json["id"]
            place = f"/api/meters/{self.meter}"
            wait_until(lambda: self.good("GET", place)["last_seen"], "a reading")

    def compare(self, one: Documented, told: Any) -> None:
        rows = told if isinstance(told, list) else [told]
        if one.count is not None:
            self.assertEqual(len(rows), one.count, one)
        for row in rows:
            self.assertLessEqual(one.fields, set(row), one)
            self.assertEqual({key: row.get(key) for key in one.holds}, one.holds, one)
            self.assertNotIn("tb_token", row)

    def raised(self) -> int:
        """The id of an alarm."""
        right = self.daemon.config.read_text()
        self.daemon.config.write_text(right + "[[meters]\n")
        self.assertEqual(self.ask("POST", "/api/system/reload").status, 409)
        self.daemon.config.write_text(right)
        path = "/api/alarms?category=configuration"
        wait_until(lambda: self.good("GET", path), "the alarm of a refused reload", 30)
        number: int = self.good("GET", path)[0]["id"]
        return number

    def wait_for_searches(self) -> None:
        def done() -> bool:
            jobs = self.good("GET", "/api/scan/jobs")
            return all(job["status"] == "done" for job in jobs)

        wait_until(done, "the search is over", 30)

    def test_the_table_has_each_call(self) -> None:
        self.assertEqual(forgotten(CALLS), set())
        for one in (CALLS[0], CALLS[1], CALLS[-2]):
            rest = [call for call in CALLS if call.call != one.call]
            self.assertEqual(forgotten(rest), {one.call})


class EffectTests(RestCase):
    """What the documented calls bring about."""

    def test_from_the_first_reading_to_the_end(self) -> None:
        self.begin()
        self.calls()

    def calls(self) -> None:
        body = self.documented()
        began = time.monotonic()
        added = self.good("POST", "/api/meters", body)
        self.assertLessEqual(METER, set(added))
        self.assertNotIn("tb_token", added)
        number = added["id"]
        wait_until(lambda: self.good("GET", f"/api/meters/{number}")["last_seen"], "a reading")
        self.assertLess(time.monotonic() - began, 5, "read within 5 s")
        found = self.good("GET", f"/api/meters/{number}")
        self.assertEqual(
            {key: found[key] for key in ("status", "client_id", "server_id", "tb_host", "tb_port")},
            {
                "status": "active",
                "client_id": 1,
                "server_id": 1,
                "tb_host": "localhost",
                "tb_port": 1883,
            },
        )
        self.assertEqual([one["id"] for one in self.good("GET", "/api/meters")], [number])
        status = self.daemon.status()
        self.assertEqual({one["name"] for one in status["sinks"]}, {"plain", "thingsboard"})
        self.assertEqual(set(status["meters"][0]["values"]), set(body["measurements"]))
        self.configuration(number)
        self.control(number)
        changed = self.good("PUT", f"/api/meters/{number}", body | {"tb_device_name": "other"})
        self.assertEqual((changed["id"], changed["tb_device_name"]), (number, "other"))
        self.assertEqual(self.ask("DELETE", f"/api/meters/{number}").status, 204)
        self.assertEqual(self.ask("GET", f"/api/meters/{number}").status, 404)
        self.assertEqual(self.good("GET", "/api/meters"), [])
        self.end()

    def configuration(self, number: int) -> None:
        read = self.good("GET", f"/api/config/{number}")
        self.assertEqual({key for one in read for key in one}, CONFIG)
        enabled = [one["measurement_name"] for one in read if one["enabled"]]
        self.assertEqual(sorted(enabled), ["active_power", "current_l1", "voltage_l1"])
        one = {"measurement_name": "voltage_l2", "sampling_interval": 2.5, "tb_key": "second"}
        self.assertEqual(self.ask("POST", f"/api/meters/{number}/config", one).status, 201)
        self.good("PUT", f"/api/config/{number}", [one, {"measurement_name": "frequency"}])
        self.wait_for_keys(number, {"second", "frequency"})
        self.good("PUT", f"/api/config/{number}", [{"measurement_name": "active_power"}])
        self.wait_for_keys(number, {"active_power"})

    def wait_for_keys(self, number: int, keys: set[str]) -> None:
        place = f"/api/meters/{number}/read-now"
        now = self.good("POST", place)
        self.assertEqual((now["meter_id"], set(now["values"])), (number, keys))

    def control(self, number: int) -> None:
        self.assertEqual(self.good("POST", f"/api/meters/{number}/stop")["status"], "inactive")
        self.assertEqual(self.good("GET", f"/api/meters/{number}/status")["state"], "inactive")
        self.assertEqual(self.good("GET", "/api/meters/active"), [])
        self.assertEqual(self.ask("POST", f"/api/meters/{number}/read-now").status, 409)
        self.assertEqual(self.good("POST", f"/api/meters/{number}/start")["status"], "active")
        self.assertEqual(self.good("POST", f"/api/meters/{number}/restart")["status"], "active")
        wait_until(
            lambda: self.good("GET", f"/api/meters/{number}/status")["good"], "readings again"
        )
        refused = self.ask("POST", f"/api/meters/{number}/accept")
        self.assertEqual((refused.status, "No other meter" in refused.json["detail"]), (409, True))


class ChangeTests(RestCase):
    def test_stale_changes_and_names(self) -> None:
        self.begin(2)
        path = f"/api/meters/{self.good('POST', '/api/meters', self.documented())['id']}"
        seen = self.ask("GET", path).headers["etag"]
        self.assertEqual(self.ask("GET", path).headers["etag"], seen, "readings do not change it")
        self.good("PATCH", path, {"interval": 2}, If_Match=seen)
        for method, body in (
            ("PATCH", {"interval": 3}),
            ("PATCH", {"password": "x"}),
            ("PUT", self.documented()),
            ("DELETE", None),
        ):
            self.assertEqual(self.ask(method, path, body, If_Match=seen).status, 412, method)
        self.assertEqual(self.good("GET", path)["interval"], 2)
        self.good("PATCH", path, {"name": "otro"}, If_Match="*")
        self.assertEqual(self.good("GET", path)["name"], "otro")
        place = self.meters.endpoints[1]
        other = {"name": "otro", "ip_address": place["host"], "port": place["port"]}
        self.assertEqual(self.ask("POST", "/api/meters", other).status, 409)
        second = self.good("POST", "/api/meters", other | {"name": "b"})
        self.assertNotEqual(path, f"/api/meters/{second['id']}")
        self.assertEqual(self.ask("PATCH", path, {"name": "b"}).status, 409)
        first = self.ask("GET", "/api/meters?limit=1")
        self.assertEqual([one["name"] for one in first.json], ["otro"])
        following = first.headers["link"].partition(">")[0][1:]
        self.assertEqual([one["name"] for one in self.good("GET", following)], ["b"])
        self.end()

    def test_what_cannot_be_read_is_not_taken(self) -> None:
        self.begin()
        body = self.documented()
        for change, field in (
            ({"profile": "nothing"}, "profile"),
            ({"measurements": ["voltage_l1", "nothing"]}, "measurements.nothing"),
            ({"sinks": ["nothing"]}, "sinks[0]"),
            ({"options": {"security": "encrypted"}}, "options.system_title"),
            ({"options": {"host": "x"}}, "options.host"),
            ({"options": {"encryption_key": {"file": "/etc/passwd"}}}, "options.encryption_key"),
            ({"options": {"timezone": "Nowhere"}}, "options.timezone"),
        ):
            answer = self.ask("POST", "/api/meters", body | change)
            self.assertEqual(answer.status, 422, (change, answer.body))
            named = [one["field"] for one in answer.json["errors"]]
            self.assertIn(field, named, change)
        self.assertEqual(self.good("GET", "/api/meters"), [])
        self.end()

    def test_a_meter_of_the_file(self) -> None:
        self.begin(
            text=SINK + '[[meters]]\nname = "own"\nhost = "127.0.0.1"\n'
            f'port = {free_port()}\nprofile = "microstar"\n'
        )
        (meter,) = self.good("GET", "/api/meters")
        path = f"/api/meters/{meter['id']}"
        self.assertEqual(meter["source"], "file")
        for method, body in (("PUT", self.documented()), ("PATCH", {"port": 5}), ("DELETE", None)):
            answer = self.ask(method, path, body)
            self.assertEqual(answer.status, 409, method)
            self.assertIn("dlmsd.toml", answer.json["detail"])
        self.assertEqual(self.ask("PUT", f"/api/config/{meter['id']}", []).status, 409)
        self.assertEqual(self.good("PATCH", path, {"status": "inactive"})["status"], "inactive")
        self.assertEqual(self.good("PATCH", path, {"interval": 7.5})["interval"], 7.5)
        self.assertEqual(self.good("POST", f"{path}/start")["status"], "active")
        self.assertEqual(self.good("GET", path)["interval"], 7.5)
        self.assertEqual(
            self.ask("POST", "/api/meters", self.documented() | {"name": "own"}).status, 409
        )
        self.end()
