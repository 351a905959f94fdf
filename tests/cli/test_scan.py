"""What a scan writes down, whatever meters call themselves."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

import dlmsd.cli.scan
from dlmsd.cli.exits import FAILED
from dlmsd.cli.scan import _entries
from dlmsd.config.load import load
from dlmsd.fleet.scan import Candidate, Finding, Scan

HDLC = Candidate("hdlc", 16, 1, 17, 2)
WRAPPED = Candidate("wrapper", 16, 1)
HOSTILE = '\x1b]0;x\x07"\n[[sinks]]\n\u202e'


class EndedTests(SynchronousTestCase):
    """Ctrl-C is no scan that found nothing."""

    def scanned(self, language: str, *, ended: bool) -> Result:
        async def run(scan: Scan, progress: Callable[[int, int], None]) -> None:
            progress(3, 14)
            scan.found.append(Finding("10.0.0.1", 3333, HDLC, "an association"))
            if ended:
                raise CancelledError

        def errand(work: Callable[[Any], Awaitable[int]]) -> int:
            done: list[int] = []
            running = Deferred.fromCoroutine(work(None))
            running.addCallbacks(done.append, lambda failure: failure.trap(CancelledError) and None)
            return done[0] if done else FAILED

        self.patch(Scan, "run", run)
        self.patch(dlmsd.cli.scan, "errand", errand)
        words = ["--language", language, "--json", "10.0.0.0/28"]
        return CliRunner().invoke(dlmsd.cli.scan.scan, words, standalone_mode=False)

    def test_ended(self) -> None:
        result = self.scanned("en", ended=True)
        self.assertEqual(result.return_value, FAILED)
        self.assertIn("ended before its time: 3 of 14 hosts were asked\n", result.stderr)
        self.assertEqual([one["host"] for one in json.loads(result.stdout)], ["10.0.0.1"])
        self.assertIn("se preguntó a 3 de 14 hosts", self.scanned("es", ended=True).stderr)

    def test_whole(self) -> None:
        result = self.scanned("en", ended=False)
        self.assertEqual(result.return_value, 0)
        self.assertNotIn("before its time", result.stderr)


class SavedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.file = Path(self.mktemp()).absolute()

    def saved(self, *found: Finding) -> list[str]:
        """The names of the meters in the file, which a daemon would take."""
        text = "".join(_entries(found))
        self.assertTrue(text.replace("\n", "").isprintable(), text)
        self.file.write_text(text)
        configuration = load(self.file, environ={})
        self.assertEqual(len(configuration.meters), len(found))
        self.assertEqual(configuration.sinks, ())
        return [one.name for one in configuration.meters]

    def test_names_are_their_own_and_different(self) -> None:
        self.assertEqual(
            self.saved(
                Finding("10.0.0.1", 3333, HDLC, "an association", "LGZ 0001", "0001"),
                Finding("10.0.0.2", 3333, HDLC, "an association", "LGZ 0001"),
                Finding("10.0.0.3", 4059, WRAPPED, "an association", "", "17"),
                Finding("fd00::4", 4059, WRAPPED, "rejected-permanent"),
                Finding("10.0.0.5", 4059, WRAPPED, "an association", "status"),
            ),
            ["LGZ 0001", "LGZ 0001-2", "17", "meter fd00-4", "meter status"],
        )

    def test_hostile_names(self) -> None:
        self.saved(Finding("10.0.0.1", 3333, HDLC, HOSTILE, HOSTILE, HOSTILE))

    @given(st.text(), st.text(), st.text())
    def test_any_names(self, evidence: str, name: str, serial: str) -> None:
        self.saved(Finding("10.0.0.1", 3333, HDLC, evidence, name, serial))
