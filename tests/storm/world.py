"""A world in virtual time around one daemon, all of it from one seed."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from attrs import evolve, frozen
from twisted.internet.defer import Deferred
from twisted.logger import LogLevel, globalLogPublisher
from twisted.python.failure import Failure

from dlmsd.app import Daemon
from dlmsd.config.values import (
    Configuration,
    DaemonOptions,
    MeterOptions,
    OutboxOptions,
    SinkOptions,
    WebOptions,
)
from dlmsd.machine import Machine
from dlmsd.model import Gap
from dlmsd.secret import Secret
from dlmsd.simulator.personality import (
    GBT_WRAPPER,
    MICROSTAR,
    NO_LISTS,
    SMALL,
    WINDOW,
    Personality,
)
from dlmsd.simulator.service import Endpoint, Simulation
from tests.meter.fleet import NAMES, wanted
from tests.network import Network
from tests.powercut.disk import Disk, Operation
from tests.powercut.vfs import MemoryVfs
from tests.publish.broker import ModelBroker
from tests.store.immediate import ImmediateWriter
from tests.storm.answers import Answers
from tests.storm.judge import BOARD, PLAIN, Judge
from tests.storm.life import Fired, Life

START = 1_800_000_000.0
INFLIGHT = 20
# One way, in seconds.
DELAY = 0.02
# What a cycle reads fills some blocks.
BLOCKS = evolve(GBT_WRAPPER, name="blocks", max_pdu=96, max_response=16)
PERSONALITIES = (MICROSTAR, NO_LISTS, SMALL, WINDOW, BLOCKS)
# A value is answered so near to its reading's time, in intervals and in seconds at least.
AROUND, LEAST_AROUND = 0.5, 30.0
_LEAVE_SECONDS = 10.0
_QUIET_SECONDS = 2.0


@frozen
class Size:
    """How many meters, how often each is read (seconds), and for how long (hours)."""

    meters: int = 25
    interval: float = 60.0
    hours: float = 1.0


class World:
    """``vfs`` is where the outbox lies; everything that happens is told to ``judge``.

    Worlds of odd seeds have a ThingsBoard gateway beside the plain topics.
    """

    def __init__(self, seed: int, size: Size, vfs: MemoryVfs, folder: Path) -> None:
        self.random = Random(seed)
        self.size = size
        self.network = Network(delay=DELAY)
        self.offset = 0.0
        # Since when the clock of the host had been set how far.
        self._offsets = [(0.0, 0.0)]
        self._latest = 0.0
        self.fired: Fired = lambda function: None
        self.broker = ModelBroker(self.network)
        obis = {name: str(wanted(name).attribute.obis) for name in NAMES}
        around = max(LEAST_AROUND, AROUND * size.interval)
        self.sinks = (PLAIN, BOARD) if seed % 2 else (PLAIN,)
        answers = Answers(obis, around, self._true)
        self.judge = Judge(answers, self.sinks, self.network.seconds)
        self.simulations: list[Simulation] = []
        self.endpoints: list[tuple[Simulation, Endpoint, str, MeterOptions]] = []
        self.life: Life | None = None
        self.daemon: Daemon | None = None
        self.writer = ImmediateWriter()
        self._deafen: Callable[[], None] = lambda: None
        self.vfs = vfs
        self._folder = folder
        self._disk = Disk()
        vfs.begin({})
        vfs.refuse = lambda operation, file: 0
        vfs.watch = self._disk.take
        received = self.broker.received
        self.broker.received = self._heard(received)  # type: ignore[method-assign]
        self.broker.swallowed = self.judge.sent  # type: ignore[method-assign]

    def _heard(self, received: Callable[[Any], None]) -> Callable[[Any], None]:
        def hear(published: Any) -> None:
            received(published)
            self.judge.published(published)
            self.broker.published.clear()
            self.hear_accepted()

        return hear

    def hear_accepted(self) -> None:
        """What the broker has acknowledged since the last time."""
        for message in self.broker.accepted:
            self.judge.accepted(message)
        self.broker.accepted.clear()

    def wall(self) -> float:
        """What the clock of the daemon's host says; meters have their own."""
        return START + self.network.seconds() + self.offset

    def step(self, seconds: float) -> None:
        """Somebody sets the clock of the daemon's host."""
        self._latest = self.latest
        self.offset += seconds
        self._offsets.append((self.network.seconds(), self.offset))

    @property
    def latest(self) -> float:
        """The latest that clock has ever said."""
        return max(self._latest, self.wall())

    def _true(self, ts: int) -> float | None:
        """When the clock of the daemon's host said ``ts``, if that was once, and since the clock
        was set last: else it may be another time, or one behind what was used up already."""
        ends = [*(since for since, _ in self._offsets[1:]), self.network.seconds()]
        times = [
            (since, ts / 1000 - START - offset, end)
            for (since, offset), end in zip(self._offsets, ends, strict=True)
        ]
        said = [(since, then) for since, then, end in times if since <= then <= end]
        if len(said) != 1 or said[0][0] != self._offsets[-1][0]:
            return None
        return START + said[0][1]

    # The meters.

    def build(self) -> None:
        """Virtual meters of several kinds, each on a port of its own."""
        share = -(-self.size.meters // len(PERSONALITIES))
        left = self.size.meters
        for number, personality in enumerate(PERSONALITIES):
            count = min(share, left)
            left -= count
            if count:
                self._simulate(personality, count, number)

    def _simulate(self, personality: Personality, count: int, number: int) -> None:
        simulation = Simulation(
            reactor=self.network,
            wall=lambda: START + self.network.seconds(),
            random=Random(self.random.random()),
            meters=count,
            personality=personality,
            seed=number,
            record=lambda entry: self.judge.answered(evolve_meter(entry, number)),
        )
        _now(simulation.start())
        self.simulations.append(simulation)
        for endpoint in simulation.endpoints:
            name = f"{number}-{endpoint.name}"
            self.endpoints.append(
                (simulation, endpoint, name, self._options(name, endpoint, personality))
            )

    def _options(self, name: str, endpoint: Endpoint, personality: Personality) -> MeterOptions:
        return MeterOptions(
            name=name,
            host=f"{name}.example",
            port=endpoint.port,
            profile=personality.name,
            device_name=name,
            read=tuple(wanted(each) for each in NAMES),
            framing=personality.framing,
            logical_device=endpoint.logical,
            physical_device=endpoint.physical,
            address_size=personality.address_size,
            password=personality.clients[0].password,
            interval=self.size.interval,
            gbt_window=personality.transfer_window,
            identify=False,  # nothing but what is counted
            sinks=self.sinks,
        )

    # The daemon.

    def start(self) -> None:
        """A new life."""
        self.life = life = Life(self.network, self.fired)
        self.writer = ImmediateWriter()
        machine = Machine(
            life,
            self.wall,
            Random(self.random.random()),
            self.random.randbytes,
            lambda name: self.writer,
            lambda options: life.reach(self.broker.connect),
            "storm",
            synchronised=lambda: True,
        )
        self.daemon = Daemon(self._configuration(), {"nodaemon": True}, machine)
        self._deafen = self.daemon.board.subscribe(self.judge.told)
        self.judge.note("start")
        self.daemon.startService()

    def _configuration(self) -> Configuration:
        plain = SinkOptions(PLAIN, "mqtt", "mqtt://broker", inflight=INFLIGHT)
        token = Secret("gateway")
        board = SinkOptions(BOARD, "thingsboard-gateway", "mqtt://board", token=token)
        sinks = (plain, evolve(board, inflight=INFLIGHT))
        return Configuration(
            path=self._folder / "dlmsd.toml",
            daemon=DaemonOptions(self._folder / "state", connects_per_second=20.0),
            web=WebOptions(listen="tcp:8425:interface=127.0.0.1"),
            outbox=OutboxOptions(),
            sinks=sinks[: len(self.sinks)],
            meters=tuple(options for *_, options in self.endpoints),
        )

    def kill(self, *, power: bool = False) -> None:
        """The process is gone; with ``power``, so is what was not synced."""
        if self.life is None or self.daemon is None:
            return
        self.judge.note(f"kill {power}")
        self.life.kill()
        self._deafen()
        self.daemon._api._logs.stop()
        self.writer.hold()
        self.writer = ImmediateWriter()  # a disk that no longer hangs finds nobody who waits
        self.daemon.lock.release()
        self.judge.figures.kills += 1
        if power:
            self.judge.figures.cuts += 1
            files = self._disk.after_a_cut(self.random)
        else:
            files = {name: bytearray(content) for name, content in self.vfs.files.items()}
        self.vfs.begin(files)
        self._disk = Disk.holding(self.vfs.files)
        self.vfs.watch = self._disk.take
        self.life = self.daemon = None

    def hush(self) -> None:
        """Nothing more is read, so that all that was read can arrive before the end."""
        ports = {endpoint.port for _, endpoint, *_ in self.endpoints}
        self.network.silent |= ports
        for pipe in self.network.connections:
            if pipe.open and pipe.port in ports:
                pipe.abortConnection()
        self.network.run(_QUIET_SECONDS)

    def finish(self) -> None:
        """All that was read has arrived, and the daemon leaves: the judge says what is wrong."""
        self.hush()
        assert self.daemon is not None
        gaps: list[Gap] = _now(self.daemon._household.outbox.gaps.since(0))
        self.leave()
        self.hear_accepted()
        # What is older than that, by a clock that may have been wrong, is forgotten.
        kept = self.latest - OutboxOptions().history_days * 86_400
        self.judge.finish(INFLIGHT, len(self.broker.connects))
        self.judge.account(self.size.interval, gaps, kept)
        self.end()

    def leave(self) -> None:
        """SIGTERM; and nothing may be left of the daemon."""
        assert self.daemon is not None
        assert self.life is not None
        stopped = self.daemon.stopService()
        self.network.run(_LEAVE_SECONDS)
        results: list[object] = []
        stopped.addBoth(results.append)
        if not results or isinstance(results[0], Failure):
            self.judge.violation(f"the daemon did not stop: {results}")
        for call in self.life.getDelayedCalls():
            self.judge.violation(f"a timer is left: {call}")
        self.life = self.daemon = None

    def end(self) -> None:
        """The meters go too."""
        for simulation in self.simulations:
            _now(simulation.stop())


def evolve_meter(entry: Any, number: int) -> Any:
    """The record's meter by the name that the daemon knows."""
    return type(entry)(entry.t, f"{number}-{entry.meter}", entry.results)


def _now(work: Any) -> Any:
    done = Deferred.fromCoroutine(work)
    results: list[Any] = []
    done.addBoth(results.append)
    if results and isinstance(results[0], Failure):
        results[0].raiseException()
    return results[0] if results else None


class Watcher:
    """Log events that only a bug makes."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge

    def __enter__(self) -> None:
        globalLogPublisher.addObserver(self)

    def __exit__(self, *_: object) -> None:
        globalLogPublisher.removeObserver(self)

    def __call__(self, event: dict[str, Any]) -> None:
        failure = event.get("log_failure")
        if failure is not None and event.get("log_level") is LogLevel.critical:
            self._judge.violation(f"unhandled: {failure.getTraceback()}")


def room(seed: int) -> tuple[Path, Callable[[], None]]:
    """A folder, and how to be rid of it."""
    folder = Path(tempfile.mkdtemp(prefix=f"storm-{seed}-"))
    return folder, lambda: shutil.rmtree(folder, ignore_errors=True)


__all__ = ["INFLIGHT", "Operation", "Size", "Watcher", "World", "evolve", "room"]
