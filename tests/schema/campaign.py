"""schemathesis against a running daemon, as visitor of one role, and what became of the daemon."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from dlmsd.orders import PATIENCE
from dlmsd.tokens import Role, add, list_file
from tests.integration.mosquitto import free_port
from tests.integration.processes import ENVIRONMENT, ROOT, DaemonProcess, Meters, wait_until
from tests.integration.rest import SINK, Heard, ask

ROLES: Final = ("admin", "read", "wrong", "none")
# What fits a schema need not fit the rest of the configuration; and of five wrong tokens, the
# sixth request hears 429: those have tests of their own.
SKIPPED: Final = "ignored_auth,positive_data_acceptance"
# A stream that never ends is no answer to compare; tests/web/test_live.py reads it.
ENDLESS: Final = "/api/live"
# Of a day, so that a second reading was somebody's order.
INTERVAL: Final = 86_400
# What people change; all else in the registry changes by itself.
TABLES: Final = {
    "meters": "id, name",
    "own_meters": "*",
    "overrides": "*",
    "measurements": "*",
    "audit": "*",
}


@frozen
class Outcome:
    """Of one run; ``wrong`` is what was not as it should be."""

    role: str
    operations: int
    cases: int
    seconds: float
    wrong: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"{self.role}: {self.cases} cases of {self.operations} operations in "
            f"{self.seconds:.0f} s, {len(self.wrong)} violations"
        )


class Stage:
    """A daemon in ``folder``, from :meth:`start` to :meth:`stop`: everything needs a token.

    One meter of the file is read once, one was added by REST, and an alarm stands.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.meters = Meters(folder, 2)
        text = SINK + self.meters.configuration(INTERVAL).partition("\n[[meters]]\n")[0]
        first = self.meters.configuration(INTERVAL).split("\n[[meters]]\n")[1]
        self.daemon = DaemonProcess(
            folder / "daemon", f"{text}\n[[meters]]\n{first}", port=free_port()
        )
        said = self.daemon.config.read_text()
        web = 'trust_proxy = true\nscan_networks = ["127.0.0.1/32"]\n'
        self.daemon.config.write_text(said.replace("[web]\n", f"[web]\n{web}"))

    def start(self) -> None:
        self.daemon.start()
        self.base = f"http://127.0.0.1:{self.daemon.port}"
        self.token = (self.folder / "daemon/state/web.token").read_text().strip()
        place = self.meters.endpoints[1]
        body = {"name": "added", "ip_address": place["host"], "port": place["port"]}
        answer = self.ask("POST", "/api/meters", body | {"interval": INTERVAL})
        assert answer.status == 201, answer.body
        wait_until(lambda: all(one["good"] for one in self.standing()), "each is read")
        self.raise_alarm()

    def raise_alarm(self) -> None:
        """By a configuration that is refused, as a look at the daemon finds it."""
        right = self.daemon.config.read_text()
        self.daemon.config.write_text(right + "[[meters]\n")
        answer = self.ask("POST", "/api/system/reload")
        assert answer.status == 409, answer.body
        self.daemon.config.write_text(right)
        wait_until(lambda: self.ask("GET", "/api/alarms").json, "an alarm stands", 30)

    def stop(self) -> None:
        self.daemon.kill()
        self.meters.stop()

    def ask(self, method: str, path: str, body: Any = None) -> Heard:
        # From another address than who guesses.
        headers = {"Authorization": f"Bearer {self.token}", "X_Forwarded_For": "192.0.2.1"}
        return ask(self.base, method, path, body, **headers)

    def standing(self) -> list[Any]:
        paths = [f"/api/meters/{one['id']}/status" for one in self.ask("GET", "/api/meters").json]
        return [self.ask("GET", path).json for path in paths]

    def key(self, role: str) -> str:
        """A token of this role; empty for who has none."""
        state = self.folder / "daemon/state"
        if role == "read":
            wanted: Role = "read"
            return (
                add(list_file(state), "reader", wanted, lambda size: b"r" * size, 0)
                .reveal()
                .decode()
            )
        return {"admin": self.token, "wrong": "x" * len(self.token), "none": ""}[role]

    def state(self) -> dict[str, Any]:
        """All that somebody could have changed, and what he could have set going."""
        found: dict[str, Any] = {}
        registry = self.folder / "daemon/state/registry.db"
        with closing(sqlite3.connect(f"file:{registry}?mode=ro", uri=True)) as database:
            for table, columns in TABLES.items():
                found[table] = database.execute(f"SELECT {columns} FROM {table}").fetchall()
            # Once a minute, of who comes with a wrong token: what was tried, not what was done.
            found["audit"] = [row for row in found["audit"] if "login refused" not in row]
            found["acknowledged"] = database.execute(
                "SELECT rule, subject FROM alarms WHERE acknowledged_by IS NOT NULL"
            ).fetchall()
            # More may come, none may go.
            found["alarms"] = database.execute("SELECT min(id) FROM alarms").fetchall()
        for path in (self.daemon.config, list_file(self.folder / "daemon/state")):
            octets = path.read_bytes() if path.exists() else b""
            found[path.name] = hashlib.sha256(octets).hexdigest()
        for place in ("scan/jobs", "provision/jobs"):
            found[place] = self.ask("GET", f"/api/{place}").json
        counts = ("name", "status", "state", "good", "failed")
        found["standing"] = [{key: one[key] for key in counts} for one in self.standing()]
        return found


def run(
    stage: Stage,
    role: str,
    *,
    examples: int,
    seed: int,
    phases: str,
    patience: int,
    paths: str = "",
) -> Outcome:
    """One run as ``role``, before a stage that was started; ``patience`` is in seconds.

    ``paths`` is a regular expression of the paths that are asked; empty for all.
    """
    key = stage.key(role)
    before = stage.state()
    began = time.monotonic()
    told, found = _schemathesis(
        *(f"{stage.base}/api/openapi.json", f"--phases={phases}"),
        *(f"--max-examples={examples}", f"--seed={seed}"),
        *(("--header", f"Authorization: Bearer {key}") if key else ()),
        *((f"--include-path-regex={paths}",) if paths else ()),
        role=role,
        folder=stage.folder,
        patience=patience,
    )
    seconds = time.monotonic() - began
    wrong = [f"schemathesis found something:\n{told[-6000:]}"] if found else []
    if role != "admin":
        wrong += _changed(before, stage.state())
    log = stage.daemon.log.read_text()
    wrong += [f"the log has {sign}" for sign in ("Traceback", key) if sign and sign in log]
    generated = re.search(r"(\d+) generated", told)
    selected = re.search(r"Operations:\s+Selected: (\d+)", told)
    if generated is None or selected is None:
        wrong.append(f"nothing was tried:\n{told[-2000:]}")
    counts = [int(one[1]) if one else 0 for one in (selected, generated)]
    return Outcome(role, *counts, seconds, tuple(wrong))


def _schemathesis(*arguments: str, role: str, folder: Path, patience: int) -> tuple[str, int]:
    """What it printed, and its exit status; -1 if it did not end within ``patience``."""
    hooks = {
        "SCHEMATHESIS_HOOKS": "tests.schema.hooks",
        "PYTHONPATH": str(ROOT),
        "DLMSD_ROLE": role,
    }
    command = [
        *(sys.executable, str(Path(sys.executable).with_name("schemathesis")), "run"),
        *(f"--exclude-checks={SKIPPED}", f"--exclude-path={ENDLESS}"),
        *("--continue-on-failure", "--no-color", "--warnings=off", *arguments),
        # A reading is waited for so long; schemathesis would for ten seconds.
        f"--request-timeout={PATIENCE + 10}",
    ]
    path = folder / f"{role}.txt"
    with path.open("wb") as output:
        try:
            status = subprocess.run(
                command,
                env=ENVIRONMENT | hooks,
                cwd=folder,
                stdout=output,
                stderr=output,
                timeout=patience,
            ).returncode
        except subprocess.TimeoutExpired:
            status = -1
    return re.sub(r"\S{300,}", "...", path.read_text()), status


def _changed(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return [
        f"{what}: {json.dumps(was, default=str)} became {json.dumps(after[what], default=str)}"
        for what, was in before.items()
        if was != after[what]
    ]
