"""What is wrong with this machine, the configuration and what dlmsd itself does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from dlmsd.dlms.security.counter import COUNTER_ALARM, COUNTER_END
from dlmsd.model import ReceiverStatus
from dlmsd.store.diagnostics import Severity
from dlmsd.watch.finding import Finding, named, quote
from dlmsd.watch.history import WINDOW, History
from dlmsd.watch.rules.certificate import DAY, SOON, urgency

# Ten per cent of all counters are left.
COUNTERS_LOW: Final = COUNTER_END - COUNTER_END // 10
REBUILT_SECONDS: Final = 3600.0
# A machine that starts needs some minutes for it, and one without any network has no other clock.
UNSYNCHRONISED: Final = 900.0
# Within ten minutes: nobody mistypes so often.
WRONG_TOKENS: Final = 10
# Attempts, in some two minutes.
DEAF: Final = 3


def host_findings(history: History, now: float, wall: float) -> Iterator[Finding]:
    """All of it; ``wall`` is Unix seconds."""
    host = history.host
    if host.step is not None and now - host.step.at < WINDOW:
        seconds = {"seconds": round(host.step.seconds, 1)}
        yield Finding("host-clock", "host", "warning", 0.9, seconds)
    if host.late_at is not None and now - host.late_at < WINDOW:
        yield Finding("host-slow", "host", "warning", 0.6, {"seconds": round(host.late, 1)})
    if host.unsynchronised_at is not None and now - host.unsynchronised_at >= UNSYNCHRONISED:
        minutes = {"minutes": round((now - host.unsynchronised_at) / 60)}
        yield Finding("host-unsynchronised", "host", "warning", 0.8, minutes)
    wrong = host.wrong(now)
    if wrong >= WRONG_TOKENS:
        yield Finding("tokens-wrong", "page", "warning", 0.6, {"count": wrong})
    yield from _reload(history)
    for listener in history.board.listeners.values():
        if listener.error:
            numbers = {"address": listener.address}
            error = quote(listener.error)
            yield Finding("listener-down", listener.name, "error", 0.9, numbers, error)
    yield from _receivers(host.receivers, wall)
    for path, ends in host.expiries.items():
        yield from _expiry(path, (ends - wall) / DAY)
    for meter, spent in host.counters.items():
        if spent >= COUNTER_ALARM:
            severity: Severity = "error" if spent >= COUNTERS_LOW else "warning"
            used = {"percent": round(100 * spent / COUNTER_END, 1), "left": COUNTER_END - spent}
            yield Finding("counters-low", meter, severity, 0.95, used, (), (meter,))
    for (kind, name), (at, times) in host.rebuilt.items():
        if now - at < REBUILT_SECONDS:
            meters = (name,) if kind == "meter" else ()
            yield Finding(f"{kind}-rebuilt", name, "warning", 0.7, {"times": times}, (), meters)


def _reload(history: History) -> Iterator[Finding]:
    status = history.board.reload
    if status is None:
        return
    refused = [f"{name}: {why}" for name, why in sorted(status.refused.items())]
    if status.problems:
        numbers = {"count": len(status.problems)}
        problems = quote(*status.problems)
        yield Finding("reload-refused", "configuration", "error", 0.95, numbers, problems)
    if refused:
        names = named(list(status.refused))
        count = {"count": len(refused)}
        yield Finding(
            "meters-refused", "configuration", "error", 0.95, count, quote(*refused), names
        )
    if status.restart:
        keys = {"keys": ", ".join(status.restart)[:200]}
        yield Finding("restart-needed", "configuration", "info", 0.95, keys)


def _receivers(receivers: Iterable[ReceiverStatus], wall: float) -> Iterator[Finding]:
    """Of whoever takes no notices, the others hear."""
    for one in receivers:
        if one.failures >= DEAF:
            numbers = {
                "failures": one.failures,
                "seconds": max(0, round(wall - one.failing_since / 1000)),
                "waiting": one.waiting,
            }
            yield Finding("notice-failing", one.name, "error", 0.9, numbers, quote(one.error))


def _expiry(path: str, days: float) -> Iterator[Finding]:
    if days <= 0:
        numbers = {"days": round(-days)}
        yield Finding("certificate-expired", path, "critical", 0.95, numbers)
    elif days <= SOON:
        yield Finding("certificate-expires", path, urgency(days), 0.95, {"days": round(days)})
