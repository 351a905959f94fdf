"""What a scan writes down, whatever meters call themselves."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.cli.scan import _entries
from dlmsd.config.load import load
from dlmsd.fleet.scan import Candidate, Finding

HDLC = Candidate("hdlc", 16, 1, 17, 2)
WRAPPED = Candidate("wrapper", 16, 1)
HOSTILE = '\x1b]0;x\x07"\n[[sinks]]\n\u202e'


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
