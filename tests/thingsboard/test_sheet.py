"""The sheet, the stand-in and its tests name the same lines."""

from __future__ import annotations

import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

HERE = Path(__file__).parent
LINE = re.compile(r"\b([TVGPLACNR]\d{1,2})\b")


class SheetTests(SynchronousTestCase):
    def test_every_line_is_followed_and_tested(self) -> None:
        sheet = re.findall(r"^\* \*\*(\w+)\*\* ", (HERE / "sheet.md").read_text(), re.M)
        self.assertEqual(len(sheet), len(set(sheet)))
        code: set[str] = set()
        tests: set[str] = set()
        for path in HERE.rglob("*.py"):
            named = LINE.findall(path.read_text())
            (tests if path.name.startswith("test_") else code).update(named)
        # What the server does not do at all is nowhere in the code.
        for found, nowhere in ((code, {"L11"}), (tests, set[str]())):
            self.assertEqual((found - set(sheet), set(sheet) - found - nowhere), (set(), set()))
