"""Virtual meters that call a client, as those behind a modem do, and let him read them."""

from __future__ import annotations

from typing import Any, Final

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Protocol, ReconnectingClientFactory, connectionDone
from twisted.python.failure import Failure

from dlmsd.simulator.protocol import SimulatorFactory, SimulatorProtocol

_LONGEST_PAUSE: Final = 10


class Calling(ReconnectingClientFactory):
    """Calls again whenever the line is lost; first of all it says ``announcement``."""

    noisy = False
    maxDelay = _LONGEST_PAUSE
    jitter = 0.0

    def __init__(self, factory: SimulatorFactory, announcement: bytes, reactor: Any) -> None:
        self.clock = self._reactor = reactor
        self._factory = factory
        self._announcement = announcement
        self._connector: Any = None

    def call(self, host: str, port: int) -> None:
        """Call from now on."""
        self._connector = self._reactor.connectTCP(host, port, self)

    def stopListening(self) -> None:
        """Call no more."""
        self.stopTrying()
        self._connector.disconnect()

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        self.resetDelay()
        return _Call(self._factory.buildProtocol(addr), self._announcement)


class _Call(Protocol):
    transport: Any

    def __init__(self, meters: SimulatorProtocol, announcement: bytes) -> None:
        self._meters = meters
        self._announcement = announcement

    def connectionMade(self) -> None:
        self.transport.write(self._announcement)
        self._meters.makeConnection(self.transport)

    def dataReceived(self, data: bytes) -> None:
        self._meters.dataReceived(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._meters.connectionLost(reason)
