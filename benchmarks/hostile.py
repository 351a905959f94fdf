"""What one hostile meter costs the others in real time: p99 of their polls.

``python -m benchmarks.hostile [--meters 500] [--seconds 40] [--rounds 4]``

Two crowds of virtual meters are read at the same time, each by a process of its own, over
loopback: one of them has a hostile meter, each time in another way. So both have what else the
machine does; and they take turns, since the one that started first is always a little ahead.
The exit status is 1 if a poll took longer with it by the median of rounds, if polls are
missing, or if the hostile meter did nothing.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from itertools import product
from random import Random
from statistics import median
from typing import Any

from attrs import asdict, evolve, frozen
from twisted.internet import reactor, stdio
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import deferLater
from twisted.protocols.basic import LineReceiver

from dlmsd.config.values import MeterOptions
from dlmsd.fleet.service import Fleet
from dlmsd.machine import Machine
from dlmsd.model import MeterStatus, Reading
from dlmsd.simulator.personality import MICROSTAR
from dlmsd.simulator.service import Endpoint, Simulation
from tests.hostile.crowd import HOSTILE, options_of, p99
from tests.hostile.meter import HostileFactory, Hostility

# What p99 of the others' polls may rise by; half of the rounds may be disturbed.
MORE = 1.1
_SIDES = ("first", "second")
_SELF = (sys.executable, "-m", "benchmarks.hostile")
# A poll of a meter that takes its time takes 0.9 s, another one's some milliseconds.
_SLOW_SECONDS = 0.5
PATIENT = evolve(MICROSTAR, response_delay=0.0)


@frozen
class Figures:
    """Of one phase: how many polls, p99 of one and of its lateness in ms, the share of a CPU in
    percent, and how often the hostile meter was seen to fail or to take its time."""

    polls: int
    poll: float
    late: float
    cpu: float
    struck: int


def wrong(kind: Hostility, rounds: Sequence[tuple[Figures, Figures]], least: int) -> list[str]:
    """What one way does too much, as sentences; ``least`` polls must be in each phase."""
    found = []
    rise = median(cost.poll / max(without.poll, 1e-9) for without, cost in rounds)
    if rise > MORE:
        found.append(f"{kind.value}: p99 of a poll rose by {(rise - 1) * 100:.0f} %")
    polls = min(one.polls for pair in rounds for one in pair)
    if polls < least:
        found.append(f"{kind.value}: {polls} polls of {least}")
    if not all(cost.struck for _, cost in rounds):
        found.append(f"{kind.value}: the hostile meter did nothing")
    return found


def serve(meters: int) -> None:
    """The other process: the meters; each line of its input is what the hostile one does."""

    def simulate(count: int, seed: int) -> Simulation:
        return Simulation(
            reactor=reactor,
            wall=time.time,
            random=Random(seed),
            meters=count,
            personality=PATIENT,
            seed=seed,
        )

    simulation = simulate(meters, 1)
    hostile = HostileFactory(simulate(1, 2).meters[0], reactor, Random(1))
    port = reactor.listenTCP(0, hostile, interface="127.0.0.1")

    class Orders(LineReceiver):
        delimiter = b"\n"

        def lineReceived(self, line: bytes) -> None:
            hostile.kind = Hostility[line.decode()]

        def connectionLost(self, reason: Any = None) -> None:
            reactor.stop()

    def told(_: None) -> None:
        endpoints = [(one.name, one.port) for one in simulation.endpoints]
        print(json.dumps([*endpoints, (HOSTILE, port.getHost().port)]), flush=True)
        stdio.StandardIO(Orders())

    Deferred.fromCoroutine(simulation.start()).addCallback(told)
    reactor.run()


class Crowd:
    """The fleet, and how long its polls take."""

    def __init__(self, endpoints: Sequence[tuple[str, int]], interval: float) -> None:
        self._polls: list[float] = []
        self._late: list[float] = []
        self._struck = 0
        self._last: dict[str, tuple[int, float]] = {}
        self._interval = interval
        *ordinary, hostile = (
            options_of(Endpoint(name, "127.0.0.1", port, 0, 1), interval)
            for name, port in endpoints
        )
        self._ordinary: list[MeterOptions] = ordinary
        self._hostile: MeterOptions = hostile
        self.fleet = Fleet(
            reactor=reactor,
            wall=time.time,
            random=Random(1).random,
            connects_per_second=200.0,
            commit=self._commit,
            post=self._post,
            tracer=lambda meter: None,
            secure=lambda meter: None,
        )

    def _commit(self, reading: Reading, sinks: Any, behind: Any = None) -> Deferred[None]:
        return succeed(None)

    def _post(self, status: MeterStatus) -> None:
        if status.name.startswith(HOSTILE):
            slow = (status.cycle_seconds or 0.0) > _SLOW_SECONDS
            self._struck += bool(status.error) or slow
            return
        if status.reading is None or status.error:
            return
        before, begun = self._last.get(status.name, (0, 0.0))
        seconds = status.cycle_seconds or 0.0
        start = time.monotonic() - seconds
        if status.reading.ts != before:
            self._last[status.name] = (status.reading.ts, start)
            self._polls.append(seconds)
            if begun:
                self._late.append(abs(start - begun - self._interval))

    async def read(self, kind: Hostility | None) -> None:
        """All of them, with a hostile one of this kind; a new name owes nothing."""
        meters = list(self._ordinary)
        if kind is not None:
            meters.append(evolve(self._hostile, name=f"{HOSTILE}-{kind.name}"))

        async def stored() -> dict[str, int]:
            return {}

        await self.fleet.change(meters, stored)

    async def measure(self, kind: Hostility | None, seconds: float) -> Figures:
        """One phase."""
        self._struck = 0
        await self.read(kind)
        await deferLater(reactor, 1.0)
        self._polls.clear()
        self._late.clear()
        began = time.process_time()
        await deferLater(reactor, seconds)
        cpu = (time.process_time() - began) / seconds
        poll, late = p99(self._polls) * 1000, p99(self._late) * 1000
        return Figures(len(self._polls), poll, late, cpu * 100, self._struck)


async def read(given: argparse.Namespace, side: int) -> None:
    """One crowd: start its meters, measure each phase, tell its figures as JSON, stop."""
    meters, interval = given.meters, given.interval
    command = [*_SELF, "--as=meters", f"--meters={meters}"]
    server = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    assert server.stdin is not None
    assert server.stdout is not None
    try:
        crowd = Crowd(json.loads(server.stdout.readline()), interval)
        await crowd.read(None)
        await deferLater(reactor, meters / 200 + 2 * interval)
        # As the daemon does it, a minute after its start.
        Machine.real(reactor).settle()
        await deferLater(reactor, interval)
        for turn, kind in product(range(given.rounds), Hostility):
            hostile = turn % 2 == side
            server.stdin.write(f"{kind.name}\n")
            figures = await crowd.measure(kind if hostile else None, given.seconds)
            print(json.dumps(asdict(figures)), flush=True)
        await crowd.fleet.stop()
    finally:
        server.stdin.close()
        server.wait()
    reactor.stop()


def compare(given: argparse.Namespace) -> int:
    """Both crowds, side by side, a line for each phase; 1 if anything is wrong."""
    crowds = [
        subprocess.Popen(
            [*_SELF, f"--as={side}", *sys.argv[1:]],
            stdout=subprocess.PIPE,
            text=True,
        )
        for side in _SIDES
    ]
    titles = ("a poll, ms", "late, ms", "CPU, %", "polls")
    print(f"{'p99 without, with':24}{''.join(f'{one:>16}' for one in titles)}{'struck':>8}")
    seen: dict[Hostility, list[tuple[Figures, Figures]]] = defaultdict(list)
    for turn, kind in product(range(given.rounds), Hostility):
        figures = [Figures(**json.loads(one.stdout.readline())) for one in crowds]  # type: ignore[union-attr]
        cost, without = figures if turn % 2 == 0 else reversed(figures)
        seen[kind].append((without, cost))
        told = "".join(
            f" {getattr(without, name):7.{digits}f} {getattr(cost, name):7.{digits}f}"
            for name, digits in (("poll", 2), ("late", 2), ("cpu", 0), ("polls", 0))
        )
        rise = (cost.poll / without.poll - 1) * 100
        print(f"{kind.value:24}{told} {cost.struck:7} {rise:+7.1f} %", flush=True)
    for one in crowds:
        one.wait()
    least = int(0.9 * given.meters * (given.seconds // given.interval))
    found = [what for kind, rounds in seen.items() for what in wrong(kind, rounds, least)]
    print("\n".join(found) or f"no way costs more than {MORE - 1:.0%}, by the median of rounds")
    return int(bool(found))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--meters", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=40)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--interval", type=float, default=5)
    parser.add_argument("--as", dest="side", default="", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if not given.side:
        sys.exit(compare(given))
    elif given.side == "meters":
        serve(given.meters)
    else:
        work = read(given, _SIDES.index(given.side))
        reactor.callWhenRunning(
            lambda: Deferred.fromCoroutine(work).addErrback(
                lambda failure: (print(failure.getTraceback()), reactor.stop())
            )
        )
        reactor.run()
