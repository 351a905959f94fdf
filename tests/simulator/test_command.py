"""``dlmsd simulate`` and ``tap/simulator.tac`` as processes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.cli.simulate import simulate
from tests.integration.simulated import SimulatorProcess

ROOT = Path(__file__).parents[2]


class SimulateTests(SynchronousTestCase):
    def test_listens_until_stopped(self) -> None:
        out = Path(self.mktemp()).resolve()
        with SimulatorProcess("--meters", "2", "--config-out", str(out)) as simulator:
            self.assertEqual(
                [one["name"] for one in simulator.endpoints], ["virtual-001", "virtual-002"]
            )
            for one in simulator.endpoints:
                socket.create_connection((one["host"], one["port"]), 5).close()
                self.assertIn(f"port = {one['port']}\n", out.read_text())
        self.assertEqual(simulator.exit_code, 0)
        self.assertEqual(simulator.errors, "")

    def test_taken_port(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = str(taken.getsockname()[1])
            with SimulatorProcess("--port", port) as simulator:
                pass
        self.assertEqual(simulator.exit_code, 1)
        self.assertIn(port, simulator.errors)

    def test_help_and_wrong_use(self) -> None:
        runner = CliRunner()
        found = runner.invoke(simulate, ["--help"])
        self.assertEqual(found.exit_code, 0)
        self.assertIn("Example: dlmsd simulate", found.output)
        for wrong in (
            ["--fault", "pest=1"],
            ["--fault", "noise"],
            ["--fault", "virtual-009:noise=1"],
            ["--personality", "wrapper", "--fault", "dm=1"],
            ["--meters", "126", "--gateway"],
        ):
            found = runner.invoke(simulate, wrong)
            self.assertEqual(found.exit_code, 2, wrong)
            self.assertIn("Error", found.output)


class TacTests(SynchronousTestCase):
    def test_runs_under_twistd(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        record = (folder / "record").resolve()
        environ = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "DLMSD_SIMULATE_PORT": "0",
            "DLMSD_SIMULATE_METERS": "2",
            "DLMSD_SIMULATE_RECORD": str(record),
            "DLMSD_SIMULATE_FAULTS": "noise=0.1 dm=every:9",
        }
        command = "from twisted.scripts.twistd import run; run()"
        tac = str(ROOT / "tap/simulator.tac")
        process = subprocess.Popen(
            [sys.executable, "-c", command, "-n", "--pidfile=", "-y", tac],
            cwd=folder,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        lines: list[str] = []
        assert process.stdout is not None
        while sum("virtual meter listens" in line for line in lines) < 2:
            line = process.stdout.readline()
            self.assertTrue(line, "".join(lines))
            lines.append(line)
        process.send_signal(signal.SIGTERM)
        lines.append(process.communicate(timeout=60)[0])
        # twistd ends by the signal that stopped it.
        self.assertIn(process.returncode, (0, -signal.SIGTERM))
        self.assertTrue(record.exists())
        self.assertNotIn("Traceback", "".join(lines))
