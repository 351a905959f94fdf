"""Readings from the history: some for a chart, or all of them for a file."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from attrs import frozen

from dlmsd.model import Reading, Value
from dlmsd.web import kinds
from dlmsd.web.api.parts import Parts, iso
from dlmsd.web.api.series import Times, Window
from dlmsd.web.kinds import said
from dlmsd.web.operation import JSON, Answer, Call, Operation, Stream
from dlmsd.web.status import plain
from dlmsd.web.text import clean

_TAG: Final = "readings"
# Of the writer's thread some milliseconds; between two pages commits have their turn.
_PAGE: Final = 500
_CSV: Final = "text/csv"
# What a spreadsheet would take for a formula (OWASP, CSV injection).
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")

_encode: Final = msgspec.json.Encoder(decimal_format="number").encode


@frozen
class ReadingsQuery(Times):
    """A time, in which form, and whether all of it or some points."""

    format: str = said(kinds.choice("json", "csv"), "json")
    points: int | None = said(
        kinds.whole(1, 2000), None, says="The first reading of so many equal parts of the time"
    )


@frozen
class ReadingView:
    """One reading; ``ts`` is Unix ms, values are exact decimals."""

    ts: int
    timestamp: str
    values: Mapping[str, Any]


class Readings:
    """The operation of /api/meters/{id}/readings."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def operations(self) -> list[Operation]:
        return [
            Operation(
                method="GET",
                path="/api/meters/{id}/readings",
                work=self.get,
                summary="A meter's readings, the oldest first",
                tag=_TAG,
                query=ReadingsQuery,
                answers={
                    200: Answer(
                        "The readings; with format=csv a table (RFC 4180): time, ts, a column "
                        "for each measurement that is read now, and others in JSON",
                        list[ReadingView],
                        also=_CSV,
                    )
                },
                refuses=(404,),
            )
        ]

    async def get(self, call: Call) -> Stream:
        query: ReadingsQuery = call.query
        name = await self._parts.name_of(call.path["id"])
        window = Window.of(query, self._parts.now())
        pages = self._pages(name, window, query.points)
        if query.format == "json":
            return Stream(_json(pages), JSON)
        file = f'attachment; filename="readings-{call.path["id"]}.csv"'
        pieces = _csv(pages, self._columns(name))
        return Stream(pieces, f"{_CSV}; charset=utf-8", (("Content-Disposition", file),))

    async def _pages(
        self, name: str, window: Window, points: int | None
    ) -> AsyncIterator[list[Reading]]:
        outbox, since = self._parts.outbox, window.since
        if points is not None:
            yield await outbox.sampled(name, since, window.until, points)
            return
        while page := await outbox.history(name, since, window.until, _PAGE):
            yield page
            if len(page) < _PAGE:
                return
            since = page[-1].ts + 1

    def _columns(self, name: str) -> list[str]:
        options = self._parts.desk.options(name)
        read = [one.key for one in options.read] if options else []
        status = self._parts.board.meters.get(name)
        return list(dict.fromkeys((*read, *(status.values if status else ()))))


async def _json(pages: AsyncIterator[list[Reading]]) -> AsyncIterator[bytes]:
    opening = b"["
    async for page in pages:
        told = b",".join(_encode(_view(one)) for one in page)
        if told:
            yield opening + told
            opening = b","
    yield b"[]" if opening == b"[" else b"]"


async def _csv(pages: AsyncIterator[list[Reading]], columns: Sequence[str]) -> AsyncIterator[bytes]:
    yield _lines([["time", "ts", *(_safe(one) for one in columns), "others"]])
    async for page in pages:
        yield _lines([_cells(one, columns) for one in page])


def _cells(reading: Reading, columns: Sequence[str]) -> list[str]:
    values = reading.values
    others = {key: plain(value) for key, value in values.items() if key not in columns}
    return [
        iso(reading.ts) or "",
        str(reading.ts),
        *(_cell(values[name]) if name in values else "" for name in columns),
        _safe(_encode(others).decode()) if others else "",
    ]


def _cell(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return _safe(str(plain(value))) if isinstance(value, str) else f"{value:f}"


def _safe(text: str) -> str:
    """Text that no spreadsheet takes for a formula, nor an editor for its end."""
    shown = clean(text.replace("\0", ""))
    return f"'{shown}" if shown.startswith(_FORMULA) else shown


def _lines(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _view(reading: Reading) -> ReadingView:
    values = {key: plain(value) for key, value in reading.values.items()}
    return ReadingView(reading.ts, iso(reading.ts) or "", values)
