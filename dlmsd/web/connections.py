"""Every open connection of the page, so that stopping can close them."""

from __future__ import annotations

from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory

CONNECTIONS: Final = 256
"""More at once are refused: a browser holds six, and a daemon's descriptors are its meters'."""

GRACE_SECONDS: Final = 0.5
"""How long an answer under way may take to leave when the page stops."""


class Connections(WrappingFactory):
    """Wraps the site; knows its connections and ends them within ``GRACE_SECONDS``."""

    noisy = False

    def __init__(self, site: Any, clock: Any) -> None:
        super().__init__(site)
        self._clock = clock
        self._closed: Deferred[None] | None = None

    def buildProtocol(self, addr: IAddress | None) -> Any:
        if len(self.protocols) >= CONNECTIONS:
            return None
        return super().buildProtocol(addr)

    def unregisterProtocol(self, p: ProtocolWrapper) -> None:
        super().unregisterProtocol(p)
        if not self.protocols and self._closed is not None:
            closed, self._closed = self._closed, None
            closed.callback(None)

    async def close(self) -> None:
        """Close all; abort what is still open after the grace."""
        if not self.protocols:
            return
        self._closed = closed = Deferred[None]()
        for protocol in tuple(self.protocols):
            protocol.transport.loseConnection()
        abort = self._clock.callLater(GRACE_SECONDS, self._abort)
        await closed
        if abort.active():
            abort.cancel()

    def _abort(self) -> None:
        for protocol in tuple(self.protocols):
            protocol.transport.abortConnection()
