"""Steps of a way, one after the other: which one fails, why, and how long each took."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from typing import Any

import click
from attrs import define, field, frozen
from twisted.internet.threads import deferToThread

from dlmsd.cli.language import hear, say
from dlmsd.cli.terminal import printable, show_table
from dlmsd.errors import DlmsdError
from dlmsd.watch.language import Language


@frozen
class Step:
    """``name`` is a key of the catalogue; ``seconds`` is None where it was not measured."""

    name: str
    good: bool
    seconds: float | None
    detail: str = ""
    advice: str = ""


@define
class Walk:
    """A way to ``subject``, and what was found on it."""

    subject: str
    now: Callable[[], float] = time.monotonic
    steps: list[Step] = field(factory=list)
    hint: str = ""
    _since: float = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._since = self.now()

    @property
    def good(self) -> bool:
        """Whether no step failed."""
        return all(one.good for one in self.steps)

    def passed(self, name: str, detail: str = "", at: float | None = None) -> None:
        """A step is done, now or ``at`` a moment that ``now`` gave."""
        moment = self.now() if at is None else at
        self.steps.append(Step(name, True, max(0.0, moment - self._since), detail))
        self._since = moment

    def failed(self, name: str, error: DlmsdError) -> None:
        """The way ends here."""
        seconds = self.now() - self._since
        self.steps.append(Step(name, False, seconds, str(error), error.advice))

    def document(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "subject": self.subject,
            "good": self.good,
            "steps": [
                {
                    "step": one.name,
                    "good": one.good,
                    "seconds": None if one.seconds is None else round(one.seconds, 4),
                    "detail": one.detail,
                    "advice": one.advice,
                }
                for one in self.steps
            ],
            "hint": self.hint,
        }


def show(walks: list[Walk], language: Language, *, as_json: bool) -> int:
    """All of them; 0 where every one is good, else 1."""
    if as_json:
        click.echo(json.dumps([one.document() for one in walks]))
    else:
        for one in walks:
            click.echo(printable(f"{one.subject}:"))
            _table(one, language)
    return 0 if all(one.good for one in walks) else 1


def _table(walk: Walk, language: Language) -> None:
    words = language.texts["steps"]
    show_table(
        (words["step"], "", "s", ""),
        (
            (
                words[one.name],
                words["good"] if one.good else words["failed"],
                "" if one.seconds is None else f"{one.seconds:.3f}",
                hear(one.detail),
            )
            for one in walk.steps
        ),
    )
    for one in walk.steps:
        if one.advice:
            click.echo(printable(say(one.advice)))
    if walk.hint:
        click.echo(printable(words[walk.hint]))


async def addresses(host: str, port: int) -> list[str]:
    """What ``host`` is called in numbers. OSError without any."""
    found = await deferToThread(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(where[0]) for *_, where in found))
