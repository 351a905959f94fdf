"""Virtual meters and a fleet that reads them, in virtual time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.config.values import Measurement, MeterOptions
from dlmsd.dlms.cosem.catalogue import lookup
from dlmsd.errors import DlmsdError, StoreError
from dlmsd.fleet.service import Fleet
from dlmsd.meter.conversation import Trace
from dlmsd.meter.dialin import Reception
from dlmsd.meter.gaps import GapKeeper
from dlmsd.meter.incumbency import Incumbency
from dlmsd.meter.security import secured
from dlmsd.model import GapStart, MeterStatus, Reading
from dlmsd.secret import Secret
from dlmsd.simulator.personality import MICROSTAR, Personality
from dlmsd.simulator.record import Entry
from dlmsd.simulator.service import Simulation
from tests.network import Network

START = 1_800_000_000.0
NAMES = ("voltage_l1", "current_l1", "frequency", "active_power", "active_energy")


def wanted(name: str, **options: Any) -> Measurement:
    """A measurement of the catalogue."""
    entry = lookup(name)
    assert entry is not None
    return Measurement(name, entry.attribute, name, **options)


class MemoryCounters:
    """A counter store that forgets nothing while it lives."""

    def __init__(self) -> None:
        self.reserved: dict[str, int] = {}
        self.received: dict[str, int] = {}

    async def reserve_counters(self, name: str, above: int, count: int) -> tuple[int, int]:
        first = max(self.reserved.get(name, 0), above)
        self.reserved[name] = first + count
        return first, first + count

    async def received_counters(self) -> dict[str, int]:
        return dict(self.received)

    def keep_received(self, name: str, counter: int) -> None:
        assert counter > self.received.get(name, -1)
        self.received[name] = counter


class FleetCase(SynchronousTestCase):
    """``simulate`` and ``read``, then ``run`` virtual seconds and look at what happened."""

    def setUp(self) -> None:
        self.network = Network()
        self.obstacle: StoreError | None = None
        self.readings: list[Reading] = []
        self.statuses: dict[str, MeterStatus] = {}
        self.history: list[MeterStatus] = []
        self.record: list[Entry] = []
        self.answer = lambda reading: succeed(None)
        self.connects_per_second = 1000.0
        self.chance: Callable[[], float] = lambda: 0.5
        self.trace: Trace | None = None
        self.counters = MemoryCounters()
        self.draw = Random(7).randbytes
        self.fleet: Fleet | None = None
        self.gaps: Callable[[MeterOptions, int], GapKeeper | None] = lambda meter, ts: None
        self.incumbency: Callable[[MeterOptions], Incumbency | None] = lambda meter: None
        self.reception: Reception | None = None
        self.addCleanup(self.end)

    def wall(self) -> float:
        return START + self.network.seconds()

    def simulate(self, meters: int = 1, personality: Personality = MICROSTAR, **more: Any) -> None:
        """Start virtual meters."""
        self.simulation = Simulation(
            reactor=self.network,
            wall=self.wall,
            random=Random(1),
            meters=meters,
            personality=personality,
            record=self.record.append,
            **more,
        )
        self.successResultOf(Deferred.fromCoroutine(self.simulation.start()))

    def options(self, **changes: Any) -> list[MeterOptions]:
        """How to read the virtual meters."""
        read = tuple(wanted(name) for name in NAMES)
        return [
            evolve(
                MeterOptions(
                    name=endpoint.name,
                    host="" if endpoint.announces else endpoint.host,
                    port=endpoint.port,
                    transport=endpoint.transport,
                    device=endpoint.device or None,
                    announces=endpoint.announces.encode() or None,
                    profile="microstar",
                    device_name=endpoint.name,
                    read=read,
                    logical_device=endpoint.logical,
                    physical_device=endpoint.physical,
                    password=Secret("22222222"),
                    interval=5.0,
                ),
                **changes,
            )
            for endpoint in self.simulation.endpoints
        ]

    def read(self, meters: Sequence[MeterOptions], last_ts: dict[str, int] | None = None) -> None:
        """Start a fleet for them."""
        self.fleet = Fleet(
            reactor=self.network,
            wall=self.wall,
            random=self.chance,
            connects_per_second=self.connects_per_second,
            commit=self.commit,
            obstacle=lambda meter: self.hindrance(meter),
            post=self.post,
            tracer=self.tracer,
            secure=lambda meter: secured(meter, self.counters, self.draw),
            gaps=lambda meter, last_ts: self.gaps(meter, last_ts),
            incumbency=lambda meter: self.incumbency(meter),
            reception=self.reception,
        )
        self.change(meters, last_ts)

    def hindrance(self, meter: MeterOptions) -> DlmsdError | None:
        return self.obstacle

    def tracer(self, meter: MeterOptions) -> Trace | None:
        return self.trace

    def change(self, meters: Sequence[MeterOptions], last_ts: dict[str, int] | None = None) -> None:
        """Read these from now on."""

        async def stored() -> dict[str, int]:
            return last_ts or {}

        assert self.fleet is not None
        changed = Deferred.fromCoroutine(self.fleet.change(meters, stored))
        changed.addErrback(lambda failure: self.fail(failure))

    def commit(
        self, reading: Reading, sinks: Sequence[str], behind: GapStart | None = None
    ) -> Deferred[None]:
        self.readings.append(reading)
        return self.answer(reading)

    def post(self, status: MeterStatus) -> None:
        self.statuses[status.name] = status
        self.history.append(status)

    def run_for(self, seconds: float) -> None:
        self.network.run(seconds)

    def stop(self) -> float:
        """Stop the fleet; how many seconds that took."""
        assert self.fleet is not None
        began = self.network.seconds()
        took: list[float] = []
        stopped = Deferred.fromCoroutine(self.fleet.stop())
        stopped.addCallback(lambda _: took.append(self.network.seconds() - began))
        self.network.run(10)
        self.successResultOf(stopped)
        self.fleet = None
        return took[0]

    def end(self) -> None:
        """Nothing may be left: no delayed call, no open connection."""
        if self.fleet is not None:
            self.stop()
        stopped = Deferred.fromCoroutine(self.simulation.stop())
        self.network.run(1)
        self.successResultOf(stopped)
        self.assertEqual(self.network.getDelayedCalls(), [])
        self.assertEqual([pipe for pipe in self.network.connections if pipe.open], [])
        self.assertEqual(self.network.sockets, {})
