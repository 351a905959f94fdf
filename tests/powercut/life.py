"""One life of an outbox on the disk in memory, and what every power cut must leave of it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from random import Random
from unittest.mock import patch

from attrs import define, field, frozen
from twisted.internet.defer import Deferred

from dlmsd.config.values import OutboxOptions
from dlmsd.errors import StoreError
from dlmsd.model import Reading
from dlmsd.store import log
from dlmsd.store.outbox import Outbox
from tests.clock import HeapClock
from tests.powercut.disk import Disk, Operation
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


@frozen
class Promise:
    """From operation ``since`` on, this reading, or counters below ``counters``, are safe."""

    since: int
    reading: Reading | None = None
    counters: int = 0


@define
class Verdict:
    """What the cuts of one or more lives showed.

    Of ``checked`` promises some readings may be ``lost`` or ``altered``; ``repeated`` counts
    invocation counters that were given a second time, ``unopenable`` files that were refused.
    """

    cuts: int = 0
    checked: int = 0
    lost: int = 0
    altered: int = 0
    unopenable: int = 0
    repeated: int = 0
    examples: list[str] = field(factory=list)

    @property
    def violations(self) -> int:
        """What must be 0."""
        return self.lost + self.altered + self.unopenable + self.repeated

    def add(self, other: Verdict) -> None:
        for name in ("cuts", "checked", "lost", "altered", "unopenable", "repeated"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.examples = (self.examples + other.examples)[:5]


class Life:
    """Commits, marks, counters, housekeeping and restarts at random, from a seed.

    Now and then a sync fails. What the program then does not know to be on the disk it must
    not take for safe, neither until it ends, which it is to, nor in its next life.
    """

    def __init__(self, vfs: MemoryVfs, folder: Path, seed: int) -> None:
        self._vfs = vfs
        self._random = Random(seed)
        self._path = folder / f"outbox-{seed}.db"
        self._clock = HeapClock()
        self.operations: list[Operation] = []
        self.promises: list[Promise] = []
        self.given: dict[tuple[str, int], Reading] = {}
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
        outbox.subscribe(lambda made: self._waiting.extend(each.id for each in made))
        self._vfs.refuse = self._refuse
        return outbox

    def _stop(self, outbox: Outbox) -> None:
        _now(outbox.stop())
        self._vfs.refuse = lambda operation, file: 0

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
                outbox.delivered(self._waiting[:count])
                del self._waiting[:count]
        elif chance < 0.85:
            with suppress(StoreError):
                _, end = _now(Deferred.fromCoroutine(_reserve(outbox, random.randint(1, 1000))))
                self.promises.append(Promise(len(self.operations), counters=end))
        elif chance < 0.9:
            outbox.invocation_counters.keep_received(COUNTER, random.randint(0, 1000))
        self._clock.run(random.choice((0.0, 0.3, 0.3, 0.3, 2.0, 70.0)))

    def _commit(self, outbox: Outbox) -> None:
        random = self._random
        ts = int((_START + self._clock.seconds()) * 1000) + len(self.given)
        values = {
            f"value_{number}": Decimal(random.randint(0, 10 ** random.randint(1, 18))).scaleb(-3)
            for number in range(random.choice((1, 2, 3, 40)))
        }
        reading = Reading(random.choice(METERS), ts, values)
        self.given[reading.meter, ts] = reading
        sinks = random.choice((SINKS, SINKS[:1], ()))
        outbox.commit(reading, sinks).addCallbacks(
            lambda _: self.promises.append(Promise(len(self.operations), reading)),
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
        self._vfs.begin(disk.after_a_cut(self._random))
        outbox = self._outbox()
        try:
            _now(outbox.start())
            there = {
                (each.meter, each.ts): each
                for meter in METERS
                for each in _now(outbox.readings(meter, 0, _FOREVER, 1_000_000))
            }
            self._compare(place, there, verdict)
            first, _ = _now(Deferred.fromCoroutine(_reserve(outbox, 1)))
            safe = (each.counters for each in self.promises if each.since <= place)
            if first < max(safe, default=0):
                verdict.repeated += 1
                verdict.examples.append(f"{self._path.name} cut at {place}: counter {first}")
        except StoreError as error:
            verdict.unopenable += 1
            verdict.examples.append(f"{self._path.name} cut at {place}: {error}")
        finally:
            _now(outbox.stop())

    def _compare(self, place: int, there: dict[tuple[str, int], Reading], verdict: Verdict) -> None:
        for promise in self.promises:
            reading = promise.reading
            if promise.since > place or reading is None:
                continue
            verdict.checked += 1
            found = there.get((reading.meter, reading.ts))
            if found is None:
                verdict.lost += 1
                verdict.examples.append(f"{self._path.name} cut at {place}: {reading.ts} lost")
            elif found != reading:
                verdict.altered += 1
        for key, reading in there.items():
            if self.given.get(key) != reading:
                verdict.altered += 1


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
