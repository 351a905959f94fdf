"""The WebSocket that an earlier system had: server-sent events stand in its place."""

from __future__ import annotations

from typing import NoReturn

from dlmsd.web.operation import Call, Operation
from dlmsd.web.problem import RefusedError


def operations() -> list[Operation]:
    """What is told whoever still looks for it."""
    return [
        Operation(
            method="GET",
            path="/ws/metrics",
            work=_gone,
            summary="No WebSocket: /api/live tells the same as server-sent events",
            tag="system",
            answers={},
            refuses=(410,),
        )
    ]


async def _gone(call: Call) -> NoReturn:
    detail = "There is no WebSocket here; GET /api/live tells the same by server-sent events."
    raise RefusedError(410, detail, headers=(("Link", '</api/live>; rel="alternate"'),))
