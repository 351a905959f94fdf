"""The list of quirks: each named, sourced, and told to the operator."""

from __future__ import annotations

import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms import quirks
from dlmsd.dlms.quirks import QUIRKS, Quirk

METERS = (Path(__file__).parents[2] / "docs" / "meters.md").read_text(encoding="utf-8")


class QuirkTests(SynchronousTestCase):
    def test_all_are_listed_by_their_names(self) -> None:
        defined = {one for one in vars(quirks).values() if isinstance(one, Quirk)}
        self.assertEqual(set(QUIRKS.values()), defined)
        for name, quirk in QUIRKS.items():
            self.assertEqual(quirk.name, name)
            self.assertTrue(re.fullmatch(r"[a-z]+(-[a-z]+)*", name))

    def test_each_has_its_meters_and_its_source(self) -> None:
        for quirk in QUIRKS.values():
            self.assertTrue(quirk.meters and quirk.source and quirk.change, quirk.name)

    def test_each_stands_in_the_documents_with_what_it_weakens(self) -> None:
        rows = {row.split("`")[1]: row for row in METERS.splitlines() if row.startswith("| `")}
        self.assertEqual(set(rows), set(QUIRKS))
        for name, quirk in QUIRKS.items():
            for told in (quirk.meters, quirk.source, quirk.change, quirk.weakens):
                self.assertIn(told, rows[name])


class RowTests(SynchronousTestCase):
    def test_each_test_of_the_documents_exists(self) -> None:
        source = "".join(
            path.read_text(encoding="utf-8") for path in Path(__file__).parents[1].rglob("*.py")
        )
        files = {path.stem for path in Path(__file__).parents[1].rglob("test_*.py")}
        _, _, rows = METERS.partition("one by one")
        named = re.findall(r"`(?:meter/)?(test_\w+)(?:\.(\w+))?`", rows)
        self.assertGreater(len(named), 50)
        for first, second in named:
            with self.subTest(first=first, second=second):
                self.assertTrue(first in files or f"def {first}(" in source)
                if second:
                    self.assertTrue(re.search(rf"(def|class) {second}\(", source))
