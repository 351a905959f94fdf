"""A short run of each role; and both judges of a bypass, seen to find one.

docs/proofs.md has the command for many more requests.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.tokens import add, list_file
from tests.integration.rest import RestCase
from tests.schema.campaign import ROLES, Stage, run
from tests.schema.hooks import ADMIN_GETS, bypass

PHASES = "examples,coverage,fuzzing"


class RoleTests(SynchronousTestCase):
    """Nothing that is not described, nothing told or done that the role may not have."""

    def test_every_role(self) -> None:
        stage = Stage(Path(self.mktemp()).absolute())
        self.addCleanup(stage.stop)
        stage.start()
        for role in reversed(ROLES):  # an admin's, which changes everything, is the last
            outcome = run(stage, role, examples=2, seed=1, phases=PHASES, patience=150)
            print(outcome)
            self.assertEqual("\n".join(outcome.wrong), "")
            self.assertGreater(outcome.cases, 2000)


class JudgeTests(SynchronousTestCase):
    def test_what_each_role_may_hear(self) -> None:
        for role, method, path, status, right in (
            ("none", "GET", "/api/meters", 401, True),
            ("none", "GET", "/api/meters", 200, False),
            ("none", "POST", "/api/meters", 422, False),
            ("wrong", "GET", "/api/meters", 401, True),
            ("wrong", "GET", "/api/meters", 429, False),
            ("wrong", "DELETE", "/api/meters/{id}", 404, False),
            ("read", "GET", "/api/meters", 200, True),
            ("read", "GET", "/api/meters", 403, False),
            ("read", "GET", "/api/tokens", 403, True),
            ("read", "GET", "/api/tokens", 200, False),
            ("read", "HEAD", "/api/system/backup", 200, False),
            ("read", "POST", "/api/meters", 403, True),
            ("read", "POST", "/api/meters", 422, False),
            ("read", "PATCH", "/api/meters/{id}", 405, True),
            ("admin", "POST", "/api/meters", 201, True),
            ("admin", "POST", "/api/meters", 401, False),
        ):
            headers = {} if role == "none" and right else {"Authorization": "Bearer any"}
            response: Any = SimpleNamespace(
                status_code=status, request=SimpleNamespace(method=method, headers=headers)
            )
            told = bypass(role, path, {"security": [{}]}, response)
            self.assertEqual(told == "", right, (role, method, path, status))
        self.assertEqual(bypass("none", "/livez", {"security": []}, response), "")


class StateTests(SynchronousTestCase):
    def test_each_kind_of_change_shows(self) -> None:
        stage = Stage(Path(self.mktemp()).absolute())
        self.addCleanup(stage.stop)
        stage.start()
        alarm = stage.ask("GET", "/api/alarms").json[0]["id"]
        search = {"start_ip": "127.0.0.1", "end_ip": "127.0.0.1", "ports": [1]}
        changes: tuple[tuple[str, Callable[[], Any]], ...] = (
            ("standing", lambda: stage.ask("POST", "/api/meters/1/read-now")),
            ("overrides", lambda: stage.ask("POST", "/api/meters/1/stop")),
            ("own_meters", lambda: stage.ask("PATCH", "/api/meters/2", {"port": 9})),
            ("acknowledged", lambda: stage.ask("POST", f"/api/alarms/{alarm}/ack")),
            ("alarms", lambda: stage.ask("DELETE", "/api/alarms?delete_all=true")),
            ("audit", lambda: stage.ask("POST", "/api/system/reload")),
            ("scan/jobs", lambda: stage.ask("POST", "/api/scan/network", search)),
            ("web.tokens", lambda: add(self.tokens(stage), "x", "read", lambda n: b"x" * n, 0)),
        )
        for what, change in changes:
            before = stage.state()
            self.assertEqual(stage.state(), before)
            answer = change()
            self.assertLess(getattr(answer, "status", 0), 300, what)
            self.assertNotEqual(stage.state()[what], before[what], what)

    def tokens(self, stage: Stage) -> Path:
        return list_file(stage.folder / "daemon/state")


class DocumentTests(RestCase):
    def test_who_only_reads_gets_all_but_these(self) -> None:
        """On loopback, where reads are free, the document says which of GET are not."""
        self.begin()
        paths = self.good("GET", "/api/openapi.json")["paths"]
        guarded = {path for path, one in paths.items() if "get" in one and one["get"]["security"]}
        self.assertEqual(guarded, ADMIN_GETS)
        self.end()
