"""``dlmsd backup`` of a daemon that runs, and ``dlmsd restore`` of one that does not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.integration.mosquitto import free_port
from tests.integration.processes import ENVIRONMENT, ROOT, DaemonProcess, Meters, wait_until


class BackupTests(SynchronousTestCase):
    def ask(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "dlmsd", name, *arguments, "-c", str(self.daemon.config)],
            capture_output=True,
            text=True,
            env=ENVIRONMENT,
            cwd=ROOT,
            timeout=60,
            check=False,
        )

    def test_there_and_back(self) -> None:
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        meters = Meters(folder, 2)
        self.addCleanup(meters.stop)
        self.daemon = DaemonProcess(folder / "daemon", meters.configuration(0.5), port=free_port())
        self.addCleanup(self.daemon.kill)
        self.daemon.start()
        state, kept = self.daemon.folder / "state", folder / "b.tar"
        wait_until(lambda: all(one["good"] for one in self.daemon.status()["meters"]), "readings")
        identity = (state / "instance-id").read_text()
        made = self.ask("backup", str(kept), "--json")
        self.assertEqual(made.returncode, 0, made)
        self.assertIn("outbox.db", json.loads(made.stdout)["files"])
        refused = self.ask("restore", str(kept), "--yes")
        self.assertEqual(refused.returncode, 1, refused)
        self.assertIn(str(self.daemon.process and self.daemon.process.pid), refused.stderr)
        self.daemon.stop()
        self.assertEqual(self.ask("restore", str(kept)).returncode, 64)
        (state / "instance-id").unlink()
        back = self.ask("restore", str(kept), "--yes")
        self.assertEqual(back.returncode, 0, back)
        self.assertIn("What was there is", back.stdout)
        self.assertEqual((state / "instance-id").read_text(), identity)
        self.daemon.start()
        self.daemon.stop()
        self.assertNotIn("Traceback", self.daemon.log.read_text())
        for text in (made.stdout, back.stdout, back.stderr, refused.stderr):
            self.assertNotIn((state / "web.token").read_text().strip(), text)
