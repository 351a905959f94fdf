"""``dlmsd firmware`` against a virtual meter over real TCP."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from tests.integration.simulated import SimulatorProcess
from tests.integration.test_errands import errand

CONFIGURATION = """
[[meters]]
name = "a"
host = "127.0.0.1"
port = {port}
profile = "microstar"
client = {client}
password = "{password}"
writing = {writing}
"""
READER = {"client": 1, "password": "22222222"}
WRITER = {"client": 32, "password": "11111111"}


class FirmwareTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.image = Random(5).randbytes(3_000)
        self.file = self.folder / "v2.bin"
        self.file.write_bytes(self.image)

    def configure(self, port: int, *, writing: str = "true", **client: object) -> str:
        config = self.folder / "dlmsd.toml"
        config.write_text(CONFIGURATION.format(port=port, writing=writing, **(client or WRITER)))
        return f"--config={config}"

    def test_sent_verified_and_activated(self) -> None:
        with SimulatorProcess() as simulator:
            config = self.configure(simulator.endpoints[0]["port"])
            arguments = ("firmware", "a", str(self.file), config, "--identification=VM-2.0")
            only_told = errand(*arguments)
            self.assertEqual((only_told.returncode, only_told.stdout), (1, ""))
            self.assertIn("Would send 3000 octets as VM-2.0 to a", only_told.stderr)
            ended = errand(*arguments, "--activate", "--yes", "--json")
            self.assertEqual(ended.returncode, 0, ended)
            self.assertEqual(
                json.loads(ended.stdout),
                {
                    "verified": True,
                    "activated": True,
                    "signature": hashlib.sha256(self.image).hexdigest(),
                },
            )
            read = errand("read", "a", config, "1/1-0:0.2.0/2")
            self.assertIn("VM-2.0", read.stdout)

    def test_not_where_the_association_does_not_allow_it(self) -> None:
        with SimulatorProcess() as simulator:
            config = self.configure(simulator.endpoints[0]["port"], **READER)
            arguments = ("firmware", "a", str(self.file), config, "--identification=VM-2.0")
            ended = errand(*arguments, "--yes", "--trace")
        self.assertEqual((ended.returncode, ended.stdout), (1, ""), ended)
        self.assertIn("image_transfer_initiate may not be invoked", ended.stderr)
        self.assertNotIn("action-request", ended.stderr)

    def test_not_without_leave(self) -> None:
        config = self.configure(1, writing="false")
        arguments = ("firmware", "a", str(self.file), config, "--identification=V2", "--yes")
        ended = errand(*arguments)
        self.assertEqual(ended.returncode, 1)
        self.assertIn("writing = true", ended.stderr)
        self.assertNotIn("Traceback", ended.stderr)
