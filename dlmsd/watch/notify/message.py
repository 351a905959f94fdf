"""What a receiver is told: lines for a mail, JSON for a webhook, values for a template."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from attrs import frozen

from dlmsd.config.notice import NoticeOptions
from dlmsd.store.notices import Change
from dlmsd.watch.finding import Finding
from dlmsd.watch.language import Language
from dlmsd.watch.places import Places
from dlmsd.watch.plan import NOWHERE, Action, Plan

# A line in a list of mails, and what an SMS can hold.
_TITLE: Final = 160


@frozen
class Message:
    """``id`` is the same whenever the same is sent again; ``thread`` that of the alarm.

    ``title`` is one line, ``text`` many; both are printable.
    """

    id: str
    title: str
    text: str
    document: dict[str, Any]
    thread: str | None = None

    @property
    def alarms(self) -> tuple[int, ...]:
        """The ids of those that it tells of."""
        told = self.document.get("notices", [self.document])
        return tuple(dict.fromkeys(one["alarm"] for one in told if "alarm" in one))


def printable(text: str, lines: bool = False) -> str:
    """``text`` without what is none to look at: it steers no header, terminal or page."""
    return "".join(
        char if char.isprintable() or (lines and char == "\n") else "\N{REPLACEMENT CHARACTER}"
        for char in text
    )


@frozen
class Author:
    """Writes in ``language``; ``page`` is where the page is, None where nobody said so.

    ``places`` are where meters and sinks are changed.
    """

    receiver: NoticeOptions
    language: Language
    page: str | None = None
    places: Places = NOWHERE

    def write(self, number: int, documents: Sequence[str], dropped: int) -> Message:
        """The message of these; ``number`` is the first one's, ``dropped`` were given up."""
        if len(documents) == 1 and (report := _report(documents[0])) is not None:
            return self._message(number, report["ts"], report["title"], report["text"], report)
        told = [self._told(msgspec.json.decode(one, type=Change)) for one in documents]
        first = told[0]
        if len(told) == 1 and not dropped:
            at = first["ts"]
            return self._message(number, at, first["title"], self._body(first), first, first)
        lost = self._word("dropped", count=dropped) if dropped else ""
        title = self._word("digest", count=len(told))
        text = "\n\n".join(self._body(one) for one in told)
        text = f"{lost}\n\n{text}" if lost else text
        whole = {"state": "digest", "notices": told, "dropped": dropped, "ts": first["ts"]}
        return self._message(number, first["ts"], title, text, whole)

    def test(self, at: int) -> Message:
        """What shows that a message arrives."""
        title, text = self._word("test"), self._word("test_text", name=self.receiver.name)
        return self._message(0, at, title, text, {"state": "test", "ts": at})

    def _message(
        self,
        number: int,
        at: int,
        title: str,
        text: str,
        document: dict[str, Any],
        alarm: dict[str, Any] | None = None,
    ) -> Message:
        one = f"{self.receiver.name.encode().hex()}.{number}.{at}"
        title = printable(title)
        if self.page:
            text = f"{text}\n\n{self._link()}"
        text = printable(text, lines=True)
        whole = {"id": one, "text": text, "link": self._link(), **document, "title": title}
        thread = f"{self.receiver.name.encode().hex()}.alarm.{alarm['alarm']}" if alarm else None
        return Message(one, title[:_TITLE], text, whole, thread)

    def _link(self) -> str | None:
        return None if self.page is None else f"{self.page}/"

    def _told(self, change: Change) -> dict[str, Any]:
        finding = Finding.decode(change.details)
        message = change.message if finding is None else self.language.title(finding)
        evidence = () if finding is None else self.language.evidence(finding)
        actions = () if finding is None else self._actions(finding, change.at)
        severity = self.language.text("severities", change.severity)
        was = self.language.text("severities", change.was or change.severity)
        head = self._word(change.state, severity=severity, was=was)
        return {
            "state": change.state,
            "alarm": change.alarm,
            "rule": change.rule,
            "subject": printable(change.subject),
            "category": change.category,
            "severity": change.severity,
            "was": change.was,
            "title": printable(f"{head}: {message}"),
            "message": printable(message),
            "cause": None if finding is None else printable(self.language.cause(finding)),
            "evidence": [printable(one) for one in evidence],
            "meters": [] if finding is None else [printable(one) for one in finding.meters],
            "actions": [
                {"text": one.text, "commands": [printable(each) for each in self._ways(one)]}
                for one in actions
            ],
            "ts": change.at,
        }

    def _actions(self, finding: Finding, at: int) -> tuple[Action, ...]:
        return Plan.of([finding], self.language, at, self.places).actions

    def _ways(self, action: Action) -> list[str]:
        return [*action.commands, *(self.places.page + view for view in action.views)]

    def _body(self, told: dict[str, Any]) -> str:
        lines = [told["title"], self._when(told["ts"])]
        if told["state"] != "cleared":
            lines += [one for one in (told["cause"], *told["evidence"]) if one]
            for number, one in enumerate(told["actions"], 1):
                lines.append(f"  {number}. {one['text']}")
                lines += [f"     {command}" for command in one["commands"]]
        return "\n".join(lines)

    def _when(self, ts: int) -> str:
        moment = datetime.fromtimestamp(ts / 1000, UTC).astimezone(self.receiver.timezone)
        return moment.isoformat(" ", "seconds")

    def _word(self, key: str, **values: object) -> str:
        return self.language.text("notices", key).format(**values)


def _report(document: str) -> dict[str, Any] | None:
    found: dict[str, Any] = msgspec.json.decode(document)
    return found if found.get("state") == "report" else None
