"""The catalogues: what is said of findings and actions, in each language."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from attrs import frozen

from dlmsd.language import Catalogue, Code
from dlmsd.watch.finding import Finding


@frozen
class Language:
    """``texts`` are the catalogue's, by table and key."""

    code: Code
    texts: Mapping[str, Any]

    @classmethod
    @cache
    def of(cls, code: Code) -> Language:
        """One of them, read once."""
        source = files("dlmsd.watch").joinpath("texts", f"{code}.toml")
        return cls(code, tomllib.loads(source.read_text("utf-8")))

    def title(self, finding: Finding) -> str:
        """One line: who and what."""
        return self._rule(finding, "title")

    def tells(self, finding: Finding) -> bool:
        """Whether there are words for it: an older dlmsd had other rules, or other numbers."""
        try:
            self.title(finding)
            self._rule(finding, "evidence")
        except (KeyError, ValueError, IndexError):
            return False
        return True

    def cause(self, finding: Finding) -> str:
        """What most probably is behind it."""
        return self._rule(finding, "cause")

    def evidence(self, finding: Finding) -> tuple[str, ...]:
        """A sentence with the numbers, then what others said."""
        heard = Catalogue.of(self.code).hear
        return self._rule(finding, "evidence"), *map(heard, finding.quotes)

    def word(self, name: str, **values: object) -> str:
        """One of the words around findings."""
        return str(self.texts["words"][name]).format(**values)

    def text(self, table: str, key: str) -> str:
        """An entry without numbers: of actions, preventions, severities, horizons, classes."""
        return str(self.texts[table][key])

    def subject(self, finding: Finding) -> str:
        """Whom or what it is about: a name, or what gaps were caused by."""
        return self._cause(finding.subject) if "cause" in finding.numbers else finding.subject

    def _rule(self, finding: Finding, part: str) -> str:
        text: str = self.texts["rules"][finding.rule][part]
        numbers = dict(finding.numbers)
        if "cause" in numbers:
            numbers["cause"] = self._cause(str(numbers["cause"]))
        return text.format(subject=finding.subject, **numbers)

    def _cause(self, cause: str) -> str:
        """Of a gap."""
        return str(self.texts["gaps"].get(cause, cause))
