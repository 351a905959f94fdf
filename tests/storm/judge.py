"""What a storm must not break, checked against what the meters and the broker saw.

The daemon is believed in one thing only: which readings it has told as read. All else is
compared with the simulator's record and with what arrived at the broker.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from decimal import Decimal
from itertools import pairwise
from typing import Any

from attrs import define, field

from dlmsd.model import Gap, MeterStatus, Reading
from dlmsd.simulator.record import Entry
from tests.publish.broker import Published
from tests.storm.answers import Answers

PLAIN, BOARD = "broker", "board"
PREFIX = "dlmsd/"
# ThingsBoard files readings by ts: what is new may go first there.
TELEMETRY = "v1/gateway/telemetry"
# A meter whose readings lie further apart than this, in intervals, has a gap.
GAP_INTERVALS = 1.5

# Sink, meter and ts.
Arrival = tuple[str, str, int]


@define
class Figures:
    """What happened; of ``violations`` there must be none. ``dated`` counts the readings whose
    values were compared with what was answered just then."""

    readings: int = 0
    dated: int = 0
    gaps: int = 0
    messages: int = 0
    duplicates: int = 0
    kills: int = 0
    cuts: int = 0
    faults: Counter[str] = field(factory=Counter)
    violations: list[str] = field(factory=list)

    def add(self, other: Figures) -> None:
        for name in ("readings", "dated", "gaps", "messages", "duplicates", "kills", "cuts"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.faults.update(other.faults)
        self.violations += other.violations


class Judge:
    """Hears everything as it happens; ``trace`` is the hash of all of it, in order.

    Each of ``sinks`` is owed each reading. ``refusals`` counts messages that the broker was made
    to refuse.
    """

    def __init__(self, answers: Answers, sinks: Iterable[str], seconds: Any) -> None:
        self.figures = Figures()
        self.refusals = 0
        self._answers = answers
        self._sinks = tuple(sinks)
        self._seconds = seconds
        self._hash = hashlib.sha256()
        self._read: dict[tuple[str, int], Reading] = {}
        self._newest: dict[str, int] = {}
        self._heard: list[tuple[float, Reading]] = []
        self._arrived: dict[Arrival, dict[str, Any]] = {}
        self._sent: set[tuple[str, int]] = set()
        self._last_sent: dict[str, int] = {}
        self._accepted: set[Arrival] = set()

    @property
    def trace(self) -> str:
        """SHA-256 of all that happened."""
        return self._hash.hexdigest()

    def violation(self, what: str) -> None:
        self.figures.violations.append(f"{self._seconds():.3f} s: {what}")

    def note(self, what: str) -> None:
        """Into the trace."""
        self._hash.update(f"{self._seconds():.6f} {what}\n".encode())

    # What is heard.

    def answered(self, entry: Entry) -> None:
        """A meter has answered."""
        self.note(f"answer {entry.meter} {entry.results}")
        self._answers.take(entry)

    def told(self, status: Any) -> None:
        """The daemon posts a status: from now on its reading counts as read."""
        if not isinstance(status, MeterStatus) or status.reading is None:
            return
        reading = status.reading
        key = reading.meter, reading.ts
        if key in self._read:
            return
        self.note(f"read {reading.meter} {reading.ts}")
        self.figures.readings += 1
        if reading.ts <= self._newest.get(reading.meter, 0):
            self.violation(f"{reading.meter}: ts {reading.ts} is not above the one before")
        self._newest[reading.meter] = reading.ts
        self._read[key] = reading
        self._heard.append((self._seconds(), reading))
        if wrong := self._answers.wrong(reading.meter, reading.ts, reading.values):
            self.violation(f"{reading.meter}: {wrong}")

    def since(self, seconds: float) -> dict[str, list[Reading]]:
        """What was read since then, by meter."""
        found: dict[str, list[Reading]] = defaultdict(list)
        for when, reading in reversed(self._heard):
            if when < seconds:
                break
            found[reading.meter].append(reading)
        return found

    def sent(self, message: Published) -> None:
        """A message was sent, whether the broker heard it or not: no window keeps its order
        with a broker that drops one and takes the next."""
        self._in_order(records(message))

    def _in_order(self, found: Iterable[Arrival]) -> None:
        for sink, meter, ts in found:
            if sink == BOARD or (meter, ts) in self._sent:
                continue
            self._sent.add((meter, ts))
            if ts <= self._last_sent.get(meter, 0):
                self.violation(f"{meter}: {ts} was sent for the first time behind a later one")
            self._last_sent[meter] = ts

    def published(self, message: Published) -> None:
        """A message has arrived at the broker."""
        found, again = records(message), False
        self._in_order(found)
        self.note(f"publish {message.topic} {message.payload!r}")
        for key, values in found.items():
            before = self._arrived.setdefault(key, values)
            if before is not values:
                again = True
                if before != values:
                    self.violation(f"{key} came again and is not the same")
                continue
            _, meter, ts = key
            if (meter, ts) not in self._read and (wrong := self._answers.wrong(meter, ts, values)):
                self.violation(f"{meter}: {wrong}, and arrived")
        self.figures.messages += bool(found)
        self.figures.duplicates += again

    def accepted(self, message: Published) -> None:
        """The broker has said that it has a message; one that it refused is not delivered."""
        self._accepted.update(records(message))

    # The end.

    def finish(self, inflight: int, connections: int) -> None:
        """All is well again, and nothing waits: what must be true now?"""
        self.figures.dated = self._answers.dated
        for key, reading in self._read.items():
            for sink in self._sinks:
                self._delivered((sink, *key), reading)
        # What is refused is sent again, at once and after each broken connection.
        most = inflight * connections + self.refusals
        if self.figures.duplicates > most:
            self.violation(f"{self.figures.duplicates} duplicates, where {most} are explained")

    def _delivered(self, key: Arrival, reading: Reading) -> None:
        values = self._arrived.get(key)
        if values is None:
            self.violation(f"{key} was read and never arrived")
        elif key not in self._accepted:
            self.violation(f"{key} was read and the broker never took it")
        elif values != reading.values:
            self.violation(f"{key} arrived with other values")

    def account(self, interval: float, gaps: list[Gap], since: float) -> None:
        """Whatever is missing between two readings of a meter has a gap with its cause: since
        then (Unix seconds)."""
        known: dict[str, set[int]] = defaultdict(set)
        for meter, ts in self._read:
            known[meter].add(ts)
        for _, meter, ts in self._arrived:
            known[meter].add(ts)
        told: dict[str, list[Gap]] = defaultdict(list)
        for gap in gaps:
            told[gap.meter].append(gap)
        self.figures.gaps = len(gaps)
        for meter, stamps in known.items():
            for before, after in pairwise(sorted(ts for ts in stamps if ts > since * 1000)):
                if after - before > interval * GAP_INTERVALS * 1000 and not any(
                    gap.from_ts < after and (gap.to_ts or after) > before for gap in told[meter]
                ):
                    self.violation(f"{meter}: no gap tells of {before} to {after}")


def records(message: Published) -> dict[Arrival, dict[str, Any]]:
    """The values of each reading in a message; none in what is something else."""
    if message.retain or not message.topic.startswith((PREFIX, TELEMETRY)):
        return {}
    body = json.loads(message.payload, parse_float=Decimal, parse_int=Decimal)
    if message.topic != TELEMETRY:
        meter = message.topic.removeprefix(PREFIX)
        return {(PLAIN, meter, int(body["ts"])): body["values"]}
    return {
        (BOARD, device, int(record["ts"])): record["values"]
        for device, records in body.items()
        for record in records
    }
