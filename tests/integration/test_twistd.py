"""``twistd dlmsd`` and ``dlmsd``: in the foreground, as a daemon, and refusing to start."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.integration.mosquitto import Mosquitto, free_port
from tests.integration.processes import (
    ENVIRONMENT,
    ROOT,
    DaemonProcess,
    Meters,
    command,
    wait_until,
)
from tests.integration.subscriber import Subscriber

SINKS = """
[[sinks]]
name = "plain"
kind = "mqtt"
url = "mqtt://127.0.0.1:{port}"

[[sinks]]
name = "gateway"
kind = "thingsboard-gateway"
url = "mqtt://127.0.0.1:{port}"
token = "GATEWAY-TOKEN"

[[sinks]]
name = "devices"
kind = "thingsboard"
url = "mqtt://127.0.0.1:{port}"
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A command's end, from the repository's root."""
    return subprocess.run(
        arguments, env=ENVIRONMENT, cwd=ROOT, capture_output=True, text=True, timeout=30
    )


class RefusalTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.config = self.folder / "dlmsd.toml"

    def test_a_bad_configuration_is_all_its_errors_and_exit_78(self) -> None:
        self.config.write_text('[daemon]\nlog_levle = "info"\n\n[[meters]]\nname = "a/b"\n')
        for program in (
            [*command("twistd"), "-n", "--pidfile=", "dlmsd", "--config", str(self.config)],
            [sys.executable, "-m", "dlmsd", "run", "--config", str(self.config)],
            [sys.executable, "-m", "dlmsd", "check", "--config", str(self.config)],
        ):
            ended = run(*program)
            self.assertEqual(ended.returncode, 78, ended)
            self.assertIn("dlmsd.toml:2: daemon.log_levle", ended.stderr)
            self.assertIn("log_level", ended.stderr)
            self.assertIn("dlmsd.toml:5: meters[0].name", ended.stderr)
            self.assertNotIn("Traceback", ended.stderr + ended.stdout)
        self.assertEqual(list(self.folder.iterdir()), [self.config])

    def test_wrong_use_is_exit_64(self) -> None:
        self.assertEqual(run(sys.executable, "-m", "dlmsd", "chekc").returncode, 64)

    def test_a_state_folder_that_cannot_be_had(self) -> None:
        (self.folder / "file").write_text("")
        self.config.write_text(f'[daemon]\nstate_dir = "{self.folder}/file/state"\n')
        for program in (
            [*command("twistd"), "-n", "--pidfile=", "dlmsd", "-c", str(self.config)],
            [sys.executable, "-m", "dlmsd", "run", "--config", str(self.config)],
        ):
            ended = run(*program)
            told = ended.stderr + ended.stdout
            self.assertEqual(ended.returncode, 78, told)
            self.assertIn(f"{self.folder}/file is no folder", told)
            self.assertIn("name another state_dir", told)
            self.assertNotIn("Traceback", told)


class DaemonTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()

    def test_daemonised_it_reads_and_stops_and_leaves_no_pid_file(self) -> None:
        meters = Meters(self.folder, 2)
        self.addCleanup(meters.stop)
        pidfile, log = self.folder / "pid", self.folder / "log"
        daemon = DaemonProcess(
            self.folder / "daemon",
            meters.configuration(1.0),
            f"--pidfile={pidfile}",
            f"--logfile={log}",
            port=free_port(),
        )
        daemon.start()
        daemon.process.wait(20)
        pid = int(pidfile.read_text())
        self.addCleanup(_kill, pid)
        wait_until(
            lambda: all(m["good"] >= 2 for m in daemon.status()["meters"]), "two good reads each"
        )
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not pidfile.exists(), "the daemon ends")
        self.assertNotIn("Traceback", log.read_text())

    def test_a_second_daemon_names_the_first(self) -> None:
        daemon = DaemonProcess(self.folder, "", port=free_port())
        daemon.start()
        self.addCleanup(daemon.kill)
        ended = run(*command("twistd"), "-n", "--pidfile=", "dlmsd", "-c", str(daemon.config))
        self.assertEqual(ended.returncode, 1)
        self.assertIn(str(daemon.process.pid), ended.stdout)
        self.assertNotIn("Traceback", ended.stderr + ended.stdout)

    def test_daemonised_a_refusal_reaches_the_shell(self) -> None:
        config = self.folder / "dlmsd.toml"
        config.write_text('[daemon]\nstate_dir = "/dev/null/state"\n')
        files = [f"--pidfile={self.folder / 'pid'}", f"--logfile={self.folder / 'log'}"]
        ended = run(*command("twistd"), *files, "dlmsd", "-c", str(config))
        self.assertEqual(ended.returncode, 1)
        self.assertIn("/dev/null/state", ended.stdout + ended.stderr)
        log = (self.folder / "log").read_text()
        self.assertIn("/dev/null/state", log)
        self.assertNotIn("Traceback", log)
        wait_until(lambda: not (self.folder / "pid").exists(), "the child takes its pid file")

    def test_a_page_port_that_is_taken_is_exit_1(self) -> None:
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            listen = f"tcp:{other.getsockname()[1]}:interface=127.0.0.1"
            config = self.folder / "dlmsd.toml"
            config.write_text(
                f'[daemon]\nstate_dir = "{self.folder}/state"\n[web]\nlisten = "{listen}"\n'
            )
            ended = run(*command("twistd"), "-n", "--pidfile=", "dlmsd", "-c", str(config))
        self.assertEqual(ended.returncode, 1, ended)
        self.assertIn("[web] listen", ended.stdout)
        self.assertNotIn("Traceback", ended.stdout + ended.stderr)

    def test_a_push_port_that_is_taken_is_exit_1(self) -> None:
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            listen = f"tcp:{other.getsockname()[1]}:interface=127.0.0.1"
            config = self.folder / "dlmsd.toml"
            config.write_text(
                f'[daemon]\nstate_dir = "{self.folder}/state"\n'
                f'[web]\nlisten = "tcp:{free_port()}:interface=127.0.0.1"\n'
                f'[[push]]\nname = "han"\nlisten = "{listen}"\n'
            )
            ended = run(*command("twistd"), "-n", "--pidfile=", "dlmsd", "-c", str(config))
        self.assertEqual(ended.returncode, 1, ended)
        self.assertIn("[[push]] han", ended.stdout)
        self.assertIn("nothing else listens on it", ended.stdout)
        self.assertNotIn("Traceback", ended.stdout + ended.stderr)

    def test_a_locked_outbox_does_not_delay_the_end(self) -> None:
        meters = Meters(self.folder, 2)
        self.addCleanup(meters.stop)
        daemon = DaemonProcess(self.folder / "daemon", meters.configuration(0.5), port=free_port())
        daemon.start()
        self.addCleanup(daemon.kill)
        wait_until(lambda: all(m["good"] for m in daemon.status()["meters"]), "readings")
        other = sqlite3.connect(daemon.folder / "state" / "outbox.db", isolation_level=None)
        self.addCleanup(other.close)
        other.execute("BEGIN IMMEDIATE")
        time.sleep(1)
        daemon.stop()
        self.assertNotIn("Traceback", daemon.log.read_text())

    def test_nothing_to_reach_at_start_is_said_and_tried_again(self) -> None:
        nobody = free_port()
        text = SINKS.split("\n[[sinks]]")[1].format(port=nobody)
        text = f"\n[[sinks]]{text}" + NOWHERE.format(port=nobody)
        daemon = DaemonProcess(self.folder, text, port=free_port())
        daemon.start()
        self.addCleanup(daemon.kill)
        wait_until(lambda: daemon.status()["meters"][0]["error"], "the meter's trouble")
        wait_until(lambda: daemon.status()["sinks"][0]["error"], "the sink's trouble")
        self.assertIn("refused", daemon.status()["meters"][0]["error"])
        self.assertIn("refused", daemon.status()["sinks"][0]["error"])
        daemon.stop()

    def test_three_kinds_of_sink_at_once(self) -> None:
        broker = Mosquitto(self.folder / "broker")
        broker.start()
        self.addCleanup(broker.stop)
        subscriber = Subscriber(broker.port)
        self.addCleanup(subscriber.close)
        meters = Meters(self.folder, 2)
        self.addCleanup(meters.stop)
        text = meters.configuration(1.0)
        for number in (1, 2):
            text = text.replace(
                f'name = "virtual-00{number}"\n',
                f'name = "virtual-00{number}"\ntoken = "DEVICE-{number}"\n',
            )
        daemon = DaemonProcess(
            self.folder / "daemon", SINKS.format(port=broker.port) + text, port=free_port()
        )
        daemon.start()
        self.addCleanup(daemon.kill)
        for topic in ("dlmsd/virtual-001", "v1/gateway/telemetry", "v1/devices/me/telemetry"):
            wait_until(lambda t=topic: len(subscriber.payloads(t)) >= 4, topic)
        connects = [json.loads(p) for p in subscriber.payloads("v1/gateway/connect")]
        self.assertEqual(
            sorted((c["device"], c["type"]) for c in connects),
            [("virtual-001", "microstar"), ("virtual-002", "microstar")],
        )
        device = json.loads(subscriber.payloads("v1/devices/me/telemetry")[0])
        # What had to wait comes in packs.
        for one in device if isinstance(device, list) else [device]:
            self.assertEqual(set(one), {"ts", "values"})
        daemon.stop()
        wait_until(
            lambda: subscriber.payloads("dlmsd/virtual-001/availability")[-1:] == [b"offline"],
            "the meter's offline",
        )
        self.assertNotIn("TOKEN", daemon.log.read_text())
        self.assertNotIn("DEVICE-", daemon.log.read_text())


NOWHERE = """
[[meters]]
name = "nowhere"
host = "127.0.0.1"
port = {port}
profile = "microstar"
"""


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
