"""All rules at once: from a history to the findings that stand."""

from __future__ import annotations

from dlmsd.watch.aftermath import Aftermath
from dlmsd.watch.finding import Finding
from dlmsd.watch.grouping import grouped
from dlmsd.watch.history import History
from dlmsd.watch.rules.host import host_findings
from dlmsd.watch.rules.meter import meter_findings
from dlmsd.watch.rules.reach import reach_findings
from dlmsd.watch.rules.sink import (
    canary_findings,
    certificate_findings,
    sink_findings,
    stream_findings,
)
from dlmsd.watch.rules.store import store_findings


def examine(history: History, aftermath: Aftermath, now: float, wall: float) -> list[Finding]:
    """What is wrong ``now`` (seconds of the reactor's clock), the worst first.

    ``wall`` is Unix seconds. What another finding explains is left out, for as long as it shows.
    """
    found: list[Finding] = []
    for meter in history.meters.values():
        found += reach_findings(meter, now)
        found += meter_findings(meter, history.expectations, now)
    for sink in history.sinks.values():
        queued = history.outbox.status.queued.get(sink.status.name, 0)
        found += sink_findings(sink, queued, now)
        found += canary_findings(sink.status)
        found += certificate_findings(sink.status, wall)
    for stream, account in history.streams.items():
        found += stream_findings(stream, account, history.meters.get(stream[0]), now)
    found += store_findings(history, now)
    found += host_findings(history, now, wall)
    kept = grouped(found, {name: one.status for name, one in history.meters.items()})
    told = aftermath.without(kept, found, now)
    return sorted(told, key=lambda one: (-one.rank, one.rule, one.subject))
