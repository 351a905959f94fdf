"""What ``dlmsd provision`` refuses before it makes anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from click.testing import CliRunner
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.cli.command import command
from tests.owners import others_folder

TEXT: Final = """
[daemon]
state_dir = "{state}"
{key}
[[sinks]]
name = "tb"
kind = "thingsboard"
url = "mqtt://h"
[[meters]]
name = "a"
host = "h"
profile = "microstar"
token = {token}
"""


class RefusalTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.config = self.folder / "dlmsd.toml"
        self.state = others_folder(self, self.folder)

    def provision(self, token: str, key: str = "") -> Any:
        """Nobody answers there, which is exit 1."""
        self.config.write_text(TEXT.format(state=self.state, token=token, key=key))
        self.config.chmod(0o644)
        (self.folder / "password").write_text("canary\n")
        login = ("--url", "http://127.0.0.1:1", "--username", "me@example.org")
        password = ("--password-file", str(self.folder / "password"))
        arguments = ["provision", "-c", str(self.config), *login, *password]
        return CliRunner().invoke(command, arguments)

    def test_a_file_that_the_daemon_could_not_read(self) -> None:
        ended = self.provision('{ file = "a.token" }')
        self.assertIn(f"could not read {self.folder}/a.token", ended.output)
        self.assertIn(f'token = {{ file = "{self.state / "tokens"}/a.token" }}', ended.output)
        self.assertEqual(ended.exit_code, 2)

    def test_a_key_that_only_the_service_is_given(self) -> None:
        key = 'registry_key = { credential = "registry-key" }'
        ended = self.provision('{ sealed = "/dev/null" }', key)
        self.assertIn("this command is not given: registry_key", ended.output)
        self.assertEqual(ended.exit_code, 1)

    def test_a_token_that_only_the_service_is_given(self) -> None:
        ended = self.provision('{ credential = "a" }')
        self.assertIn("is named, not there, and no file", ended.output)
        self.assertEqual(ended.exit_code, 2)
