"""schemathesis over the generated OpenAPI document, against the running daemon.

It makes requests that fit the document and such that do not, and compares every answer with
it: no server error, no status, header or body that is not documented, nothing taken that does
not fit, nothing told without a token. docs/proofs.md has the command for many more.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.integration.mosquitto import free_port
from tests.integration.processes import ENVIRONMENT, ROOT
from tests.integration.rest import SINK, RestCase

# What fits a schema need not fit the rest of the configuration; and of five wrong tokens, the
# sixth request hears 429: those have tests of their own.
SKIPPED = "ignored_auth,positive_data_acceptance"
# A stream that never ends is no answer to compare; tests/web/test_live.py reads it.
ENDLESS = "/api/live"
METER = (
    '[[meters]]\nname = "own"\nhost = "127.0.0.1"\nport = {port}\nprofile = "microstar"\n'
    'sinks = ["plain"]\n'
)


class SchemaTests(RestCase):
    def run_it(self, *arguments: str) -> str:
        command = [
            *(sys.executable, str(Path(sys.executable).with_name("schemathesis")), "run"),
            f"{self.base}/api/openapi.json",
            f"--exclude-checks={SKIPPED}",
            f"--exclude-path={ENDLESS}",
            *("--phases=examples,coverage,fuzzing", "--max-examples=2", "--seed=1"),
            *("--continue-on-failure", "--no-color", "--warnings=off", *arguments),
        ]
        done = subprocess.run(
            command,
            env=ENVIRONMENT
            | {"SCHEMATHESIS_HOOKS": "tests.integration.schema_hooks", "PYTHONPATH": str(ROOT)},
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=150,
        )
        told = re.sub(r"\S{300,}", "...", done.stdout + done.stderr)
        self.assertEqual(done.returncode, 0, told[-6000:])
        return told

    def begin_it(self) -> None:
        web = 'trust_proxy = true\nscan_networks = ["127.0.0.1/32"]\n'
        self.begin(web=web, text=SINK + METER.format(port=free_port()))

    def test_with_a_token(self) -> None:
        self.begin_it()
        told = self.run_it("--header", f"Authorization: Bearer {self.token}")
        print(" ".join(re.findall(r"\d+ generated.*", told)))
        self.assertRegex(told, r"Operations: +\d+ selected")
        self.assertNotIn("canary", self.daemon.log.read_text())
        self.end()

    def test_without_one(self) -> None:
        self.begin_it()
        told = self.run_it()
        print(" ".join(re.findall(r"\d+ generated.*", told)))
        # From another address: this one has guessed too often.
        (meter,) = self.good("GET", "/api/meters", X_Forwarded_For="192.0.2.1")
        self.assertEqual((meter["name"], meter["status"]), ("own", "active"))
        self.end()
