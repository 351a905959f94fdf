"""Alarms: listed, acknowledged, deleted."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from attrs import frozen

from dlmsd.language import LANGUAGES
from dlmsd.store.alarms import Alarm
from dlmsd.store.diagnostics import Severity
from dlmsd.watch.finding import Finding
from dlmsd.watch.language import Language
from dlmsd.web import kinds
from dlmsd.web.api.meters import NEXT
from dlmsd.web.api.parts import LANGUAGE, Parts, iso
from dlmsd.web.kinds import said
from dlmsd.web.operation import Answer, Call, Operation, Reply
from dlmsd.web.problem import FieldProblem, RefusedError
from dlmsd.web.text import clean

_TAG: Final = "alarms"
_HOUR: Final = 3_600_000


@frozen
class AlarmQuery:
    acknowledged: bool | None = said(kinds.FLAG, None)
    standing: bool | None = said(kinds.FLAG, None, says="Whether its condition still holds")
    severity: str | None = said(kinds.SEVERITY, None)
    meter_id: int | None = said(kinds.ID, None)
    category: str | None = said(kinds.text(64), None)
    limit: int = said(kinds.whole(1, 1000), 100)
    cursor: int | None = said(kinds.ID, None, says="From the Link of the page before")
    language: str | None = said(kinds.choice(*LANGUAGES), None, says=LANGUAGE)


@frozen
class AlarmFilter:
    """Which alarms go; at least one is given."""

    category: str | None = said(kinds.text(64), None)
    meter_id: int | None = said(kinds.ID, None)
    older_than_hours: int | None = said(kinds.whole(0, 87_660), None)
    delete_all: bool = said(kinds.FLAG, False)


@frozen
class AlarmView:
    """An alarm. ``timestamp`` is when it was raised, ``cleared_at`` when its condition ended
    (null while it stands), all in ISO 8601. ``message`` and ``evidence`` are in the reader's
    language; ``rule``, ``category`` and ``details``, what the evidence rests upon, in none."""

    id: int
    meter_id: int | None
    severity: Severity
    category: str
    message: str
    acknowledged: bool
    timestamp: str
    rule: str
    subject: str
    standing: bool
    evidence: tuple[str, ...]
    details: Any
    updated_at: str
    cleared_at: str | None
    acknowledged_at: str | None
    acknowledged_by: str | None


@frozen
class Deleted:
    """How many went."""

    deleted: int


class Alarms:
    """The operations under /api/alarms."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def operations(self) -> list[Operation]:
        change: dict[str, Any] = {"tag": _TAG, "need": "change"}
        acknowledge: dict[str, Any] = {
            "method": "POST",
            "work": self.acknowledge,
            "summary": "Somebody has seen it; the first one stays",
            "answers": {200: Answer("The alarm", AlarmView)},
            "refuses": (404,),
            **change,
        }
        return [
            Operation(
                method="GET",
                path="/api/alarms",
                work=self.list,
                summary="Alarms, the newest first",
                tag=_TAG,
                query=AlarmQuery,
                answers={200: Answer("The alarms", list[AlarmView], headers=NEXT)},
            ),
            Operation(
                method="DELETE",
                path="/api/alarms",
                work=self.delete_all,
                summary="Delete all that fit",
                query=AlarmFilter,
                answers={200: Answer("What went", Deleted)},
                refuses=(400,),
                **change,
            ),
            Operation(path="/api/alarms/{id}/ack", **acknowledge),
            Operation(path="/api/alarms/{id}/acknowledge", **acknowledge),
            Operation(
                method="DELETE",
                path="/api/alarms/{id}",
                work=self.delete,
                summary="Delete an alarm; if its condition still holds, it is raised anew",
                answers={204: Answer("It is gone")},
                refuses=(404,),
                **change,
            ),
        ]

    async def list(self, call: Call) -> Reply:
        query: AlarmQuery = call.query
        found = await self._parts.registry.alarms.list(
            standing=query.standing,
            acknowledged=query.acknowledged,
            severity=query.severity,  # type: ignore[arg-type]
            meter=query.meter_id,
            category=query.category,
            before=query.cursor,
            limit=query.limit,
        )
        headers: tuple[tuple[str, str], ...] = ()
        if len(found) == query.limit:
            headers = (("Link", _next(query, found[-1].id)),)
        language = self._parts.language(call)
        return Reply([_view(one, language) for one in found], headers=headers)

    async def acknowledge(self, call: Call) -> Reply:
        number = call.path["id"]
        alarms = self._parts.registry.alarms
        if not await alarms.acknowledge(number, call.who.name):
            raise _none()
        (alarm,) = await alarms.list(before=number + 1, limit=1)
        return Reply(_view(alarm, self._parts.language(call)))

    async def delete(self, call: Call) -> Reply:
        if not await self._parts.registry.alarms.delete(call.path["id"], call.who.name):
            raise _none()
        return Reply(None, 204)

    async def delete_all(self, call: Call) -> Reply:
        query: AlarmFilter = call.query
        hours = query.older_than_hours
        if not query.delete_all and (query.category, query.meter_id, hours) == (None, None, None):
            wrong = [FieldProblem("delete_all", "true, or another filter, says what is to go")]
            raise RefusedError(400, "A filter is required.", wrong)
        before = None if hours is None else self._parts.now() - hours * _HOUR
        gone = await self._parts.registry.alarms.delete_all(
            call.who.name, category=query.category, meter=query.meter_id, before=before
        )
        return Reply(Deleted(gone))


def _none() -> RefusedError:
    return RefusedError(404, "There is no such alarm.")


def _next(query: AlarmQuery, last: int) -> str:
    kept: dict[str, Any] = {
        "severity": query.severity,
        "meter_id": query.meter_id,
        "limit": query.limit,
        "language": query.language,
    }
    for name in ("acknowledged", "standing"):
        value = getattr(query, name)
        kept[name] = None if value is None else str(value).lower()
    parts = [f"{name}={value}" for name, value in kept.items() if value is not None]
    if query.category is not None:
        parts.append(f"category={kinds.quoted(query.category)}")
    return f'</api/alarms?{"&".join(parts)}&cursor={last}>; rel="next"'


def _view(one: Alarm, language: Language) -> AlarmView:
    finding = Finding.decode(one.details)
    known = finding if finding is not None and language.tells(finding) else None
    return AlarmView(
        one.id,
        one.meter,
        one.severity,
        clean(one.category),
        clean(one.message if known is None else language.title(known)),
        one.acknowledged_at is not None,
        iso(one.raised_at) or "",
        one.rule,
        clean(one.subject),
        one.cleared_at is None,
        () if known is None else tuple(map(clean, language.evidence(known))),
        _details(one.details),
        iso(one.updated_at) or "",
        iso(one.cleared_at),
        iso(one.acknowledged_at),
        one.acknowledged_by,
    )


def _details(text: str) -> Any:
    """JSON as such; what a limit has cut off is text."""
    if not text:
        return None
    try:
        return msgspec.json.decode(text.encode("utf-8", "replace"))
    except msgspec.DecodeError:
        return clean(text)
