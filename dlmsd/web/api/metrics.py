"""How meters fared: the metrics of one, of all, and over a time."""

from __future__ import annotations

from typing import Any, Final

from attrs import frozen

from dlmsd.model import MeterStatus
from dlmsd.store.metrics import Figures, Row, total
from dlmsd.web.api.parts import Parts, iso
from dlmsd.web.api.series import Figured, Range, RangeLimit, Window, fewer
from dlmsd.web.operation import Answer, Call, Operation, Reply
from dlmsd.web.status import percent

_TAG: Final = "metrics"


@frozen
class MeterMetrics:
    """How a meter fared over a time, ``from`` and ``to`` in ISO 8601.

    Read times are seconds, rates percent; null where nothing was read. ``cache_*`` counts
    scalers since the meter was started: known from before, or asked for. A ``message`` is a
    reading that was published; ``messages_buffered`` are deliveries that waited at the end.
    """

    meter_id: int
    avg_read_time: float | None
    success_rate: float | None
    messages_sent: int
    cache_hit_rate: float | None
    name: str
    min_read_time: float | None
    max_read_time: float | None
    total_reads: int
    successful_reads: int
    failed_reads: int
    missed_reads: int
    messages_buffered: int
    messages_delivered: int
    connects: int
    cache_hits: int
    cache_misses: int
    since: str
    until: str


@frozen
class MetricRow:
    """The figures of one part of a time, ``seconds`` long from ``timestamp`` on."""

    meter_id: int
    timestamp: str
    ts: int
    seconds: int
    avg_read_time: float | None
    min_read_time: float | None
    max_read_time: float | None
    total_reads: int
    successful_reads: int
    failed_reads: int
    missed_reads: int
    success_rate: float | None
    messages_sent: int
    messages_buffered: int
    messages_delivered: int
    connects: int


class Metrics:
    """The operations under /api/metrics and /api/meters/{id}/metrics."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._figured = Figured(parts)

    def operations(self) -> list[Operation]:
        get: dict[str, Any] = {"method": "GET", "tag": _TAG}
        return [
            Operation(
                path="/api/metrics/summary",
                work=self.summary,
                summary="How each meter fared over a time",
                query=Range,
                answers={200: Answer("Each meter by id", list[MeterMetrics])},
                **get,
            ),
            Operation(
                path="/api/metrics/{meter_id}",
                work=self.one,
                summary="How a meter fared over a time",
                query=Range,
                answers={200: Answer("Its figures", MeterMetrics)},
                refuses=(404,),
                **get,
            ),
            Operation(
                path="/api/meters/{id}/metrics",
                work=self.rows,
                summary="A meter's figures over time, the newest first",
                query=RangeLimit,
                answers={200: Answer("A row for each part of the time", list[MetricRow])},
                refuses=(404,),
                **get,
            ),
        ]

    async def summary(self, call: Call) -> Reply:
        now = self._parts.now()
        window = Window.of(call.query, now)
        ids = self._parts.registry.ids
        found = [
            self._metrics(ids[name], name, figures, window)
            for name, figures in (await self._figured.each(window, now)).items()
        ]
        return Reply(sorted(found, key=lambda one: one.meter_id))

    async def one(self, call: Call) -> Reply:
        number = call.path["meter_id"]
        name = await self._parts.name_of(number)
        now = self._parts.now()
        window = Window.of(call.query, now)
        rows = await self._figured.of(number, name, window, now)
        return Reply(self._metrics(number, name, total(rows), window))

    async def rows(self, call: Call) -> Reply:
        number, query = call.path["id"], call.query
        name = await self._parts.name_of(number)
        now = self._parts.now()
        window = Window.of(query, now)
        rows = await self._figured.of(number, name, window, now)
        told = fewer(rows, window, window.span(now), query.points)
        newest = told[::-1][: query.limit]
        return Reply([_row(number, row, width) for row, width in newest])

    def _metrics(self, number: int, name: str, figures: Figures, window: Window) -> MeterMetrics:
        status: MeterStatus | None = self._parts.board.meters.get(name)
        hits, misses = (status.scales_kept, status.scales_asked) if status else (0, 0)
        return MeterMetrics(
            number,
            _seconds(figures.average_ms),
            _rate(figures),
            figures.mqtt_messages,
            percent(hits / (hits + misses)) if hits + misses else None,
            name,
            _seconds(figures.least_ms),
            _seconds(figures.most_ms),
            figures.good + figures.failed,
            figures.good,
            figures.failed,
            figures.missed,
            figures.queued,
            figures.delivered,
            figures.connects,
            hits,
            misses,
            iso(window.since) or "",
            iso(window.until) or "",
        )


def _row(number: int, row: Row, width: int) -> MetricRow:
    figures = row.figures
    return MetricRow(
        number,
        iso(row.at) or "",
        row.at,
        width // 1000,
        _seconds(figures.average_ms),
        _seconds(figures.least_ms),
        _seconds(figures.most_ms),
        figures.good + figures.failed,
        figures.good,
        figures.failed,
        figures.missed,
        _rate(figures),
        figures.mqtt_messages,
        figures.queued,
        figures.delivered,
        figures.connects,
    )


def _seconds(ms: float | None) -> float | None:
    return None if ms is None else round(ms / 1000, 3)


def _rate(figures: Figures) -> float | None:
    return None if figures.success is None else percent(figures.success)
