"""What is wrong, why, and what to do: findings, the action plan, kept health checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from attrs import field, frozen

from dlmsd.language import LANGUAGES
from dlmsd.store.health import HealthCheck
from dlmsd.watch.finding import Finding
from dlmsd.watch.health import checked
from dlmsd.watch.places import Places
from dlmsd.watch.plan import Plan
from dlmsd.web import kinds
from dlmsd.web.api.meters import NEXT
from dlmsd.web.api.parts import LANGUAGE, Parts, iso
from dlmsd.web.api.system import PageQuery, following
from dlmsd.web.kinds import said
from dlmsd.web.operation import Answer, Call, Operation, Reply
from dlmsd.web.text import clean

_TAG: Final = "diagnosis"
_MARKDOWN: Final = "text/markdown"


@frozen
class DiagnosisQuery:
    minutes: int = said(kinds.whole(1, 86_400), 60, says="How far back the figures go")
    language: str | None = said(kinds.choice(*LANGUAGES), None, says=LANGUAGE)


@frozen
class PlanQuery:
    format: str = said(kinds.choice("json", "markdown"), "json")
    meter_id: int | None = said(kinds.ID, None, says="Only what concerns this meter")
    language: str | None = said(kinds.choice(*LANGUAGES), None, says=LANGUAGE)


@frozen
class FindingView:
    """Something that is wrong: whom it concerns, its probable cause and how sure that is, the
    numbers that show it."""

    rule: str
    subject: str
    severity: str
    title: str
    cause: str
    confidence: float
    evidence: tuple[str, ...]
    meters: tuple[str, ...]


@frozen
class DiagnosisView:
    """What `dlmsd health` tells: ``status`` is 0 good, 1 minor, 2 critical; ``classes`` counts
    meters, ``meters`` has the figures of each active one; ``at`` is Unix ms."""

    at: int
    minutes: int
    status: int
    classes: Mapping[str, int]
    meters: Mapping[str, Any]
    queued: int
    findings: tuple[FindingView, ...]


@frozen
class ActionView:
    """One thing to do: ``priority`` counts from 1, ``minutes`` is about how long it takes;
    ``views`` are those of the page where it is done."""

    id: str
    priority: int
    text: str
    minutes: int
    commands: tuple[str, ...]
    views: tuple[str, ...]
    subjects: tuple[str, ...]
    because: tuple[str, ...]


@frozen
class PlanView:
    """What to do at once, within days, within months, and how to prevent it; ``at`` is Unix ms."""

    at: int
    findings: tuple[FindingView, ...]
    immediate: tuple[ActionView, ...]
    short: tuple[ActionView, ...]
    long: tuple[ActionView, ...]
    preventions: tuple[str, ...]


@frozen
class ChecksQuery(PageQuery):
    brief: bool = said(kinds.FLAG, False, says="Only how many meters were how; no document")


@frozen
class CheckView:
    """A health check that was kept, over ``minutes``, with its document; ``classes`` counts
    meters."""

    id: int
    timestamp: str
    status: int
    minutes: int
    classes: Mapping[str, int]
    document: Any


@frozen
class _Brief:
    """What is read of a document that is not told whole."""

    minutes: int = 60
    classes: Mapping[str, int] = field(factory=dict)


class Diagnosis:
    """The operations under /api/diagnosis."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def operations(self) -> list[Operation]:
        get: dict[str, Any] = {"method": "GET", "tag": _TAG}
        return [
            Operation(
                path="/api/diagnosis",
                work=self.diagnosis,
                summary="How everything fared, and what was found",
                query=DiagnosisQuery,
                answers={200: Answer("What `dlmsd health` tells", DiagnosisView)},
                **get,
            ),
            Operation(
                path="/api/diagnosis/plan",
                work=self.plan,
                summary="What to do about it, the most urgent first",
                query=PlanQuery,
                answers={200: Answer("What `dlmsd plan` tells", PlanView, also=_MARKDOWN)},
                refuses=(404,),
                **get,
            ),
            Operation(
                path="/api/diagnosis/checks",
                work=self.checks,
                summary="Health checks that were kept, the newest first",
                query=ChecksQuery,
                answers={200: Answer("The checks", list[CheckView], headers=NEXT)},
                **get,
            ),
        ]

    async def diagnosis(self, call: Call) -> Reply:
        query: DiagnosisQuery = call.query
        parts = self._parts
        report = await checked(
            parts.registry,
            parts.board,
            parts.findings(),
            query.minutes,
            parts.wall(),
            parts.unwritten(),
        )
        return Reply(_shown(report.document(self._parts.language(call))))

    async def plan(self, call: Call) -> Reply:
        query: PlanQuery = call.query
        language = self._parts.language(call)
        findings: Sequence[Finding] = self._parts.findings()
        if query.meter_id is not None:
            name = await self._parts.name_of(query.meter_id)
            findings = [one for one in findings if name == one.subject or name in one.meters]
        places = Places.of(self._parts.reload.configuration)
        plan = Plan.of(findings, language, self._parts.now(), places)
        if query.format == "json":
            return Reply(_shown(plan.document(language)))
        text = plan.markdown(language).encode("utf-8", "replace") + b"\n"
        return Reply(text, media_type=f"{_MARKDOWN}; charset=utf-8")

    async def checks(self, call: Call) -> Reply:
        query: ChecksQuery = call.query
        found = await self._parts.registry.health.list(query.limit, query.cursor)
        rows = [_check(one, query.brief) for one in found]
        more = ["brief=true"] if query.brief else []
        return Reply(rows, headers=following("/api/diagnosis/checks", query, rows, *more))


def _check(one: HealthCheck, brief: bool) -> CheckView:
    told = msgspec.json.decode(one.document, type=_Brief)
    document = None if brief else msgspec.json.decode(one.document)
    return CheckView(one.id, iso(one.at) or "", one.status, told.minutes, told.classes, document)


def _shown(document: Any) -> Any:
    """Its texts without what UTF-8 cannot carry: meters and brokers have a say in them."""
    if isinstance(document, str):
        return clean(document)
    if isinstance(document, dict):
        return {_shown(key): _shown(value) for key, value in document.items()}
    return [_shown(one) for one in document] if isinstance(document, list) else document
