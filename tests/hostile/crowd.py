"""A thousand meters in virtual time, and what one of them costs the others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from random import Random
from typing import Any

from attrs import define, evolve, field
from twisted.internet.defer import Deferred, succeed

from dlmsd.config.values import MeterOptions
from dlmsd.fleet.service import Fleet
from dlmsd.model import MeterStatus, Reading
from dlmsd.simulator.personality import MICROSTAR
from dlmsd.simulator.service import Endpoint, Simulation
from tests.hostile.meter import HostileFactory, Hostility
from tests.meter.fleet import NAMES, START, wanted
from tests.network import Network, Pipe

HOSTILE = "hostile"
INTERVAL = 60.0
_PORT = 9000
# Every few seconds another connection breaks, so that admission is shared too.
_BREAK_SECONDS = 2.0
# All are connected by then, at 20 a second.
_BEGIN_SECONDS = 70.0
# After so long a lost connection must be there again; the slowest took 19 s.
BACK_SECONDS = 35.0


@define
class Cost:
    """Of the others: p99 of a poll, of a poll's distance to its time, and of the seconds until
    a lost connection is there again. Of the hostile one, a second: octets, calls, connections.
    """

    polls: int = 0
    poll: float = 0.0
    late: float = 0.0
    backs: int = 0
    back: float = 0.0
    octets: float = 0.0
    calls: float = 0.0
    connections: float = 0.0
    missing: list[str] = field(factory=list)


def p99(values: list[float]) -> float:
    """The value that one in a hundred is above; 0 of none."""
    return sorted(values)[len(values) * 99 // 100] if values else 0.0


class Crowd:
    """``meters`` ordinary ones and, with a ``kind``, a hostile one."""

    def __init__(self, kind: Hostility | None, meters: int = 1000, seed: int = 1) -> None:
        self.network = Network()
        self._random = Random(seed)
        self._kind = kind
        self._polls: list[float] = []
        self._read: dict[str, list[float]] = defaultdict(list)
        self._lost: dict[int, float] = {}
        self._backs: list[float] = []
        self._broken: dict[str, float] = {}
        self._octets = self._calls = self._connections = 0
        self._simulation = self._simulate(meters, 1)
        self._hostile = HostileFactory(self._simulate(1, 2).meters[0], self.network, Random(seed))
        self._hostile.kind = kind
        self.network.connected = self._connected
        self._fleet = Fleet(
            reactor=self.network,
            wall=self.wall,
            random=lambda: 0.5,
            connects_per_second=20.0,
            commit=self._commit,
            post=self._post,
            tracer=lambda meter: None,
            secure=lambda meter: None,
        )

    def _simulate(self, meters: int, seed: int) -> Simulation:
        return Simulation(
            reactor=self.network,
            wall=self.wall,
            random=Random(seed),
            meters=meters,
            personality=MICROSTAR,
            seed=seed,
        )

    def wall(self) -> float:
        return START + self.network.seconds()

    # What happens.

    def run(self, seconds: float) -> Cost:
        """So many seconds after all have been connected."""
        Deferred.fromCoroutine(self._simulation.start())
        self.network.listenTCP(_PORT, self._hostile)
        meters = [options_of(each, INTERVAL) for each in self._simulation.endpoints]
        if self._kind is not None:
            meters.append(evolve(meters[0], name=HOSTILE, port=_PORT, interval=5.0))

        async def stored() -> dict[str, int]:
            return {}

        Deferred.fromCoroutine(self._fleet.change(meters, stored))
        self.network.run(_BEGIN_SECONDS)
        self._octets = self._calls = self._connections = 0
        end = self.network.seconds() + seconds
        while self.network.seconds() < end:
            self.network.run(_BREAK_SECONDS)
            self._break()
        cost = self._cost(seconds)
        stopped: list[Any] = []
        Deferred.fromCoroutine(self._fleet.stop()).addBoth(stopped.append)
        self.network.run(10.0)
        if stopped != [None]:
            cost.missing.append(f"the fleet does not stop: {stopped}")
        return cost

    def _break(self) -> None:
        """The connection of one in ten is reset."""
        ports = {each.port: each.name for each in self._simulation.endpoints[::10]}
        open_ = [pipe for pipe in self.network.connections if pipe.open and pipe.port in ports]
        if open_:
            pipe = self._random.choice(open_)
            self._lost[pipe.port] = self.network.seconds()
            self._broken[ports[pipe.port]] = self.wall()
            pipe.peer.abortConnection()

    def _connected(self, pipe: Pipe) -> None:
        if pipe.port != _PORT:
            lost = self._lost.pop(pipe.port, None)
            if lost is not None:
                self._backs.append(self.network.seconds() - lost)
            return
        self._connections += 1
        arrive = pipe.arrive

        def counted(octets: bytes) -> None:
            self._calls += 1
            self._octets += len(octets)
            arrive(octets)

        pipe.arrive = counted  # type: ignore[method-assign]

    def _commit(self, reading: Reading, sinks: Any, behind: Any = None) -> Deferred[None]:
        return succeed(None)

    def _post(self, status: MeterStatus) -> None:
        if status.name == HOSTILE or status.error or status.reading is None:
            return
        seconds, ts = status.cycle_seconds, status.reading.ts / 1000
        read = self._read[status.name]
        if seconds is None or (read and read[-1] == ts):
            return
        read.append(ts)
        self._polls.append(seconds)

    # What it came to.

    def _cost(self, seconds: float) -> Cost:
        names = [each.name for each in self._simulation.endpoints]
        late = [
            abs((ts - read[1] + INTERVAL / 2) % INTERVAL - INTERVAL / 2)
            for name in names
            if name not in self._broken
            for read in [self._read[name]]
            for ts in read[2:]
        ]
        return Cost(
            len(self._polls),
            p99(self._polls),
            p99(late),
            len(self._backs),
            p99(self._backs),
            self._octets / seconds,
            self._calls / seconds,
            self._connections / seconds,
            [*self._missing(names, seconds)],
        )

    def _missing(self, names: list[str], seconds: float) -> Iterator[str]:
        """Meters that were forgotten, each as a sentence."""
        now = self.network.seconds()
        for port, lost in self._lost.items():
            if now - lost > BACK_SECONDS:
                yield f"port {port} is not connected again after {now - lost:.0f} s"
        for name in names:
            read, broken = self._read[name], self._broken.get(name)
            if broken is None:
                if len(read) < (seconds + _BEGIN_SECONDS - 55) // INTERVAL:
                    yield f"{name} was read {len(read)} times"
            elif self.wall() - broken > BACK_SECONDS + INTERVAL and read[-1:] <= [broken]:
                yield f"{name} was not read again after its connection broke"


def options_of(endpoint: Endpoint, interval: float) -> MeterOptions:
    """How to read a virtual meter."""
    return MeterOptions(
        name=endpoint.name,
        host=endpoint.host,
        port=endpoint.port,
        profile="microstar",
        device_name=endpoint.name,
        read=tuple(wanted(name) for name in NAMES),
        logical_device=endpoint.logical,
        physical_device=endpoint.physical,
        password=MICROSTAR.clients[0].password,
        interval=interval,
        identify=False,
    )
