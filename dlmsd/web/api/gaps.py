"""Intervals without readings of a meter, each with its cause."""

from __future__ import annotations

from typing import Any, Final

from attrs import frozen

from dlmsd.web import kinds
from dlmsd.web.api.parts import Parts
from dlmsd.web.api.series import DAY
from dlmsd.web.kinds import said
from dlmsd.web.operation import Answer, Call, Operation, Reply

# A week without a reading a minute; who wants all of it has the outbox's file.
_MOST: Final = 1000


@frozen
class GapQuery:
    from_: int | None = said(kinds.MOMENT, None, says="Unix ms or ISO 8601; default a day ago")


@frozen
class GapView:
    """Times are Unix ms, ``to_ts`` null while it lasts; ``sink`` is empty where the meter gave
    nothing, else names the sink that ``count`` deliveries were given up for. ``meter_id`` is 0
    for a meter that is no more."""

    meter_id: int
    meter: str
    from_ts: int
    to_ts: int | None
    cause: str
    sink: str
    count: int
    filled_ts: int | None


class Gaps:
    """The operations on gaps, of one meter and of all."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def operations(self) -> list[Operation]:
        get: dict[str, Any] = {
            "method": "GET",
            "tag": "readings",
            "query": GapQuery,
            "answers": {200: Answer("Those that last, or ended since", list[GapView])},
        }
        return [
            Operation(
                path="/api/meters/{id}/gaps",
                work=self.one,
                summary="When a meter gave no readings, and why, the oldest first",
                refuses=(404,),
                **get,
            ),
            Operation(
                path="/api/gaps",
                work=self.all,
                summary="When any meter gave no readings, and why: the last 1,000",
                **get,
            ),
        ]

    async def one(self, call: Call) -> Reply:
        number = call.path["id"]
        return await self._told(call.query, await self._parts.name_of(number), number)

    async def all(self, call: Call) -> Reply:
        return await self._told(call.query, None, 0)

    async def _told(self, query: GapQuery, name: str | None, number: int) -> Reply:
        start = self._parts.now() - DAY if query.from_ is None else query.from_
        ids = self._parts.registry.ids
        found = (await self._parts.outbox.gaps.since(start, name))[-_MOST:]
        return Reply(
            [
                GapView(
                    ids.get(one.meter, number),
                    one.meter,
                    one.from_ts,
                    one.to_ts,
                    one.cause.value,
                    one.sink,
                    one.count,
                    one.filled_at,
                )
                for one in found
            ]
        )
