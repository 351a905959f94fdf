"""Fill and free, again and again, while readings come and are delivered."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from random import Random
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from dlmsd.config.values import OutboxOptions
from dlmsd.errors import StoreError
from dlmsd.model import OutboxStatus, Reading
from dlmsd.store.database import DiskFullError
from dlmsd.store.disk import BALLAST
from dlmsd.store.outbox import Delivery, Outbox
from dlmsd.store.values import encode_values
from dlmsd.store.writer import WriterThread
from tests.full_disk.tmpfs import Tmpfs
from tests.store.case import look, reading

METERS = ("a", "b", "c")
# What is promised: after so many seconds of space a reading is taken again.
PROMISED = 10.0
COUNTERS = "SELECT sum(committed), sum(delivered), sum(queued), sum(dropped) FROM counters"
WAITING = """
    SELECT r.meter, r.ts FROM deliveries d JOIN readings r ON r.id = d.reading
    WHERE d.delivered_at IS NULL
"""
# An outbox full of what was delivered is part of it: purging makes room within the file.
OPTIONS = OutboxOptions(max_bytes=8 << 20)


@define
class Seen:
    """Figures, and what went wrong; ``times`` are seconds from space to the next reading."""

    cycles: int = 0
    acknowledged: int = 0
    refused: int = 0
    ballasts: int = 0
    noticed: int = 0
    times: list[float] = field(factory=list)
    wrong: list[str] = field(factory=list)

    @property
    def violations(self) -> list[str]:
        """What has to happen in so many cycles and did not, and what went wrong."""
        found = []
        if self.ballasts < self.cycles:
            found.append(f"the ballast was there {self.ballasts} times in {self.cycles} cycles")
        if self.noticed < self.cycles / 2:
            found.append(f"{self.noticed} of {self.cycles} full disks were noticed")
        return found + self.wrong


class Fill:
    """One outbox on one disk for all cycles: it is never started again."""

    def __init__(self, reactor: Any, disk: Tmpfs, seed: int) -> None:
        self._reactor = reactor
        self._disk = disk
        self._random = Random(seed)
        self._path = disk.folder / "outbox.db"
        self._ballast = self._path.with_suffix(".ballast")
        self._writer = WriterThread(reactor)
        self._fatal: list[StoreError] = []
        self._status = OutboxStatus()
        self._ts = int(time.time() * 1000)
        self._stored: set[tuple[str, int]] = set()
        self._delivered: set[tuple[str, int]] = set()
        self.seen = Seen()

    async def run(self, cycles: int) -> Seen:
        """All of it; what was stored is compared at the end of each cycle."""
        self._writer.start()
        outbox = Outbox(
            self._path,
            OPTIONS,
            writer=self._writer,
            clock=self._reactor,
            wall=time.time,
            post=self._post,
            ballast=BALLAST,
            fatal=self._fatal.append,
        )
        outbox.subscribe(lambda told: self._deliver(outbox, [one for one in told if one.id % 2]))
        await outbox.start()
        outbox._file._sweeper.sweep()  # makes the ballast, which else comes after a minute
        await outbox.flush()
        for _ in range(cycles):
            await self._cycle(outbox)
            self.seen.cycles += 1
        await outbox.stop()
        await self._writer.stop()
        self._compare()
        return self.seen

    async def _cycle(self, outbox: Outbox) -> None:
        for _ in range(self._random.randint(1, 4)):
            await self._commit(outbox)
        self.seen.ballasts += self._ballast.exists()
        if self._random.random() < 0.8:
            # Whatever comes next needs space. Else there may be room within the file.
            look(self._path, "PRAGMA wal_checkpoint(TRUNCATE)")
        self._disk.fill()
        noticed = False
        for _ in range(self._random.randint(3, 15)):
            # What others free, or the outbox gives back, is taken at once, too.
            noticed = await self._commit(outbox) or noticed
            self._disk.fill()
        self.seen.noticed += noticed
        if noticed and self._ballast.exists():
            self.seen.wrong.append("the ballast was kept on a full disk")
        self._disk.release()
        freed = time.monotonic()
        while await self._commit(outbox):
            if time.monotonic() - freed > PROMISED:
                self.seen.wrong.append(f"no reading for {PROMISED} s after there was space")
                break
        self.seen.times.append(time.monotonic() - freed)
        await self._drain(outbox)
        if self._fatal:
            self.seen.wrong.append(f"would have ended: {self._fatal.pop()}")
        self._compare()

    async def _commit(self, outbox: Outbox) -> bool:
        """A group of readings; whether the disk was too full for one of them."""
        self._ts += 1
        group = [given(meter, self._ts) for meter in METERS]
        outcomes = [outbox.commit(one, ["tb"]) for one in group]
        await outbox.flush()
        full = False
        for one, outcome in zip(group, outcomes, strict=True):
            try:
                await outcome
            except DiskFullError:
                full = True
                self.seen.refused += 1
            except StoreError as error:
                self.seen.wrong.append(f"refused otherwise: {error}")
            else:
                self._stored.add((one.meter, one.ts))
                self.seen.acknowledged += 1
        await deferLater(self._reactor, 0.02)
        return full

    async def _drain(self, outbox: Outbox) -> None:
        """The broker takes what is left, and so do the counters."""
        self._deliver(outbox, await outbox.pending("tb", 0, 1000))
        await outbox.flush()

    def _deliver(self, outbox: Outbox, deliveries: Sequence[Delivery]) -> None:
        self._delivered.update((one.meter, one.ts) for one in deliveries)
        self._same((one.meter, one.ts, one.values) for one in deliveries)
        outbox.delivered([one.id for one in deliveries])

    def _compare(self) -> None:
        """What was acknowledged waits, or was delivered; and what is kept is what was given."""
        waiting = look(self._path, WAITING)
        self._same(look(self._path, "SELECT meter, ts, values_json FROM readings"))
        lost = self._stored - set(waiting) - self._delivered
        if lost:
            self.seen.wrong.append(f"{len(lost)} readings lost")
        (counted,) = look(self._path, COUNTERS)
        committed, delivered, queued, dropped = counted
        if committed != self.seen.acknowledged or dropped:
            self.seen.wrong.append(f"{counted} counted of {self.seen.acknowledged}")
        if committed != delivered + queued or queued != len(waiting):
            self.seen.wrong.append(f"{counted} counted with {len(waiting)} that wait")

    def _same(self, rows: Iterable[tuple[str, int, str]]) -> None:
        altered = [
            ts for meter, ts, values in rows if values != encode_values(given(meter, ts).values)
        ]
        if altered:
            self.seen.wrong.append(f"{len(altered)} readings with other values, as of {altered[0]}")

    def _post(self, status: OutboxStatus) -> None:
        self._status = status


def given(meter: str, ts: int) -> Reading:
    """What is stored: no two readings have the same values."""
    return reading(meter, ts, text=f"{meter} {ts} {'x' * 2000}")


def fill_and_free(reactor: Any, disk: Tmpfs, cycles: int, seed: int) -> Deferred[Seen]:
    """Fires with what was seen."""
    return Deferred.fromCoroutine(Fill(reactor, disk, seed).run(cycles))
