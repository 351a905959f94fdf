"""A client of REST as scripts have one: a method, a path, a body, and mostly a token."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from attrs import frozen
from twisted.trial.unittest import SynchronousTestCase

from tests.integration.mosquitto import free_port
from tests.integration.processes import DaemonProcess, Meters, wait_until

SINK = '[[sinks]]\nname = "plain"\nkind = "mqtt"\nurl = "mqtt://127.0.0.1:1"\n'


@frozen
class Heard:
    """A response."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body, parse_float=Decimal)


def ask(base: str, method: str, path: str, body: Any = None, **headers: str) -> Heard:
    """One request; ``_`` in a header's name stands for ``-``."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    data = None
    if body is not None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        given.setdefault("Content-Type", "application/json")
    request = Request(base + path, data, given, method=method)
    try:
        answer = urlopen(request, timeout=60)
    except HTTPError as error:
        answer = error
    with answer:
        found = {name.lower(): value for name, value in answer.headers.items()}
        return Heard(answer.status, found, answer.read())


class RestCase(SynchronousTestCase):
    """A running daemon and virtual meters that it does not know yet."""

    def begin(self, count: int = 1, *, web: str = "", daemon: str = "", text: str = SINK) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.meters = Meters(self.folder, count)
        self.addCleanup(self.meters.stop)
        self.daemon = DaemonProcess(self.folder / "daemon", text, port=free_port())
        said = self.daemon.config.read_text()
        self.daemon.config.write_text(said.replace("[web]\n", f"{daemon}[web]\n{web}"))
        self.addCleanup(self.daemon.kill)
        self.daemon.start()
        self.base = f"http://127.0.0.1:{self.daemon.port}"
        first = self.folder / "daemon/state/web.token"
        self.token = first.read_text().strip() if first.exists() else ""
        self.headers = {"Authorization": f"Bearer {self.token}"}

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Heard:
        return ask(self.base, method, path, body, **(self.headers | headers))

    def good(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The JSON of an answer that must be a good one."""
        heard = self.ask(method, path, body, **headers)
        self.assertLess(heard.status, 300, (method, path, heard.body))
        return heard.json if heard.body else None

    def documented(self) -> dict[str, Any]:
        """The body of the earlier system's documentation, at a virtual meter's address."""
        place = self.meters.endpoints[0]
        return {
            "name": "medidor_planta_A",
            "ip_address": place["host"],
            "port": place["port"],
            "tb_token": "YOUR_TB_TOKEN_HERE",
            "tb_device_name": "medidor_planta_A",
            "measurements": ["voltage_l1", "current_l1", "active_power"],
        }

    def end(self) -> None:
        """The daemon ends well, and no fault of ours is in its log."""
        self.daemon.stop()
        self.assertNotIn("Traceback", self.daemon.log.read_text())


class MoreCase(RestCase):
    """With meters that have given readings."""

    def add(self, readings: int = 3, **more: Any) -> int:
        """A meter that has given so many readings."""
        number: int = self.good("POST", "/api/meters", self.documented() | more)["id"]
        path = f"/api/meters/{number}/status"
        wait_until(lambda: self.good("GET", path)["good"] >= readings, "readings")
        return number
