"""``dlmsd outbox`` on a file of its own, and beside one that is in use."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from click import UsageError

from dlmsd.cli.outbox import outbox
from dlmsd.config.values import OutboxOptions
from dlmsd.model import GapCause
from dlmsd.store.lock import Lock
from tests.integration.processes import ENVIRONMENT, ROOT
from tests.store.case import NOW_MS, OutboxCase, reading

CONFIG = """
[daemon]
state_dir = "{folder}"
[[sinks]]
name = "tb"
kind = "mqtt"
url = "mqtt://localhost"
"""


class OutboxCommandTests(OutboxCase):
    options = OutboxOptions(history_days=36_600, keep_delivered_hours=800_000)

    def setUp(self) -> None:
        super().setUp()
        self.config = self.path.with_name("dlmsd.toml").absolute()
        self.config.write_text(
            CONFIG.format(folder=self.path.parent.absolute())
            + "[outbox]\nhistory_days = 36600\nkeep_delivered_hours = 800000\n"
        )
        ids = self.store(*(reading("a", NOW_MS + ts) for ts in range(5)))
        self.outbox.delivered(ids[:2])
        self.outbox.quarantine(ids[2:3], "payload format invalid")
        self.done(self.outbox.gaps.open("b", GapCause.METER_OFF, NOW_MS, NOW_MS + 60_000))
        self.clock.advance(1)

    def status(self, *arguments: str) -> Any:
        return self.invoke("status", *arguments)

    def invoke(self, *arguments: str) -> Any:
        from click.testing import CliRunner

        return CliRunner().invoke(
            outbox,
            [arguments[0], "-c", str(self.config), *arguments[1:]],
            standalone_mode=False,
            catch_exceptions=False,
        )

    def command(self, *arguments: str) -> str:
        """In a process of its own, because it runs the reactor."""
        done = subprocess.run(
            [sys.executable, "-m", "dlmsd", "outbox", *arguments, "-c", str(self.config)],
            capture_output=True, text=True, timeout=60, cwd=ROOT, env=ENVIRONMENT, check=False,
        )  # fmt: skip
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def test_status_while_the_file_is_in_use(self) -> None:
        result = self.status("--gaps", "2000-01-01")
        self.assertEqual(result.return_value, 0)
        for part in ("committed", "payload format invalid", "meter_off", "outbox.db-wal"):
            self.assertIn(part, result.output.replace("outbox.db: ", "outbox.db: "))
        told = json.loads(self.status("--json", "--gaps", "2000-01-01").output)
        (stream,) = told["streams"]
        self.assertEqual(
            stream,
            {"meter": "a", "sink": "tb", "committed": 5, "delivered": 2, "queued": 2,
             "quarantined": 1, "dropped": 0, "oldest_queued_ts": NOW_MS + 3},
        )  # fmt: skip
        self.assertEqual([gap["cause"] for gap in told["gaps"]], ["meter_off"])
        self.assertEqual([one["ts"] for one in told["quarantine"]], [NOW_MS + 2])
        self.assertEqual((told["wrong"], told["max_bytes"]), ([], 1 << 30))

    def test_status_of_counters_that_do_not_agree(self) -> None:
        self.look("UPDATE counters SET delivered = 3")
        result = self.status("--json")
        self.assertEqual(result.return_value, 1)
        self.assertIn("a to tb: committed 5", json.loads(result.output)["wrong"][0])

    def test_no_file(self) -> None:
        self.config.write_text(CONFIG.format(folder=self.path.parent.absolute() / "none"))
        result = self.status()
        self.assertEqual(result.return_value, 1)
        self.assertIn("has not run with this state_dir yet", result.output)

    def test_replay_wants_a_beginning_and_a_known_sink(self) -> None:
        for wrong in ((), ("--from", "then"), ("--from", "-1h", "--sink", "nobody")):
            self.assertRaises(UsageError, self.invoke, "replay", *wrong)

    def test_replay_without_a_daemon(self) -> None:
        self.close()
        self.assertEqual(
            self.command("replay", "--from", "2000-01-01"), "tb: 2 readings are queued again\n"
        )
        told = json.loads(self.command("replay", "--quarantined", "--json"))
        self.assertEqual(told, {"queued": {"tb": 1}})
        self.open()
        self.assertEqual(self.posted[-1].queued, {"tb": 5})

    def test_replay_beside_a_daemon(self) -> None:
        """The one that has the lock does it."""
        lock = Lock(self.path.parent / "dlmsd.lock")
        lock.take()
        self.addCleanup(lock.release)
        process = subprocess.Popen(
            [sys.executable, "-m", "dlmsd", "outbox", "replay", "--from", "2000-01-01",
             "-c", str(self.config)], stdout=subprocess.PIPE, text=True, cwd=ROOT, env=ENVIRONMENT,
        )  # fmt: skip
        self.addCleanup(process.kill)
        while not self.look("SELECT count(*) FROM replays WHERE done_at IS NOT NULL")[0][0]:
            self.clock.advance(2)
            self.assertIsNone(process.poll())
        said, _ = process.communicate(timeout=60)
        self.assertEqual(said, "tb: 2 readings are queued again\n")
        self.assertEqual(self.done(self.outbox.audit()), [])
