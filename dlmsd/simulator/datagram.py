"""Virtual meters on a UDP port: each client has a conversation, and nobody connects."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import DatagramProtocol
from twisted.python.failure import Failure

from dlmsd.simulator.protocol import SimulatorFactory, SimulatorProtocol

# A client that asks from a new port each time leaves conversations behind; the oldest go.
_MAX_CLIENTS: Final = 256

Address: TypeAlias = tuple[str, int]


class Datagrams(DatagramProtocol):
    """One port, for the meters of one factory."""

    transport: Any

    def __init__(self, factory: SimulatorFactory) -> None:
        self._factory = factory
        self._clients: dict[Address, SimulatorProtocol] = {}

    def datagramReceived(self, datagram: bytes, addr: Address) -> None:
        protocol = self._clients.get(addr) or self._welcome(addr)
        protocol.dataReceived(datagram)

    def forget(self, addr: Address) -> None:
        """That client's conversation has ended."""
        protocol = self._clients.pop(addr, None)
        if protocol is not None:
            protocol.connectionLost(Failure(ConnectionDone()))

    def _welcome(self, addr: Address) -> SimulatorProtocol:
        if len(self._clients) == _MAX_CLIENTS:
            self.forget(next(iter(self._clients)))
        protocol = self._clients[addr] = self._factory.buildProtocol(None)
        transport: Any = _Client(self, addr)
        protocol.makeConnection(transport)
        return protocol


class _Client:
    """The transport to one client."""

    def __init__(self, port: Datagrams, addr: Address) -> None:
        self._port = port
        self._addr = addr

    def write(self, octets: bytes) -> None:
        self._port.transport.write(octets, self._addr)

    def loseConnection(self) -> None:
        self._port.forget(self._addr)

    abortConnection = loseConnection
