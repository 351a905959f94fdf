"""Secrets that go in come out nowhere: no answer, page, log, file, command or notice.

By design they are in the configuration, in ``dlmsd meters export --secrets``, sealed in the
registry (or as they are, without ``registry_key``), in a backup, and once in the answer that
makes a token.
"""

from __future__ import annotations

import base64
import json
import socket
import time
import tomllib
from pathlib import Path
from typing import Any, Final

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.cli.command import command
from tests.integration.browser import BROWSER, browsing, need_browser
from tests.integration.canaries import ODD, Receivers, Search, forms
from tests.integration.mosquitto import Mosquitto
from tests.integration.processes import wait_until
from tests.integration.rest import Heard, RestCase
from tests.integration.simulated import SimulatorProcess
from tests.integration.test_errands import errand

# What hands out secrets by design, takes long, or never ends.
APART: Final = ("/api/system/backup", "/api/scan/subnet", "/api/live")
VIEWS: Final = (
    *("overview", "meters", "meter/spy", "edit/spy", "add", "alarms", "notices", "diagnosis"),
    *("sinks", "network", "discovery", "settings", "logs"),
)
# Of what a simulator writes for its reader.
SECRETS: Final = ("password", "encryption_key", "authentication_key", "master_key")
SINKS: Final = """
[[sinks]]
name = "plain"
kind = "mqtt"
url = "mqtt://127.0.0.1:{broker}"
username = "dlmsd"
password = {sink}
[[sinks]]
name = "gate"
kind = "thingsboard-gateway"
url = "mqtt://127.0.0.1:1"
token = {gateway}
[[sinks]]
name = "tb"
kind = "thingsboard"
url = "mqtt://127.0.0.1:{broker}"
[watch]
notice_hosts = ["127.0.0.1"]
[[notices]]
name = "hook"
kind = "webhook"
severity = "info"
url = "http://127.0.0.1:{hook}/{path}"
headers = {{ Authorization = {header} }}
[[notices]]
name = "post"
kind = "mail"
severity = "info"
host = "127.0.0.1"
port = {post}
tls = "none"
username = "dlmsd"
password = {mail}
sender = "a@example.com"
recipients = ["b@example.com"]
"""
METER: Final = """
[[meters]]
name = "{name}"
host = "127.0.0.1"
port = {port}
interval = 1.0
sinks = ["plain"]
"""


class CanaryTests(RestCase):
    maxDiff = None

    """The meter that is called spy is a canary that may sing: that it is heard in a place shows
    that one could be."""

    def test_nothing_comes_out_while_the_log_is_text(self) -> None:
        need_browser()
        self.everything("text")
        BROWSER.run(self.look)
        self.judge("the page")

    def test_nothing_comes_out_while_the_log_is_json(self) -> None:
        self.everything("json")
        self.judge()

    def everything(self, log_format: str) -> None:
        self.search = Search()
        folder = Path(self.mktemp()).absolute()
        broker = Mosquitto(folder)
        broker.start()
        self.addCleanup(broker.stop)
        receivers = Receivers().__enter__()
        self.addCleanup(receivers.__exit__)
        self.secret("the page's token", "canary-of-the-web")
        self.secret("the registry's key", "AB12" * 16)
        texts = {
            name: json.dumps(self.secret(what, f"canary {name}{ODD}"), ensure_ascii=False)
            for name, what in (
                ("sink", "the sink's password"),
                ("mail", "the mail server's password"),
            )
        }
        texts["gateway"] = json.dumps(self.secret("the gateway's token", "canary-gateway/+"))
        texts["header"] = json.dumps(self.secret("the webhook's header", "Bearer canary-hook/+"))
        path = self.secret("the webhook's path", "canary-of-the-path")
        text = SINKS.format(
            broker=broker.port, hook=receivers.hook, post=receivers.post, path=path, **texts
        )
        text += self.secured("secure") + self.secured("hls-md5")
        key = f'registry_key = "{"AB12" * 16}"\n'
        level = f'log_level = "debug"\nlog_format = "{log_format}"\n'
        web = 'token = "canary-of-the-web"\nscan_networks = ["127.0.0.0/8"]\n'
        self.begin(3, web=web, daemon=level + key, text=text)
        self.headers = {"Authorization": "Bearer canary-of-the-web"}
        self.post_everything()
        self.get_everything()
        self.command_everything()
        wait_until(lambda: receivers.hooks and receivers.mails, "a webhook and a mail", 120)
        for one in (*receivers.hooks, *receivers.mails):
            self.search.tell("notices", one)
        for path in ("/api/notices", "/api/notices/sent", "/api/notices/waiting"):
            self.hear("GET", path)

    def secret(self, name: str, secret: str) -> str:
        self.search.add(name, secret)
        return secret

    def secured(self, personality: str) -> str:
        """A meter of the file that is read under secrets of its own."""
        out = Path(self.mktemp()).absolute()
        simulator = SimulatorProcess("--personality", personality, f"--config-out={out}")
        simulator.__enter__()
        self.addCleanup(simulator.__exit__, None, None, None)
        profile = tomllib.loads(out.read_text())["profiles"]["virtual"]
        text = METER.format(name=personality, port=simulator.endpoints[0]["port"])
        for name, value in profile.items():
            if name in SECRETS:
                octets = bytes.fromhex(value) if name.endswith("_key") else value
                self.search.add(f"{name} of {personality}", octets)
            if name not in ("read", "interval"):
                text += f"{name} = {json.dumps(value)}\n"
        return text + 'read = ["voltage_l1"]\n'

    def hear(self, method: str, path: str, body: Any = None, **headers: str) -> Heard:
        answer = self.ask(method, path, body, **headers)
        self.search.tell("REST", answer.body + str(answer.headers).encode())
        return answer

    def post_everything(self) -> None:
        """Secrets that come by REST, with and without faults in what they come with."""
        password = self.secret("the password by REST", f"canary password{ODD}")
        token = self.secret("the token by REST", "canary-of-the-meter/+")
        other = self.secret("the next token by REST", "canary-of-another/+")
        key = "C0FFEE42" * 4
        self.search.add("the key by REST", bytes.fromhex(key))
        spy = self.documented() | {"name": "spy", "tb_token": token, "interval": 1}
        self.number = self.hear("POST", "/api/meters", spy).json["id"]
        _, place, third = self.meters.endpoints
        body = {"ip_address": place["host"], "port": place["port"], "tb_token": other}
        refused = body | {"name": "b", "password": password, "interval": 1}
        second = self.hear("POST", "/api/meters", refused).json["id"]
        ciphered = {
            "security": "authenticated-encrypted",
            "system_title": "DLM00001",
            "encryption_key": key,
        }
        more = {"name": "c", "options": ciphered, "authentication": "high-gmac"}
        more |= {"port": third["port"], "tb_token": f"{other}3"}
        wrong = self.hear("POST", "/api/meters", body | more)
        self.assertEqual(wrong.status, 422, "its authentication key lacks")
        ciphered |= {"authentication_key": key, "dedicated_key": True}
        good = self.hear("POST", "/api/meters", body | more)
        self.assertEqual(good.status, 201, good.body)
        self.hear("PUT", f"/api/meters/{second}", refused | {"tb_token": other, "port": 70_000})
        self.hear("PATCH", f"/api/meters/{second}", {"password": password, "port": "x"})
        self.hear("PATCH", f"/api/meters/{second}", {"password": {"text": password}})
        self.hear("POST", "/api/meters", spy | {"tb_tokn": token, "password": [password]})
        self.hear("POST", "/api/meters/test", refused | {"name": "d"})
        self.hear("PUT", f"/api/meters/{self.number}/thingsboard", {"tb_token": other})
        self.hear("GET", f"/api/meters/{self.number}/thingsboard/test")
        account = {
            "api_key": self.secret("the API key", f"canary key{ODD}"),
            "username": "tenant@example.com",
            "password": self.secret("the tenant's password", f"canary tenant{ODD}"),
        }
        for left_out in ("api_key", "password"):
            given = {name: text for name, text in account.items() if name != left_out}
            url = {"sink": "tb", "url": "http://127.0.0.1:1"}
            self.hear("POST", "/api/provision", url | given)
            time.sleep(0.5)
        made = self.ask("POST", "/api/tokens", {"name": "made"}).json["token"]
        self.secret("a token that was made", made)
        self.hear("GET", "/api/tokens", Authorization=f"Bearer {made}")
        self.hear("GET", "/api/session", Authorization=f"Bearer {made}")
        guess = self.secret("a token that was guessed", "canary-of-a-guess")
        self.hear("GET", "/api/session", Authorization=f"Bearer {guess}")
        right = self.daemon.config.read_text()
        self.daemon.config.write_text(right + f'token = "{guess}"\n[[meters]\n')
        self.hear("POST", "/api/system/reload")
        self.daemon.config.write_text(right)
        path = f"/api/meters/{self.number}/status"
        wait_until(lambda: self.hear("GET", path).json["good"], "it is read")
        wait_until(
            lambda: self.hear("GET", f"/api/meters/{second}").json["last_error"], "it refuses"
        )
        wait_until(self.all_secured_are_read, "those of the file are read")
        for number in (self.number, second):
            self.search.tell("trace", self.ask("POST", f"/api/meters/{number}/trace", {}).body)

    def all_secured_are_read(self) -> bool:
        read = {one["name"]: one["good"] for one in self.daemon.status()["meters"]}
        return bool(read["secure"] and read["hls-md5"])

    def get_everything(self) -> None:
        """Each GET of the document that tells and does not hand out secrets by design."""
        document = self.good("GET", "/api/openapi.json")
        for path, methods in document["paths"].items():
            if "get" not in methods or path in APART or "{ip}" in path:
                continue
            for number in range(1, 6):
                told = path.replace("{id}", str(number)).replace("{meter_id}", str(number))
                if number == 1 or told != path:
                    self.hear("GET", told)
        self.search.tell("/metrics", self.ask("GET", "/metrics").body)
        self.search.tell("/api/live", self.live())

    def live(self) -> bytes:
        """What comes within three seconds."""
        heard = b""
        with socket.create_connection(("127.0.0.1", self.daemon.port), 3) as connection:
            head = f"GET /api/live HTTP/1.1\r\nHost: localhost\r\n{self.bearer()}\r\n\r\n"
            connection.sendall(head.encode())
            connection.settimeout(3)
            end = time.monotonic() + 3
            try:
                while time.monotonic() < end and (octets := connection.recv(65536)):
                    heard += octets
            except TimeoutError:
                pass
        return heard

    def bearer(self) -> str:
        return f"Authorization: {self.headers['Authorization']}"

    def command_everything(self) -> None:
        config = f"--config={self.daemon.config}"
        meter = self.meters.endpoints[1]
        secrets = {
            "DLMSD_PASSWORD": self.secret("a command's password", f"canary command{ODD}"),
            "DLMSD_TB_PASSWORD": self.secret("the tenant's, by command", f"canary cli{ODD}"),
        }
        at = ("127.0.0.1", f"--port={meter['port']}", "--profile=microstar")
        lines = [
            *(("check", config), ("check", config, "--json"), ("health", config)),
            *(("health", config, "--json"), ("plan", config), ("plan", config, "--json")),
            *(("doctor", "meter", "secure", config), ("doctor", "meter", "spy", config)),
            *(("doctor", "meter", *at), ("doctor", "mqtt", config), ("keys", "secure", config)),
            *(("outbox", "status", config), ("token", config, "list")),
            *(("trace", "secure", config), ("trace", "hls-md5", config), ("trace", *at)),
            ("provision", config, "--sink=gate", "--url=http://127.0.0.1:1", "--username=t"),
        ]
        if "meters" in command.commands:
            lines += [("meters", "list", config), ("meters", "export", config)]
        for line in lines:
            ended = errand(*line, environment=secrets)
            self.search.tell(f"dlmsd {line[0]}", ended.stdout + ended.stderr)
            self.assertNotIn("Usage:", ended.stderr, line)

    def look(self) -> None:
        """Each view as an admin sees it, with what stands in its fields."""
        with browsing() as (page, _):
            page.goto(f"{self.base}/?lang=en#token=canary-of-the-web")
            for view in VIEWS:
                page.goto(f"{self.base}/?lang=en#/{view}")
                page.wait_for_selector("#view h1")
                page.wait_for_timeout(700)
                if view == "meter/spy":
                    page.get_by_role("button", name="Trace one cycle").click()
                    page.wait_for_selector(".frames")
                fields = "[...document.querySelectorAll('input,textarea')].map(x => x.value).join()"
                self.search.tell("the page", page.content() + page.evaluate(fields) + page.url)

    def judge(self, *places: str) -> None:
        time.sleep(1)
        self.end()
        folder = self.folder / "daemon"
        self.search.tell("the log", (folder / "daemon.log").read_bytes())
        for path in (folder / "state").iterdir():
            if path.is_file() and path.name.startswith(("registry.db", "outbox.db")):
                self.search.tell(path.name.partition(".")[0], path.read_bytes())
        self.assertEqual("\n".join(self.search.hits()), "")
        deaf = {place for place, told in self.search.told.items() if b"spy" not in b"".join(told)}
        wanted = {"the log", "REST", "/metrics", "/api/live", "registry", "outbox", "dlmsd doctor"}
        self.assertEqual((deaf | (wanted - self.search.told.keys())) & {*wanted, *places}, set())
        self.assertGreater(len(self.search.told["REST"]), 100)


class FormTests(SynchronousTestCase):
    """A leak that is put in on purpose is found, in each form and among other octets."""

    def test_each_form_is_found(self) -> None:
        for secret in (f"canary 7{ODD}".encode(), bytes.fromhex("C0FFEE42" * 4)):
            for form, octets in forms(secret):
                search = Search(canaries={"it": secret})
                search.tell("there", b"before " + octets + b" behind")
                self.assertIn(f"it as {form} in there", search.hits())

    def test_encoded_with_what_stands_around_it(self) -> None:
        secret = f"canary 7{ODD}".encode()
        for before in (b"", b"a", b"ab", b"abc"):
            for behind in (b"", b"x", b"xy"):
                search = Search(canaries={"it": secret})
                search.tell("there", base64.b64encode(before + secret + behind))
                self.assertEqual(len(search.hits()) > 0, True, (before, behind))
                upper = Search(canaries={"it": secret})
                upper.tell("there", (before + secret + behind).hex(" ").upper())
                self.assertEqual(upper.hits(), ["it as hex with spaces in there"])

    def test_nothing_is_found_where_nothing_is(self) -> None:
        search = Search(canaries={"it": b"canary"})
        search.tell("there", b"canarx 63616e617278 Y2FuYXJ4")
        self.assertEqual(search.hits(), [])
