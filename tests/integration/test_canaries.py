"""Secrets that go in by REST and by the file come out nowhere: no answer, log or database."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from tests.integration.processes import wait_until
from tests.integration.rest import SINK, Heard, RestCase

WEB = "canary-of-the-web"
PASSWORD = "canary-p"
TOKEN = "canary-of-the-meter"
GATEWAY = "canary-of-the-gateway"
KEY = "C0FFEE00" * 4
# What hands out secrets by design, takes long, or never ends.
_APART = ("/api/system/backup", "/api/scan/subnet", "/api/live")
CANARIES = (WEB, PASSWORD, TOKEN, GATEWAY)
SINKS = (
    f'{SINK}[[sinks]]\nname = "gate"\nkind = "thingsboard-gateway"\nurl = "mqtt://127.0.0.1:1"\n'
    f'token = "{GATEWAY}"\n'
)


def forms(secret: str) -> list[bytes]:
    """A secret as text and in hex digits of both cases, as frames are shown."""
    octets = secret.encode()
    return [octets, octets.hex().encode(), octets.hex().upper().encode()]


class CanaryTests(RestCase):
    def test_nothing_comes_out(self) -> None:
        self.begin(
            2,
            web=f'token = "{WEB}"\n',
            daemon=f'log_level = "info"\nregistry_key = "{"AB" * 32}"\n',
            text=SINKS,
        )
        self.headers = {"Authorization": f"Bearer {WEB}"}
        self.heard: list[tuple[str, bytes]] = []
        body = self.documented() | {"password": PASSWORD, "tb_token": TOKEN}
        added = self.hear("POST", "/api/meters", body)
        self.assertEqual(added.status, 201)
        number = added.json["id"]
        place = self.meters.endpoints[1]
        other = {"name": "b", "ip_address": place["host"], "port": place["port"]}
        ciphered = {
            "security": "authenticated-encrypted",
            "system_title": "DLM00001",
            "encryption_key": KEY,
            "authentication_key": KEY,
            "authentication": "high-gmac",
        }
        wrong = self.hear("POST", "/api/meters", other | {"options": ciphered})
        self.assertEqual(wrong.status, 422, "authentication has a field of its own")
        del ciphered["authentication"]
        good = other | {"authentication": "high-gmac", "options": ciphered, "tb_token": TOKEN + "2"}
        self.assertEqual(self.hear("POST", "/api/meters", good).status, 201)
        wait_until(
            lambda: self.good("GET", f"/api/meters/{number}")["last_error"], "a refused password"
        )
        self.hear("PUT", f"/api/meters/{number}", body | {"tb_token": TOKEN + "2"})
        self.hear("PATCH", f"/api/meters/{number}", {"password": PASSWORD, "port": "x"})
        self.hear("POST", "/api/meters", body | {"tb_tokn": TOKEN, "password": [PASSWORD]})
        self.hear("POST", "/api/system/reload")
        self.everything(number)
        time.sleep(1)
        self.end()
        folder = self.folder / "daemon"
        self.heard += [(str(path), path.read_bytes()) for path in self.files(folder)]
        for where, text in self.heard:
            for canary in CANARIES:
                for form in forms(canary):
                    self.assertNotIn(form, text, where)
            self.assertNotIn(KEY.lower().encode(), text.lower(), where)
            self.assertNotIn(bytes.fromhex(KEY), text, where)
        self.assertGreater(len(self.heard), 30)

    def hear(self, method: str, path: str, body: Any = None) -> Heard:
        answer = self.ask(method, path, body)
        told = answer.body + str(answer.headers).encode()
        self.heard.append((f"{method} {path}", told))
        return answer

    def everything(self, number: int) -> None:
        """Each GET of the document that tells and does not hand out secrets by design."""
        document = self.good("GET", "/api/openapi.json")
        for path, methods in document["paths"].items():
            if "get" not in methods or path in _APART:
                continue
            if "{ip}" not in path:
                self.hear("GET", path.replace("{id}", str(number)).replace("{meter_id}", "1"))

    def files(self, folder: Path) -> list[Path]:
        """Logs and databases; the daemon's own configuration has its secrets."""
        found = [folder / "daemon.log"]
        return [*found, *(folder / "state").glob("*.db*"), *(folder / "state").glob("*.bak")]
