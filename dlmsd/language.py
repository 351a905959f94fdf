"""What dlmsd says, in the language of who reads it.

The English stands in the code and is the key: ``texts/<code>/*.toml`` have the same in another
language. ``advice.toml`` and ``command.toml`` hold texts that the code names when it speaks.
``errors.toml`` holds sentences that were finished long before it was known who reads them, in
logs and states: its keys are their patterns, whose ``{names}`` stand for whatever is there.
"""

from __future__ import annotations

import re
import string
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal, TypeAlias

from attrs import frozen

Code: TypeAlias = Literal["en", "es"]
LANGUAGES: Final[tuple[Code, ...]] = ("en", "es")
# Browsers name a handful.
_MOST_RANGES: Final = 32


def preferred(accepted: str) -> Code | None:
    """The first of ours that a reader wants, by ``Accept-Language`` (RFC 9110 12.5.4).

    None if none of ours is named.
    """
    wanted: list[tuple[float, int, Code]] = []
    for place, one in enumerate(accepted.split(",")[:_MOST_RANGES]):
        tag, _, weight = one.partition(";")
        code = tag.strip().partition("-")[0].lower()
        found = re.fullmatch(r"\s*q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*", weight)
        quality = float(found[1]) if found else 0.0 if weight else 1.0
        wanted += [(-quality, place, known) for known in LANGUAGES if code == known and quality]
    return min(wanted)[2] if wanted else None


@frozen
class Catalogue:
    """Texts of the other language by the English, empty for English: of errors' ``advice``, of
    what is ``said`` in all, and of what is ``heard``, by patterns.
    """

    advice: Mapping[str, str]
    said: Mapping[str, str]
    heard: Mapping[str, str]

    @classmethod
    @cache
    def of(cls, code: Code) -> Catalogue:
        """One of them, read when it is first needed."""
        if code == "en":
            return cls({}, {}, {})
        advice = dict(_read(code, "advice"))
        said = advice | dict(_read(code, "command"))
        # What has more letters of its own says more; of two that fit, it is meant.
        patterns = sorted(_read(code, "errors"), key=lambda pair: -_weight(pair[0]))
        return cls(advice, said, dict(patterns))

    def say(self, english: str, /, **values: object) -> str:
        """A text that the code names, its ``{names}`` filled in where it has any."""
        text = self.said.get(english, english)
        return text.format(**values) if values else text

    def hear(self, sentence: str) -> str:
        """A finished English sentence; as it is where the catalogue has none like it.

        What precedes a colon, a place mostly, need not be known.
        """
        if not self.heard:
            return sentence
        for pattern, text in self.heard.items():
            if (found := matched(pattern, sentence)) is not None:
                told = {key: self.hear(one) if " " in one else one for key, one in found.items()}
                return text.format(**told)
        head, colon, tail = sentence.partition(": ")
        return f"{head}{colon}{self.hear(tail)}" if tail else self.said.get(sentence, sentence)


def matched(pattern: str, sentence: str) -> Mapping[str, str] | None:
    """What stands for the names of ``pattern``, each as short as can be; None if it is another
    sentence."""
    parts = tuple(string.Formatter().parse(pattern))
    if not all(literal in sentence for literal, *_ in parts):
        return None
    wanted = "".join(
        re.escape(literal) + ("" if name is None else f"(?P<{name}>.*?)")
        for literal, name, *_ in parts
    )
    found = re.fullmatch(wanted, sentence)
    return found.groupdict() if found else None


def _weight(pattern: str) -> int:
    return sum(len(literal) for literal, *_ in string.Formatter().parse(pattern))


def _read(code: Code, name: str) -> Iterator[tuple[str, str]]:
    source = files("dlmsd").joinpath("texts", code, f"{name}.toml")
    table: Mapping[str, Any] = tomllib.loads(source.read_text("utf-8"))
    for texts in table.values():
        yield from texts.items()
