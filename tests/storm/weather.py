"""What goes wrong in a storm, and when: at random, from the world's own seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from twisted.internet.protocol import Factory, Protocol

from dlmsd.simulator.faults import HDLC_ONLY, WRAPPER_ONLY, Fault, FaultKind
from tests.publish.broker import Ack, Published, acknowledge
from tests.storm.world import DELAY, World

FULL = 13
# SQLite's extended codes for I/O errors of the disk.
IO_ERRORS = {"read": 266, "write": 778, "sync": 1034}

Kind: TypeAlias = "Callable[[Weather], Callable[[], None] | None]"


class _Busy(Factory):
    """Closes each connection as soon as it is made."""

    noisy = False

    def buildProtocol(self, addr: object) -> Protocol:
        return _Closing()


class _Closing(Protocol):
    transport: Any

    def connectionMade(self) -> None:
        self.transport.loseConnection()


class Weather:
    """Begins faults of some ``kinds`` and ends them, each after a while; :meth:`clear` ends all."""

    def __init__(self, world: World, kinds: Sequence[Kind] | None = None) -> None:
        self._world = world
        self._kinds = KINDS if kinds is None else kinds
        self._ends: dict[str, Callable[[], None]] = {}
        self._servers = dict(world.network.listening)
        self._number = 0
        self._refused: set[str] = set()

    def strike(self) -> None:
        """One more fault, for 5 s to 10 min."""
        random = self._world.random
        kind = random.choice(self._kinds)
        name = kind.__name__.strip("_")
        end = kind(self)
        self._world.judge.figures.faults[name] += 1
        self._world.judge.note(f"fault {name}")
        if end is None:
            return
        self._number += 1
        key = f"{name} {self._number}"
        self._ends[key] = end
        self._world.network.callLater(random.uniform(5, 600), self._end, key)

    def _end(self, key: str) -> None:
        end = self._ends.pop(key, None)
        if end is not None:
            self._world.judge.note(f"over {key}")
            end()

    def clear(self) -> set[str]:
        """Good weather; which meters have refused the password since the last."""
        for key in list(self._ends):
            self._end(key)
        refused, self._refused = self._refused, set()
        return refused

    def count(self) -> None:
        """What the meters have really done."""
        for simulation in self._world.simulations:
            for meter in simulation.meters:
                for kind, times in meter.faults.struck.items():
                    self._world.judge.figures.faults[kind.value] += times

    # Meters.

    def _meter_fault(self) -> Callable[[], None]:
        random = self._world.random
        simulation, endpoint, _, options = random.choice(self._world.endpoints)
        # WRAPPER has no checksum: what TCP never loses is not lost here either.
        wrapped = HDLC_ONLY | {FaultKind.TRUNCATED}
        impossible = WRAPPER_ONLY if options.framing == "hdlc" else wrapped
        kinds = [kind for kind in FaultKind if kind not in impossible | {FaultKind.REFUSE}]
        fault = Fault(random.choice(kinds), chance=random.choice((0.05, 0.3, 1.0)))
        simulation.inject([fault], endpoint.name)
        return lambda: simulation.inject([], endpoint.name)

    def _meter_unreachable(self) -> Callable[[], None]:
        _, endpoint, *_ = self._world.random.choice(self._world.endpoints)
        network = self._world.network
        network.silent.add(endpoint.port)
        return lambda: network.silent.discard(endpoint.port)

    def _meter_refuses(self) -> Callable[[], None]:
        _, endpoint, *_ = self._world.random.choice(self._world.endpoints)
        network = self._world.network
        network.listening.pop(endpoint.port, None)
        self._part(endpoint.port)
        return self._listens_again(endpoint.port)

    def _listens_again(self, port: int) -> Callable[[], None]:
        server = self._servers[port]
        return lambda: self._world.network.listening.__setitem__(port, server)

    def _meter_refuses_the_password(self) -> Callable[[], None]:
        simulation, endpoint, name, _ = self._world.random.choice(self._world.endpoints)
        simulation.inject([Fault(FaultKind.REFUSE, chance=1.0)], endpoint.name)
        self._part(endpoint.port)
        self._refused.add(name)
        return lambda: simulation.inject([], endpoint.name)

    def _meter_is_busy(self) -> Callable[[], None]:
        """It serves another client, and closes what else comes."""
        _, endpoint, *_ = self._world.random.choice(self._world.endpoints)
        self._world.network.listening[endpoint.port] = _Busy()
        self._part(endpoint.port)
        return self._listens_again(endpoint.port)

    def _names_without_addresses(self) -> Callable[[], None]:
        network = self._world.network
        network.unresolvable.update(options.host for *_, options in self._world.endpoints)
        self._all_connections_break()
        return network.unresolvable.clear

    def _meter_flaps(self) -> Callable[[], None]:
        """Its connections break every few seconds."""
        _, endpoint, *_ = self._world.random.choice(self._world.endpoints)
        network, random = self._world.network, self._world.random
        flapping = [True]

        def flap() -> None:
            self._part(endpoint.port)
            if flapping:
                network.callLater(random.uniform(1, 20), flap)

        flap()
        return flapping.clear

    def _part(self, port: int) -> None:
        """Who is connected there has to come again, and meets what is new."""
        for pipe in self._world.network.connections:
            if pipe.open and pipe.port == port:
                pipe.abortConnection()

    def _all_connections_break(self) -> None:
        for pipe in [pipe for pipe in self._world.network.connections if pipe.open]:
            pipe.abortConnection()
        self._world.network.connections.clear()

    def _slow_network(self) -> Callable[[], None]:
        network = self._world.network
        network.delay = self._world.random.choice((0.2, 0.5, 1.5))
        return lambda: setattr(network, "delay", DELAY)

    # The broker.

    def _broker_down(self) -> Callable[[], None]:
        broker = self._world.broker
        broker.listening = False
        broker.drop()
        return lambda: setattr(broker, "listening", True)

    def _broker_restart(self) -> None:
        self._world.broker.drop()

    def _broker_deaf(self) -> Callable[[], None]:
        broker = self._world.broker
        broker.deaf = True
        return lambda: setattr(broker, "deaf", False)

    def _broker_forgets_to_acknowledge(self) -> Callable[[], None]:
        broker, random = self._world.broker, self._world.random

        def puback(published: Published) -> list[Ack]:
            return (
                [] if random.random() < 0.3 else [Ack(published.packet_id, delay=random.random())]
            )

        broker.puback = puback
        return lambda: setattr(broker, "puback", acknowledge)

    def _broker_refuses_messages(self) -> Callable[[], None]:
        broker, random = self._world.broker, self._world.random
        judge = self._world.judge

        def puback(published: Published) -> list[Ack]:
            # Who speaks 3.1.1 has no word for it, and what is acknowledged there is taken.
            version = broker.connects[published.connection].version
            refused = random.random() < 0.3 and version == 5
            judge.refusals += refused
            return [Ack(published.packet_id, 0x97 if refused else 0)]

        broker.puback = puback
        return lambda: setattr(broker, "puback", acknowledge)

    def _broker_refuses_login(self) -> Callable[[], None]:
        broker = self._world.broker
        broker.connack = 0x88
        broker.drop()
        return lambda: setattr(broker, "connack", 0)

    # The host.

    def _kill(self) -> Callable[[], None]:
        self._world.kill()
        return self._restart

    def _power_cut(self) -> Callable[[], None]:
        self._world.kill(power=True)
        return self._restart

    def _restart(self) -> None:
        if self._world.daemon is None:
            self._world.start()

    def _wall_step(self) -> None:
        random = self._world.random
        self._world.step(random.choice((-1, 1)) * random.choice((1, 60, 3600, 86_400, 3.2e7)))

    def _disk_full(self) -> Callable[[], None]:
        vfs = self._world.vfs
        vfs.refuse = lambda operation, _: FULL if operation == "write" else 0
        return lambda: setattr(vfs, "refuse", lambda *_: 0)

    def _disk_fails(self) -> Callable[[], None]:
        """With I/O errors, also while the outbox is opened by a daemon that starts again."""
        failing = self._world.random.choice((("read",), ("write",), ("sync",), tuple(IO_ERRORS)))
        vfs = self._world.vfs
        vfs.refuse = lambda operation, _: IO_ERRORS[operation] if operation in failing else 0
        return lambda: setattr(vfs, "refuse", lambda *_: 0)

    def _disk_hangs(self) -> Callable[[], None]:
        writer = self._world.writer
        writer.hold()
        return lambda: writer.release() if writer is self._world.writer else None


KINDS = (
    *(Weather._meter_fault,) * 6,
    *(Weather._meter_unreachable, Weather._meter_refuses) * 2,
    Weather._meter_refuses_the_password,
    Weather._meter_is_busy,
    Weather._meter_flaps,
    Weather._names_without_addresses,
    Weather._all_connections_break,
    Weather._slow_network,
    Weather._broker_down,
    Weather._broker_restart,
    Weather._broker_deaf,
    Weather._broker_forgets_to_acknowledge,
    Weather._broker_refuses_messages,
    Weather._broker_refuses_login,
    Weather._kill,
    Weather._power_cut,
    Weather._wall_step,
    Weather._disk_full,
    Weather._disk_fails,
    Weather._disk_hangs,
)
# Of these none depends on what stands in a file, or kills, or sets a clock.
CALM_KINDS = (
    Weather._meter_fault,
    Weather._meter_unreachable,
    Weather._meter_refuses,
    Weather._all_connections_break,
    Weather._broker_down,
    Weather._broker_restart,
    Weather._broker_deaf,
    Weather._broker_forgets_to_acknowledge,
    Weather._broker_refuses_login,
)
