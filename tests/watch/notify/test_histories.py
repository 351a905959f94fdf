"""Whatever alarms do and however often the daemon is killed: one notice for each change."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from tests.watch.notify.duty import BUSY, DUTY, NOON, Desk, DutyCase

SUBJECTS = st.sampled_from("abc")
SEVERITIES = st.sampled_from(["info", "warning", "error", "critical"])
STEPS = st.one_of(
    st.tuples(st.just("raise"), SUBJECTS, SEVERITIES),
    st.tuples(st.just("clear"), SUBJECTS),
    st.tuples(st.just("wait"), st.integers(1, 2000)),
    st.tuples(st.sampled_from(["down", "up", "hold", "answer", "kill", "stop", "deaf"])),
)


class Model:
    """What a receiver must hear in the end: (subject, state, severity), in order."""

    def __init__(self) -> None:
        self.standing: dict[str, str] = {}
        self.expected: list[tuple[str, str, str]] = []

    def raise_(self, subject: str, severity: str) -> None:
        before = self.standing.get(subject)
        self.standing[subject] = severity
        if before != severity:
            self.expected.append((subject, "changed" if before else "raised", severity))

    def clear(self, subject: str) -> None:
        severity = self.standing.pop(subject, None)
        if severity is not None:
            self.expected.append((subject, "cleared", severity))


class HistoryTests(DutyCase):
    """``doubts`` are messages that were taken, and whose sender was killed before it knew."""

    @settings(max_examples=60, deadline=None)
    @given(st.lists(STEPS, max_size=40), st.sampled_from([0, 5]))
    def test_one_for_each_change(self, steps: list[Any], digest: int) -> None:
        self.again_from_nothing()
        options = evolve(DUTY, severity="info", digest=digest)
        model = Model()
        self.begin(options)
        doubts: set[str] = set()
        for step in steps:
            self.take(step, model, options, doubts)
        self.desk.down = self.desk.hold = False
        while self.desk.held:
            self.desk.answer()
        self.wait(3 * 3600, 300.0)
        once = {one.id: one for one in self.desk.taken}
        repeated = [one.id for one in self.desk.taken]
        for number in once:
            self.assertLessEqual(repeated.count(number), 2 if number in doubts else 1)
        heard = [
            (each["subject"], each["state"], each["severity"])
            for one in once.values()
            for each in one.document.get("notices", [one.document])
        ]
        self.assertEqual(heard, model.expected)

    def take(self, step: Any, model: Model, options: Any, doubts: set[str]) -> None:
        match step:
            case ("raise", subject, severity):
                self.raised(evolve(BUSY, subject=subject), severity)
                model.raise_(subject, severity)
            case ("clear", subject):
                self.cleared(evolve(BUSY, subject=subject))
                model.clear(subject)
            case ("wait", seconds):
                self.wait(seconds, 50.0)
            case ("down",) | ("up",):
                self.desk.down = step == ("down",)
            case ("hold",):
                self.desk.hold = True
            case ("answer",):
                self.desk.hold = False
                while self.desk.held:
                    self.desk.answer()
            case ("kill",) | ("deaf",):
                self.kill(options, doubts, taken=step == ("deaf",))
            case ("stop",):
                stopping = Deferred.fromCoroutine(self.notifier.stop())
                self.clock.advance(3)
                self.clock.advance(3)
                self.successResultOf(stopping)
                self.desk.held.clear()
                self.again()
                self.begin(options)

    def kill(self, options: Any, doubts: set[str], taken: bool) -> None:
        """No more of that life; ``taken`` if the receiver has what was under way."""
        before = len(self.desk.taken)
        if taken and self.desk.held:
            told = self.registry.notices.told

            async def never(*_: object) -> None:
                await self.forever()

            self.registry.notices.told = never  # type: ignore[method-assign]
            self.desk.answer()
            doubts |= {one.id for one in self.desk.taken[before:]}
            self.registry.notices.told = told  # type: ignore[method-assign]
        self.desk.held.clear()
        self.again()
        self.begin(options)

    def forever(self) -> Any:
        return Deferred()

    def again_from_nothing(self) -> None:
        self.close()
        for path in self.path.parent.glob("registry.db*"):
            path.unlink()
        self.now = NOON
        self.desk = Desk()
        self.open()
