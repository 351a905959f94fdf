"""Profiles of a virtual meter, and how their rows are asked for and decoded."""

from __future__ import annotations

import datetime
from typing import Any
from zoneinfo import ZoneInfo

from dlmsd.dlms.axdr.data import Data, encode
from dlmsd.dlms.cosem.capture import CaptureObject, decode_capture_objects
from dlmsd.dlms.cosem.profile import ProfileRows, Row
from dlmsd.dlms.xdlms.selective import RangeDescriptor, range_value
from dlmsd.simulator.equipment import ClockOptions, Equipment, ProfileOptions
from tests.simulator.client import NOON
from tests.simulator.cosem.bench import Bench

LOAD, DAILY, BILLING, LOG = "1-0:99.1.0", "1-0:99.2.0", "1-0:98.1.0", "0-0:99.98.0"
PERIOD = 900
BERLIN = ZoneInfo("Europe/Berlin")
# The last Sunday of October 2025 ends summer time at 01:00 UTC.
FALL = datetime.datetime(2025, 10, 26, 4, tzinfo=datetime.UTC).timestamp()


def bench(t: float = NOON, clock: ClockOptions | None = None, **options: Any) -> Bench:
    return Bench(Equipment(clock or ClockOptions(), ProfileOptions(**options)), t)


def small(t: float = NOON, clock: ClockOptions | None = None, **options: Any) -> Bench:
    return bench(t, clock, **{"entries": 40, **options})


def utc(t: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(t, datetime.UTC)


def columns(held: Bench, code: str = LOAD) -> tuple[CaptureObject, ...]:
    return decode_capture_objects(held.read(code, "capture_objects"))


def decoded(held: Bench, data: Data, code: str = LOAD, **options: Any) -> list[Row]:
    options.setdefault("columns", columns(held, code))
    period = held.value(code, "capture_period")
    reader = ProfileRows(capture_period=period, **options)
    octets = encode(data)
    found = [row for at in range(0, len(octets), 999) for row in reader.feed(octets[at : at + 999])]
    reader.finish()
    return found


def rows(held: Bench, code: str = LOAD, access: Any = None, **options: Any) -> list[Row]:
    return decoded(held, held.read(code, "buffer", access), code, **options)


def times(found: list[Row]) -> list[float]:
    return [row.time.timestamp() for row in found if row.time is not None]


def by_range(start: float, end: float, **options: Any) -> Any:
    return RangeDescriptor(range_value(utc(start)), range_value(utc(end)), **options).access
