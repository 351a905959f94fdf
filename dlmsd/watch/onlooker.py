"""Health from the files of the state folder, whether the daemon runs or not."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from attrs import evolve

from dlmsd.config.values import Configuration, MeterOptions
from dlmsd.store.inventory import Inventory, take_inventory
from dlmsd.store.lock import Lock
from dlmsd.store.metrics import Figures, Span
from dlmsd.store.record import Record, take_record
from dlmsd.watch.finding import Finding
from dlmsd.watch.health import HealthReport
from dlmsd.watch.rules.meter import share_finding
from dlmsd.watch.rules.store import disk_findings, lost_findings

_MINUTE_MS: Final = 60_000
# The first figures are written after a minute.
_YOUNG_MINUTES: Final = 2
# What is written each minute is so old at most, and what was written late a little older.
_OLD_MS: Final = 3 * _MINUTE_MS
# Whatever is to be written needs more, if only for the log that it goes through.
_FULL_BYTES: Final = 1 << 20


def look(configuration: Configuration, minutes: int, wall: float) -> HealthReport:
    """Of the last ``minutes`` before ``wall`` (Unix seconds), of all meters that are in force.

    Raises StoreError.
    """
    folder = configuration.daemon.state_dir
    at = int(wall * 1000)
    since = at - minutes * _MINUTE_MS
    record = take_record(folder / "registry.db", since, at + Span.MINUTE)
    inventory = take_inventory(folder / "outbox.db", since, 0)
    begun = Lock(folder / "dlmsd.lock").held_since
    # What was delivered or refused later says nothing on how a meter is read.
    figures = {name: one for name, one in record.figures.items() if one.success is not None}
    observed = 0 if begun is None else min(minutes, int(wall - begun) // 60)
    if observed > _YOUNG_MINUTES:
        # Whoever is to be read and has no figures at all gave nothing.
        figures = {name: Figures() for name in _active(configuration, observed)} | figures
    findings = _findings(record, inventory, figures, minutes)
    if begun is None:
        age = 0 if record.newest is None else max(0, at - record.newest) // _MINUTE_MS
        findings.append(Finding("daemon-stopped", "dlmsd", "critical", 0.95, {"minutes": age}))
    else:
        newest = max(record.newest or 0, int(begun * 1000))
        patience = _patience(configuration, folder, record.newest)
        if patience is not None and at - newest > _OLD_MS + patience:
            age = (at - newest) // _MINUTE_MS
            findings.append(Finding("figures-old", "dlmsd", "error", 0.8, {"minutes": age}))
    queued = sum(one.queued for one in inventory.accounts.values())
    known = {one.key for one in findings if not one.gone}
    full = [one for one in _disk(configuration, inventory, queued) if one.key not in known]
    findings = [one for one in findings if one.key not in {each.key for each in full}] + full
    findings.sort(key=lambda one: (-one.rank, one.rule, one.subject))
    young = begun is not None and not figures and bool(_reading(configuration))
    return HealthReport(at, minutes, figures, queued, findings, young)


def _reading(configuration: Configuration) -> list[MeterOptions]:
    return [one for one in configuration.meters if one.status == "active"]


def _patience(configuration: Configuration, folder: Path, newest: int | None) -> int | None:
    """How long (ms) there may be no figures because no meter's turn comes; None for any time.

    Meters that gave something in the ``newest`` minute (Unix ms) are read in their interval,
    and are tried as often at first when they fail; others rest in between.
    """
    active = _reading(configuration)
    if not active:
        return None
    figures = {}
    if newest is not None:
        figures = take_record(folder / "registry.db", newest, newest + Span.MINUTE).figures
    good = [one for one in active if one.name in figures and figures[one.name].good]
    if good:
        return int(1000 * min(map(_turn, good)))
    return int(1000 * min(_turn(one) + _rest(one) for one in active))


def _turn(meter: MeterOptions) -> float:
    return float(meter.expect_every if meter.transport == "push" else meter.interval)


def _rest(meter: MeterOptions) -> float:
    """The longest one between two attempts."""
    recovery = meter.recovery
    return max(recovery.max_delay, recovery.pause, recovery.refused_pause)


def _disk(configuration: Configuration, inventory: Inventory, queued: int) -> Iterator[Finding]:
    """What a daemon that has no room can tell nobody."""
    try:
        disk = shutil.disk_usage(configuration.daemon.state_dir)
    except OSError:
        return
    if disk.free >= _FULL_BYTES:
        yield from disk_findings(disk.free, disk.total)
        return
    taken = sum(size for name, size in inventory.sizes.items() if not name.endswith(".ballast"))
    limit = configuration.outbox.max_bytes
    size = {"bytes": taken, "limit": limit, "queued": queued}
    yield Finding("disk-full", "outbox", "critical", 0.9, size)


def _active(configuration: Configuration, minutes: int) -> set[str]:
    """Whose turn comes twice within ``minutes``."""
    return {one.name for one in _reading(configuration) if 2 * _turn(one) <= 60 * minutes}


def _findings(
    record: Record, inventory: Inventory, figures: dict[str, Figures], minutes: int
) -> list[Finding]:
    """Of the alarms that stand, and what figures and files show besides."""
    kept = ((Finding.decode(one.details), one.updated_at) for one in record.alarms)
    found = [evolve(one, at=at) for one, at in kept if one is not None]
    known = {one.key for one in found}
    named = {name for one in found for name in (one.subject, *one.meters)}
    shares = (
        share_finding(name, one.good, one.failed, minutes)
        for name, one in figures.items()
        if name not in named
    )
    isolated = sum(one.quarantined for one in inventory.accounts.values())
    more = [one for one in shares if one is not None]
    more += lost_findings(tuple(inventory.gaps))
    if isolated:
        more.append(Finding("quarantine", "outbox", "warning", 0.9, {"count": isolated}))
    return found + [one for one in more if one.key not in known]
