"""Every seeded bug still fits the source, and a few are caught here and now."""

from __future__ import annotations

from pathlib import Path

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from tests.mutants.campaign import MUTANTS, ROOT, judge
from tests.mutants.mutant import Catcher, StaleMutantError

QUICK = ("the header check is not looked at", "the meter's proof is not looked at")


class FitTests(SynchronousTestCase):
    def test_so_many_bugs_and_no_two_alike(self) -> None:
        self.assertGreater(len(MUTANTS), 30)
        self.assertEqual(len({mutant.name for mutant in MUTANTS}), len(MUTANTS))

    def test_each_fits_and_compiles(self) -> None:
        for mutant in MUTANTS:
            with self.subTest(mutant.name):
                text = mutant.mutated(ROOT)
                self.assertNotEqual(text, Path(ROOT, "dlmsd", mutant.file).read_text())

    def test_one_that_does_not_is_told(self) -> None:
        for old in ("no such text", "import"):
            mutant = evolve(MUTANTS[0], edits=((old, ""),))
            with self.assertRaises(StaleMutantError):
                mutant.mutated(ROOT)


class CatchTests(SynchronousTestCase):
    def test_quick_ones_are_caught(self) -> None:
        for mutant in MUTANTS:
            if mutant.name in QUICK:
                verdict = judge(mutant.catcher, mutant)
                self.assertTrue(verdict.good, verdict.output)

    def test_a_catcher_that_sees_nothing(self) -> None:
        blind = Catcher("nobody", ("true",), "")
        self.assertFalse(judge(blind, MUTANTS[0]).good)
        self.assertTrue(judge(blind, None).good)

    def test_one_that_says_nothing_has_seen_nothing(self) -> None:
        (quick,) = (mutant for mutant in MUTANTS if mutant.name == QUICK[1])
        self.assertFalse(judge(Catcher("a crash", ("false",), "broken"), quick).good)

    def test_what_others_cannot_import_is_not_caught(self) -> None:
        (quick,) = (mutant for mutant in MUTANTS if mutant.name == QUICK[1])
        broken = evolve(quick, edits=(("class Agreement:\n", "class Agreed:\n"),))
        verdict = judge(broken.catcher, broken)
        self.assertFalse(verdict.good)
        self.assertIn("FAILED (errors=1)", verdict.output)

    def test_what_cannot_be_imported_is_not_caught(self) -> None:
        (quick,) = (mutant for mutant in MUTANTS if mutant.name == QUICK[1])
        old = "from __future__ import annotations\n"
        broken = evolve(quick, edits=((old, f"{old}\nimport no_such_module\n"),))
        verdict = judge(broken.catcher, broken)
        self.assertFalse(verdict.good)
        self.assertIn("no_such_module", verdict.output)
