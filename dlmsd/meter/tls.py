"""TLS to a gateway or a modem: a connection is one when the handshake is complete."""

from __future__ import annotations

from typing import Any

from attrs import frozen
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IHandshakeListener,
    IReactorTime,
)
from twisted.internet.protocol import ClientFactory, Protocol, connectionDone
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from dlmsd.errors import SilenceError
from dlmsd.meter.way import CONNECT_SECONDS, Connector, TcpWay, Way


@frozen
class TlsWay(Way):
    """TCP, and TLS over it; ``contexts`` say whom we trust and who we are."""

    tcp: TcpWay
    contexts: Any

    @property
    def half_open(self) -> bool:
        """Until the handshake is complete."""
        return self.tcp.half_open

    def reached(self, ip: str) -> None:
        """As TCP."""
        self.tcp.reached(ip)

    def unresolved(self) -> str | None:
        """As TCP."""
        return self.tcp.unresolved()

    def connect(self, factory: ClientFactory) -> Connector:
        """A handshake gets as long as TCP's own."""
        clock = self.tcp.reactor
        secured = _SecuredFactory(factory, clock)
        wrapped: Any = TLSMemoryBIOFactory(self.contexts, True, secured, clock)
        return self.tcp.connect(wrapped)


class _SecuredFactory(ClientFactory):
    """Passes on to ``factory`` what it would hear of plain TCP."""

    noisy = False

    def __init__(self, factory: ClientFactory, clock: IReactorTime) -> None:
        self._factory = factory
        self._clock = clock
        self._made: _SecuredProtocol | None = None

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        self._made = _SecuredProtocol(self._factory, addr, self._clock)
        return self._made

    def clientConnectionFailed(self, connector: Any, reason: Failure) -> None:
        self._factory.clientConnectionFailed(connector, reason)

    def clientConnectionLost(self, connector: Any, reason: Failure) -> None:
        """Before the handshake's end it is a failure, and TLS knows its reason."""
        assert self._made is not None
        if self._made.failure is None:
            self._factory.clientConnectionLost(connector, reason)
        else:
            self._factory.clientConnectionFailed(connector, self._made.failure)


@implementer(IHandshakeListener)
class _SecuredProtocol(Protocol):
    """Stands where the factory's own protocol does from the handshake's end on."""

    transport: Any

    def __init__(self, factory: ClientFactory, addr: IAddress | None, clock: IReactorTime) -> None:
        self.failure: Failure | None = None
        self._factory = factory
        self._addr = addr
        self._clock = clock
        self._wire: Any = None
        self._late: IDelayedCall | None = None
        self._overdue = False

    def connectionMade(self) -> None:
        self._late = self._clock.callLater(CONNECT_SECONDS, self._give_up)

    def handshakeCompleted(self) -> None:
        """Now the certificate is known to be good."""
        self._end_wait()
        self._wire = self._factory.buildProtocol(self._addr)  # type: ignore[arg-type]
        self._wire.makeConnection(self.transport)

    def dataReceived(self, data: bytes) -> None:
        self._wire.dataReceived(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._end_wait()
        if self._wire is not None:
            self._wire.connectionLost(reason)
        elif self._overdue:
            self.failure = Failure(SilenceError("no answer to the TLS handshake"))
        else:
            self.failure = reason

    def _give_up(self) -> None:
        self._overdue = True
        self.transport.abortConnection()

    def _end_wait(self) -> None:
        if self._late is not None and self._late.active():
            self._late.cancel()
