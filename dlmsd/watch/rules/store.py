"""What is wrong with the outbox, and the disk below it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from dlmsd.model import Gap, GapCause
from dlmsd.watch.finding import Finding, named, quote
from dlmsd.watch.history import WINDOW, History

# So many more deliveries wait than some minutes ago.
GROWTH: Final = 100
# Below this share of the disk, and below so many bytes.
LOW_SHARE: Final = 0.05
LOW_BYTES: Final = 512 << 20
DROPPED_SECONDS: Final = 3600.0

# Nothing will ever fill these.
_FOR_GOOD: Final = frozenset(
    {
        GapCause.NEVER_CAPTURED,
        GapCause.LOST_IN_METER,
        GapCause.REFUSED,
        GapCause.METER_REPLACED,
        GapCause.OUTBOX_FULL,
        GapCause.DISK_FULL,
        GapCause.OUTBOX_DAMAGED,
    }
)


def unfillable(gap: Gap) -> bool:
    """Whether what is missing stays missing."""
    return gap.cause in _FOR_GOOD and gap.filled_at is None


def store_findings(history: History, now: float) -> Iterator[Finding]:
    """All that its status and the last minutes show."""
    outbox, host = history.outbox, history.host
    status = outbox.status
    waiting = sum(status.queued.values())
    most = history.expectations.max_bytes
    limit = status.limit or most
    size = {"bytes": status.bytes, "queued": waiting, "limit": limit}
    if status.error:
        rule = f"{status.full}-full" if status.full else "outbox-failing"
        yield Finding(rule, "outbox", "critical", 0.95, size, quote(status.error))
    if status.alarm:
        yield Finding("outbox-damaged", "outbox", "error", 0.9, {}, quote(status.alarm))
    if status.pressure and limit < most:
        yield Finding("disk-small", "outbox", "error", 0.9, size | {"most": most})
    elif status.pressure:
        yield Finding("outbox-pressure", "outbox", "error", 0.9, size)
    if outbox.dropped_at is not None and now - outbox.dropped_at < DROPPED_SECONDS:
        dropped = {"count": outbox.dropped, "total": status.dropped}
        yield Finding("readings-dropped", "outbox", "error", 0.95, dropped)
    if outbox.queued and now - outbox.queued[0][0] > WINDOW / 2:
        grown = waiting - outbox.queued[0][1]
        if grown > GROWTH and all(count <= waiting for _, count in outbox.queued):
            minutes = round((now - outbox.queued[0][0]) / 60)
            numbers = {"grown": grown, "minutes": minutes, "queued": waiting}
            yield Finding("outbox-growth", "outbox", "warning", 0.7, numbers)
    if status.quarantined:
        count = {"count": status.quarantined}
        yield Finding("quarantine", "outbox", "warning", 0.9, count)
    yield from disk_findings(host.free, host.size)
    yield from lost_findings(host.lost)


def disk_findings(free: int, size: int) -> Iterator[Finding]:
    """Of a disk of ``size`` bytes, 0 if that is not known, of which so many are ``free``."""
    if size > 0 and free < min(LOW_BYTES, LOW_SHARE * size):
        left = {"free": free >> 20, "percent": round(100 * free / size, 1)}
        yield Finding("disk-low", "disk", "warning", 0.95, left)


def lost_findings(gaps: tuple[Gap, ...]) -> Iterator[Finding]:
    """Of gaps that cannot be filled: one for each cause."""
    by_cause: dict[GapCause, list[Gap]] = defaultdict(list)
    for gap in filter(unfillable, gaps):
        by_cause[gap.cause].append(gap)
    for cause, found in by_cause.items():
        meters = list({gap.meter for gap in found})
        numbers = {
            "gaps": len(found),
            "meters": len(meters),
            "readings": sum(gap.count for gap in found),
            "cause": cause.value,
        }
        yield Finding("gaps-lost", cause.value, "warning", 0.9, numbers, (), named(meters))
