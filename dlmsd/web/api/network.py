"""What went over the network, of DLMS and of MQTT: counted where it is spoken, not by the host."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from attrs import frozen

from dlmsd.store.metrics import Figures, Row, total
from dlmsd.web.api.parts import Parts, iso
from dlmsd.web.api.series import Figured, Range, Window, fewer
from dlmsd.web.operation import Answer, Call, Operation, Reply

_TAG: Final = "metrics"


@frozen(kw_only=True)
class NetworkCounts:
    """Octets are those of DLMS frames and of MQTT's PUBLISH packets; ``bandwidth`` is bits a
    second of both, the mean of the time."""

    dlms_requests_sent: int
    dlms_responses_recv: int
    dlms_bytes_sent: int
    dlms_bytes_recv: int
    dlms_avg_payload_size: float | None
    mqtt_messages_sent: int
    mqtt_bytes_sent: int
    bandwidth_tx_bps: float
    bandwidth_rx_bps: float


@frozen(kw_only=True)
class NetworkRow(NetworkCounts):
    """What went over the network in ``seconds`` from ``timestamp`` on; octets are those of DLMS
    frames and of MQTT's PUBLISH packets, ``bandwidth`` is the mean of both in bits a second."""

    timestamp: str
    ts: int
    seconds: float


@frozen(kw_only=True)
class NetworkStats(NetworkCounts):
    """A sum over a time, and its parts in ``history``, the oldest first; ``meter_id`` is null
    for all meters together."""

    meter_id: int | None
    since: str
    until: str
    history: tuple[NetworkRow, ...]


class Network:
    """The operations on network figures."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._figured = Figured(parts)

    def operations(self) -> list[Operation]:
        get: dict[str, Any] = {
            "method": "GET",
            "tag": _TAG,
            "query": Range,
            "answers": {200: Answer("The sum, and its parts", NetworkStats)},
        }
        everybody: dict[str, Any] = {
            "work": self.all,
            "summary": "What went over the network, of all meters",
        }
        return [
            Operation(path="/api/network/metrics", **everybody, **get),
            Operation(path="/api/network_stats", **everybody, **get),
            Operation(
                path="/api/meters/{id}/network_stats",
                work=self.one,
                summary="What went over the network, of one meter",
                refuses=(404,),
                **get,
            ),
        ]

    async def all(self, call: Call) -> Reply:
        now = self._parts.now()
        window = Window.of(call.query, now)
        span = window.span(now)
        rows = await self._figured.all(window, now)
        return Reply(_stats(None, rows, fewer(rows, window, span, call.query.points), window, now))

    async def one(self, call: Call) -> Reply:
        number = call.path["id"]
        name = await self._parts.name_of(number)
        now = self._parts.now()
        window = Window.of(call.query, now)
        span = window.span(now)
        rows = await self._figured.of(number, name, window, now)
        told = fewer(rows, window, span, call.query.points)
        return Reply(_stats(number, rows, told, window, now))


def _stats(
    number: int | None,
    rows: Sequence[Row],
    told: Sequence[tuple[Row, int]],
    window: Window,
    now: int,
) -> NetworkStats:
    # Before the first row there was nothing to count.
    begin = max(window.since, rows[0].at) if rows else window.since
    seconds = max(1.0, (min(window.until, now) - begin) / 1000)
    history = tuple(_row(row, width, begin, min(window.until, now)) for row, width in told)
    return NetworkStats(
        meter_id=number,
        since=iso(window.since) or "",
        until=iso(window.until) or "",
        history=history,
        **_counts(total(rows), seconds),
    )


def _row(row: Row, width: int, begin: int, end: int) -> NetworkRow:
    """The first began with the first figures, and the last has not ended."""
    seconds = max(1000, min(row.at + width, end) - max(row.at, begin)) / 1000
    return NetworkRow(
        timestamp=iso(row.at) or "", ts=row.at, seconds=seconds, **_counts(row.figures, seconds)
    )


def _counts(figures: Figures, seconds: float) -> dict[str, Any]:
    answers, octets = figures.dlms_responses, figures.dlms_octets_in
    return {
        "dlms_requests_sent": figures.dlms_requests,
        "dlms_responses_recv": answers,
        "dlms_bytes_sent": figures.dlms_octets_out,
        "dlms_bytes_recv": octets,
        "dlms_avg_payload_size": round(octets / answers, 1) if answers else None,
        "mqtt_messages_sent": figures.mqtt_messages,
        "mqtt_bytes_sent": figures.mqtt_octets,
        "bandwidth_tx_bps": round((figures.dlms_octets_out + figures.mqtt_octets) * 8 / seconds, 1),
        "bandwidth_rx_bps": round(octets * 8 / seconds, 1),
    }
