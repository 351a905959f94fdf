"""Commands beside a service whose secrets are systemd's credentials, as README has it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.errors import ConfigurationError
from dlmsd.tap import make_daemon
from tests.integration.processes import ENVIRONMENT

TEXT: Final = """
[daemon]
state_dir = "{state}"
registry_key = {{ credential = "registry-key" }}
[web]
token = {{ credential = "web" }}
[watch]
notice_hosts = ["127.0.0.1"]
[[sinks]]
name = "tb"
kind = "mqtt"
url = "mqtt://127.0.0.1:1"
username = "u"
password = {{ credential = "tb" }}
[[notices]]
name = "duty"
kind = "webhook"
url = "http://127.0.0.1:1"
headers = {{ Authorization = {{ credential = "duty" }} }}
[[meters]]
name = "plant-a"
host = "127.0.0.1"
port = 1
profile = "microstar"
password = {{ credential = "plant-a" }}
"""
WITHHELD: Final = [
    "daemon.registry_key",
    "web.token",
    "sinks.tb.password",
    "meters.plant-a.password",
    "notices.duty.headers.Authorization",
]


class WithheldTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        (self.folder / "credentials").mkdir(parents=True)
        self.config = self.folder / "dlmsd.toml"
        self.config.write_text(TEXT.format(state=self.folder / "state"))

    def run_it(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        at = 2 if arguments[0] in ("notify", "doctor", "meters", "outbox") else 1
        given = [*arguments[:at], "-c", str(self.config), *arguments[at:]]
        return subprocess.run(
            [sys.executable, "-m", "dlmsd", *given],
            env={**ENVIRONMENT, **environ},
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def credentials(self) -> dict[str, str]:
        for name in ("web", "tb", "duty", "plant-a"):
            (self.folder / "credentials" / name).write_text(f"canary-{name}\n")
        (self.folder / "credentials" / "registry-key").write_text("00" * 32 + "\n")
        return {"CREDENTIALS_DIRECTORY": str(self.folder / "credentials")}

    def test_check_says_what_it_did_not_look_at(self) -> None:
        ended = self.run_it("check", "--json")
        self.assertEqual(ended.returncode, 0, ended.stderr)
        self.assertEqual(json.loads(ended.stdout)["withheld"], WITHHELD)
        self.assertIn(
            f"only the service is given: {', '.join(WITHHELD)}", self.run_it("check").stdout
        )
        seen = self.run_it("check", "--json", **self.credentials())
        self.assertEqual(json.loads(seen.stdout)["withheld"], [])

    def test_whatever_needs_none_of_them_works(self) -> None:
        self.assertEqual(self.run_it("token", "add", "grafana").returncode, 0)
        self.assertEqual(self.run_it("meters", "list").returncode, 0)
        self.assertIn("plant-a", self.run_it("meters", "list").stdout)
        for arguments in (("health",), ("plan",), ("outbox", "status")):
            ended = self.run_it(*arguments)
            self.assertIn(ended.returncode, (0, 1, 2), ended.stderr)
            self.assertNotIn("not given", ended.stdout + ended.stderr)

    def test_whatever_has_to_send_one_says_so_and_sends_nothing(self) -> None:
        for arguments, key in (
            (("token",), "token"),
            (("read", "plant-a", "1-0:1.8.0"), "plant-a.password"),
            (("doctor", "meter", "plant-a"), "plant-a.password"),
            (("notify", "test"), "duty.headers.Authorization"),
            (("meters", "remove", "plant-b", "--yes"), "token"),
        ):
            ended = self.run_it(*arguments)
            self.assertEqual(ended.returncode, 1, (arguments, ended.stderr))
            told = ended.stdout + ended.stderr
            self.assertIn(f"this command is not given: {key}", told)
            self.assertIn("$CREDENTIALS_DIRECTORY", told)
            again = self.run_it(*arguments, **self.credentials())
            self.assertNotIn("not given", again.stdout + again.stderr)
            for one in (self.folder / "credentials").iterdir():
                one.unlink()

    def test_the_daemon_has_to_have_them(self) -> None:
        self.patch(os, "environ", {})
        error = self.assertRaises(ConfigurationError, make_daemon, self.config, {"nodaemon": True})
        self.assertEqual(len(error.problems), len(WITHHELD))
        self.assertEqual(error.exit_code, 78)
