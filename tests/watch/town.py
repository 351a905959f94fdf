"""A few virtual meters, a broker and the whole daemon, in virtual time: what goes wrong here
shows as alarms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.simulator.faults import Fault, FaultKind
from dlmsd.store.alarms import Alarm
from dlmsd.watch.finding import Finding
from dlmsd.watch.watch import Watch
from tests.powercut.vfs import MemoryVfs
from tests.storm.weather import Weather
from tests.storm.world import Size, World

INTERVAL = 10.0


class Town(World):
    """``meter`` is the one that things happen to: Microstar over HDLC."""

    def __init__(self, vfs: MemoryVfs, folder: Path, meters: int = 5) -> None:
        super().__init__(1, Size(meters=meters, interval=INTERVAL), vfs, folder)
        self.build()
        self.start()
        self.weather = Weather(self)
        self.run(60)

    def run(self, seconds: float) -> None:
        """Let time pass."""
        self.network.run(seconds)

    @property
    def meter(self) -> str:
        return self.endpoints[0][2]

    @property
    def wrapped(self) -> str:
        """A meter that speaks WRAPPER."""
        return self.endpoints[-1][2]

    @property
    def watch(self) -> Watch:
        assert self.daemon is not None
        return self.daemon.watch

    def inject(self, kind: FaultKind | None, chance: float = 1.0, meter: str = "") -> None:
        """A fault of the one meter, or none any more."""
        for simulation, endpoint, name, _ in self.endpoints:
            if name == (meter or self.meter):
                simulation.inject([Fault(kind, chance)] if kind else [], endpoint.name)

    def port(self, name: str = "") -> int:
        return next(
            one.port for _, one, known, _ in self.endpoints if known == (name or self.meter)
        )

    def alarms(self, *, standing: bool = True) -> dict[str, Alarm]:
        """By rule; of several of one rule, one."""
        assert self.daemon is not None
        return {one.rule: one for one in now(self.daemon.registry.alarms.list(standing=standing))}

    def finding(self, rule: str) -> Finding:
        return next(one for one in self.watch.findings if one.rule == rule)


class TownCase(SynchronousTestCase):
    """``self.town`` has run for a minute, and ends with the test."""

    meters = 5

    def setUp(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        vfs = MemoryVfs()
        vfs.__enter__()
        self.addCleanup(vfs.__exit__, None, None, None)
        self.town = Town(vfs, folder, self.meters)
        self.addCleanup(self.leave)

    def leave(self) -> None:
        self.town.weather.clear()
        self.town.leave()
        self.town.end()
        violations = [one for one in self.town.judge.figures.violations if "timer" in one]
        self.assertEqual(violations, [])


def now(work: Any) -> Any:
    """What ``work`` gives at once."""
    results: list[Any] = []
    Deferred.fromCoroutine(work).addBoth(results.append)
    return results[0]
