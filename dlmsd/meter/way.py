"""The way to a meter: how its connections are attempted."""

from __future__ import annotations

from typing import Any, Final, Protocol

from attrs import frozen
from twisted.internet.protocol import ClientFactory

CONNECT_SECONDS: Final = 10.0


class Connector(Protocol):
    """One attempt, and the connection that it may become."""

    def disconnect(self) -> None:
        """Give the attempt up, or end the connection."""


class Way(Protocol):
    """How to reach a meter."""

    @property
    def idle_seconds(self) -> float:
        """After so much silence a connection is made anew before it is used; 0 for never."""
        return 0.0

    def connect(self, factory: ClientFactory) -> Connector:
        """Begin one attempt.

        The factory is told of it as by Twisted's own connectors: it builds a protocol, or
        hears of the failure; after the protocol's end it hears of the loss.
        """


@frozen
class TcpWay(Way):
    """A TCP client's connection; ``seconds`` is what an attempt may take."""

    host: str
    port: int
    reactor: Any
    seconds: float = CONNECT_SECONDS

    def connect(self, factory: ClientFactory) -> Connector:
        """Through the reactor, which resolves the name too."""
        connector: Connector = self.reactor.connectTCP(self.host, self.port, factory, self.seconds)
        return connector
