"""What is wrong with a meter that is read, or was until just now."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterator
from typing import Final

from dlmsd.meter.identity import DRIFT_SECONDS
from dlmsd.model import MeterState, Reading
from dlmsd.standing import Rung
from dlmsd.store.diagnostics import Severity
from dlmsd.watch.expectations import Expectations
from dlmsd.watch.finding import Finding, Number, quote
from dlmsd.watch.history import WINDOW, MeterHistory
from dlmsd.watch.rules.reach import late_after

# In ten minutes, and in a row.
BAD_FRAMES: Final = 10
BAD_FRAMES_RUNNING: Final = 15
CLOSED: Final = 5
FAILED: Final = 10
UNSAFE: Final = 3
NOISE_OCTETS: Final = 200
# A share of few cycles says little.
CYCLES: Final = 10
FAILURES: Final = 3
HEALTHY: Final = 0.9
DEGRADED: Final = 0.5
# Slots that passed while an earlier cycle ran.
MISSED: Final = 3
MISSED_SHARE: Final = 0.1


def meter_findings(meter: MeterHistory, expected: Expectations, now: float) -> Iterator[Finding]:
    """All that its statuses and its configuration show."""
    if meter.status.state is MeterState.INACTIVE:
        return
    sums = meter.sums(now)
    yield from _frames(meter, sums)
    yield from _shares(meter, sums)
    yield from _times(meter, sums, now)
    yield from _values(meter, expected, now)


def _found(
    meter: MeterHistory,
    rule: str,
    severity: Severity,
    confidence: float,
    *quotes: str,
    **numbers: Number,
) -> Finding:
    name = meter.status.name
    return Finding(rule, name, severity, confidence, numbers, quote(*quotes), (name,))


def _frames(meter: MeterHistory, sums: Counter[str]) -> Iterator[Finding]:
    bad, running = sums["bad_frames"], meter.bad_frames
    if bad > BAD_FRAMES or running >= BAD_FRAMES_RUNNING:
        worse = running >= BAD_FRAMES_RUNNING
        yield _found(
            meter, "hdlc-errors", "error" if worse else "warning", 0.8,
            frames=bad, running=running, noise=sums["noise_bytes"],
        )  # fmt: skip
    elif sums["noise_bytes"] > NOISE_OCTETS:
        yield _found(meter, "line-noise", "warning", 0.7, octets=sums["noise_bytes"])
    if sums["cause security"] >= UNSAFE:
        error = meter.status.error if meter.status.cause == "security" else ""
        yield _found(meter, "security-failing", "error", 0.7, error, count=sums["cause security"])
    closed = sums["cause closed"] + sums["cause busy"]
    if closed > CLOSED:
        error = meter.status.error
        yield _found(
            meter, "sockets-closed", "warning", 0.7, error, closed=closed, connects=sums["connects"]
        )
    standing = meter.status.standing
    if standing.rung in (Rung.PAUSED, Rung.PROBING):
        yield _found(meter, "breaker-open", "critical", 0.8, meter.status.error,
                     losses=standing.losses)  # fmt: skip


def _shares(meter: MeterHistory, sums: Counter[str]) -> Iterator[Finding]:
    good, failed = sums["good"], sums["failed"]
    cycles = good + failed
    if failed > FAILED:
        yield _found(meter, "read-failures", "warning", 0.6, meter.status.error,
                     failed=failed, cycles=cycles)  # fmt: skip
    shares = share_finding(meter.status.name, good, failed, round(WINDOW / 60), meter.status.error)
    if shares is not None:
        yield shares


def share_finding(
    name: str, good: int, failed: int, minutes: int, error: str = ""
) -> Finding | None:
    """What the share of good cycles within ``minutes`` says of a meter."""
    cycles = good + failed
    if cycles < CYCLES or failed < FAILURES or good / cycles >= HEALTHY:
        return None
    share = good / cycles
    rule: str = "success-degraded"
    severity: Severity = "warning"
    if share < DEGRADED:
        rule, severity = ("success-critical", "error") if good else ("success-down", "critical")
    numbers: dict[str, Number] = {
        "percent": round(100 * share),
        "good": good,
        "cycles": cycles,
        "minutes": minutes,
    }
    return Finding(rule, name, severity, 0.9, numbers, quote(error), (name,))


def _times(meter: MeterHistory, sums: Counter[str], now: float) -> Iterator[Finding]:
    status = meter.status
    silent = meter.silent(now)
    if silent > late_after(status.interval) and status.state is MeterState.READING:
        yield _found(meter, "telemetry-stale", "warning", 0.7,
                     seconds=round(silent), interval=status.interval)  # fmt: skip
    missed = sums["missed"]
    slots = missed + sums["good"] + sums["failed"]
    # A meter that fails holds up its slots too, and is not slow.
    reads = status.state is MeterState.READING and not meter.failing
    if reads and missed >= MISSED and missed > MISSED_SHARE * slots:
        yield _found(
            meter, "meter-slow", "warning", 0.8,
            missed=missed, interval=status.interval, cycle=round(status.cycle_seconds or 0.0, 2),
        )  # fmt: skip


def _values(meter: MeterHistory, expected: Expectations, now: float) -> Iterator[Finding]:
    status = meter.status
    wanted = expected.units.get(status.name, {})
    for key, unit in wanted.items():
        told = status.units.get(key)
        if told is not None and told != unit:
            yield _found(
                meter, "unit-wrong", "warning", 0.95, measurement=key, told=told or "-", wanted=unit
            )
    if status.absent and status.state is MeterState.READING:
        reasons = [f"{key}: {reason}" for key, reason in sorted(status.absent.items())]
        yield _found(meter, "values-absent", "warning", 0.9, *reasons, count=len(reasons))
    if meter.replaced is not None:
        before, after = meter.replaced
        yield _found(meter, "meter-replaced", "error", 0.9, before=before[:64], after=after[:64])
    clocks = expected.clocks.get(status.name, ())
    for drift in [_drift(status.reading, key) for key in clocks] or [meter.ahead]:
        if drift is not None and abs(drift) > DRIFT_SECONDS:
            yield _found(meter, "meter-clock", "warning", 0.9, seconds=round(drift))


def _drift(reading: Reading | None, key: str) -> float | None:
    """By how many seconds the time that a meter told is ahead of ours."""
    told = reading.values.get(key) if reading is not None else None
    if reading is None or not isinstance(told, str):
        return None
    try:
        moment = datetime.datetime.fromisoformat(told)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    return moment.timestamp() - reading.ts / 1000
