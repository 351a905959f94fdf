"""Moments as people write them on a command line."""

from __future__ import annotations

import datetime
import re
from typing import Final

_AGO: Final = re.compile(r"-(\d{1,6})([mhdw])")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DAYS: Final = {"today": 0, "yesterday": 1}


def moment(
    text: str, now: datetime.datetime, zone: datetime.tzinfo | None = None
) -> datetime.datetime:
    """``2026-03-01``, ``2026-03-01T12:30``, ``-2d``, ``-6h``, ``today``, ``yesterday``, ``now``.

    A day means its midnight. What tells no zone is local time in ``zone``, or else in this
    machine's. ``now`` is aware. ValueError with a sentence for anything else.
    """
    try:
        if text == "now":
            return now
        if found := _AGO.fullmatch(text):
            return now - datetime.timedelta(**{_UNITS[found[2]]: int(found[1])})
        if text in _DAYS:
            day = now.astimezone(zone).date() - datetime.timedelta(days=_DAYS[text])
            return _placed(datetime.datetime.combine(day, datetime.time()), zone)
        return _placed(datetime.datetime.fromisoformat(text), zone)
    except (ValueError, OverflowError):
        raise ValueError(
            f"{text} is no moment; it may be 2026-03-01, 2026-03-01T12:30, -2d, -6h, today or now"
        ) from None


def _placed(read: datetime.datetime, zone: datetime.tzinfo | None) -> datetime.datetime:
    if read.tzinfo is not None:
        return read.astimezone(datetime.UTC)
    local = read.astimezone() if zone is None else read.replace(tzinfo=zone)
    return local.astimezone(datetime.UTC)
