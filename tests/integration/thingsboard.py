"""The stand-in of ThingsBoard as a process, and its REST interface."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from tests.integration.processes import ENVIRONMENT, ROOT


class ThingsBoardProcess:
    """``python -m tests.thingsboard`` on free ports, from the start to ``stop``.

    With a ``folder``, where an Authority has certified a server, all of it is over TLS.
    """

    def __init__(self, *options: str, folder: Path | None = None) -> None:
        self._tls = None
        self._scheme = "http"
        if folder is not None:
            self._scheme = "https"
            self._tls = ssl.create_default_context(cafile=folder / "ca.pem")
            pair = f"--certificate={folder / 'server.pem'}", f"--key={folder / 'server.key'}"
            options = (*options, *pair)
        command = [sys.executable, "-m", "tests.thingsboard", "--mqtt-port=0", "--http-port=0"]
        self._process = subprocess.Popen(
            [*command, *options], cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        ports = json.loads(self._process.stdout.readline())
        self.port, self.http = ports["mqtt"], ports["http"]
        self._token = ""
        login = {"username": "tenant@thingsboard.org", "password": "tenant"}
        self._token = self.call("/api/auth/login", login)["token"]

    @property
    def url(self) -> str:
        """Of its REST interface."""
        return f"{self._scheme}://127.0.0.1:{self.http}"

    def call(self, path: str, body: Any = None) -> Any:
        """GET, or POST where there is a body; what REST answers."""
        headers = {"X-Authorization": f"Bearer {self._token}"} if self._token else {}
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"{self.url}{path}", data, headers)
        with urlopen(request, timeout=60, context=self._tls) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def device(self, name: str) -> dict[str, Any] | None:
        """The device of this name, None while there is none."""
        found = self.call(f"/api/tenant/devices?pageSize=1000&page=0&textSearch={name}")
        return next((one for one in found["data"] if one["name"] == name), None)

    def series(self, name: str) -> dict[str, dict[int, Any]]:
        """Everything of a device: by key, by Unix milliseconds."""
        device = self.device(name)
        if device is None:
            return {}
        path = f"/api/plugins/telemetry/DEVICE/{device['id']['id']}/values/timeseries"
        bounds = "startTs=0&endTs=9999999999999&limit=100000&useStrictDataTypes=true"
        found = self.call(f"{path}?{bounds}")
        return {key: {one["ts"]: one["value"] for one in all} for key, all in found.items()}

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)
        assert self._process.stdout is not None
        self._process.stdout.close()
