"""What keeps readings from a broker."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from typing import Final

from dlmsd.model import CloseCause, MeterState, SinkState, SinkStatus
from dlmsd.store.counters import Stream
from dlmsd.store.diagnostics import Severity
from dlmsd.watch.finding import Finding, Number, quote
from dlmsd.watch.history import MeterHistory, SinkHistory, StreamHistory
from dlmsd.watch.rules.certificate import DAY, SOON, urgency
from dlmsd.watch.rules.reach import late_after

# A broker that restarts is back by then.
BRIEF_SECONDS: Final = 20.0
LONG_SECONDS: Final = 600.0
STALLED_SECONDS: Final = 120.0
CYCLES: Final = 20
RATIO: Final = 0.5

# Nobody need do anything about these before they last.
_PATIENT: Final = (CloseCause.RESTART, CloseCause.RATE, CloseCause.KEEPALIVE)
# Without a verdict.
_UNSURE: Final = 0.3


def sink_findings(sink: SinkHistory, queued: int, now: float) -> Iterator[Finding]:
    """At most one; ``queued`` deliveries wait for it."""
    status = sink.status
    down = 0.0 if sink.down_at is None else now - sink.down_at
    numbers: Mapping[str, Number] = {
        "url": status.url,
        "seconds": round(down),
        "queued": queued,
        "connected": status.connected,
        "connections": status.connections,
    }
    if down > BRIEF_SECONDS:
        verdict = status.verdict
        cause = verdict.cause if verdict is not None else CloseCause.UNKNOWN
        yield Finding(
            f"sink-{cause.value.replace('_', '-')}",
            status.name,
            _severity(sink, cause, down),
            verdict.confidence if verdict is not None else _UNSURE,
            numbers,
            quote(status.error, *(verdict.evidence if verdict is not None else ())),
            verdict.meters if verdict is not None else (),
        )
    elif queued and now - sink.moved_at > STALLED_SECONDS and status.state is SinkState.CONNECTED:
        stalled = {**numbers, "seconds": round(now - sink.moved_at)}
        yield Finding("sink-stalled", status.name, "error", 0.6, stalled)


def canary_findings(status: SinkStatus) -> Iterator[Finding]:
    """What a broker of MQTT 3.1.1 acknowledges, and perhaps drops."""
    if status.unechoed:
        numbers: Mapping[str, Number] = {"url": status.url, "count": status.unechoed}
        topics = quote(*status.unechoed_topics)
        yield Finding("sink-unechoed", status.name, "warning", 0.6, numbers, topics)


def certificate_findings(status: SinkStatus, wall: float) -> Iterator[Finding]:
    """The broker's own certificate; one that has ended is refused, and then no connection stands.

    ``wall`` is Unix seconds.
    """
    ends = status.certificate_ends
    if ends is not None and (days := (ends - wall) / DAY) <= SOON:
        until = datetime.datetime.fromtimestamp(ends, datetime.UTC)
        numbers: Mapping[str, Number] = {
            "url": status.url,
            "days": max(0, round(days)),
            "ends": f"{until:%Y-%m-%d %H:%M}",
        }
        yield Finding("sink-certificate", status.name, urgency(days), 0.95, numbers)


def _severity(sink: SinkHistory, cause: CloseCause, down: float) -> Severity:
    if sink.status.connected or sink.status.state is SinkState.CONNECTED:
        return "warning"  # it delivers, if not everything
    if cause in _PATIENT and down < LONG_SECONDS:
        return "warning"
    return "critical" if down >= LONG_SECONDS else "error"


def stream_findings(
    stream: Stream, history: StreamHistory, meter: MeterHistory | None, now: float
) -> Iterator[Finding]:
    """What of one meter does not arrive at one sink."""
    if meter is None or meter.status.state is MeterState.INACTIVE:
        return
    name, sink = stream
    subject = f"{name} → {sink}"
    queued = history.account.queued
    waited = now - history.moved_at
    if queued and waited > max(STALLED_SECONDS, late_after(meter.status.interval)):
        numbers: Mapping[str, Number] = {"seconds": round(waited), "queued": queued, "sink": sink}
        yield Finding("delivery-stale", subject, "warning", 0.7, numbers, (), (name,))
    sums = history.sums(now)
    committed, delivered = sums["committed"], sums["delivered"]
    if committed >= CYCLES and delivered < RATIO * committed:
        numbers = {
            "percent": round(100 * delivered / committed),
            "cycles": committed,
            "delivered": delivered,
            "sink": sink,
        }
        yield Finding("publish-ratio", subject, "warning", 0.7, numbers, (), (name,))
