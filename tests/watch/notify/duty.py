"""A receiver on a registry in virtual time, and a way to it that keeps what it takes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from dlmsd.config.notice import NoticeOptions, WatchOptions
from dlmsd.config.values import Configuration, DaemonOptions, OutboxOptions, WebOptions
from dlmsd.store.metrics import Figures
from dlmsd.watch.finding import Finding
from dlmsd.watch.health import HealthReport
from dlmsd.watch.notify.message import Message
from dlmsd.watch.notify.notifier import Notifier
from dlmsd.watch.notify.trouble import UnreachedError
from tests.store.registry_case import RegistryCase

NUMBERS = {"address": "h:1", "seconds": 30, "failures": 3, "attempts": 2}
BUSY = Finding("meter-busy", "a", "error", 0.8, NUMBERS, ("closed",), ("a",))
DUTY = NoticeOptions("duty", "webhook", url="https://h/")
# A Monday at noon, UTC.
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC).timestamp()


class Desk:
    """Whoever is told. ``down`` refuses, ``hold`` answers only when ``answer`` is called."""

    def __init__(self) -> None:
        self.taken: list[Message] = []
        self.attempts = 0
        self.down = self.hold = False
        self.held: list[Deferred[None]] = []

    def way(self, options: NoticeOptions, reactor: Any) -> Desk:
        return self

    async def send(self, message: Message) -> str:
        self.attempts += 1
        if self.down:
            raise UnreachedError("nobody is there")
        if self.hold:
            waiting: Deferred[None] = Deferred()
            self.held.append(waiting)
            await waiting
        self.taken.append(message)
        return "200"

    def close(self) -> None:
        pass

    def answer(self) -> None:
        self.held.pop(0).callback(None)

    @property
    def said(self) -> list[tuple[str, ...]]:
        """The states of each message's alarms."""
        return [
            tuple(each["state"] for each in one.document.get("notices", [one.document]))
            for one in self.taken
        ]


class DutyCase(RegistryCase):
    def setUp(self) -> None:
        super().setUp()
        self.now = NOON
        self.desk = Desk()
        self.clock = Clock()
        self.reports = 0

    def begin(self, *receivers: NoticeOptions) -> None:
        """A life of the notifier, with these receivers."""
        self.notifier = Notifier(
            self.registry, self.clock, lambda: self.now, self.report, self.desk.way
        )
        self.change(*receivers)

    def change(self, *receivers: NoticeOptions) -> None:
        self.notifier.change(configured(*receivers))
        self.notifier.look()

    async def report(self) -> HealthReport:
        self.reports += 1
        meters = {"a": Figures(good=90, failed=10, delivered=90), "b": Figures(failed=9)}
        return HealthReport(int(self.now * 1000), 1440, meters, 10, [])

    def wait(self, seconds: float, step: float = 10.0) -> None:
        while seconds > 0:
            self.now += min(step, seconds)
            self.clock.advance(min(step, seconds))
            self.notifier.look()
            seconds -= step

    def until(self, hour: int, minute: int = 0) -> None:
        """UTC, of this day or the next one."""
        there = (hour * 60 + minute) * 60
        self.wait((there - self.now % 86_400) % 86_400, 60.0)

    def raised(self, finding: Finding = BUSY, severity: Any = None) -> None:
        found = evolve(finding, severity=severity or finding.severity)
        said = {"category": "connection", "details": found.encode()}
        title = f"{found.subject}: another client holds it"
        self.done(
            self.registry.alarms.raise_(found.rule, found.subject, found.severity, title, **said)
        )

    def cleared(self, finding: Finding = BUSY) -> None:
        self.done(self.registry.alarms.clear(*finding.key))


def configured(*receivers: NoticeOptions) -> Configuration:
    return Configuration(
        Path("dlmsd.toml"),
        DaemonOptions(Path("state")),
        WebOptions(),
        OutboxOptions(),
        (),
        (),
        notices=receivers,
        watch=WatchOptions(page="https://page"),
    )
