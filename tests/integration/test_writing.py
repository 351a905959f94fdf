"""Commands that change a virtual meter, as processes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from dlmsd.machine import synchronised
from tests.integration.processes import ENVIRONMENT
from tests.integration.simulated import SimulatorProcess
from tests.integration.test_errands import errand

CONFIGURATION = """
[daemon]
state_dir = "{folder}/state"
[[meters]]
name = "reader"
host = "127.0.0.1"
port = {port}
profile = "microstar"
[[meters]]
name = "writer"
host = "127.0.0.1"
port = {port}
profile = "microstar"
client = 32
password = "11111111"
writing = true
[[meters]]
name = "hopeful"
host = "localhost"
port = {port}
profile = "microstar"
writing = true
"""
MODE = "disconnect-control/0-0:96.3.10/control_mode"


class WritingCase(SynchronousTestCase):
    def setUp(self) -> None:
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        simulator = SimulatorProcess("--personality=microstar")
        port = simulator.__enter__().endpoints[0]["port"]
        self.addCleanup(simulator.__exit__, None, None, None)
        self.config = folder / "dlmsd.toml"
        self.config.write_text(CONFIGURATION.format(folder=folder, port=port))

    def run_command(self, command: str, *more: str) -> subprocess.CompletedProcess[str]:
        return errand(command, f"-c{self.config}", *more)


class SetTests(WritingCase):
    def mode(self) -> str:
        ended = self.run_command("read", "reader", MODE)
        return ended.stdout.split()[-1]

    def test_only_with_yes(self) -> None:
        before = self.mode()
        ended = self.run_command("set", "writer", MODE, "3")
        self.assertEqual(ended.returncode, 64, ended)
        self.assertIn(f"enum:{before}", ended.stdout)
        self.assertIn("enum:3", ended.stdout)
        self.assertIn("--yes writes it", ended.stderr)
        self.assertEqual(self.mode(), before)
        ended = self.run_command("set", "writer", MODE, "3", "--yes", "--json")
        self.assertEqual(ended.returncode, 0, ended)
        told = json.loads(ended.stdout)
        self.assertEqual(
            (told["old"], told["new"], told["now"]), (f"enum:{before}", "enum:3", "enum:3")
        )
        self.assertEqual(self.mode(), "3")

    def test_off_unless_configured(self) -> None:
        ended = self.run_command("set", "reader", MODE, "3", "--yes")
        self.assertEqual((ended.returncode, ended.stdout), (1, ""))
        self.assertIn("writing is off for reader", ended.stderr)
        self.assertIn("`writing = true`", ended.stderr)

    def test_what_the_meter_refuses_is_a_sentence(self) -> None:
        ended = self.run_command("set", "writer", "clock/0-0:1.0.0/time", "long:5", "--yes")
        self.assertEqual(ended.returncode, 1)
        self.assertIn("type-unmatched", ended.stderr)

    def test_what_the_association_does_not_allow_is_not_sent(self) -> None:
        value = ("3/1-1:32.7.0/value", "5")
        mode = "3/1-1:32.7.0/2 Register value may not be written: its access mode is read_only"
        for yes in ((), ("--yes",)):
            ended = self.run_command("set", "writer", *value, *yes, "--trace")
            self.assertEqual((ended.returncode, ended.stdout), (1, ""), ended)
            self.assertIn(mode, ended.stderr)
            self.assertIn("dlmsd browse", ended.stderr)
            self.assertNotIn("set-request", ended.stderr)
        ended = self.run_command("set", "writer", *value, "--language=es")
        self.assertIn("no se puede escribir: su modo de acceso es read_only", ended.stderr)

    def test_a_secret_is_read_from_standard_input_and_not_shown(self) -> None:
        secret = "association-ln/0-0:40.0.1/secret"
        ended = subprocess.run(
            [sys.executable, "-m", "dlmsd", "set", "writer", secret, "-", f"-c{self.config}"],
            env=ENVIRONMENT,
            input='octet-string:"hush hush"\n',
            capture_output=True,
            text=True,
            timeout=30,
        )
        self.assertEqual(ended.returncode, 64, ended)
        self.assertIn("********", ended.stdout)
        self.assertNotIn("hush", ended.stdout + ended.stderr)
        self.assertNotIn(b"hush".hex(), ended.stdout + ended.stderr)

    def test_wrong_use(self) -> None:
        for arguments, told in (
            ((MODE, "x"), "'x' is no enum"),
            (("70/0-0:96.3.10/nothing", "3"), "4 control_mode"),
            (("1/0-0:96.99.99/2", "3"), "needs its type"),
        ):
            ended = self.run_command("set", "writer", *arguments)
            self.assertEqual(ended.returncode, 64, ended)
            self.assertIn(told, ended.stderr)
            self.assertNotIn("Traceback", ended.stderr)


class ActionTests(WritingCase):
    METHOD = "disconnect-control/0-0:96.3.10/remote_disconnect"

    def state(self) -> str:
        return self.run_command("read", "reader", "70/0-0:96.3.10/2").stdout.split()[-1]

    def test_only_with_yes(self) -> None:
        ended = self.run_command("action", "writer", self.METHOD)
        self.assertEqual(ended.returncode, 64, ended)
        self.assertIn("would invoke 70/0-0:96.3.10/method 1", ended.stdout)
        self.assertEqual(self.state(), "True")
        ended = self.run_command("action", "writer", self.METHOD, "--yes")
        self.assertEqual(ended.returncode, 0, ended)
        self.assertIn("remote_disconnect(integer:0)", ended.stdout)
        self.assertEqual(self.state(), "False")

    def test_off_unless_configured_and_refused(self) -> None:
        ended = self.run_command("action", "reader", self.METHOD, "--yes")
        self.assertEqual((ended.returncode, ended.stdout), (1, ""))
        self.assertIn("writing is off", ended.stderr)
        for meter, method in (("hopeful", self.METHOD), ("writer", "70/0-0:96.3.10/7")):
            ended = self.run_command("action", meter, method, "--yes", "--trace")
            self.assertEqual((ended.returncode, ended.stdout), (1, ""), ended)
            self.assertIn("may not be invoked: its access mode is no_access", ended.stderr)
            self.assertNotIn("action-request", ended.stderr)
        self.assertEqual(self.state(), "True")


class ClockTests(WritingCase):
    def test_shown(self) -> None:
        ended = self.run_command("clock", "reader", "--json")
        self.assertEqual(ended.returncode, 0, ended)
        told = json.loads(ended.stdout)
        self.assertLessEqual(abs(told["difference"]), told["uncertainty"] + 0.2)
        self.assertEqual((told["deviation"], told["status"]), (0, []))
        shown = self.run_command("clock", "reader").stdout
        self.assertRegex(shown, r"(?m)^difference +[+-]\d\.\d{3} s$")

    def test_set_only_with_yes_and_where_it_may(self) -> None:
        ended = self.run_command("clock", "reader", "--set", "--yes", "--force")
        self.assertEqual((ended.returncode, ended.stdout), (1, ""))
        self.assertIn("writing is off for reader", ended.stderr)
        ended = self.run_command("clock", "writer", "--set")
        self.assertEqual(ended.returncode, 64)
        self.assertIn("--yes sets it", ended.stderr)
        ahead = ("clock/0-0:1.0.0/time", "2030-01-01T00:00:00Z")
        self.assertEqual(self.run_command("set", "writer", *ahead, "--yes").returncode, 0)
        ended = self.run_command("clock", "writer", "--set", "--yes", "--force", "--json")
        self.assertEqual(ended.returncode, 0, ended)
        told = json.loads(ended.stdout)
        self.assertGreater(told["before"]["difference"], 1_000_000)
        self.assertLess(abs(told["after"]["difference"]), told["after"]["uncertainty"] + 0.5)

    def test_set_only_where_the_association_allows_it(self) -> None:
        ended = self.run_command("clock", "hopeful", "--set", "--yes", "--force", "--trace")
        self.assertEqual((ended.returncode, ended.stdout), (1, ""), ended)
        self.assertIn("8/0-0:1.0.0/2 Clock time may not be written", ended.stderr)
        self.assertNotIn("set-request", ended.stderr)

    def test_refused_where_this_clock_is_not_synchronised(self) -> None:
        if synchronised():
            raise SkipTest("this machine's clock is synchronised")
        ended = self.run_command("clock", "writer", "--set", "--yes")
        self.assertEqual(ended.returncode, 1, ended)
        self.assertRegex(ended.stderr, "clock is (not synchronised|synchronised is not known)")
