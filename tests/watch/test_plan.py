"""Plans: each action once, the worst first, with its command; as JSON, Markdown and text."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import click
from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.cli.command import command
from dlmsd.language import LANGUAGES
from dlmsd.store.metrics import Figures
from dlmsd.watch.finding import Finding
from dlmsd.watch.health import HealthReport
from dlmsd.watch.language import Language
from dlmsd.watch.places import Places
from dlmsd.watch.plan import Plan
from dlmsd.watch.remedies import TREATMENTS

REACH = {"address": "h:1", "seconds": 30, "failures": 3, "attempts": 2}
BUSY = Finding("meter-busy", "a", "error", 0.8, REACH, ("closed",), ("a",))
NOISE = Finding("line-noise", "b", "warning", 0.7, {"octets": 300}, (), ("b",))
FULL = Finding("disk-full", "outbox", "critical", 0.95, {"bytes": 1, "queued": 2, "limit": 3})
ENGLISH = Language.of("en")


def given(words: list[str]) -> Path | None:
    """The configuration that a command of dlmsd's is given with these arguments."""
    one: click.Command = command
    config = None
    while isinstance(one, click.Group):
        place = next(index for index, word in enumerate(words) if word in one.commands)
        # Of a group without its command only the options can be parsed.
        alone = click.Command(one.name, params=one.params).make_context("", words[:place])
        config = alone.params.get("config") or config
        one, words = one.commands[words[place]], words[place + 1 :]
    return one.make_context("", words).params.get("config") or config


class PlanTests(SynchronousTestCase):
    def test_order_and_sharing(self) -> None:
        plan = Plan.of([NOISE, BUSY, evolve(BUSY, subject="c", meters=("c",)), FULL], ENGLISH, 7)
        self.assertEqual(plan.actions[0].id, "free-disk")
        self.assertEqual([one.priority for one in plan.actions],
                         list(range(1, len(plan.actions) + 1)))  # fmt: skip
        (end,) = [one for one in plan.actions if one.id == "end-other-client"]
        self.assertEqual(end.subjects, ("a", "c", "b"))
        (test,) = [one for one in plan.actions if one.id == "test-meter"]
        self.assertEqual(test.commands, ("dlmsd doctor meter a", "dlmsd doctor meter c"))
        horizons = [one.horizon for one in plan.actions]
        self.assertEqual(horizons, sorted(horizons, key=["immediate", "short", "long"].index))
        self.assertEqual(len(plan.preventions), len(set(plan.preventions)))

    def test_names_are_one_word_of_a_shell(self) -> None:
        odd = evolve(BUSY, subject="a (b)", meters=("a (b)",))
        (test,) = [one for one in Plan.of([odd], ENGLISH, 0).actions if one.id == "test-meter"]
        self.assertEqual(test.commands, ("dlmsd doctor meter 'a (b)'",))

    def test_commands_are_given_the_file(self) -> None:
        """Each as it is typed: the parser takes it."""
        findings = [Finding(rule, "a", "error", 0.5, _Any(), (), ("a",)) for rule in TREATMENTS]
        places = Places(config="/srv/my dlmsd.toml")
        lines = [one for action in Plan.of(findings, ENGLISH, 0, places).actions
                 for one in action.commands if one.startswith("dlmsd ")]  # fmt: skip
        self.assertGreater(len(lines), 12)
        for line in lines:
            words = shlex.split(line.partition(" && ")[0])
            self.assertEqual(given(words[1:]), Path("/srv/my dlmsd.toml"), line)
        self.assertIn("dlmsd check --config '/srv/my dlmsd.toml' && systemctl reload dlmsd", lines)

    def test_a_login_is_not_tried_lightly(self) -> None:
        refused = Finding("meter-refuses-us", "a", "error", 0.9, REACH, (), ("a",))
        plan = Plan.of([refused], ENGLISH, 0)
        self.assertEqual([one.id for one in plan.actions[:2]], ["correct-password", "test-login"])
        self.assertIn("one more login", plan.actions[1].text)

    def test_json(self) -> None:
        document = json.loads(Plan.of([BUSY], ENGLISH, 7).json(ENGLISH))
        self.assertEqual(document["at"], 7)
        self.assertEqual(document["immediate"][0]["id"], "end-other-client")
        self.assertEqual(document["findings"][0]["evidence"][1], "closed")

    def test_markdown_is_not_written_by_meters(self) -> None:
        hostile = evolve(BUSY, quotes=("[x](http://evil) `rm`",))
        text = Plan.of([hostile], ENGLISH, 0).markdown(ENGLISH)
        self.assertIn("\\[x\\](http://evil) \\`rm\\`", text)
        self.assertTrue(text.startswith("# Action plan\n\n## At once\n\n1. "))

    def test_every_rule_in_every_language_and_form(self) -> None:
        """A place that no number fills would raise here, and so would a missing text."""
        for code in LANGUAGES:
            language = Language.of(code)
            for rule in TREATMENTS:
                numbers = _Any()
                finding = Finding(rule, "a", "error", 0.5, numbers, (), ("a",))
                plan = Plan.of([finding], language, 0)
                self.assertGreaterEqual(len(plan.actions), 1)
                for text in (plan.text(language), plan.markdown(language), plan.json(language)):
                    self.assertNotIn("{", text.split("{", 1)[0] if text[0] == "{" else text)

    def test_nothing_to_do(self) -> None:
        self.assertIn("Nothing to do", Plan.of([], ENGLISH, 0).text(ENGLISH))


class _Any(dict[str, int]):
    def __init__(self) -> None:
        texts = Language.of("en").texts["rules"]
        import string

        for rule in texts.values():
            for text in rule.values():
                self |= {name: 1 for _, name, _, _ in string.Formatter().parse(text) if name}
        self.pop("subject", None)


class HealthTests(SynchronousTestCase):
    def report(self, *findings: Finding, **meters: tuple[int, int]) -> HealthReport:
        figures = {name: Figures(good=g, failed=f) for name, (g, f) in meters.items()}
        return HealthReport(0, 60, figures, 3, findings)

    def test_status(self) -> None:
        self.assertEqual(self.report(a=(90, 10)).status, 0)
        self.assertEqual(self.report(a=(89, 11), b=(9, 0), c=(9, 0)).status, 1)
        self.assertEqual(self.report(NOISE, a=(9, 0)).status, 1)
        self.assertEqual(self.report(FULL, a=(9, 0)).status, 2)
        self.assertEqual(self.report(a=(0, 9), b=(9, 0), c=(9, 0)).status, 1)
        self.assertEqual(self.report(a=(0, 9), b=(9, 0)).status, 2)
        self.assertEqual(self.report().status, 0)

    def test_text_and_document(self) -> None:
        report = self.report(BUSY, a=(1, 9), b=(90, 10))
        self.assertEqual(report.document(ENGLISH)["meters"]["a"]["class"], "critical")
        text = report.text(ENGLISH)
        self.assertIn("Meters: 1 healthy, 0 degraded, 1 critical, 0 down.", text)
        self.assertIn("  a: critical, 10 % (1/10)", text)
        self.assertIn("[error] a: another client holds it", text)
        self.assertIn("[error] a: otro cliente", report.text(Language.of("es")))
