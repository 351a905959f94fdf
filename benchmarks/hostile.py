"""What one hostile meter costs the others in real time: p99 of their polls.

``PYTHONPATH=. python benchmarks/hostile.py [--meters 500] [--seconds 40]``

Two crowds of virtual meters are read at the same time, each by a process of its own, over
loopback: one of them has a hostile meter, each time in another way. So both have what else the
machine does.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from random import Random
from typing import Any

from attrs import evolve
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

PATIENT = evolve(MICROSTAR, response_delay=0.0)


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

    def _commit(self, reading: Reading, sinks: Any) -> Deferred[None]:
        return succeed(None)

    def _post(self, status: MeterStatus) -> None:
        if status.name.startswith(HOSTILE) or status.reading is None or status.error:
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

    async def measure(self, kind: Hostility | None, seconds: float) -> tuple[float, ...]:
        """p99 of a poll and of its lateness, in ms; the share of a CPU, in percent."""
        await self.read(kind)
        await deferLater(reactor, 1.0)
        self._polls.clear()
        self._late.clear()
        began = time.process_time()
        await deferLater(reactor, seconds)
        cpu = (time.process_time() - began) / seconds
        return p99(self._polls) * 1000, p99(self._late) * 1000, cpu * 100


async def read(meters: int, seconds: float, interval: float, *, hostile: bool) -> None:
    """One crowd: start its meters, measure each phase, tell its figures as JSON, stop."""
    command = [sys.executable, __file__, "--as=meters", f"--meters={meters}"]
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
        for kind in Hostility:
            server.stdin.write(f"{kind.name}\n")
            figures = await crowd.measure(kind if hostile else None, seconds)
            print(json.dumps(figures), flush=True)
        await crowd.fleet.stop()
    finally:
        server.stdin.close()
        server.wait()
    reactor.stop()


def compare(options: Sequence[str]) -> None:
    """Both crowds, side by side, a line for each way."""
    crowds = [
        subprocess.Popen(
            [sys.executable, __file__, f"--as={side}", *options], stdout=subprocess.PIPE, text=True
        )
        for side in ("without", "with")
    ]
    titles = ("a poll, ms", "late, ms", "CPU")
    print(f"{'p99 without, with':24}{''.join(f'{one:>16}' for one in titles)}{'a poll':>12}")
    for kind in Hostility:
        without, cost = (json.loads(one.stdout.readline()) for one in crowds if one.stdout)
        pairs = zip(without, cost, strict=True)
        poll, late, cpu = (f"{before:7.2f} {after:7.2f}" for before, after in pairs)
        rise = (cost[0] / without[0] - 1) * 100
        print(f"{kind.value:24} {poll} {late} {cpu} % {rise:+7.1f} %", flush=True)
    for one in crowds:
        one.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--meters", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=40)
    parser.add_argument("--interval", type=float, default=5)
    parser.add_argument("--as", dest="side", default="", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if not given.side:
        compare(sys.argv[1:])
    elif given.side == "meters":
        serve(given.meters)
    else:
        work = read(given.meters, given.seconds, given.interval, hostile=given.side == "with")
        reactor.callWhenRunning(
            lambda: Deferred.fromCoroutine(work).addErrback(
                lambda failure: (print(failure.getTraceback()), reactor.stop())
            )
        )
        reactor.run()
