"""How meters fared: the metrics of one, of all, and over a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from attrs import frozen

from dlmsd.store.disconnects import Return
from dlmsd.store.metrics import Figures, Row, total
from dlmsd.web.api.parts import Parts, iso
from dlmsd.web.api.series import Figured, Range, RangeLimit, Window, fewer
from dlmsd.web.operation import Answer, Call, Operation, Reply
from dlmsd.web.status import percent

_TAG: Final = "metrics"


@frozen(kw_only=True)
class ReadFigures:
    """Read times are seconds, rates percent; null where nothing was read.

    ``cache_*`` counts scalers of values: known from before, or asked for.
    """

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
    mqtt_reconnections: int
    cache_hits: int
    cache_misses: int
    cache_hit_rate: float | None


@frozen(kw_only=True)
class MeterMetrics(ReadFigures):
    """How a meter fared from ``since`` to ``until``. Read times are seconds, rates percent; null
    where nothing was read.

    ``cache_*`` counts scalers of values: known from before, or asked for. A ``message`` is a
    reading that was published; ``messages_buffered`` are deliveries that waited at the end.
    ``mqtt_reconnections`` are of the connections to brokers that it uses.
    """

    meter_id: int
    name: str
    since: str
    until: str


@frozen(kw_only=True)
class MetricRow(ReadFigures):
    """The figures of one part of a time, ``seconds`` long from ``timestamp`` on."""

    meter_id: int
    timestamp: str
    ts: int
    seconds: int


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
        ids, returns = self._parts.registry.ids, await self._returns(window)
        found = [
            self._metrics(ids[name], name, figures, window, returns)
            for name, figures in (await self._figured.each(window, now)).items()
        ]
        return Reply(sorted(found, key=lambda one: one.meter_id))

    async def one(self, call: Call) -> Reply:
        number = call.path["meter_id"]
        name = await self._parts.name_of(number)
        now = self._parts.now()
        window = Window.of(call.query, now)
        rows = await self._figured.of(number, name, window, now)
        returns = await self._returns(window)
        return Reply(self._metrics(number, name, total(rows), window, returns))

    async def rows(self, call: Call) -> Reply:
        number, query = call.path["id"], call.query
        name = await self._parts.name_of(number)
        now = self._parts.now()
        window = Window.of(query, now)
        rows = await self._figured.of(number, name, window, now)
        told = fewer(rows, window, window.span(now), query.points)
        newest = told[::-1][: query.limit]
        times = self._times(number, name, await self._returns(window))
        return Reply([_row(number, row, width, times) for row, width in newest])

    async def _returns(self, window: Window) -> Sequence[Return]:
        return await self._parts.registry.disconnects.returns(window.since, window.until)

    def _times(self, number: int, name: str, returns: Sequence[Return]) -> list[int]:
        """When a connection to a broker that a meter uses stood again (Unix ms)."""
        options = self._parts.meters().get(name)
        sinks = options.sinks if options else ()
        return [
            one.at
            for one in returns
            if one.meter == number or (one.meter == 0 and one.sink in sinks)
        ]

    def _metrics(
        self, number: int, name: str, figures: Figures, window: Window, returns: Sequence[Return]
    ) -> MeterMetrics:
        return MeterMetrics(
            meter_id=number,
            name=name,
            since=iso(window.since) or "",
            until=iso(window.until) or "",
            mqtt_reconnections=len(self._times(number, name, returns)),
            **_told(figures),
        )


def _row(number: int, row: Row, width: int, returns: Sequence[int]) -> MetricRow:
    return MetricRow(
        meter_id=number,
        timestamp=iso(row.at) or "",
        ts=row.at,
        seconds=width // 1000,
        mqtt_reconnections=sum(row.at <= at < row.at + width for at in returns),
        **_told(row.figures),
    )


def _told(figures: Figures) -> dict[str, Any]:
    hits, misses = figures.scales_kept, figures.scales_asked
    return {
        "avg_read_time": _seconds(figures.average_ms),
        "min_read_time": _seconds(figures.least_ms),
        "max_read_time": _seconds(figures.most_ms),
        "total_reads": figures.good + figures.failed,
        "successful_reads": figures.good,
        "failed_reads": figures.failed,
        "missed_reads": figures.missed,
        "success_rate": _rate(figures),
        "messages_sent": figures.mqtt_messages,
        "messages_buffered": figures.queued,
        "messages_delivered": figures.delivered,
        "connects": figures.connects,
        "cache_hits": hits,
        "cache_misses": misses,
        "cache_hit_rate": percent(hits / (hits + misses)) if hits + misses else None,
    }


def _seconds(ms: float | None) -> float | None:
    return None if ms is None else round(ms / 1000, 3)


def _rate(figures: Figures) -> float | None:
    return None if figures.success is None else percent(figures.success)
