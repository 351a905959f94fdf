"""Each end of a connection: of a sink's to its broker, and of ours to a meter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal, TypeAlias

from attrs import frozen

from dlmsd.store.disconnects import Disconnect
from dlmsd.web import kinds
from dlmsd.web.api.meters import NEXT
from dlmsd.web.api.parts import Parts, iso
from dlmsd.web.api.system import PageQuery, following
from dlmsd.web.kinds import said
from dlmsd.web.operation import Answer, Call, Operation, Reply
from dlmsd.web.text import clean

Standing: TypeAlias = Literal["away", "back", "left"]

_OF: Final = ("sinks", "meters")


@frozen
class OneQuery(PageQuery):
    from_: int | None = said(kinds.MOMENT, None, says="Unix ms or ISO 8601")


@frozen
class DisconnectQuery(OneQuery):
    of: str | None = said(kinds.choice(*_OF), None, says="Those of sinks alone, or of meters")
    sink: str | None = said(kinds.text(64), None, says="A sink by its name")


@frozen
class DisconnectView:
    """The end of a connection: to the broker of ``sink`` or, where that is null, to the meter. With
    ``sink``, ``meter_id`` is null where the connection is for all meters.

    ``cause`` is the verdict so far, ``evidence`` what it rests upon. ``stood_seconds`` is how
    long the connection had stood, null for an attempt that failed before it ever did. ``state``
    is ``away`` while it lasts, then ``back``, or ``left`` where nobody wants it any more;
    ``away_seconds`` is how long that was, or has been so far, with so many more ``attempts``.
    """

    id: int
    timestamp: str
    sink: str | None
    meter_id: int | None
    meter: str | None
    cause: str
    message: str
    evidence: tuple[str, ...]
    stood_seconds: float | None
    state: Standing
    over_at: str | None
    away_seconds: float
    attempts: int


class Disconnects:
    """The operations on ends of connections, of one meter and of all."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def operations(self) -> list[Operation]:
        answers = {200: Answer("The newest first", list[DisconnectView], headers=NEXT)}
        get: dict[str, Any] = {"method": "GET", "tag": "diagnosis", "answers": answers}
        return [
            Operation(
                path="/api/disconnects",
                work=self.all,
                summary="Each end of a connection, why, and how long it was away",
                query=DisconnectQuery,
                **get,
            ),
            Operation(
                path="/api/meters/{id}/disconnects",
                work=self.one,
                summary="The same of one meter: of its own connection, and of those for it alone",
                query=OneQuery,
                refuses=(404,),
                **get,
            ),
        ]

    async def all(self, call: Call) -> Reply:
        query: DisconnectQuery = call.query
        found = await self._parts.registry.disconnects.list(
            sink=query.sink,
            of_sinks=None if query.of is None else query.of == "sinks",
            since=query.from_ or 0,
            before=query.cursor,
            limit=query.limit,
        )
        more = [f"of={query.of}"] if query.of else []
        if query.sink:
            more.append(f"sink={kinds.quoted(query.sink)}")
        return self._told("/api/disconnects", query, found, *more)

    async def one(self, call: Call) -> Reply:
        number, query = call.path["id"], call.query
        await self._parts.name_of(number)
        found = await self._parts.registry.disconnects.list(
            meter=number, since=query.from_ or 0, before=query.cursor, limit=query.limit
        )
        return self._told(f"/api/meters/{number}/disconnects", query, found)

    def _told(self, path: str, query: OneQuery, found: Sequence[Disconnect], *more: str) -> Reply:
        names = {number: name for name, number in self._parts.registry.ids.items()}
        rows = [self._view(one, names.get(one.meter)) for one in found]
        since = [f"from={query.from_}"] if query.from_ else []
        return Reply(rows, headers=following(path, query, rows, *more, *since))

    def _view(self, one: Disconnect, meter: str | None) -> DisconnectView:
        until = self._parts.now() if one.over_at is None else one.over_at
        ended: Standing = "back" if one.back else "left"
        return DisconnectView(
            id=one.id,
            timestamp=iso(one.at) or "",
            sink=one.sink or None,
            meter_id=one.meter or None,
            meter=meter,
            cause=clean(one.cause),
            message=clean(one.message),
            evidence=tuple(clean(sentence) for sentence in one.evidence),
            stood_seconds=None if one.stood is None else one.stood / 1000,
            state="away" if one.over_at is None else ended,
            over_at=iso(one.over_at),
            away_seconds=max(0, until - one.at) / 1000,
            attempts=one.attempts,
        )
