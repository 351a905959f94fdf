"""A network in virtual time: TCP and UDP between factories of one process, octets after a delay.

It has what the daemon uses of a reactor for TCP (``connectTCP``, ``listenTCP``) and for
UDP (``listenUDP``, ``resolve``), and the timers of a clock. FIN, RST, refusal and silence
behave as on a real network.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from twisted.internet import error
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import ITCPTransport
from twisted.python.failure import Failure
from zope.interface import implementer

from tests.clock import HeapClock


@implementer(ITCPTransport)
class Pipe:
    """One end of a connection: a transport whose octets come out at the other end."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self.peer: Pipe
        self.protocol: Any = None
        self.port = 0
        self.lost: Callable[[Failure], None] = lambda reason: None
        self.open = True
        self.disconnecting = False

    def write(self, octets: bytes) -> None:
        assert isinstance(octets, bytes)
        if self.open and not self.disconnecting:
            self._network.carry(self.peer.arrive, octets)

    def writeSequence(self, parts: list[bytes]) -> None:
        self.write(b"".join(parts))

    def arrive(self, octets: bytes) -> None:
        if self.open:
            self.protocol.dataReceived(octets)

    def loseConnection(self) -> None:
        if self.open and not self.disconnecting:
            self.disconnecting = True
            self._network.carry(self.peer.end, error.ConnectionDone())
            self._network.carry(self.end, error.ConnectionDone())

    def abortConnection(self) -> None:
        self._network.carry(self.peer.end, error.ConnectionLost())
        self._network.callLater(0, self.end, error.ConnectionAborted())

    def end(self, reason: Exception) -> None:
        if self.open:
            self.open = False
            failure = Failure(reason)
            self.protocol.connectionLost(failure)
            self.lost(failure)

    def setTcpNoDelay(self, enabled: bool) -> None:
        self.no_delay = enabled

    def setTcpKeepAlive(self, enabled: bool) -> None:
        self.keep_alive = enabled

    def getPeer(self) -> Any:
        return SimpleNamespace(host="127.0.0.1", port=0)

    getHost = getPeer


class Listening:
    """What ``listenTCP`` gives."""

    def __init__(self, network: Network, port: int) -> None:
        self._network = network
        self._port = port

    def getHost(self) -> Any:
        return SimpleNamespace(host="127.0.0.1", port=self._port)

    def stopListening(self) -> None:
        self._network.listening.pop(self._port, None)


class Connector:
    """What ``connectTCP`` gives; it fails or succeeds after the network's delay."""

    def __init__(
        self, network: Network, host: str, port: int, factory: Any, timeout: float
    ) -> None:
        self._network = network
        self._host = host
        self._factory = factory
        self._port = port
        self._timeout = timeout
        self._pipe: Pipe | None = None
        network.trying += 1
        network.most_trying = max(network.most_trying, network.trying)
        self.connect()

    def connect(self) -> None:
        network, port = self._network, self._port
        network.attempts.append(network.seconds())
        self._factory.doStart()
        if self._host in network.unresolvable:
            unknown = error.DNSLookupError()
            self._call = network.callLater(network.delay, self._fail, unknown)
        elif port in network.silent:
            self._call = network.callLater(self._timeout, self._fail, error.TimeoutError())
        elif port in network.listening:
            self._call = network.callLater(network.delay, self._connect, port)
        else:
            refused = error.ConnectionRefusedError()
            self._call = network.callLater(network.delay, self._fail, refused)

    def _connect(self, port: int) -> None:
        server = self._network.listening.get(port)
        if server is None:
            self._fail(error.ConnectionRefusedError())
            return
        self._network.trying -= 1
        ours, theirs = Pipe(self._network), Pipe(self._network)
        ours.peer, theirs.peer = theirs, ours
        self._pipe = ours
        ours.port = theirs.port = port
        ours.protocol = self._factory.buildProtocol(None)
        theirs.protocol = server.buildProtocol(None)
        ours.lost = lambda reason: self._factory.clientConnectionLost(self, reason)
        self._network.connections.append(ours)
        self._network.connected(ours)
        theirs.protocol.makeConnection(theirs)
        ours.protocol.makeConnection(ours)

    def _fail(self, reason: Exception) -> None:
        self._network.trying -= 1
        self._factory.clientConnectionFailed(self, Failure(reason))

    def stopConnecting(self) -> None:
        if not self._call.active():
            raise error.NotConnectingError
        self._call.cancel()
        self._fail(error.UserError())

    def disconnect(self) -> None:
        if self._call.active():
            self.stopConnecting()
        elif self._pipe is not None:
            self._pipe.loseConnection()

    def die(self, heir: Any) -> None:
        """The process that connected is gone: ``heir`` hears what still arrives."""
        if self._call.active():
            self._call.cancel()
        if self._pipe is not None and self._pipe.open:
            self._pipe.protocol, self._pipe.lost = heir, lambda reason: None
            self._pipe.abortConnection()


class Datagrams:
    """What ``listenUDP`` gives: a socket, also as its protocol's transport."""

    def __init__(self, network: Network, port: int, protocol: Any) -> None:
        self._network = network
        self._port = port
        self.peer: tuple[str, int] | None = None
        self.protocol = protocol
        protocol.makeConnection(self)

    def connect(self, host: str, port: int) -> None:
        assert host == "127.0.0.1", "not resolved"
        self.peer = host, port

    def getHost(self) -> Any:
        return SimpleNamespace(host="127.0.0.1", port=self._port)

    def write(self, octets: bytes, addr: tuple[str, int] | None = None) -> None:
        assert self._port in self._network.sockets, "written to a closed socket"
        there = addr or self.peer
        assert there is not None
        for _ in range(0 if self._network.loses(octets) else self._network.copies):
            self._network.carry(self._arrive, there[1], octets)

    def _arrive(self, port: int, octets: bytes) -> None:
        here = ("127.0.0.1", self._port)
        if port in self._network.sockets:
            self._network.sockets[port].take(octets, here)
        elif port not in self._network.silent and self.peer is not None:
            self._network.carry(self.protocol.connectionRefused)

    def take(self, octets: bytes, sender: tuple[str, int]) -> None:
        """A datagram; as the kernel does it, a connected socket takes its peer's alone."""
        if self.peer in (None, sender):
            self.protocol.datagramReceived(octets, sender)

    def stopListening(self) -> None:
        self._network.sockets.pop(self._port, None)


class Network(HeapClock):
    """The reactor of a virtual world. ``delay`` is one way, in seconds.

    Ports in ``silent`` never answer a connection attempt or a datagram; ``sockets`` are
    those of UDP, ``loses`` says of each datagram whether it is lost, and
    ``copies`` how often it arrives; ``connections`` holds the
    client's end of each connection ever made, ``attempts`` when each was begun; of those at
    most ``most_trying`` were under way at once. Hosts in ``unresolvable`` have no address.
    ``connected`` is called with each of those ends before anything passes through it.
    """

    def __init__(self, delay: float = 0.001) -> None:
        super().__init__()
        self.delay = delay
        self.listening: dict[int, Any] = {}
        self.silent: set[int] = set()
        self.sockets: dict[int, Datagrams] = {}
        self.loses: Callable[[bytes], bool] = lambda octets: False
        self.copies = 1
        self.connections: list[Pipe] = []
        self.attempts: list[float] = []
        self.trying = 0
        self.most_trying = 0
        self.unresolvable: set[str] = set()
        self.connected: Callable[[Pipe], None] = lambda pipe: None
        self._next_port = 10000

    def listenTCP(self, port: int, factory: Any, **_: Any) -> Listening:
        port = port or self._free_port()
        self.listening[port] = factory
        return Listening(self, port)

    def listenUDP(self, port: int, protocol: Any, **_: Any) -> Datagrams:
        port = port or self._free_port()
        self.attempts.append(self.seconds())
        self.sockets[port] = Datagrams(self, port, protocol)
        return self.sockets[port]

    def resolve(self, host: str, timeout: Any) -> Deferred[str]:
        return succeed("127.0.0.1")

    def _free_port(self) -> int:
        self._next_port += 1
        return self._next_port

    def connectTCP(self, host: str, port: int, factory: Any, timeout: float = 30) -> Connector:
        return Connector(self, host, port, factory, timeout)

    def carry(self, arrive: Callable[..., None], *what: Any) -> None:
        """Deliver after the network's delay; the clock keeps the order of equal times."""
        self.callLater(self.delay, arrive, *what)
