"""One world for one cell: the spoilt meter, another one beside it, and the fleet."""

from __future__ import annotations

from random import Random
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from dlmsd.config.values import MeterOptions
from dlmsd.fleet.service import Fleet
from dlmsd.meter.security import secured
from dlmsd.model import MeterStatus, Reading
from dlmsd.simulator.personality import MICROSTAR, Personality
from dlmsd.simulator.protocol import SimulatorFactory
from dlmsd.simulator.record import Entry, entry
from dlmsd.simulator.service import Simulation
from tests.matrix.line import Line
from tests.matrix.meter import PERSONALITIES, spoilt
from tests.matrix.network import NamedNetwork
from tests.matrix.state import Kind
from tests.meter.fleet import NAMES, START, MemoryCounters, wanted

INTERVAL = 5.0
SPOILT, BESIDE = "spoilt", "beside"
_PORT = 4001
_FLEET = frozenset({"dlmsd.meter", "dlmsd.fleet", "twisted.internet"})
_QUIET = evolve(MICROSTAR, response_delay=0.0, idle_timeout=0.0)


class Stage:
    """Everything that happens on it is kept: readings, statuses, answers."""

    def __init__(self, kind: Kind, random: Random) -> None:
        self.network = NamedNetwork()
        self.random = random
        self.kind = kind
        self.readings: list[tuple[float, Reading]] = []
        self.statuses: list[tuple[float, MeterStatus]] = []
        self.answers: list[Entry] = []
        self.counters = MemoryCounters()
        self.fleet: Fleet | None = None
        self.lives: list[float] = []
        self._last_ts: dict[str, int] = {}
        self._beside = self._simulation(_QUIET)
        installed = self._simulation(PERSONALITIES[kind]).meters[0]
        self.line = Line(self.network, random, kind, installed)
        self.line.answered = self._answered
        self._factory = SimulatorFactory(
            (spoilt(installed, self.line),), self.network, lambda *_: None, one_connection=False
        )

    def _simulation(self, personality: Personality) -> Simulation:
        return Simulation(
            reactor=self.network,
            wall=self.wall,
            random=Random(self.random.random()),
            personality=personality,
            record=self._record,
        )

    def wall(self) -> float:
        return START + self.network.seconds()

    def _record(self, answer: Entry) -> None:
        """What the meter beside says is nobody's trouble here."""

    def _answered(self, results: Any) -> None:
        self.answers.append(entry(self.wall(), SPOILT, results))

    # Its life.

    def open(self) -> None:
        """The meters listen."""
        _now(self._beside.start())
        self.network.listenTCP(_PORT, self._factory)
        self.line.port = _PORT

    def read(self) -> None:
        """A fleet begins."""
        self.lives.append(self.network.seconds())
        self.fleet = Fleet(
            reactor=self.network,
            wall=self.wall,
            random=self.random.random,
            connects_per_second=20.0,
            commit=self._commit,
            post=self._post,
            tracer=lambda meter: None,
            secure=lambda meter: secured(meter, self.counters, self.random.randbytes),
        )
        meters = (
            self._options(SPOILT, PERSONALITIES[self.kind], _PORT),
            self._options(BESIDE, _QUIET, self._beside.endpoints[0].port),
        )
        _now(self.fleet.change(meters, self._stored))

    async def _stored(self) -> dict[str, int]:
        return self._last_ts

    def _options(self, name: str, personality: Personality, port: int) -> MeterOptions:
        client = personality.clients[0]
        options = MeterOptions(
            name=name,
            host=name,
            port=port,
            profile=personality.name,
            device_name=name,
            read=tuple(wanted(each) for each in NAMES),
            framing=personality.framing,
            logical_device=personality.logical_device,
            physical_device=personality.physical_device,
            address_size=personality.address_size,
            password=client.password,
            interval=INTERVAL,
            identify=False,
        )
        if not client.high:
            return options
        keys = personality.security.client
        return evolve(
            options,
            authentication="high-gmac",
            security=personality.security.policy.value,
            system_title=b"DLMSDCLT",
            encryption_key=keys.encryption,
            authentication_key=keys.authentication,
        )

    def _commit(self, reading: Reading, sinks: Any, behind: Any = None) -> Deferred[None]:
        self.readings.append((self.network.seconds(), reading))
        self._last_ts[reading.meter] = reading.ts
        if reading.meter == SPOILT:
            self.line.idle()
        done = Deferred[None]()
        done.callback(None)
        return done

    def _post(self, status: MeterStatus) -> None:
        self.statuses.append((self.network.seconds(), status))

    def stop(self) -> list[str]:
        """The fleet ends; what is wrong with that."""
        fleet, self.fleet = self.fleet, None
        assert fleet is not None
        done: list[Any] = []
        began = self.network.seconds()
        stopped = Deferred.fromCoroutine(fleet.stop())
        stopped.addBoth(
            lambda result: done.append((self.network.seconds(), result, self._ticking()))
        )
        self.network.run(10)
        if not done:
            return ["the fleet does not stop"]
        when, result, wrong = done[0]
        if isinstance(result, Failure):
            wrong.append(f"the fleet's stop fails: {result.value!r}")
        if when - began > 5.0:
            wrong.append(f"the fleet's stop takes {when - began:.1f} s")
        if open_ := [pipe for pipe in self.network.connections if pipe.open]:
            wrong.append(f"{len(open_)} connections are left")
        return wrong

    def _ticking(self) -> list[str]:
        """Timers of the fleet; the network and the meters have some of their own."""
        calls = [call for call in self.network.getDelayedCalls() if _module(call.func) in _FLEET]
        return [f"a timer is left: {call}" for call in calls]

    def close(self) -> list[str]:
        """The meters end too; what is left."""
        _now(self._beside.stop())
        self.network.listening.clear()
        closed = Deferred.fromCoroutine(self._factory.close())
        self.network.run(60)
        del closed
        return [f"a timer is left: {call}" for call in self.network.getDelayedCalls()]


def _module(function: Any) -> str:
    owner = getattr(function, "__self__", None)
    return ".".join((type(owner) if owner else function).__module__.split(".")[:2])


def _now(work: Any) -> None:
    done: list[Any] = []
    Deferred.fromCoroutine(work).addBoth(done.append)
    if done and isinstance(done[0], Failure):
        done[0].raiseException()
