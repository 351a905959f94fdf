"""One life of an outbox on the disk in memory, and what every power cut must leave of it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from random import Random
from unittest.mock import patch

from twisted.internet.defer import Deferred

from dlmsd.config.values import OutboxOptions
from dlmsd.errors import StoreError
from dlmsd.model import GapCause, Reading
from dlmsd.store import log
from dlmsd.store.delivery import Delivery
from dlmsd.store.outbox import Outbox
from tests.clock import HeapClock
from tests.powercut.disk import Disk, Operation
from tests.powercut.promises import Promise, Promises, Verdict
from tests.powercut.vfs import MemoryVfs
from tests.store.immediate import ImmediateWriter

SINKS = ("broker", "cloud")
METERS = ("a", "b", "c")
COUNTER = "4D4D4D0000BC614E/key"
STEPS = 20
CUTS = 200
# So few frames are a long log here, so that each life writes some back.
LOG_FRAMES = 20
# In every second life one of so many syncs fails; it has about fifty.
_SYNCS = 16
_SYNC_FAILED = 1034
_START = 1_800_000_000.0
_FOREVER = 1 << 60


class Life:
    """Commits, marks, counters, gaps, housekeeping and restarts at random, from a seed.

    Now and then a sync fails. What the program then does not know to be on the disk it must
    not take for safe, neither until it ends, which it is to, nor in its next life.
    """

    def __init__(self, vfs: MemoryVfs, folder: Path, seed: int) -> None:
        self._vfs = vfs
        self._random = Random(seed)
        self._path = folder / f"outbox-{seed}.db"
        self._clock = HeapClock()
        self.operations: list[Operation] = []
        self.promises = Promises()
        self._waiting: list[int] = []
        self._until_failure = self._random.randint(1, _SYNCS) if seed % 2 else -1
        self._failed: list[StoreError] = []

    def _outbox(self) -> Outbox:
        writer = ImmediateWriter()
        writer.start()
        return Outbox(
            self._path,
            OutboxOptions(keep_delivered_hours=0.01, history_days=30),
            writer=writer,
            clock=self._clock,
            wall=lambda: _START + self._clock.seconds(),
            post=lambda status: None,
            fatal=self._failed.append,
        )

    def live(self, steps: int) -> None:
        """So many things happen, each of them recorded."""
        self._vfs.begin({})
        self._vfs.watch = self.operations.append
        outbox = self._started()
        for _ in range(steps):
            self._step(outbox)
            if self._failed or self._random.random() < 0.05:
                for _ in range(3):  # what comes before it has ended
                    self._step(outbox)
                self._stop(outbox)
                outbox = self._started()
        self._stop(outbox)
        self._vfs.watch = lambda operation: None

    def _started(self) -> Outbox:
        outbox = self._outbox()
        _now(outbox.start())
        self._failed.clear()
        outbox.subscribe(self._told)
        self._vfs.refuse = self._refuse
        return outbox

    def _stop(self, outbox: Outbox) -> None:
        _now(outbox.stop())
        self.promises.end_life()
        self._vfs.refuse = lambda operation, file: 0

    def _told(self, made: Sequence[Delivery]) -> None:
        self._waiting.extend(each.id for each in made)
        self.promises.told(made, len(self.operations))

    def _refuse(self, operation: str, file: str) -> int:
        if operation == "sync":
            self._until_failure -= 1
            if self._until_failure == 0:
                self._until_failure = self._random.randint(1, _SYNCS)
                return _SYNC_FAILED
        return 0

    def _step(self, outbox: Outbox) -> None:
        random = self._random
        chance = random.random()
        if chance < 0.5:
            for _ in range(random.randint(1, 6)):
                self._commit(outbox)
        elif chance < 0.75:
            for _ in range(random.randint(1, 8)):
                count = random.randint(0, min(4, len(self._waiting)))
                self._deliver(outbox, self._waiting[:count])
                del self._waiting[:count]
        elif chance < 0.85:
            with suppress(StoreError):
                _, end = _now(Deferred.fromCoroutine(_reserve(outbox, random.randint(1, 1000))))
                self.promises.made.append(Promise(len(self.operations), counters=end))
        elif chance < 0.9:
            counter = random.randint(0, 1000)
            outbox.invocation_counters.keep_received(COUNTER, counter)
            self.promises.kept(counter)
        elif chance < 0.95:
            with suppress(StoreError):
                self._gap(outbox)
        self._clock.run(random.choice((0.0, 0.3, 0.3, 0.3, 2.0, 70.0)))

    def _deliver(self, outbox: Outbox, ids: Sequence[int]) -> None:
        self.promises.asked(ids, len(self.operations))
        outbox.delivered(ids).addCallback(lambda _: self.promises.marked(ids))

    def _gap(self, outbox: Outbox) -> None:
        """A meter is away for a while."""
        meter, start = self._random.choice(METERS), self._ts()
        gap = _now(outbox.gaps.open(meter, GapCause.METER_LINK, start))
        self.promises.gap(gap, meter, start, None, len(self.operations))
        self._clock.run(1.0)
        _now(outbox.gaps.close(gap, self._ts()))
        self.promises.gap(gap, meter, start, self._ts(), len(self.operations))

    def _ts(self) -> int:
        return int((_START + self._clock.seconds()) * 1000)

    def _commit(self, outbox: Outbox) -> None:
        random = self._random
        ts = self._ts() + len(self.promises.given)
        values = {
            f"value_{number}": Decimal(random.randint(0, 10 ** random.randint(1, 18))).scaleb(-3)
            for number in range(random.choice((1, 2, 3, 40)))
        }
        reading = Reading(random.choice(METERS), ts, values)
        sinks = random.choice((SINKS, SINKS[:1], ()))
        self.promises.given[reading.meter, ts] = reading, sinks
        outbox.commit(reading, sinks).addCallbacks(
            lambda _: self.promises.stored(reading, sinks, len(self.operations)),
            lambda failure: failure.trap(StoreError),
        )

    def cut(self, cuts: int) -> Verdict:
        """Power fails after ``cuts`` of its operations, chosen at random."""
        verdict = Verdict()
        total = len(self.operations)
        places = sorted(self._random.randint(1, total) for _ in range(cuts))
        disk, done = Disk(), 0
        for place in places:
            while done < place:
                disk.take(self.operations[done])
                done += 1
            self._check(place, disk, verdict)
        return verdict

    def _check(self, place: int, disk: Disk, verdict: Verdict) -> None:
        verdict.cuts += 1
        verdict.checked += self.promises.count(place)
        self._vfs.begin(disk.after_a_cut(self._random))
        outbox = self._outbox()
        try:
            _now(outbox.start())
            there = {
                (each.meter, each.ts): each
                for meter in METERS
                for each in _now(outbox.readings(meter, 0, _FOREVER, 1_000_000))
            }
            broken = self.promises.broken(place, there, outbox._file.ledger, COUNTER)
            first, _ = _now(Deferred.fromCoroutine(_reserve(outbox, 1)))
            if first < self.promises.counters(place):
                broken.append(("repeated", f"counter {first}"))
        except StoreError as error:
            broken = [("unopenable", str(error))]
        finally:
            _now(outbox.stop())
        verdict.take(f"{self._path.name} cut at {place}", broken)


async def _reserve(outbox: Outbox, count: int) -> tuple[int, int]:
    return await outbox.invocation_counters.reserve_counters(COUNTER, 0, count)


def _now(work: object) -> object:
    """The result of what ends at once, since nothing here waits."""
    done = work if isinstance(work, Deferred) else Deferred.fromCoroutine(work)  # type: ignore
    results: list[object] = []
    done.addBoth(results.append)
    (result,) = results
    if hasattr(result, "raiseException"):
        result.raiseException()
    return result


def lives(seeds: Iterable[int], cuts: int) -> Verdict:
    """What so many cuts of each life show."""
    verdict = Verdict()
    with (
        tempfile.TemporaryDirectory() as folder,
        MemoryVfs() as vfs,
        patch.object(log, "LOG_FRAMES", LOG_FRAMES),
    ):
        for seed in seeds:
            life = Life(vfs, Path(folder), seed)
            life.live(STEPS)
            verdict.add(life.cut(cuts))
    return verdict
