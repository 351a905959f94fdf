"""What was acknowledged is there after kill -9, and the counters agree with the rows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.store.case import look
from tests.store.committer import METERS

ROOT = Path(__file__).parents[2]
KILLS = 4


class KillTests(SynchronousTestCase):
    def test_acknowledged_commits_survive(self) -> None:
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        path = folder / "outbox.db"
        acknowledged: set[tuple[str, int]] = set()
        for kill in range(KILLS):
            lines = self.run_and_kill(path, 151 + 211 * kill)
            acknowledged.update((meter, int(ts)) for meter, ts in map(str.split, lines))
            self.assertGreater(len(acknowledged), 150 * (kill + 1))
            self.check(path, acknowledged)

    def run_and_kill(self, path: Path, after: int) -> list[str]:
        """All whole lines of a process that was killed once it had said ``after`` of them."""
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.store.committer", str(path)],
            stdout=subprocess.PIPE, text=True, cwd=ROOT,
        )  # fmt: skip
        assert process.stdout is not None
        try:
            lines = [process.stdout.readline() for _ in range(after)]
        finally:
            process.kill()
        rest, _ = process.communicate()
        return [line for line in "".join([*lines, rest]).split("\n")[:-1] if line]

    def check(self, path: Path, acknowledged: set[tuple[str, int]]) -> None:
        stored = look(path, "SELECT meter, ts FROM readings")
        self.assertEqual(acknowledged - set(stored), set())
        self.assertEqual(look(path, "PRAGMA integrity_check"), [("ok",)])
        counted = look(path, "SELECT meter, committed, delivered, dropped FROM counters ORDER BY 1")
        rows = look(
            path,
            "SELECT meter, count(*), count(delivered_at), 0 FROM deliveries GROUP BY 1 ORDER BY 1",
        )
        self.assertEqual(counted, rows)
        self.assertEqual([meter for meter, *_ in rows], list(METERS))
        self.assertGreater(sum(delivered for _, _, delivered, _ in rows), 0)
        self.assertEqual(look(path, "SELECT sum(readings) FROM meters"), [(len(stored),)])
