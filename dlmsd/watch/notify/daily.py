"""The daily report: health, alarms of the day, what was delivered, and the worst meters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from dlmsd.store.alarms import Alarm
from dlmsd.watch.finding import Finding
from dlmsd.watch.health import HealthReport, success_class
from dlmsd.watch.language import Language

WORST: Final = 5
_ALARMS: Final = 20


def report_document(report: HealthReport, alarms: Sequence[Alarm], language: Language) -> str:
    """As JSON, for a notice; ``alarms`` are those that were raised in the report's time."""
    classes, total = report.classes, report.total
    told = total.delivered + report.queued
    share = round(100 * total.delivered / told, 1) if told else 100.0
    standing = sum(one.cleared_at is None for one in alarms)
    raised = Counter(one.severity for one in alarms)
    sorted_meters = sorted(report.meters.items(), key=lambda one: one[1].success or 0.0)
    worst: list[dict[str, Any]] = [
        {"meter": name, "class": success_class(one), "percent": round(100 * (one.success or 0), 1)}
        for name, one in sorted_meters
        if success_class(one) != "healthy" or one.failed
    ][:WORST]
    shown: list[dict[str, str]] = [
        {"severity": one.severity, "message": _title(one, language)} for one in alarms
    ]
    document: dict[str, Any] = {
        "state": "report",
        "ts": report.at,
        "status": report.status,
        "classes": dict(classes),
        "alarms": {"raised": dict(raised), "standing": standing, "first": shown[:_ALARMS]},
        "delivered_percent": share,
        "queued": report.queued,
        "worst": worst,
    }
    heading = language.text("notices", "alarms")
    delivered = language.text("notices", "share")
    lines = [
        report.line(language),
        "",
        delivered.format(percent=share, queued=report.queued) + ".",
        heading.format(raised=len(alarms), standing=standing) + ".",
        *(f"  [{_word(language, one['severity'])}] {one['message']}" for one in shown[:_ALARMS]),
    ]
    if len(alarms) > _ALARMS:
        lines.append("  " + language.word("more", count=len(alarms) - _ALARMS))
    if worst:
        lines.append(language.text("notices", "worst") + ":")
    for one in worst:
        lines.append(
            f"  {one['meter']}: {language.text('classes', one['class'])}, {one['percent']} %"
        )
    status = language.word(("good", "minor", "bad")[report.status])
    document["title"] = f"{language.word('daily', minutes=report.minutes)}: {status}"
    document["text"] = "\n".join(lines)
    return msgspec.json.encode(document).decode()


def _title(alarm: Alarm, language: Language) -> str:
    finding = Finding.decode(alarm.details)
    return alarm.message if finding is None else language.title(finding)


def _word(language: Language, severity: str) -> str:
    return language.text("severities", severity)
