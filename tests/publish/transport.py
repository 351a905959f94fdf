"""Transports in memory, for a client and a server in virtual time."""

from __future__ import annotations

from typing import Any

from twisted.internet import error
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure


class MemoryTransport:
    """One end of a connection in memory: bytes arrive in order, in the clock's next turn."""

    def __init__(self, clock: IReactorTime, protocol: Any) -> None:
        self.clock = clock
        self.protocol = protocol
        self.peer: MemoryTransport
        self.disconnected = False
        self.disconnecting = False
        self.nodelay = False

    @classmethod
    def join(cls, clock: IReactorTime, client: Any, server: Any) -> None:
        ends = cls(clock, client), cls(clock, server)
        ends[0].peer, ends[1].peer = ends[1], ends[0]
        server.makeConnection(ends[1])
        client.makeConnection(ends[0])

    def write(self, data: bytes) -> None:
        assert isinstance(data, bytes)
        if not self.disconnecting and not self.disconnected:
            self.clock.callLater(0, self.peer._arrive, data)

    def _arrive(self, data: bytes) -> None:
        if not self.disconnected:
            self.protocol.dataReceived(data)

    def setTcpNoDelay(self, enabled: bool) -> None:
        self.nodelay = enabled

    def loseConnection(self) -> None:
        if not self.disconnecting:
            self.disconnecting = True
            self.clock.callLater(0, self.peer._finished)

    def _finished(self) -> None:
        """The peer sent FIN: a Twisted transport answers it at once, a deaf broker never."""
        broker = getattr(self.protocol, "broker", None)
        if broker is not None and broker.deaf:
            return
        self._end(error.ConnectionDone())
        self.peer._end(error.ConnectionDone())

    def abortConnection(self) -> None:
        self._end(error.ConnectionAborted())
        self.clock.callLater(0, self.peer._end, error.ConnectionLost())

    def _end(self, reason: Exception) -> None:
        if not self.disconnected:
            self.disconnected = True
            self.protocol.connectionLost(Failure(reason))
