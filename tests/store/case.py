"""What the outbox's tests share: a file in a fresh folder, a clock, a wall."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.config.values import OutboxOptions
from dlmsd.model import OutboxStatus, Reading
from dlmsd.store.outbox import Delivery, Outbox
from tests.store.immediate import ImmediateWriter

NOW = 1_800_000_000.0
"""The wall clock's start, in Unix seconds."""

NOW_MS = int(NOW) * 1000

REFUSE = """
    CREATE TRIGGER refuse BEFORE INSERT ON readings WHEN NEW.meter = 'bad'
    BEGIN SELECT RAISE(ABORT, 'the disk is on fire'); END
"""
"""Makes a file refuse each group with a reading of the meter ``bad``."""


def reading(meter: str = "planta-a", ts: int = NOW_MS, **values: Any) -> Reading:
    return Reading(meter, ts, values or {"voltage_l1": Decimal("230.10")})


def look(path: Path, sql: str, *arguments: object) -> list[tuple[Any, ...]]:
    """Rows of the file as another program sees them."""
    with closing(sqlite3.connect(path)) as database:
        rows = database.execute(sql, arguments).fetchall()
        database.commit()
        return rows


class OutboxCase(SynchronousTestCase):
    """``self.outbox`` is open; whatever it told is in ``posted`` and ``heard``."""

    options = OutboxOptions()

    def setUp(self) -> None:
        self.clock = Clock()
        folder = Path(self.mktemp())
        folder.mkdir()
        self.path = folder / "outbox.db"
        self.posted: list[OutboxStatus] = []
        self.heard: list[Sequence[Delivery]] = []
        self.open()

    def open(self) -> None:
        self.writer = ImmediateWriter()
        self.writer.start()
        self.outbox = self.make()
        self.outbox.subscribe(self.heard.append)
        self.done(self.outbox.start())
        self.addCleanup(self.close)

    def make(self) -> Outbox:
        return Outbox(
            self.path,
            self.options,
            writer=self.writer,
            clock=self.clock,
            wall=lambda: NOW + self.clock.seconds(),
            post=self.posted.append,
        )

    def close(self) -> None:
        self.done(self.outbox.stop())
        self.done(self.writer.stop())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def done(self, coroutine: Any) -> Any:
        return self.successResultOf(Deferred.fromCoroutine(coroutine))

    def store(self, *readings: Reading, sinks: Sequence[str] = ("tb",)) -> list[int]:
        """Commit readings as one group; the ids of their deliveries."""
        heard = len(self.heard)
        committed = [self.outbox.commit(one, sinks) for one in readings]
        self.done(self.outbox.flush())
        for one in committed:
            self.successResultOf(one)
        return [delivery.id for group in self.heard[heard:] for delivery in group]

    def pending(self, sink: str = "tb", after: int = 0, limit: int = 1000, **meter: str) -> Any:
        return self.done(self.outbox.pending(sink, after, limit, **meter))

    def look(self, sql: str, *arguments: object) -> list[tuple[Any, ...]]:
        return look(self.path, sql, *arguments)

    @property
    def status(self) -> OutboxStatus:
        """The newest status, after the second in which it may be late."""
        self.clock.advance(1.0)
        return self.posted[-1]
