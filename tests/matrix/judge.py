"""What no cell may break."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from itertools import pairwise
from typing import Any

from twisted.logger import globalLogPublisher

import dlmsd.dlms.security.errors  # noqa: F401 - so that they are known as names
from dlmsd.errors import DlmsdError, RefusedError
from dlmsd.model import MeterStatus, Reading
from tests.matrix.fault import Fault, Level
from tests.matrix.line import POISON
from tests.matrix.stage import BESIDE, INTERVAL, SPOILT, Stage
from tests.matrix.state import State
from tests.meter.fleet import wanted

# How late the meter beside may be read.
LATE_MS = 50
# An APDU of 65,535 octets in segments, and once more as a whole, and the 4,096 blocks of 20
# octets that these faults know; more is a buffer without a limit.
MOST_HELD = 256 << 10
# What refuses is asked again after a quarter of an hour.
REFUSED_PAUSE = 900.0
# A fault that lasted so long, and struck so often, was noticed.
LASTING_SECONDS, LASTING_STRIKES = 22.0, 3


@cache
def kinds() -> dict[str, type[DlmsdError]]:
    """Each error by the words that the status has of it."""
    found: dict[str, type[DlmsdError]] = {}
    todo = [DlmsdError]
    while todo:
        kind = todo.pop()
        found[" ".join((kind.__doc__ or "").split())] = kind
        todo += kind.__subclasses__()
    return found


class Unhandled:
    """Log events that only a bug makes, while it is entered."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def __enter__(self) -> Unhandled:
        globalLogPublisher.addObserver(self)
        return self

    def __exit__(self, *_: object) -> None:
        globalLogPublisher.removeObserver(self)

    def __call__(self, event: dict[str, Any]) -> None:
        failure = event.get("log_failure")
        if failure is not None:
            self.found.append(f"unhandled: {failure.getTraceback()}")


def told(stage: Stage, since: float) -> list[tuple[type[DlmsdError], str]]:
    """By which errors the status called what happened from then on, and in which words."""
    known, found = kinds(), []
    before: int | None = None
    for when, status in stage.statuses:
        if status.name != SPOILT:
            continue
        if status.error and status.error_ts != before and when >= since:
            found.append((known[status.advice], status.error))
        before = status.error_ts
    return found


def judge_values(stage: Stage, *, dated: bool) -> Iterator[str]:
    """Nothing is stored that is forged or, where ``dated``, was not answered in its cycle."""
    spans = {
        status.reading.ts: status.cycle_seconds or 0.0
        for _, status in stage.statuses
        if status.name == SPOILT and status.reading is not None
    }
    for _, reading in stage.readings:
        if reading.meter == SPOILT:
            yield from _judge_reading(stage, reading, spans.get(reading.ts), dated)


def _judge_reading(
    stage: Stage, reading: Reading, seconds: float | None, dated: bool
) -> Iterator[str]:
    if seconds is None:
        yield f"{reading.ts} was stored, and no status tells of it"
        return
    start = reading.ts / 1000 - seconds / 2 - 0.002
    answered: dict[str, set[Decimal]] = {}
    scalers: dict[str, int] = {}
    for answer in stage.answers:
        for obis, attribute, raw in answer.results:
            if attribute == 3 and raw is not None:
                scalers[obis] = int(raw.strip("[]").split(",")[0])
            elif raw is not None and start <= answer.t <= start + seconds + 0.004:
                answered.setdefault(obis, set()).add(Decimal(raw))
    for key, value in reading.values.items():
        obis = str(wanted(key).attribute.obis)
        if str(POISON) in str(value).replace(".", ""):
            yield f"{key} = {value} was forged"
        elif stage.line.surprised:
            continue
        elif not isinstance(value, Decimal):
            yield f"{key} = {value!r} is no number"
        elif dated and value.scaleb(-scalers.get(obis, 0)) not in answered.get(obis, ()):
            yield f"{key} = {value} was not answered in its cycle"


def judge_beside(stage: Stage) -> Iterator[str]:
    """The meter beside is read in its own time, from the second cycle of each life on."""
    ends = [*stage.lives[1:], stage.network.seconds()]
    for begun, end in zip(stage.lives, ends, strict=True):
        read = [
            reading.ts
            for when, reading in stage.readings
            if reading.meter == BESIDE and begun <= when < end
        ]
        for ts in read[2:]:
            cycles = (ts - read[1]) / (INTERVAL * 1000)
            off = abs(cycles - round(cycles)) * INTERVAL * 1000
            if off >= LATE_MS:
                yield f"the meter beside was read {off:.0f} ms off its time"
        if len(read) < (end - begun) / INTERVAL - 3:
            yield f"the meter beside was read {len(read)} times in {end - begun:.0f} s"


def judge_counts(stage: Stage) -> Iterator[str]:
    """Timestamps rise, and good readings are those that were stored."""
    newest = 0
    for _, reading in stage.readings:
        if reading.meter == SPOILT:
            if reading.ts <= newest:
                yield f"ts {reading.ts} is not above the one before"
            newest = reading.ts


def judge_names(stage: Stage, fault: Fault, state: State) -> Iterator[str]:
    """What happened has its right name, and one at all if it was there for long."""
    line = stage.line
    if line.begun is None or line.ended is None:
        return
    names = told(stage, line.begun)
    for kind, words in names:
        if not fault.called(kind, state):
            yield f"{fault.words} was called {kind.__name__}: {words}"
    often = line.strikes >= LASTING_STRIKES or fault.level is Level.LINE
    # What the client got over by itself strikes no more, however long it still might.
    until = line.ended if fault.level is Level.LINE else line.said
    lasted = until - line.begun >= LASTING_SECONDS and often
    if lasted and state in fault.certain and not names:
        yield f"{fault.words} had no name"


def judge_refusals(stage: Stage) -> Iterator[str]:
    """Who was refused does not knock again before its time."""
    refused = [
        when
        for when, status in stage.statuses
        if status.name == SPOILT
        and status.error
        and issubclass(kinds()[status.advice], RefusedError)
    ]
    for asked, again in pairwise(stage.line.aarqs):
        between = any(asked < when < again for when in refused)
        if between and again - asked < REFUSED_PAUSE - 1:
            yield f"refused, and asked again {again - asked:.1f} s later"


def held(root: Any) -> int:
    """Octets in buffers that can be reached from ``root`` through what dlmsd made."""
    seen: set[int] = set()
    todo, octets = [root], 0
    while todo:
        one = todo.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, bytes | bytearray):
            octets += len(one)
        elif _ours(one):
            todo += gc.get_referents(one)
    return octets


def _ours(one: Any) -> bool:
    kind = type(one)
    if kind.__module__ == "builtins":
        return kind in (list, dict, tuple, set)
    return kind.__module__.startswith(("dlmsd.dlms", "dlmsd.meter", "collections"))


def last(stage: Stage) -> MeterStatus | None:
    """The newest status of the spoilt meter."""
    found = [status for _, status in stage.statuses if status.name == SPOILT]
    return found[-1] if found else None
