"""Operations without a daemon, for what all operations have in common."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from attrs import asdict, frozen

from dlmsd.errors import LinkError, StoreError
from dlmsd.web import kinds
from dlmsd.web.kinds import said
from dlmsd.web.operation import Answer, Call, Operation, Reply, Stream
from dlmsd.web.problem import RefusedError
from dlmsd.web.shape import object_of, objects_of


@frozen(kw_only=True)
class Inner:
    size: int = said(kinds.whole(1, 9))


@frozen(kw_only=True)
class Thing:
    name: str = said(kinds.NAME)
    port: int | None = said(kinds.PORT, None)
    share: float | None = said(kinds.number(0, 1), None)
    tags: tuple[str, ...] | None = said(kinds.list_of(kinds.text(4), 3), None)
    inner: tuple[Inner, ...] | None = said(objects_of(Inner, 2), None)


@frozen(kw_only=True)
class Query:
    limit: int = said(kinds.whole(1, 10), 5)
    seen: bool | None = said(kinds.FLAG, None)
    from_: int | None = said(kinds.MOMENT, None)


class Things:
    """Says what came to it; ``error`` is raised instead."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.error: Exception | None = None

    def operations(self) -> list[Operation]:
        answers = {200: Answer("What came", dict[str, Any])}
        many: dict[str, Any] = {"work": self.work, "summary": "", "tag": "x", "answers": answers}
        return [
            Operation(method="GET", path="/api/things", query=Query, **many),
            Operation(
                method="POST", path="/api/things", need="change", body=object_of(Thing), **many
            ),
            Operation(method="GET", path="/api/things/{id}", **many),
            Operation(method="DELETE", path="/api/things/{id}", need="change", **many),
            Operation(method="GET", path="/api/secret", need="secrets", **many),
            Operation(method="GET", path="/api/long", **(many | {"work": self.long})),
        ]

    async def work(self, call: Call) -> Reply:
        self.calls.append(call)
        if self.error is not None:
            raise self.error
        body = None if call.body is None else asdict(call.body)
        query = None if call.query is None else asdict(call.query)
        return Reply({"who": call.who.name, "path": call.path, "query": query, "body": body})

    async def long(self, call: Call) -> Stream:
        async def pieces() -> AsyncIterator[bytes]:
            for number in range(3):
                yield b"%d," % number

        return Stream(pieces(), "text/csv")


ERRORS = (
    (RefusedError(404, "There is none."), 404),
    (StoreError("the disk is full"), 503),
    (LinkError("no answer"), 424),
)
