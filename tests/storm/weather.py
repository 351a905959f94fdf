"""What goes wrong in a storm, and when: at random, from the world's own seed."""

from __future__ import annotations

from collections.abc import Callable

from dlmsd.simulator.faults import HDLC_ONLY, WRAPPER_ONLY, Fault, FaultKind
from tests.publish.broker import Ack, Published, acknowledge
from tests.storm.world import DELAY, World

FULL, IO_ERROR = 13, 778


class Weather:
    """Begins faults and ends them, each after a while; :meth:`clear` ends all."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._ends: dict[str, Callable[[], None]] = {}
        self._number = 0

    def strike(self) -> None:
        """One more fault, for 5 s to 10 min."""
        random = self._world.random
        kind = random.choice(KINDS)
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

    def clear(self) -> None:
        """Good weather."""
        for key in list(self._ends):
            self._end(key)

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
        self._world.judge.figures.faults[fault.kind.value] += 1
        return lambda: simulation.inject([], endpoint.name)

    def _meter_unreachable(self) -> Callable[[], None]:
        _, endpoint, *_ = self._world.random.choice(self._world.endpoints)
        network = self._world.network
        network.silent.add(endpoint.port)
        return lambda: network.silent.discard(endpoint.port)

    def _meter_refuses(self) -> Callable[[], None]:
        _, endpoint, *_ = self._world.random.choice(self._world.endpoints)
        network = self._world.network
        server = network.listening.pop(endpoint.port, None)
        if server is None:
            return lambda: None
        return lambda: network.listening.__setitem__(endpoint.port, server)

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

        def puback(published: Published) -> list[Ack]:
            return [Ack(published.packet_id, 0x97 if random.random() < 0.3 else 0)]

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
        self._world.offset += random.choice((-1, 1)) * random.choice((1, 60, 3600, 86_400, 3.2e7))

    def _disk_full(self) -> Callable[[], None]:
        vfs = self._world.vfs
        vfs.refuse = lambda operation: FULL if operation == "write" else 0
        return lambda: setattr(vfs, "refuse", lambda operation: 0)

    def _disk_hangs(self) -> Callable[[], None]:
        writer = self._world.writer
        writer.hold()
        return lambda: writer.release() if writer is self._world.writer else None


KINDS = (
    *(Weather._meter_fault,) * 6,
    *(Weather._meter_unreachable, Weather._meter_refuses) * 2,
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
    Weather._disk_hangs,
)
