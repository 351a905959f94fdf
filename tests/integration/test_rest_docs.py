"""docs/rest.md word for word: every example in a shell, against the running daemon."""

from __future__ import annotations

import os
import re
import shutil
import subprocess

from twisted.trial.unittest import SkipTest

from tests.integration.processes import ROOT, wait_until
from tests.integration.rest import RestCase

PAGE = ROOT / "docs/rest.md"
# The token that the first block asks `dlmsd` for is the test daemon's; curl fails as a whole
# where an answer is none of 2xx, and is told where the virtual meter is.
PROLOGUE = """set -eu
dlmsd() { echo "$FIRST_TOKEN"; }
curl() { command curl -sS --fail-with-body --max-time 20 "$@"; echo; }
"""


class DocumentedExampleTests(RestCase):
    def test_every_example(self) -> None:
        if shutil.which("curl") is None:
            if os.environ.get("CI") == "true":
                self.fail("needs curl (apt install curl)")
            raise SkipTest("needs curl (apt install curl)")
        self.begin(web='scan_networks = ["127.0.0.0/8"]\n')
        blocks = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
        self.assertGreater(len(blocks), 7)
        for number, block in enumerate(blocks):
            self.run_block(blocks[0] + (block if number else ""))
            if number == 1:
                path = "/api/meters/1/status"
                wait_until(lambda path=path: self.good("GET", path)["good"], "a reading")  # type: ignore[misc]
        self.assertEqual(self.good("GET", "/api/meters/1")["interval"], 5)
        self.assertTrue((self.folder / "readings.csv").read_text().startswith("time,ts,"))
        self.end()

    def run_block(self, text: str) -> None:
        place = self.meters.endpoints[0]
        told = text.replace("http://localhost:8425", self.base)
        told = told.replace("192.168.1.150", place["host"]).replace(
            '"port": 3333', f'"port": {place["port"]}'
        )
        done = subprocess.run(
            ["bash", "-c", PROLOGUE + told],
            env={**os.environ, "FIRST_TOKEN": self.token},
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
        )
        self.assertEqual(done.returncode, 0, f"{text}\n{done.stdout[-2000:]}{done.stderr}")
