"""``dlmsd demo`` as a newcomer sees it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

from twisted.trial.unittest import SynchronousTestCase

from tests.integration.mosquitto import free_port
from tests.integration.processes import ENVIRONMENT, wait_until


class DemoTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.output = self.folder / "output"
        self.port = free_port()
        with self.output.open("wb") as output:
            self.demo = subprocess.Popen(
                [sys.executable, "-m", "dlmsd", "demo", f"--port={self.port}"],
                env=ENVIRONMENT,
                cwd=self.folder,
                stdout=output,
                stderr=output,
            )
        self.addCleanup(self.demo.wait)
        self.addCleanup(self.demo.kill)

    def test_readings_on_the_page_and_at_the_broker_then_a_clean_end(self) -> None:
        for number in (1, 2, 3):
            arrived = f'dlmsd/virtual-00{number}  {{"ts":'
            wait_until(lambda a=arrived: a in self.output.read_text(), arrived)
        page = f"http://127.0.0.1:{self.port}"
        self.assertIn(page, self.output.read_text())
        with urlopen(f"{page}/api/status") as answer:
            status = json.load(answer)
        self.assertEqual({meter["state"] for meter in status["meters"]}, {"reading"})
        self.assertEqual(status["sinks"][0]["state"], "connected")
        self.demo.send_signal(signal.SIGTERM)
        self.assertEqual(self.demo.wait(10), 0)
        self.assertIn("dlmsd/status  offline", self.output.read_text())
        self.assertNotIn("Traceback", self.output.read_text())
        left = {path.name for path in self.folder.iterdir()}
        self.assertEqual(left, {"output", "var"})
