"""Both catalogues say the same things, and every rule has its words and its treatment."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

import dlmsd.watch
from dlmsd.cli.command import command
from dlmsd.language import LANGUAGES
from dlmsd.model import CloseCause, GapCause
from dlmsd.watch.finding import Finding
from dlmsd.watch.language import Language
from dlmsd.watch.remedies import REMEDIES, TREATMENTS
from dlmsd.watch.rules.reach import REACH

ROOM = Path(dlmsd.watch.__file__).parent


def flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in table.items():
        if isinstance(value, str):
            found[prefix + key] = value
        else:
            found |= flat(value, f"{prefix}{key}.")
    return found


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


class TextTests(SynchronousTestCase):
    def test_the_same_keys_and_places_in_both_languages(self) -> None:
        english, spanish = (flat(Language.of(code).texts) for code in LANGUAGES)
        self.assertEqual(english.keys(), spanish.keys())
        for key, text in english.items():
            self.assertEqual(places(text), places(spanish[key]), key)
            self.assertTrue(text.strip() and spanish[key].strip(), key)
            if key.endswith((".cause", ".evidence")):
                self.assertNotEqual(text, spanish[key])

    def test_what_others_said_is_heard_in_the_language(self) -> None:
        quotes = ("no route to the host", "words of a broker")
        finding = Finding("meters-refused", "x", "error", 0.5, {"count": 1}, quotes)
        self.assertEqual(Language.of("en").evidence(finding)[1:], quotes)
        self.assertEqual(
            Language.of("es").evidence(finding)[1:], ("no hay ruta al host", "words of a broker")
        )

    def test_every_rule_has_words_and_a_treatment(self) -> None:
        texts = Language.of("en").texts
        self.assertEqual(texts["rules"].keys(), TREATMENTS.keys())
        self.assertEqual(texts["actions"].keys(), REMEDIES.keys())
        used = {name for one in TREATMENTS.values() for name in one.actions}
        self.assertEqual(used, REMEDIES.keys())
        prevented = {name for one in TREATMENTS.values() for name in one.preventions}
        self.assertEqual(prevented, texts["preventions"].keys())

    def test_every_cause_of_a_gap_has_words(self) -> None:
        self.assertEqual(Language.of("en").texts["gaps"].keys(), {one.value for one in GapCause})

    def test_every_rule_that_the_code_names_is_known(self) -> None:
        named = {f"sink-{cause.value.replace('_', '-')}" for cause in CloseCause} | REACH
        for path in ROOM.glob("rules/*.py"):
            named |= set(re.findall(r'"([a-z]+-[a-z-]+[a-z])"', path.read_text()))
        named -= {"meter-", "sink-"}
        self.assertEqual(named - TREATMENTS.keys(), set())

    def test_every_command_exists(self) -> None:
        for name, remedy in REMEDIES.items():
            words = remedy.command.split()
            if words[:1] == ["dlmsd"]:
                self.assertIn(words[1].removesuffix("{config}"), command.commands, name)
                self.assertIn("{config}", remedy.command, name)

    def test_one_of_a_thing_is_said_as_well_as_many(self) -> None:
        """Where one is possible, no word behind the number would have to change."""
        counted = re.compile(r"\{(failures|queued|gaps|meters|readings)\} [a-z]")
        several = {"notice-failing.evidence"}
        for code in LANGUAGES:
            for key, text in flat(Language.of(code).texts["rules"]).items():
                if key not in several:
                    self.assertIsNone(counted.search(text), f"{code} {key}")
