"""The commands that need no daemon, run in this process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from click import ClickException
from click.testing import CliRunner, Result
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.cli.command import command
from dlmsd.identity import web_token

GOOD = """
[daemon]
state_dir = "{folder}/state"
[[sinks]]
name = "local"
kind = "mqtt"
url = "mqtt://localhost"
[[meters]]
name = "a"
host = "h"
profile = "microstar"
"""


class CommandTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.config = self.folder / "dlmsd.toml"
        self.config.write_text(GOOD.format(folder=self.folder))

    def run_command(self, *arguments: str) -> Result:
        return CliRunner().invoke(command, arguments, standalone_mode=False, catch_exceptions=False)

    def test_every_part_has_help_with_an_example(self) -> None:
        self.assertGreaterEqual(len(command.commands), 5)
        for name in command.commands:
            self.assertIn("Example: ", self.run_command(name, "--help").output)

    def test_each_is_imported_alone(self) -> None:
        """None waits for the imports of the others: a module of the simulator's takes long."""
        asked = "import sys; from dlmsd.cli.command import command; command.commands['check']; "
        program = asked + "print([name for name in sys.modules if name.startswith('dlmsd.')])"
        output = subprocess.check_output([sys.executable, "-c", program], text=True)
        self.assertIn("dlmsd.cli.check", output)
        self.assertNotIn("dlmsd.simulator", output)
        self.assertNotIn("dlmsd.app", output)

    def test_a_backup_that_has_no_place(self) -> None:
        """The state folder is not at fault, and no name of our own is told."""
        folder = self.folder / "none"
        (self.folder / "file").touch()
        closed = self.folder / "closed"
        closed.mkdir()
        self.patch(os, "access", lambda path, *_, **__: path != closed)
        for target, said in (
            (folder, f"{folder}: no such folder\n"),
            (self.folder / "file", f"{self.folder / 'file'} is no folder\n"),
            (closed, f"{closed}: no file can be made there\n"),
        ):
            words = "backup", str(target / "x.tar"), "-c", str(self.config)
            result = self.run_command(*words)
            self.assertEqual(result.return_value, 1)
            self.assertTrue(result.stderr.startswith(said), result.stderr)
            self.assertIn("or name another FILE", result.stderr)
            self.assertNotIn(".dlmsd-backup-", result.stderr)
        self.assertIn(
            "no existe esa carpeta",
            self.run_command(
                "backup", str(folder / "x.tar"), "-c", str(self.config), "--language", "es"
            ).stderr,
        )

    def test_check_good(self) -> None:
        result = self.run_command("check", "-c", str(self.config))
        self.assertEqual(result.return_value, 0)
        self.assertIn("Meters: 1 active of 1; sinks: local", result.output)
        told = json.loads(self.run_command("check", "--json", "-c", str(self.config)).output)
        self.assertEqual((told["ok"], told["meters"], told["sinks"]), (True, 1, ["local"]))

    def test_check_tells_where_pushes_are_heard(self) -> None:
        text = GOOD.format(folder=self.folder)
        self.config.write_text(text + '[[push]]\nname = "han"\nconnect = "head:2001"\n')
        result = self.run_command("check", "-c", str(self.config))
        self.assertIn("; push: han (head:2001)", result.output)
        told = json.loads(self.run_command("check", "--json", "-c", str(self.config)).output)
        self.assertEqual(told["push"], ["han"])

    def test_check_bad(self) -> None:
        self.config.write_text(GOOD.format(folder=self.folder) + "prot = 1\n")
        result = self.run_command("check", "--json", "-c", str(self.config))
        self.assertEqual(result.return_value, 78)
        (problem,) = json.loads(result.output)["problems"]
        self.assertEqual((problem["line"], problem["key"]), (12, "meters[0].prot"))

    def test_check_warns_of_quirks_that_weaken(self) -> None:
        self.config.write_text(GOOD.format(folder=self.folder) + 'quirks = ["wrong-fcs"]\n')
        result = self.run_command("check", "-c", str(self.config))
        self.assertEqual(result.return_value, 0)
        self.assertIn("warning: meter a: quirk wrong-fcs: octets that were changed", result.output)
        told = json.loads(self.run_command("check", "--json", "-c", str(self.config)).output)
        self.assertEqual(len(told["warnings"]), 1)

    def test_token_is_there_after_the_first_start(self) -> None:
        self.assertRaises(ClickException, self.run_command, "token", "-c", str(self.config))
        (self.folder / "state").mkdir()
        made = web_token(self.folder / "state", os.urandom).reveal().decode()
        self.assertEqual(self.run_command("token", "-c", str(self.config)).output, made + "\n")
