"""Why a meter is not read at all: one finding, by the kind of its last failure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from dlmsd.model import MeterState
from dlmsd.standing import Rung
from dlmsd.watch.finding import Finding, quote
from dlmsd.watch.history import MeterHistory

# A reading is late after so many intervals, but never before so many seconds.
LATE_INTERVALS: Final = 4
LATE_SECONDS: Final = 20.0
# So many failures in a row are no chance.
FAILURES: Final = 3
SILENT_SECONDS: Final = 600.0

_BY_CAUSE: Final[Mapping[str, tuple[str, float]]] = {
    "dns": ("meter-unresolved", 0.95),
    "refused": ("meter-not-listening", 0.9),
    "timeout": ("meter-unanswered", 0.8),
    "unreachable": ("meter-unreachable", 0.9),
    "busy": ("meter-busy", 0.8),
    "closed": ("meter-closes", 0.6),
    "silence": ("meter-mute", 0.7),
    "auth": ("meter-refuses-us", 0.95),
    "tls": ("meter-tls", 0.9),
    "port": ("meter-port", 0.95),
    "service": ("meter-gives-nothing", 0.8),
    "protocol": ("meter-protocol", 0.6),
    "security": ("meter-protocol", 0.6),
    "decode": ("meter-protocol", 0.6),
    "link": ("meter-closes", 0.5),
}
"""The rule for each :data:`dlmsd.errors.Cause`, and how sure that is. Where the store, the
operator or dlmsd is to blame, the meter is not."""
_NOT_THE_METER: Final = frozenset({"store", "ours", "operator", "broker", "replaced"})

REACH: Final = frozenset(rule for rule, _ in _BY_CAUSE.values()) | {"meter-silent"}
# These may be the line's or the network's fault, so that neighbours have it too.
SHARED: Final = REACH - {"meter-refuses-us", "meter-gives-nothing", "meter-protocol"}


def late_after(interval: float) -> float:
    """Seconds after which the last reading is too old."""
    return max(LATE_SECONDS, LATE_INTERVALS * interval)


def reach_findings(meter: MeterHistory, now: float) -> Iterator[Finding]:
    """At most one."""
    status = meter.status
    if status.state in (MeterState.INACTIVE, MeterState.READING):
        return
    silent = meter.silent(now)
    barred = status.standing.rung is Rung.BARRED
    late = silent > late_after(status.interval)
    if not (barred or late or (status.error and meter.failing >= FAILURES)):
        return
    if status.error and status.cause in _NOT_THE_METER:
        return
    rule, confidence = "meter-silent", 0.5
    if status.error:
        rule, confidence = _BY_CAUSE.get(status.cause, (rule, confidence))
    elif silent < SILENT_SECONDS:
        return  # it is just being tried
    yield Finding(
        rule,
        status.name,
        "critical" if silent >= SILENT_SECONDS else "error",
        confidence,
        {
            "address": status.address,
            "seconds": round(silent),
            "failures": meter.failing,
            "attempts": meter.sums(now)["connects"],
        },
        quote(status.error),
        (status.name,),
    )
