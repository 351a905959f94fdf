"""Transports in memory, each with a delay of its own."""

from __future__ import annotations

from typing import Any

from twisted.internet import error
from twisted.internet.defer import Deferred, fail, succeed

from tests.publish.transport import MemoryTransport


class SlowTransport(MemoryTransport):
    """Bytes, and the end, arrive ``delay`` seconds later, in order."""

    delay = 0.0

    def write(self, data: bytes) -> None:
        if not self.disconnecting and not self.disconnected:
            self.clock.callLater(self.delay, self.peer._arrive, data)

    def loseConnection(self) -> None:
        if not self.disconnecting:
            self.disconnecting = True
            self.clock.callLater(self.delay, self.peer._finished)

    def abortConnection(self) -> None:
        self._end(error.ConnectionAborted())
        self.clock.callLater(self.delay, self.peer._end, error.ConnectionLost())


def dial(server: Any, clock: Any, delay: float) -> Any:
    """An endpoint's ``connect`` to a server in memory."""

    def connect(factory: Any) -> Deferred[Any]:
        if not server.listening:
            return fail(error.ConnectionRefusedError())
        client, answering = factory.buildProtocol(None), server.buildProtocol(None)
        ends = SlowTransport(clock, client), SlowTransport(clock, answering)
        ends[0].peer, ends[1].peer = ends[1], ends[0]
        ends[0].delay = ends[1].delay = delay
        answering.makeConnection(ends[1])
        client.makeConnection(ends[0])
        return succeed(client)

    return connect
