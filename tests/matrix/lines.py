"""Faults of the connection: 1 to 7. Each begins on a wire and returns what ends it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.protocol import Protocol, ServerFactory

from dlmsd.simulator.faults import Reset, Step, Write
from tests.matrix.line import Close, Wire
from tests.matrix.state import State

Undo = Callable[[], None]


def cut(wire: Wire, octets: bytes) -> bytes:
    """The octets up to a random place, never all of them."""
    return octets[: wire.line.random.randrange(max(1, len(octets) - 2))]


def reset(wire: Wire, octets: bytes) -> list[Step]:
    return [Write(cut(wire, octets)), Reset()]


def finish(wire: Wire, octets: bytes) -> list[Step]:
    return [Write(cut(wire, octets)), Close()]


def silence(wire: Wire, octets: bytes) -> list[Step]:
    return []


def half_open(wire: Wire, _: bytes) -> Undo:
    """The route is gone: nothing passes, not even an end, and nobody new gets through."""
    network, port = wire.line.network, wire.line.port
    wire.bury()
    network.silent.add(port)

    def undo() -> None:
        network.silent.discard(port)
        wire.unearth()

    return undo


def unreachable(wire: Wire, _: bytes) -> Undo:
    """Refused, not answered, or without a route; what was connected breaks."""
    line, network = wire.line, wire.line.network
    way = line.random.choice(("refused", "silent", "no route"))
    port, server = line.port, network.listening.pop(line.port)
    if way == "silent":
        network.silent.add(port)
    elif way == "no route":
        network.unreachable.add(port)
    wire.pipe.peer.abortConnection()

    def undo() -> None:
        network.listening[port] = server
        network.silent.discard(port)
        network.unreachable.discard(port)

    return undo


class _Busy(Protocol):
    """Somebody else is connected."""

    transport: Any

    def connectionMade(self) -> None:
        self.transport.loseConnection()


def busy(wire: Wire, _: bytes) -> Undo:
    """Every new connection is accepted and closed."""
    line, network = wire.line, wire.line.network
    server = network.listening[line.port]
    network.listening[line.port] = ServerFactory.forProtocol(_Busy)
    network.listening[line.port].noisy = False
    wire.pipe.peer.abortConnection()
    return lambda: network.listening.__setitem__(line.port, server)


def unnamed(where: Any, _: bytes) -> Undo:
    """The name is unknown, comes late or never, or leads to where nobody listens."""
    line = where.line if isinstance(where, Wire) else where
    network = line.network
    answer: tuple[float, int | None] = line.random.choice(
        ((0.05, None), (4.0, 0), (60.0, 0), (0.05, 20_000))
    )
    network.lookup = lambda host: answer if host == "spoilt" else (0.0, 0)
    if isinstance(where, Wire):
        where.pipe.peer.abortConnection()
    return lambda: setattr(network, "lookup", lambda host: (0.0, 0))


__all__ = ["State", "busy", "cut", "finish", "half_open", "reset", "silence", "unnamed"]
