"""Intervals without readings of a meter, each with its cause."""

from __future__ import annotations

from typing import Final

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
    nothing, else names the sink that ``count`` deliveries were given up for."""

    meter_id: int
    from_ts: int
    to_ts: int | None
    cause: str
    sink: str
    count: int
    filled_ts: int | None


class Gaps:
    """The operation of /api/meters/{id}/gaps."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def operations(self) -> list[Operation]:
        return [
            Operation(
                method="GET",
                path="/api/meters/{id}/gaps",
                work=self.list,
                summary="When a meter gave no readings, and why, the oldest first",
                tag="readings",
                query=GapQuery,
                answers={200: Answer("Those that last, or ended since", list[GapView])},
                refuses=(404,),
            )
        ]

    async def list(self, call: Call) -> Reply:
        number, since = call.path["id"], call.query.from_
        name = await self._parts.name_of(number)
        start = self._parts.now() - DAY if since is None else since
        found = (await self._parts.outbox.gaps.since(start, name))[-_MOST:]
        return Reply(
            [
                GapView(
                    number,
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
