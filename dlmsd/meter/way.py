"""The way to a meter: how its connections are attempted."""

from __future__ import annotations

from typing import Any, Final, Protocol

from attrs import define, field, frozen
from twisted.internet.protocol import ClientFactory

CONNECT_SECONDS: Final = 10.0


class Connector(Protocol):
    """One attempt, and the connection that it may become."""

    def disconnect(self) -> None:
        """Give the attempt up, or end the connection; nothing, if it has ended or is ending."""


class Way(Protocol):
    """How to reach a meter."""

    @property
    def idle_seconds(self) -> float:
        """After so much silence a connection is made anew before it is used; 0 for never."""
        return 0.0

    @property
    def half_open(self) -> bool:
        """Whether an attempt is one of those of which there may not be too many at once."""
        return False

    @property
    def at_will(self) -> bool:
        """Whether a connection can be made whenever it is wanted."""
        return True

    def reached(self, ip: str) -> None:
        """A connection was made to this address."""
        del ip

    def unresolved(self) -> str | None:
        """The name has no address now: the last good one, if the next attempt can go there."""
        return None

    def connect(self, factory: ClientFactory) -> Connector:
        """Begin one attempt.

        The factory is told of it as by Twisted's own connectors: it builds a protocol, or
        hears of the failure; after the protocol's end it hears of the loss.
        """


@define
class LastAddress:
    """Where a name led to: name servers fail more often than meters move."""

    host: str
    good: str | None = None
    _instead: bool = False

    def unresolved(self) -> str | None:
        """The name has no address now: the last good one, if any, is the next to be tried."""
        self._instead = self.good is not None
        return self.good

    def next(self) -> str:
        """The name, unless it has just failed."""
        instead, self._instead = self._instead, False
        return self.good if instead and self.good is not None else self.host


@frozen
class TcpWay(Way):
    """A TCP client's connection; ``seconds`` is what an attempt may take."""

    host: str
    port: int
    reactor: Any
    seconds: float = CONNECT_SECONDS
    last: LastAddress = field(init=False, eq=False)

    @last.default
    def _last(self) -> LastAddress:
        return LastAddress(self.host)

    @property
    def half_open(self) -> bool:
        """It waits for an answer."""
        return True

    def reached(self, ip: str) -> None:
        """Remember the address."""
        self.last.good = ip

    def unresolved(self) -> str | None:
        """The last good address, which the next attempt goes to."""
        return self.last.unresolved()

    def connect(self, factory: ClientFactory) -> Connector:
        """Through the reactor, which resolves the name too."""
        host = self.last.next()
        connector: Connector = self.reactor.connectTCP(host, self.port, factory, self.seconds)
        return connector
