"""What a storm must not break, checked against what the meters and the broker saw.

The daemon is believed in one thing only: which readings it has told as read. All else is
compared with the simulator's record and with what arrived at the broker.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from decimal import Decimal
from typing import Any

import msgspec
from attrs import define, field

from dlmsd.model import MeterStatus, Reading
from dlmsd.simulator.record import Entry
from tests.publish.broker import Published

PREFIX = "dlmsd/"


@define
class Figures:
    """What happened; of the last four there must be none."""

    readings: int = 0
    messages: int = 0
    duplicates: int = 0
    kills: int = 0
    cuts: int = 0
    faults: Counter[str] = field(factory=Counter)
    violations: list[str] = field(factory=list)

    def add(self, other: Figures) -> None:
        for name in ("readings", "messages", "duplicates", "kills", "cuts"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.faults.update(other.faults)
        self.violations += other.violations


class Judge:
    """Hears everything as it happens; ``trace`` is the hash of all of it, in order.

    ``refusals`` counts messages that the broker was made to refuse.
    """

    def __init__(self, obis: dict[str, str], seconds: Any) -> None:
        self.figures = Figures()
        self.refusals = 0
        self._obis = obis
        self._seconds = seconds
        self._hash = hashlib.sha256()
        self._raw: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        self._scalers: dict[tuple[str, str], int] = {}
        self._read: dict[tuple[str, int], Reading] = {}
        self._newest: dict[str, int] = {}
        self._arrived: dict[tuple[str, int], bytes] = {}
        self._sent: set[tuple[str, int]] = set()
        self._last_sent: dict[str, int] = {}
        self._accepted: set[tuple[str, int]] = set()

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
        for obis, attribute, raw in entry.results:
            if raw is None:
                continue
            if attribute == 2:
                self._raw[entry.meter][obis].add(raw)
            elif attribute == 3:
                self._scalers[entry.meter, obis] = int(raw.strip("[]").split(",")[0])

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
        self._check_values(reading)

    def _check_values(self, reading: Reading) -> None:
        for key, value in reading.values.items():
            obis = self._obis[key]
            scaler = self._scalers.get((reading.meter, obis))
            raw = self._raw[reading.meter][obis]
            assert isinstance(value, Decimal)
            if scaler is None or str(int(value.scaleb(-scaler))) not in raw:
                self.violation(f"{reading.meter}: {key} = {value} was never answered")

    def sent(self, message: Published) -> None:
        """A message was sent, whether the broker heard it or not: no window keeps its order
        with a broker that drops one and takes the next."""
        key = _key(message)
        if key is None or key in self._sent:
            return
        self._sent.add(key)
        meter, ts = key
        if ts <= self._last_sent.get(meter, 0):
            self.violation(f"{meter}: {ts} was sent for the first time behind a later one")
        self._last_sent[meter] = ts

    def published(self, message: Published) -> None:
        """A message has arrived at the broker."""
        self.sent(message)
        self.note(f"publish {message.topic} {message.payload!r}")
        key = _key(message)
        if key is None:
            return
        self.figures.messages += 1
        meter = key[0]
        if key in self._arrived:
            self.figures.duplicates += 1
            if self._arrived[key] != message.payload:
                self.violation(f"{meter}: {key[1]} came again and is not the same")
            return
        self._arrived[key] = message.payload

    def accepted(self, message: Published) -> None:
        """The broker has said that it has a message; one that it refused is not delivered."""
        key = _key(message)
        if key is not None:
            self._accepted.add(key)

    # The end.

    def finish(self, inflight: int, connections: int) -> None:
        """All is well again, and nothing waits: what must be true now?"""
        for key, reading in self._read.items():
            payload = self._arrived.get(key)
            if payload is None:
                self.violation(f"{key[0]}: {key[1]} was read and never arrived")
                continue
            if key not in self._accepted:
                self.violation(f"{key[0]}: {key[1]} was read and the broker never took it")
            body = json.loads(payload, parse_float=Decimal, parse_int=Decimal)
            if body["values"] != reading.values:
                self.violation(f"{key[0]}: {key[1]} arrived with other values")
        # What is refused is sent again, at once and after each broken connection.
        most = inflight * connections + self.refusals
        if self.figures.duplicates > most:
            self.violation(f"{self.figures.duplicates} duplicates, where {most} are explained")


def _key(message: Published) -> tuple[str, int] | None:
    """Meter and ts of a reading; None for what is none."""
    if message.retain or not message.topic.startswith(PREFIX):
        return None
    body = msgspec.json.decode(message.payload)
    return message.topic.removeprefix(PREFIX), int(body["ts"])
