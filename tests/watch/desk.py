"""The watch with its files, and one meter and one sink that tell of themselves what a test wants.

What no virtual meter and no model broker can bring about is put before the watch here, at the
place where it would see it.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any, Final

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from dlmsd.config.load import load
from dlmsd.config.values import DaemonOptions, OutboxOptions
from dlmsd.fleet.board import Board
from dlmsd.model import (
    MeterState,
    MeterStatus,
    OutboxStatus,
    Reading,
    ReceiverStatus,
    SinkState,
    SinkStatus,
)
from dlmsd.store.alarms import Alarm
from dlmsd.store.outbox import Outbox
from dlmsd.store.registry import Registry
from dlmsd.watch.finding import Finding
from dlmsd.watch.watch import Watch
from tests.store.immediate import ImmediateWriter

STEP: Final = 10.0
METER: Final = MeterStatus("a", "h:1", "p", STEP, MeterState.READING)
SINK: Final = SinkStatus("tb", "mqtt", "mqtt://b", SinkState.CONNECTED, connections=1, connected=1)
# The meter tells its time and its number, and its energy in kWh.
CONFIGURATION: Final = """
[[sinks]]
name = "tb"
kind = "mqtt"
url = "mqtts://b"
{sink}
[[meters]]
name = "a"
host = "h"
port = 1
password = "12345678"
{meter}
[meters.read]
energy = {{ obis = "1-1:1.8.0", unit = "kWh" }}
clock = {{ class = 8, obis = "0-0:1.0.0" }}
"""

Cycle = Callable[[], None]


class Desk:
    """In ``folder``. Every ten seconds the meter's ``cycle`` runs; at first all of them are good.

    ``receivers`` are those of notices.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = self.reactor = Clock()
        self.clock_right: bool | None = True
        self._began = time.time()
        self.board = Board()
        self.meter, self.sink = METER, SINK
        self.cycle: Cycle = self.good
        self.receivers: tuple[ReceiverStatus, ...] = ()
        self._delivered = 0
        self.clock_error = 0.0
        self.writers = [ImmediateWriter() for _ in range(2)]
        for writer in self.writers:
            writer.start()
        self.registry = Registry(
            folder / "registry.db", writer=self.writers[0], wall=self.wall, draw=Random(1).randbytes
        )
        self.outbox = Outbox(
            folder / "outbox.db",
            OutboxOptions(),
            writer=self.writers[1],
            clock=self.clock,
            wall=self.wall,
            post=self.board.post,
        )
        done(self.registry.start())
        done(self.outbox.start())
        options = DaemonOptions(folder)
        self.watch = Watch(self.board, self.registry, self.outbox, options, self)
        self.watch.receivers = lambda: self.receivers  # type: ignore[method-assign]
        self.configure()
        self.watch.start()
        self.board.post(self.sink)
        self.board.post(OutboxStatus())
        self.run(120)

    def stop(self) -> None:
        for work in (self.watch.stop(), self.outbox.stop(), self.registry.stop()):
            done(work)
        for writer in self.writers:
            done(writer.stop())

    def synchronised(self) -> bool | None:
        return self.clock_right

    def wall(self) -> float:
        """Unix seconds."""
        return self._began + self.clock.seconds()

    def configure(self, meter: str = "", sink: str = "") -> None:
        """These lines are in the tables of the meter and the sink from now on."""
        path = self.folder / "dlmsd.toml"
        path.write_text(CONFIGURATION.format(meter=meter, sink=sink))
        self.watch.expect(load(path, environ={}))

    def run(self, seconds: float) -> None:
        """Let time pass."""
        for _ in range(round(seconds / STEP)):
            self.cycle()
            self.clock.advance(STEP)

    # The meter.

    def good(self, **changes: Any) -> None:
        """A cycle that gave a reading."""
        told = datetime.datetime.fromtimestamp(self.wall() + self.clock_error, datetime.UTC)
        values = {"energy": Decimal(5), "clock": told.isoformat()}
        state = {"state": MeterState.READING, "error": ""}
        reading = Reading("a", int(self.wall() * 1000), values)
        count = {"good": self.meter.good + 1}
        self.tell(reading=reading, values=values, **(state | count | changes))

    def failed(self, cause: str, **changes: Any) -> None:
        """A cycle that gave none."""
        state = {"state": MeterState.DOWN, "error": "it said no", "cause": cause}
        count = {"failed": self.meter.failed + 1, "error_ts": int(self.wall() * 1000)}
        self.tell(**(state | count | changes))

    def tell(self, **changes: Any) -> None:
        self.meter = evolve(self.meter, **changes)
        self.board.post(self.meter)

    def tell_sink(self, **changes: Any) -> None:
        self.sink = evolve(self.sink, **changes)
        self.board.post(self.sink)

    # Its readings.

    def commit(self, number: int = 1) -> None:
        """So many more readings wait for the sink."""
        for one in range(number):
            ts = int(self.wall() * 1000) + one
            self.outbox.commit(Reading("a", ts, {"energy": Decimal(5)}), ["tb"])
        done(self.outbox.flush())

    def deliver(self, number: int = 1000) -> None:
        """The broker acknowledges so many, the oldest first."""
        ids = [one.id for one in done(self.outbox.pending("tb", 0, number))]
        self.outbox.delivered(ids)
        done(self.outbox.flush())
        self.tell_sink(delivered=self.sink.delivered + len(ids))

    # What was found.

    @property
    def findings(self) -> list[Finding]:
        return self.watch.findings

    def alarms(self) -> list[Alarm]:
        found: list[Alarm] = list(done(self.registry.alarms.list()))
        return found


def done(work: Any) -> Any:
    """What ``work`` gives at once."""
    results: list[Any] = []
    Deferred.fromCoroutine(work).addBoth(results.append)
    if results and isinstance(results[0], Failure):
        results[0].raiseException()
    return results[0] if results else None
