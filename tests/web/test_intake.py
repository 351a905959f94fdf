"""A document of meters beside what is there."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.config.load import load
from dlmsd.fleet.kept import Kept
from dlmsd.web.api import intake as module
from dlmsd.web.api.intake import intake

_FILE = """
[daemon]
state_dir = "state"
[profiles.p]
authentication = "none"
read = { x = "1-0:1.8.0" }
"""


class IntakeTests(SynchronousTestCase):
    def setUp(self) -> None:
        path = Path(self.mktemp())
        path.write_text(_FILE)
        self.kept = Kept.of(load(path, environ={}), (), {}, {})
        self.patch(module, "_MOST_FAULTS", 3)

    def test_more_errors_than_anybody_corrects_are_not_told(self) -> None:
        """Nor is any of it taken, also where what is right would do: not all was looked at."""
        for text in (
            "name,host,profile,wrong\nA,h,p,\n" + "B,h,p,1\n" * 20 + "C,h,p,\n",
            '[{"name": "A", "host": "h", "profile": "p"}' + ",{}" * 20 + "]",
            '[{"name": "A", "host": "h", "profile": "p"}' + ",1" * 20 + "]",
            "name,host,profile,"
            + ",".join(f"c{n}" for n in range(9))
            + "\nA,h,p"
            + ",1" * 9
            + "\nB,b",
        ):
            found = intake(self.kept, text, partial=True)
            self.assertEqual(len(found.faults), 4)
            self.assertIn("from here on", found.faults[-1].message)
            self.assertEqual(found.faults[-1].key, "")
            self.assertTrue(found.refused)
            self.assertEqual(found.meters, ())

    def test_as_many_as_are_told(self) -> None:
        text = "name,host,profile,wrong\nA,h,p,\n" + "".join(f"B{n},h,p,1\n" for n in range(3))
        found = intake(self.kept, text, partial=True)
        self.assertEqual((len(found.faults), [one.name for one in found.meters]), (3, ["A"]))
        self.assertTrue(intake(self.kept, text).refused)
