"""From findings to an action plan: what is to be done, in which order, where, and why."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
from attrs import define, field, frozen

from dlmsd.watch.finding import NAMED, Finding, Horizon
from dlmsd.watch.language import Language
from dlmsd.watch.places import Places
from dlmsd.watch.remedies import REMEDIES, TREATMENTS

NOWHERE: Final = Places()
HORIZONS: Final[tuple[Horizon, ...]] = ("immediate", "short", "long")


def told(finding: Finding, language: Language) -> dict[str, Any]:
    """A finding in words, for JSON."""
    kept = {} if finding.at is None else {"at": finding.at, "gone": finding.gone}
    return {
        "rule": finding.rule,
        "subject": finding.subject,
        "severity": finding.severity,
        "title": language.title(finding),
        "cause": language.cause(finding),
        "confidence": finding.confidence,
        "evidence": list(language.evidence(finding)),
        "meters": list(finding.meters),
        **kept,
    }


def evidence(finding: Finding, language: Language, now: int) -> list[str]:
    """Its sentences for a reader of ``now`` (Unix ms), with the time they are of if that was
    before."""
    first, *quotes = language.evidence(finding)
    if finding.at is None:
        return [first, *quotes]
    moment, today = (datetime.datetime.fromtimestamp(ms / 1000) for ms in (finding.at, now))
    time = f"{moment:%H:%M:%S}" if moment.date() == today.date() else f"{moment:%F %H:%M:%S}"
    if finding.gone:
        return [first, *quotes, language.word("gone", time=time)]
    return [f"{first} ({language.word('as_of', time=time)})", *quotes]


@frozen
class Action:
    """One thing to do, once for all ``subjects``.

    ``priority`` counts from 1, the most urgent; ``commands``, and ``views`` of the page, are for
    the first of the subjects, ``because`` are the findings' titles.
    """

    id: str
    priority: int
    horizon: Horizon
    minutes: int
    text: str
    commands: tuple[str, ...]
    views: tuple[str, ...]
    subjects: tuple[str, ...]
    because: tuple[str, ...]


@define
class _Gathered:
    """An action so far: ``urgency`` is smaller for what comes first."""

    urgency: tuple[int, int]
    findings: list[Finding] = field(factory=list)


@frozen
class Plan:
    """Made ``at`` (Unix ms) from ``findings``; actions by priority. ``page`` is its address."""

    at: int
    findings: Sequence[Finding]
    actions: tuple[Action, ...]
    preventions: tuple[str, ...]
    page: str = ""

    @classmethod
    def of(
        cls,
        findings: Iterable[Finding],
        language: Language,
        at: int,
        places: Places = NOWHERE,
    ) -> Plan:
        """Each action once, however many findings ask for it; the worst finding's first."""
        ordered = sorted(findings, key=lambda one: (-one.rank, one.rule, one.subject))
        gathered: dict[str, _Gathered] = {}
        for finding in ordered:
            for place, name in enumerate(TREATMENTS[finding.rule].actions):
                urgency = -finding.rank, place
                known = gathered.setdefault(name, _Gathered(urgency))
                known.urgency = min(known.urgency, urgency)
                known.findings.append(finding)
        names = sorted(gathered, key=lambda name: (_order(name), gathered[name].urgency, name))
        actions = tuple(
            _action(name, number, gathered[name].findings, language, places)
            for number, name in enumerate(names, 1)
        )
        prevented = dict.fromkeys(
            name for one in ordered for name in TREATMENTS[one.rule].preventions
        )
        preventions = tuple(language.text("preventions", name) for name in prevented)
        return cls(at, ordered, actions, preventions, places.page)

    def document(self, language: Language) -> dict[str, Any]:
        """For JSON."""
        return {
            "at": self.at,
            "findings": [told(one, language) for one in self.findings],
            **{
                horizon: [
                    {
                        "id": one.id,
                        "priority": one.priority,
                        "text": one.text,
                        "minutes": one.minutes,
                        "commands": list(one.commands),
                        "views": list(one.views),
                        "subjects": list(one.subjects),
                        "because": list(one.because),
                    }
                    for one in self.actions
                    if one.horizon == horizon
                ]
                for horizon in HORIZONS
            },
            "preventions": list(self.preventions),
        }

    def json(self, language: Language) -> str:
        """The document as JSON."""
        return msgspec.json.encode(self.document(language)).decode()

    def text(self, language: Language) -> str:
        """For a terminal."""
        return self._written(language, markdown=False)

    def markdown(self, language: Language) -> str:
        """For a ticket or a file."""
        return self._written(language, markdown=True)

    def _written(self, language: Language, *, markdown: bool) -> str:
        head, code = ("## ", "`") if markdown else ("", "")
        clean = _escaped if markdown else str
        lines = [("# " if markdown else "") + language.word("plan"), ""]
        if not self.findings:
            return "\n".join([*lines, language.word("nothing")])
        for horizon in HORIZONS:
            chosen = [one for one in self.actions if one.horizon == horizon]
            if not chosen:
                continue
            lines += [head + language.text("horizons", horizon), ""]
            for one in chosen:
                minutes = language.word("minutes", minutes=one.minutes)
                lines.append(f"{one.priority}. {one.text} ({minutes})")
                lines += [f"   {code}{command}{code}" for command in one.commands]
                lines += [f"   {self.page}{view}" for view in one.views]
                named = ", ".join(clean(name) for name in one.subjects[:NAMED])
                lines.append(f"   {language.word('where')}: {named}{_more(one.subjects, language)}")
            lines.append("")
        lines += [head + language.word("findings"), ""]
        for finding in self.findings:
            severity = language.text("severities", finding.severity)
            lines.append(f"* [{severity}] {clean(language.title(finding))}")
            sure = language.word("cause", percent=round(100 * finding.confidence))
            lines.append(f"  {sure}: {clean(language.cause(finding))}")
            lines += [f"  {clean(one)}" for one in evidence(finding, language, self.at)]
        lines += ["", head + language.word("prevention"), ""]
        lines += [f"* {one}" for one in self.preventions]
        return "\n".join(lines)


def _order(name: str) -> int:
    return HORIZONS.index(REMEDIES[name].horizon)


def _action(
    name: str, number: int, findings: list[Finding], language: Language, places: Places
) -> Action:
    remedy = REMEDIES[name]
    views = {one.key: places.view(remedy.view, one) for one in findings if remedy.view}
    in_file = [one for one in findings if not views.get(one.key)]
    commands = dict.fromkeys(_command(remedy.command, one, places.config) for one in in_file)
    return Action(
        name,
        number,
        remedy.horizon,
        remedy.minutes,
        language.text("actions", name),
        tuple(command for command in commands if command)[:NAMED],
        tuple(dict.fromkeys(view for view in views.values() if view))[:NAMED],
        tuple(dict.fromkeys(language.subject(one) for one in findings)),
        tuple(language.title(one) for one in findings[:NAMED]),
    )


def _command(template: str, finding: Finding, config: str) -> str:
    meter = finding.meters[0] if finding.meters else ""
    if "{meter}" in template and not meter:
        return ""
    option = f" --config {_word(config)}" if config else ""
    return template.format(subject=_word(finding.subject), meter=_word(meter), config=option)


def _word(text: str) -> str:
    """As one word of a shell: names may have spaces and parentheses."""
    plain = all(char.isalnum() or char in "._-/:" for char in text)
    return text if plain and text else "'" + text.replace("'", "'\\''") + "'"


def _more(subjects: Sequence[str], language: Language) -> str:
    rest = len(subjects) - NAMED
    return " " + language.word("more", count=rest) if rest > 0 else ""


def _escaped(text: str) -> str:
    """What a meter or broker says is no Markdown."""
    return "".join("\\" + char if char in "\\`*_[]<>#|" else char for char in text)
