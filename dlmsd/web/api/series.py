"""Figures over a time: which rows are read, and how they become fewer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from attrs import frozen

from dlmsd.store.metrics import KEEP, Figures, Row, Span, total
from dlmsd.web import kinds
from dlmsd.web.api.parts import Parts
from dlmsd.web.kinds import said
from dlmsd.web.problem import FieldProblem, RefusedError

DAY: Final = int(Span.DAY)


@frozen
class Times:
    """A time; left out, the last day."""

    from_: int | None = said(kinds.MOMENT, None, says="Unix ms or ISO 8601; default a day before")
    to: int | None = said(kinds.MOMENT, None, says="Unix ms or ISO 8601; default now")


@frozen
class Range(Times):
    """A time and how many points it is told in."""

    points: int = said(kinds.whole(1, 5000), 500, says="The most that are told")


@frozen
class RangeLimit(Range):
    """A time, or the last rows of it."""

    limit: int = said(kinds.whole(1, 5000), 100, says="The most rows, from the newest on")


@frozen
class Window:
    """since <= at < until, in Unix ms."""

    since: int
    until: int

    @classmethod
    def of(cls, query: Times, now: int) -> Window:
        """RefusedError with 422 for a time that ends before it begins."""
        until = now + 1 if query.to is None else query.to
        since = max(0, until - DAY) if query.from_ is None else query.from_
        if since >= until:
            wrong = [FieldProblem("from", "is not before to")]
            raise RefusedError(422, "The query does not fit; errors says where.", wrong)
        return cls(since, until)

    def span(self, now: int) -> Span:
        """The finest resolution that still has the beginning of it."""
        for span in (Span.MINUTE, Span.HOUR):
            if self.since >= now - KEEP[span]:
                return span
        return Span.DAY


class Figured:
    """Rows of the registry, and of the minute that has not ended."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def of(self, number: int, name: str, window: Window, now: int) -> list[Row]:
        """One meter's, the oldest first."""
        metrics = self._parts.registry.metrics
        rows = await metrics.of(number, window.span(now), window.since, window.until)
        return [*rows, *self._last([name], window, now)]

    async def all(self, window: Window, now: int) -> list[Row]:
        """The same of all meters together."""
        metrics = self._parts.registry.metrics
        rows = await metrics.all(window.span(now), window.since, window.until)
        return [*rows, *self._last(self._parts.unwritten(), window, now)]

    async def each(self, window: Window, now: int) -> dict[str, Figures]:
        """The sum of each meter, by name."""
        metrics, ids = self._parts.registry.metrics, self._parts.registry.ids
        found = await metrics.each(window.span(now), window.since, window.until)
        sums = {name: found.get(number, Figures()) for name, number in ids.items()}
        if window.since <= now < window.until:
            for name, last in self._parts.unwritten().items():
                if name in sums:
                    sums[name] = total([Row(0, sums[name]), Row(now, last)])
        return sums

    def _last(self, names: Iterable[str], window: Window, now: int) -> list[Row]:
        if not window.since <= now < window.until:
            return []
        unwritten = self._parts.unwritten()
        at = min(now, max(window.since, self._parts.begun()))
        found = [Row(at, unwritten[name]) for name in names if name in unwritten]
        return [Row(at, total(found))] if found else []


def fewer(rows: Sequence[Row], window: Window, span: Span, points: int) -> list[tuple[Row, int]]:
    """At most about ``points`` rows, each the sum of its part of the time, and its ms."""
    width = max(1, -(-(window.until - window.since) // (points * span))) * span
    parts: dict[int, list[Row]] = {}
    for row in rows:
        parts.setdefault(row.at - row.at % width, []).append(row)
    return [(Row(at, total(of_part)), width) for at, of_part in parts.items()]
