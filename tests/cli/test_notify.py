"""``dlmsd notify test``: what receivers answer, and how it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.integration.mosquitto import free_port

CONFIG = """
[watch]
notice_hosts = ["127.0.0.1"]
[[notices]]
name = "hook"
kind = "webhook"
url = "http://127.0.0.1:{port}/x"
headers = {{ Authorization = "canary-hook" }}
"""


class NotifyCommandTests(SynchronousTestCase):
    def run_it(self, *words: str) -> subprocess.CompletedProcess[str]:
        path = Path(self.mktemp()).absolute()
        path.write_text(CONFIG.format(port=free_port()))
        command = [sys.executable, "-m", "dlmsd", "notify", "test", "--config", str(path), *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    def test_who_is_not_there_and_who_is_unknown(self) -> None:
        done = self.run_it("hook", "--json")
        (told,) = json.loads(done.stdout)
        self.assertEqual((done.returncode, told["error"]), (1, "connection refused"))
        self.assertNotIn("canary", done.stdout + done.stderr)
        done = self.run_it("other")
        self.assertEqual((done.returncode, done.stderr), (64, "there are no notices other\n"))
