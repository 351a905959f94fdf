"""How the whole system fared in the last minutes: a document, a status, a page of text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from attrs import frozen

from dlmsd.fleet.board import Board
from dlmsd.model import MeterState
from dlmsd.store.metrics import Figures, Row, Span, total
from dlmsd.store.registry import Registry
from dlmsd.watch.finding import Finding
from dlmsd.watch.language import Language
from dlmsd.watch.plan import evidence, told
from dlmsd.watch.rules.meter import DEGRADED, HEALTHY

_NOBODY: Final[Mapping[str, Figures]] = {}
CLASSES: Final = ("healthy", "degraded", "critical", "down")


def success_class(figures: Figures) -> str:
    """``healthy`` from 90 % of good cycles, ``degraded`` from 50 %, ``critical`` above 0."""
    success = figures.success or 0.0
    if success >= HEALTHY:
        return "healthy"
    if success >= DEGRADED:
        return "degraded"
    return "critical" if success > 0 else "down"


@frozen
class HealthReport:
    """``meters`` are the figures of each active one over ``minutes``, up to ``at`` (Unix ms),
    but for those whose turn has not come; ``queued`` deliveries wait. A ``young`` daemon has
    not written any yet.
    """

    at: int
    minutes: int
    meters: Mapping[str, Figures]
    queued: int
    findings: Sequence[Finding]
    young: bool = False

    @property
    def status(self) -> int:
        """0 good, 1 minor, 2 critical: with a critical finding, or half of all meters down."""
        classes = self.classes
        down = classes["down"] + classes["critical"]
        if any(one.severity == "critical" for one in self.findings) or (
            down and 2 * down >= len(self.meters)
        ):
            return 2
        worse = any(one.severity != "info" for one in self.findings)
        return int(worse or classes["healthy"] < len(self.meters))

    @property
    def classes(self) -> Counter[str]:
        """How many meters are of each class."""
        return Counter(success_class(one) for one in self.meters.values())

    @property
    def total(self) -> Figures:
        """All meters together, as far as it is told here."""
        return Figures(
            good=sum(one.good for one in self.meters.values()),
            failed=sum(one.failed for one in self.meters.values()),
            delivered=sum(one.delivered for one in self.meters.values()),
            queued=self.queued,
        )

    def document(self, language: Language) -> dict[str, Any]:
        """For JSON."""
        return {
            "at": self.at,
            "minutes": self.minutes,
            "status": self.status,
            "classes": {name: self.classes[name] for name in CLASSES},
            "meters": {
                name: {
                    "class": success_class(one),
                    "success_rate": None if one.success is None else round(100 * one.success, 1),
                    "good": one.good,
                    "failed": one.failed,
                    "average_ms": None if one.average_ms is None else round(one.average_ms),
                    "connects": one.connects,
                    "delivered": one.delivered,
                }
                for name, one in sorted(self.meters.items())
            },
            "queued": self.queued,
            "findings": [told(one, language) for one in self.findings],
        }

    def encode(self, language: Language) -> str:
        """The document as JSON."""
        return msgspec.json.encode(self.document(language)).decode()

    def line(self, language: Language) -> str:
        """One line, for a log."""
        return " ".join(self._head(language))

    def text(self, language: Language) -> str:
        """For a terminal: who is not healthy, and what was found."""
        lines = [*self._head(language), ""]
        for name, one in sorted(self.meters.items()):
            kind = success_class(one)
            if kind != "healthy":
                share = _percent(one, 0)
                word = language.text("classes", kind)
                lines.append(f"  {name}: {word}, {share} % ({one.good}/{one.good + one.failed})")
        for finding in self.findings:
            severity = language.text("severities", finding.severity)
            lines.append(f"[{severity}] {language.title(finding)}")
            lines += [f"    {one}" for one in evidence(finding, language, self.at)]
        return "\n".join(lines).rstrip()

    def _head(self, language: Language) -> list[str]:
        total, classes = self.total, self.classes
        name = "daily" if self.minutes == 1440 else "health"
        word = ("young" if self.young else "good", "minor", "bad")[self.status]
        return [
            language.word(name, minutes=self.minutes) + ":",
            language.word(word),
            language.word("meters", **{one: classes[one] for one in CLASSES}) + ".",
            language.word(
                "cycles",
                cycles=total.good + total.failed,
                percent=_percent(total, 1),
                delivered=total.delivered,
                queued=self.queued,
            )
            + ".",
        ]


def _percent(figures: Figures, digits: int) -> str:
    """Of cycles that were good; of none there is no share."""
    return "\N{EN DASH}" if figures.success is None else f"{100 * figures.success:.{digits}f}"


async def checked(
    registry: Registry,
    board: Board,
    findings: Sequence[Finding],
    minutes: int,
    wall: float,
    unwritten: Mapping[str, Figures] = _NOBODY,
) -> HealthReport:
    """The daemon's own report, at ``wall`` (Unix seconds), with figures that are still
    ``unwritten``. Raises StoreError."""
    at = int(wall * 1000)
    span = Span.MINUTE if minutes <= 60 else Span.HOUR
    each = await registry.metrics.each(span, at - minutes * 60_000, at + span)
    active = {}
    for name, one in board.meters.items():
        told = (each.get(registry.ids.get(name, 0)), unwritten.get(name))
        figures = total([Row(at, figures) for figures in told if figures is not None])
        # Without any cycle or push only its state tells, not what was delivered meanwhile.
        told_of = figures.success is not None or one.state is MeterState.DOWN
        if one.state is not MeterState.INACTIVE and told_of:
            active[name] = figures
    return HealthReport(at, minutes, active, sum(board.outbox.queued.values()), findings)
