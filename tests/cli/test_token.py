"""Tokens by name and role: made, listed, removed; what is kept of them."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.cli.command import command
from dlmsd.secret import Secret
from dlmsd.tokens import Tokens, list_file
from tests.store.registry_case import RegistryCase


class TokenTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.config = self.folder / "dlmsd.toml"
        self.config.write_text(f'[daemon]\nstate_dir = "{self.folder / "state"}"\n')
        self.list = list_file(self.folder / "state")
        self.tokens = Tokens(Secret("first"), self.list, time.time)

    def run_it(self, *arguments: str) -> Any:
        return CliRunner().invoke(command, ["token", "-c", str(self.config), *arguments])

    def test_made_listed_removed(self) -> None:
        made = self.run_it("add", "grafana")
        token = made.stdout.strip()
        self.assertEqual(made.exit_code, 0)
        self.assertIn(f"http://127.0.0.1:8425/#token={token}", made.stderr)
        found = self.tokens.find(token.encode())
        assert found is not None
        self.assertEqual((found.name, found.role), ("grafana", "read"))
        self.run_it("add", "ops", "--role", "admin")
        listed = json.loads(self.run_it("list", "--json").stdout)
        names = [(one["name"], one["role"]) for one in listed]
        self.assertEqual(names, [("web", "admin"), ("grafana", "read"), ("ops", "admin")])
        self.assertEqual(listed[1]["last_used"][:2], "20")
        self.assertIsNone(listed[2]["last_used"])
        self.assertRegex(self.run_it("list").stdout, r"grafana +read +20\S+ +20\S+\n")
        self.assertEqual(self.run_it("remove", "grafana").exit_code, 0)
        self.assertIsNone(self.tokens.find(token.encode()))
        self.assertEqual(self.tokens.used("grafana"), 0)

    def test_only_its_digest_is_kept_for_its_owner_alone(self) -> None:
        token = self.run_it("add", "x").stdout.strip()
        self.assertGreaterEqual(len(token), 32)
        self.assertNotIn(token, self.list.read_text())
        self.assertEqual(self.list.stat().st_mode & 0o777, 0o600)

    def test_wrong_use(self) -> None:
        self.run_it("add", "x")
        for arguments in (("add", "x"), ("add", "web"), ("add", "a/b"), ("remove", "nobody")):
            self.assertEqual(self.run_it(*arguments).exit_code, 2, arguments)
        self.list.write_text("[")
        self.assertEqual(self.run_it("add", "y").exit_code, 1)


class AuditTests(RegistryCase):
    """What the command does beside a daemon is in its audit trail."""

    def test_made_and_removed(self) -> None:
        config = self.path.with_name("dlmsd.toml")
        config.write_text(f'[daemon]\nstate_dir = "{self.path.parent.absolute()}"\n')
        for arguments in (("add", "grafana"), ("remove", "grafana"), ("remove", "grafana")):
            CliRunner().invoke(command, ["token", "-c", str(config), *arguments])
        rows = self.done(self.registry.audit.list())
        told = [(one.action, one.subject, one.detail) for one in rows]
        made = ("token added", "grafana", "read")
        self.assertEqual(told, [("token removed", "grafana", ""), made])
        self.assertTrue(rows[0].who.startswith("command ("))
