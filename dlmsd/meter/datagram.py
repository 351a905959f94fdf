"""WRAPPER over UDP: a connection that is one in name only.

It is up as soon as the host's address is known. Nobody tells of its end: when the meter
is silent its owner gives it up, like any connection that is of no use.
"""

from __future__ import annotations

from typing import Any, Final

from attrs import field, frozen
from twisted.internet.abstract import isIPv6Address
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.error import ConnectionDone, ConnectionRefusedError
from twisted.internet.interfaces import IProtocol
from twisted.internet.protocol import ClientFactory, DatagramProtocol
from twisted.python.failure import Failure

from dlmsd.errors import LinkError
from dlmsd.meter.way import CONNECT_SECONDS, Connector, LastAddress, Way

# The largest datagram that there is.
_MAX_DATAGRAM: Final = 0xFFFF


@frozen
class UdpWay(Way):
    """Datagrams to one port of one host, and back from it alone."""

    host: str
    port: int
    reactor: Any
    last: LastAddress = field(init=False, eq=False)

    @last.default
    def _last(self) -> LastAddress:
        return LastAddress(self.host)

    def connect(self, factory: ClientFactory) -> Connector:
        """Resolve the name; then the connection is up."""
        return DatagramConnection(self, factory)


class DatagramConnection(DatagramProtocol):
    """One socket: the transport of the protocol that the factory builds for it."""

    transport: Any

    def __init__(self, way: UdpWay, factory: ClientFactory) -> None:
        self._way = way
        self._factory = factory
        self._wire: IProtocol | None = None
        self._ip = ""
        self._ending = False
        if isIPv6Address(way.host):
            self._resolving: Deferred[str] = succeed(way.host)
        else:
            self._resolving = way.reactor.resolve(way.host, (CONNECT_SECONDS,))
        self._resolving.addCallbacks(self._resolved, self._unresolved)

    # The connector's side.

    def disconnect(self) -> None:
        """Stop resolving, or close."""
        if self._wire is None:
            self._resolving.cancel()
        else:
            self.loseConnection()

    def _resolved(self, ip: str) -> None:
        self._ip = ip
        interface = "::" if isIPv6Address(ip) else ""
        try:
            self._way.reactor.listenUDP(0, self, interface=interface, maxPacketSize=_MAX_DATAGRAM)
        except Exception as error:  # noqa: BLE001 - whatever refuses a socket, it is tried again
            self._factory.clientConnectionFailed(self, Failure(_unusable(error)))  # type: ignore[arg-type]
            return
        wire = self._factory.buildProtocol(None)  # type: ignore[arg-type]
        assert wire is not None
        self._wire = wire
        self._way.last.good = ip
        wire.makeConnection(self)  # type: ignore[arg-type]

    def _unresolved(self, reason: Failure) -> None:
        if reason.check(CancelledError):
            return
        if self._way.last.good is not None:
            self._resolved(self._way.last.good)
        else:
            self._factory.clientConnectionFailed(self, reason)  # type: ignore[arg-type]

    # The socket's side.

    def startProtocol(self) -> None:
        """From here on the kernel drops what others send."""
        self.transport.connect(self._ip, self._way.port)

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        """Each stands for itself: what is unfinished at its end never comes."""
        # Before startProtocol anybody could send.
        ours = addr[:2] == (self._ip, self._way.port)
        if ours and self._wire is not None and not self._ending:
            wire: Any = self._wire
            wire.dataReceived(datagram)
            wire.abandon()

    def connectionRefused(self) -> None:
        """The host says that nobody listens; it may say so while we write."""
        self._fail(ConnectionRefusedError())

    # The protocol's side.

    def write(self, octets: bytes) -> None:
        """One datagram."""
        if self._ending:
            return
        try:
            self.transport.write(octets)
        except Exception as error:  # noqa: BLE001 - a network that is down is no fault of ours
            self._fail(_unusable(error))

    def loseConnection(self) -> None:
        """Close; the protocol hears of it later, as from TCP."""
        self._fail(ConnectionDone())

    abortConnection = loseConnection

    def _fail(self, reason: Exception) -> None:
        if not self._ending:
            self._ending = True
            self.transport.stopListening()
            self._way.reactor.callLater(0, self._end, Failure(reason))

    def _end(self, reason: Failure) -> None:
        assert self._wire is not None
        self._wire.connectionLost(reason)
        self._factory.clientConnectionLost(self, reason)  # type: ignore[arg-type]


def _unusable(error: Exception) -> LinkError:
    return LinkError(f"the datagram could not be sent: {error}")
