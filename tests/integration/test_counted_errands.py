"""Commands on ciphered meters of the configuration: no counter is ever used twice."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.hdlc.frame import Frame
from dlmsd.dlms.hdlc.reassembly import FrameReassembly
from dlmsd.dlms.xdlms.ciphered import SERVICE_TAGS, Ciphered
from tests.integration.mosquitto import free_port
from tests.integration.processes import ENVIRONMENT, DaemonProcess, wait_until
from tests.integration.simulated import SimulatorProcess
from tests.integration.tapped import Tap
from tests.integration.test_errands import errand

READ = (sys.executable, "-m", "dlmsd", "read", "virtual-001", "voltage_l1")
_LLC = bytes.fromhex("E6E600")


def counters(octets: bytes) -> list[int]:
    """The invocation counters of all ciphered APDUs that a client sent, in order."""
    found = []
    for frame in FrameReassembly().feed(octets):
        assert isinstance(frame, Frame)
        apdu = frame.information.removeprefix(_LLC)
        if apdu and apdu[0] in SERVICE_TAGS:
            found.append(Ciphered.decode(apdu).counter)
    return found


class CountedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        written = self.folder / "written.toml"
        simulator = SimulatorProcess("--personality=secure", f"--config-out={written}")
        endpoint = simulator.__enter__().endpoints[0]
        self.addCleanup(simulator.__exit__, None, None, None)
        self.tap = Tap(endpoint["port"])
        self.addCleanup(self.tap.stop)
        text = written.read_text().partition("[profiles.virtual]")
        profile = (text[1] + text[2]).replace("interval = 5.0", "interval = 0.5")
        profile = profile.replace(f"port = {endpoint['port']}", f"port = {self.tap.port}")
        self.daemon = DaemonProcess(self.folder, profile, port=free_port())
        self.addCleanup(self.daemon.kill)
        self.state = self.folder / "state"

    def read(self, *more: str) -> subprocess.CompletedProcess[str]:
        return errand("read", "virtual-001", "voltage_l1", f"-c{self.daemon.config}", *more)

    def drawn(self) -> list[int]:
        return [counter for octets in self.tap.sent for counter in counters(bytes(octets))]

    def killed_read(self) -> None:
        """kill -9 as soon as its first ciphered APDU has passed."""
        before = len(self.drawn())
        process = subprocess.Popen(
            [*READ, "active_energy", f"-c{self.daemon.config}"],
            env=ENVIRONMENT,
            stdout=subprocess.DEVNULL,
        )
        wait_until(lambda: len(self.drawn()) > before or process.poll() is not None, "a counter")
        process.send_signal(signal.SIGKILL)
        process.wait(10)

    def test_command_daemon_command_with_kills_between(self) -> None:
        for _ in range(2):
            ended = self.read()
            self.assertEqual(ended.returncode, 0, ended)
            self.assertRegex(ended.stdout, r"^voltage_l1  2\d\d\.\d V$")
            self.daemon.start()
            before = len(self.drawn())
            wait_until(lambda before=before: len(self.drawn()) > before + 5, "it reads")
            self.daemon.kill()
            self.killed_read()
        ended = self.read()
        self.assertEqual(ended.returncode, 0, ended)
        drawn = self.drawn()
        self.assertGreater(len(drawn), 20)
        self.assertTrue(all(one < other for one, other in pairwise(drawn)), drawn)

    def test_beside_the_daemon_it_says_who(self) -> None:
        self.daemon.start()
        assert self.daemon.process is not None
        ended = self.read()
        self.assertEqual((ended.returncode, ended.stdout), (1, ""))
        self.assertIn(f"process {self.daemon.process.pid} holds", ended.stderr)
        self.assertIn("stop the daemon", ended.stderr)
        self.daemon.stop()
        self.assertEqual(self.read().returncode, 0)

    def test_keys_shows_counters_and_never_a_key(self) -> None:
        self.assertEqual(self.read().returncode, 0)
        told = errand("keys", "virtual-001", f"-c{self.daemon.config}", "--json")
        self.assertEqual(told.returncode, 0, told)
        answer = json.loads(told.stdout)
        ours, meter = answer["ours"], answer["meter"]
        self.assertEqual(meter["policy"], "authenticated-encrypted")
        self.assertEqual(meter["meter_system_title"], b"DLS00001".hex().upper())
        self.assertEqual(meter["seen"], {"0-0:43.1.0": self.drawn()[-1]})
        self.assertEqual(ours["next"], self.drawn()[-1] + 1)
        self.assertEqual((ours["next"] + ours["reserved"]) % 1000, 0)
        self.assertEqual(ours["accepted"], {meter["meter_system_title"]: self.received()})
        shown = errand("keys", "virtual-001", f"-c{self.daemon.config}")
        self.assertIn("left of 2^32", shown.stdout)
        for output in (told.stdout, told.stderr, shown.stdout):
            for key in ("000102030405", "D0D1D2D3D4D5"):
                self.assertNotIn(key.lower(), output.lower())

    def test_trace_opens_what_is_ciphered_and_shows_no_key(self) -> None:
        ended = errand("trace", "virtual-001", f"-c{self.daemon.config}")
        self.assertEqual(ended.returncode, 0, ended)
        self.assertRegex(
            ended.stdout,
            r"(?s)glo-get-response: authenticated and encrypted, suite 0, counter \d+\n"
            r" +get-response-with-list\n.*long-unsigned 2\d\d\d\n",
        )
        self.assertIn("glo-initiate-response", ended.stdout)
        for key in ("000102030405", "d0d1d2d3d4d5"):
            self.assertNotIn(key, ended.stdout.lower())

    def test_keys_of_a_meter_that_does_not_let_us_in(self) -> None:
        text = self.daemon.config.read_text()
        self.daemon.config.write_text(text.replace("D0D1D2D3", "D0D1D2D4"))
        ended = errand("keys", "virtual-001", f"-c{self.daemon.config}")
        self.assertEqual(ended.returncode, 1, ended)
        self.assertRegex(ended.stdout, r"counter 0-0:43\.1\.0 +\d+ seen last")
        self.assertNotIn("Traceback", ended.stderr)

    def received(self) -> int:
        with sqlite3.connect(self.state / "outbox.db") as database:
            ((last,),) = database.execute("SELECT last FROM received_counters")
            return int(last)

    def test_what_was_received_is_kept_also_after_an_error(self) -> None:
        self.assertEqual(self.read().returncode, 0)
        first = self.received()
        ended = errand("read", "virtual-001", "1/0-0:99.99.99/2", f"-c{self.daemon.config}")
        self.assertEqual(ended.returncode, 1, ended)
        second = self.received()
        self.assertGreater(second, first)

    def test_ctrl_c_keeps_them_too_and_ends_soon(self) -> None:
        # The kernel accepts; nobody answers.
        silent = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(silent.close)
        text = self.daemon.config.read_text()
        port = str(silent.getsockname()[1])
        self.daemon.config.write_text(text.replace(str(self.tap.port), port))
        process = subprocess.Popen(
            [*READ, f"-c{self.daemon.config}"],
            env=ENVIRONMENT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        silent.settimeout(10)
        connection, _ = silent.accept()
        self.addCleanup(connection.close)
        connection.recv(1)
        os.kill(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        self.assertIn(process.returncode, (1, -signal.SIGINT), errors)
        self.assertNotIn("Traceback", errors)
