"""A real daemon that is told of a changed configuration, by SIGHUP and by a saved file."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.integration.mosquitto import free_port
from tests.integration.processes import DaemonProcess, Meters, wait_until


class ReloadTests(SynchronousTestCase):
    def begin(self, before: str = "", *twistd: str) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.meters = Meters(self.folder, 3)
        self.addCleanup(self.meters.stop)
        self.daemon = DaemonProcess(
            self.folder / "daemon", self.meters.configuration(1.0), *twistd, port=free_port()
        )
        self.addCleanup(self.daemon.kill)
        text = self.daemon.config.read_text()
        self.text = text.replace(
            "connects_per_second = 200\n", f"connects_per_second = 200\n{before}"
        )
        self.daemon.config.write_text(self.without("virtual-003"))
        self.daemon.start()
        wait_until(lambda: all(one["good"] > 2 for one in self.status().values()), "readings")

    def without(self, name: str) -> str:
        head, *meters = self.text.split("\n[[meters]]")
        kept = [one for one in meters if f'"{name}"' not in one]
        return "\n[[meters]]".join([head, *kept])

    def status(self) -> dict[str, dict[str, Any]]:
        return {one["name"]: one for one in self.daemon.status()["meters"]}

    def ask(self, text: str) -> None:
        self.daemon.config.write_text(text)
        assert self.daemon.process is not None
        self.daemon.process.send_signal(signal.SIGHUP)

    def log(self, said: str) -> None:
        wait_until(lambda: said in self.daemon.log.read_text(), said)

    def test_sighup(self) -> None:
        self.begin()
        before = self.status()
        self.assertEqual(set(before), {"virtual-001", "virtual-002"})
        began = time.monotonic()
        self.ask(self.text.replace("interval = 1.0", "interval = 0.25", 1))
        wait_until(lambda: self.status().get("virtual-003", {}).get("good"), "the new meter")
        print(f"SIGHUP to the first reading of a new meter: {time.monotonic() - began:.2f} s")
        wait_until(
            lambda: self.status()["virtual-002"]["good"] > before["virtual-002"]["good"],
            "the meter that was not changed",
        )
        after = self.status()
        self.assertEqual(after["virtual-001"]["interval"], 0.25)
        self.assertEqual(after["virtual-002"]["connects"], 1)
        self.assertEqual(after["virtual-002"]["missed"], before["virtual-002"]["missed"])
        self.ask("[[meters]\n" + self.text)
        self.log("is not valid TOML")
        self.assertEqual(set(self.status()), {"virtual-001", "virtual-002", "virtual-003"})
        self.ask(self.without("virtual-001"))
        wait_until(lambda: "virtual-001" not in self.status(), "the meter is gone")
        self.assertEqual(self.status()["virtual-002"]["connects"], 1)
        self.log("1 meter removed")
        self.daemon.stop()
        self.assertNotIn("Traceback", self.daemon.log.read_text())

    def test_a_saved_file(self) -> None:
        self.begin("watch_config = true\n")
        self.daemon.config.write_text(self.text[:-40])
        self.log("The configuration was read again (saved file): ")
        self.assertEqual(set(self.status()), {"virtual-001", "virtual-002"})
        self.daemon.config.write_text(self.text)
        wait_until(lambda: self.status().get("virtual-003", {}).get("good"), "the new meter")
        self.assertEqual(self.status()["virtual-002"]["connects"], 1)
        self.daemon.stop()

    def test_sighup_to_a_daemon_in_the_background(self) -> None:
        pidfile = self.mktemp()
        self.begin(
            "", f"--pidfile={Path(pidfile).absolute()}", f"--logfile={Path(pidfile).absolute()}.log"
        )
        pid = int(Path(pidfile).read_text())
        self.addCleanup(_kill, pid)
        self.daemon.config.write_text(self.text)
        os.kill(pid, signal.SIGHUP)
        wait_until(lambda: self.status().get("virtual-003", {}).get("good"), "the new meter")
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not Path(pidfile).exists(), "the daemon ends")


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
