"""dlmsd's own programs as processes: virtual meters, and the daemon under twistd."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from tests.integration.simulated import SimulatorProcess

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}

METER = """
[[meters]]
name = "{name}"
host = "{host}"
port = {port}
logical_device = {logical}
physical_device = {physical}
profile = "microstar"
interval = {interval}
"""

KEYS = {
    "1-1:32.7.0": "voltage_l1",
    "1-1:52.7.0": "voltage_l2",
    "1-1:72.7.0": "voltage_l3",
    "1-1:31.7.0": "current_l1",
    "1-1:51.7.0": "current_l2",
    "1-1:71.7.0": "current_l3",
    "1-1:14.7.0": "frequency",
    "1-1:1.7.0": "active_power",
    "1-1:1.8.0": "active_energy",
    "1-1:2.8.0": "active_energy_export",
}
# What the microstar profile publishes in kWh while the meters count Wh.
KILO = {"active_energy", "active_energy_export"}


def wait_until(true: Callable[[], Any], what: str, seconds: float = PATIENCE) -> None:
    """Poll a condition of another process; AssertionError when it does not come true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.02)


class Meters:
    """``dlmsd simulate`` with a record of what it answered."""

    def __init__(self, folder: Path, count: int, *arguments: str) -> None:
        self.record = folder / "record.jsonl"
        self._process = SimulatorProcess(
            f"--meters={count}", *arguments, f"--record={self.record}"
        ).__enter__()
        self.endpoints = self._process.endpoints

    def configuration(self, interval: float) -> str:
        """A ``[[meters]]`` for each."""
        return "".join(METER.format(**one, interval=interval) for one in self.endpoints)

    def answers(self) -> list[dict[str, Any]]:
        """Everything answered so far, in order."""
        return [json.loads(line) for line in self.record.read_text().splitlines()]

    def cycles(self, until: float) -> dict[str, list[tuple[float, dict[str, Decimal]]]]:
        """Of each meter, in order: when it answered a cycle, and the values in it."""
        scalers: dict[tuple[str, str], int] = {}
        cycles: dict[str, list[tuple[float, dict[str, Decimal]]]] = defaultdict(list)
        for answer in self.answers():
            meter, values = answer["meter"], {}
            for obis, attribute, raw in answer["results"]:
                if attribute == 3:
                    scalers[meter, obis] = json.loads(raw)[0]
                    continue
                key = KEYS[obis]
                value = Decimal(raw).scaleb(scalers[meter, obis])
                values[key] = value / 1000 if key in KILO else value
            if values and answer["t"] <= until:
                cycles[meter].append((answer["t"], values))
        return cycles

    def stop(self) -> None:
        self._process.__exit__(None, None, None)


class DaemonProcess:
    """``twistd -n dlmsd`` on a configuration text; its page is on a free port."""

    def __init__(self, folder: Path, text: str, *twistd: str, port: int) -> None:
        self.folder = folder
        self.port = port
        folder.mkdir(parents=True, exist_ok=True)
        self.config = folder / "dlmsd.toml"
        self.config.write_text(
            f'[daemon]\nstate_dir = "{(folder / "state").absolute()}"\nconnects_per_second = 200\n'
            f'[web]\nlisten = "tcp:{port}:interface=127.0.0.1"\n{text}'
        )
        self.log = folder / "daemon.log"
        self._twistd = twistd or ("-n", "--pidfile=")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it is ready."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command("twistd"), *self._twistd, "dlmsd", "--config", str(self.config)],
                env=ENVIRONMENT,
                cwd=ROOT,
                stdout=log,
                stderr=log,
            )
        wait_until(self.ready, "the daemon is ready")

    def ready(self) -> bool:
        """Whether /readyz says so."""
        assert self.process is None or self.process.poll() in (None, 0), self.log.read_text()
        try:
            return self.get("/readyz") == b"ok\n" or True
        except OSError:
            return False

    def get(self, path: str) -> bytes:
        with urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=60) as answer:
            body: bytes = answer.read()
            return body

    def status(self) -> dict[str, Any]:
        """``/api/status``."""
        found: dict[str, Any] = json.loads(self.get("/api/status"))
        return found

    def stop(self) -> float:
        """SIGTERM, of which it ends as twistd does; how many seconds it took."""
        assert self.process is not None
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(PATIENCE)
        assert code == -signal.SIGTERM, f"the daemon ended with {code}: {self.log.read_text()}"
        self.process = None
        return time.monotonic() - began

    def kill(self) -> None:
        """SIGKILL."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(PATIENCE)
            self.process = None


def command(name: str) -> Sequence[str]:
    """A console script of this Python's environment."""
    return [sys.executable, str(Path(sys.executable).with_name(name))]
