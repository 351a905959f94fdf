"""Commands that visit one meter once, against virtual meters over real TCP."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.integration.mosquitto import free_port
from tests.integration.processes import ENVIRONMENT
from tests.integration.simulated import SimulatorProcess


def errand(
    *arguments: str,
    password: str | None = None,
    environment: Mapping[str, str] = {},
    cwd: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """``dlmsd`` with ``arguments``, to its end."""
    given = {"DLMSD_PASSWORD": password} if password else {}
    return subprocess.run(
        [sys.executable, "-m", "dlmsd", *arguments],
        env={**ENVIRONMENT, **given, **environment},
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
    )


class ErrandCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()

    def visit(
        self,
        command: str,
        *arguments: str,
        personality: str = "microstar",
        faults: Sequence[str] = (),
        **more: str,
    ) -> subprocess.CompletedProcess[str]:
        chosen = [f"--fault={each}" for each in faults]
        with SimulatorProcess("--personality", personality, *chosen) as simulator:
            port = str(simulator.endpoints[0]["port"])
            return errand(command, "127.0.0.1", f"--port={port}", *arguments, **more)


class ReadTests(ErrandCase):
    def read(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return self.visit("read", *arguments, **more)

    def test_registers_clock_and_what_is_not_there(self) -> None:
        wanted = ("8/0-0:1.0.0/2", "1-1:32.7.0", "active_energy", "1-1:99.9.9")
        ended = self.read("--profile=microstar", *wanted)
        self.assertEqual(ended.returncode, 1)
        clock, voltage, energy, nothing = ended.stdout.splitlines()
        self.assertRegex(clock, r"^8/0-0:1.0.0/2  \d{4}-\d\d-\d\dT")
        self.assertRegex(voltage, r"^1-1:32.7.0     2\d\d\.\d V$")
        self.assertRegex(energy, r"^active_energy  \d+\.\d{3} kWh$")
        self.assertIn("object-undefined", nothing)

    def test_json(self) -> None:
        ended = self.read("--json", "voltage_l1", password="22222222")
        self.assertEqual(ended.returncode, 0, ended)
        answer = json.loads(ended.stdout)
        self.assertEqual(set(answer), {"host", "port", "ts", "values", "units", "absent"})
        self.assertEqual(answer["units"], {"voltage_l1": "V"})

    def test_a_password_from_a_file_and_a_trace_without_it(self) -> None:
        file = self.folder / "password"
        file.write_text("22222222\n")
        os.chmod(file, 0o600)
        ended = self.read(f"--password-file={file}", "--trace", "voltage_l1")
        self.assertEqual(ended.returncode, 0, ended)
        self.assertIn("> 7ea0070303938c117e", ended.stderr)
        self.assertIn("2a" * 8, ended.stderr)
        self.assertNotIn("32" * 8, ended.stderr)

    def test_a_wrong_password_is_a_sentence(self) -> None:
        ended = self.read("voltage_l1", password="mistaken")
        self.assertEqual(ended.returncode, 1)
        self.assertIn("check client and password", ended.stderr)
        self.assertNotIn("mistaken", ended.stderr + ended.stdout)
        self.assertNotIn("Traceback", ended.stderr)

    def test_nobody_there(self) -> None:
        ended = errand(
            "read", "127.0.0.1", f"--port={free_port()}", "--profile=microstar", "voltage_l1"
        )
        self.assertEqual((ended.returncode, ended.stdout), (1, ""))
        self.assertIn("connection refused", ended.stderr)

    def test_wrong_use_names_the_options(self) -> None:
        ended = errand("read", "127.0.0.1", "--profile=nix", "--client=900", "voltag")
        self.assertEqual(ended.returncode, 64)
        for word in ("profile: no such profile", "client:", "voltage_l1"):
            self.assertIn(word, ended.stderr)

    def test_high_level_security(self) -> None:
        for mechanism in ("md5", "sha1", "sha256"):
            ended = self.read(
                f"--authentication=high-{mechanism}",
                "--system-title=DLMSDCLT",
                "voltage_l1",
                personality=f"hls-{mechanism}",
                password="HighLevelSecret1",
            )
            self.assertEqual(ended.returncode, 0, ended)
            self.assertRegex(ended.stdout, r"^voltage_l1  2\d\d\.\d V$")


class BrowseTests(ErrandCase):
    def test_the_list_with_values(self) -> None:
        ended = self.visit("browse", "--values", "--profile=microstar")
        self.assertEqual(ended.returncode, 0, ended)
        lines = ended.stdout.splitlines()
        (voltage,) = [line for line in lines if line.startswith("1-1:32.7.0 ")]
        self.assertRegex(voltage, r"Register +1r 2r 3r +2\d\d\.\d V$")
        self.assertIn(f"{len(lines)} objects", ended.stderr)
        (compact,) = [line for line in lines if line.startswith("0-0:66.0.1 ")]
        self.assertRegex(compact, r"0-0:1\.0\.0 20.*; 1-0:1\.8\.0 \d+ Wh; 1-0:2\.8\.0 \d+ Wh$")
        ended = self.visit("read", "62/0-0:66.0.1/2", "--profile=microstar")
        self.assertEqual(ended.returncode, 0, ended)
        self.assertRegex(ended.stdout, r"(?m)^62/0-0:66\.0\.1/2/1-0:1\.8\.0 +\d+ Wh$")

    def test_json_and_a_profile_that_loads(self) -> None:
        profiles = self.folder / "profiles"
        profiles.mkdir()
        save = f"--save={profiles / 'seen.toml'}"
        ended = self.visit("browse", "--json", save, "--profile=microstar")
        listed = {entry["obis"]: entry for entry in json.loads(ended.stdout)}
        self.assertEqual(listed["0-0:1.0.0"]["name"], "Clock")
        config = self.folder / "dlmsd.toml"
        config.write_text(
            '[[meters]]\nname = "a"\nhost = "h"\nprofile = "seen"\npassword = "22222222"\n'
        )
        ended = errand("check", "-c", str(config))
        self.assertEqual(ended.returncode, 0, ended)
        self.assertIn('voltage_l1 = "1-1:32.7.0"', (profiles / "seen.toml").read_text())

    def test_short_names(self) -> None:
        save = self.folder / "seen.toml"
        with SimulatorProcess("--personality", "short-names") as simulator:
            meter = ("127.0.0.1", f"--port={simulator.endpoints[0]['port']}", "--physical=1")
            browse = ("browse", *meter, "--profile=landis-gyr-e650", "--values")
            shown = errand(*browse, f"--save={save}")
            told = errand(*browse, "--json")
        self.assertEqual((shown.returncode, told.returncode), (0, 0), (shown, told))
        lines = shown.stdout.splitlines()
        (voltage,) = [line for line in lines if line.startswith("1-1:32.7.0 ")]
        self.assertRegex(voltage, r"Register +0x[0-9A-F]{4} version 0 +2\d\d\.\d V$")
        self.assertIn('voltage_l1 = "1-1:32.7.0"', save.read_text())
        listed = {entry["obis"]: entry for entry in json.loads(told.stdout)}
        self.assertEqual(len(listed), len(lines))
        self.assertEqual(listed["0-0:40.0.0"]["base_name"], 0xFA00)
        self.assertEqual(listed["0-0:40.0.0"]["class"], 12)
        self.assertNotIn("rights", listed["1-1:32.7.0"])


class ScanTests(ErrandCase):
    def test_what_answers_is_saved_as_a_configuration(self) -> None:
        saved = self.folder / "found.toml"
        with SimulatorProcess("--personality", "plain") as simulator:
            port = simulator.endpoints[0]["port"]
            ports = f"--ports={free_port()},{port}"
            ended = errand("scan", "127.0.0.1/32", ports, f"--save={saved}")
            self.assertEqual(ended.returncode, 0, ended)
            self.assertRegex(ended.stdout, rf"127\.0\.0\.1 +{port} +hdlc +16 +0 +1 +an association")
            self.assertIn("1 answered", ended.stderr)
            checked = errand("check", "-c", str(saved), "--json")
            self.assertEqual(json.loads(checked.stdout)["meters"], 1, checked)
            again = errand("scan", "127.0.0.1/32", ports, f"--save={saved}")
            self.assertEqual(again.returncode, 64)

    def test_nothing_and_nothing_of_others(self) -> None:
        ended = errand("scan", "127.0.0.1", f"--ports={free_port()}", "--json")
        self.assertEqual((ended.returncode, json.loads(ended.stdout)), (1, []))
        ended = errand("scan", "8.8.8.0/24")
        self.assertEqual(ended.returncode, 64)
        self.assertIn("not private", ended.stderr)


class TraceTests(ErrandCase):
    def test_every_frame_and_apdu_without_the_password(self) -> None:
        ended = self.visit("trace", "--profile=microstar")
        self.assertEqual(ended.returncode, 0, ended)
        for words in (
            "HDLC SNRM from 1 to 1, P/F",
            "HDLC UA from 1 to 1",
            "N(S)=0 N(R)=0",
            "AARQ",
            "calling-authentication-value: ********",
            "get-request-with-list",
            "3/1-1:32.7.0/2 Register value (voltage_l1)",
            "get-response-with-list",
            "HDLC DISC",
        ):
            self.assertIn(words, ended.stdout)
        for password in ("22222222", "32" * 8):
            self.assertNotIn(password, ended.stdout)

    def test_json_for_so_many_seconds(self) -> None:
        ended = self.visit("trace", "--profile=microstar", "--seconds=6", "--json")
        told = [json.loads(line) for line in ended.stdout.splitlines()]
        self.assertEqual({one["direction"] for one in told}, {"sent", "received"})
        asked = [one for one in told if one["meaning"][0]["text"].startswith("get-request")]
        self.assertGreaterEqual(asked[-1]["seconds"] - asked[0]["seconds"], 4.9)

    def test_octets_of_a_log(self) -> None:
        ended = errand("trace", "--decode", "7E A0 07 03 03 93 8C 11 7E")
        self.assertEqual((ended.returncode, ended.stdout), (0, "HDLC SNRM from 1 to 1, P/F\n"))
        for wrong in (("--decode", "xyz"), (), ("host", "--decode", "7E")):
            self.assertEqual(errand("trace", *wrong).returncode, 64)


class PipeTests(ErrandCase):
    def test_a_reader_that_has_heard_enough(self) -> None:
        with SimulatorProcess() as simulator:
            port = simulator.endpoints[0]["port"]
            command = f"{sys.executable} -m dlmsd browse 127.0.0.1 --port {port} | true"
            ended = subprocess.run(
                ["bash", "-c", command],
                env={**ENVIRONMENT, "DLMSD_PASSWORD": "22222222"},
                capture_output=True,
                text=True,
                timeout=30,
            )
        self.assertEqual((ended.stdout, ended.stderr), ("", ""))
