"""One life of a process: a reactor that can be killed with all that was begun on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol

from tests.network import Connector, Listening, Network

Fired = Callable[[Callable[..., object]], object]


class _Dead(Protocol):
    """What is left of a protocol whose process is gone: nobody hears anything."""


class Life:
    """The reactor of one daemon in a network. After :meth:`kill` nothing of it happens any
    more: no timer fires, no octet arrives; its peers see their connections reset. ``fired``
    hears of each timer as it fires.
    """

    def __init__(self, network: Network, fired: Fired = lambda function: None) -> None:
        self.network = network
        self.seconds = network.seconds
        self._fired = fired
        self.alive = True
        self.gave_up = False
        self._calls: list[Any] = []
        self._connectors: list[Connector] = []
        self._listening: list[Listening] = []
        self._sessions: list[Any] = []

    def callLater(
        self, delay: float, function: Callable[..., object], *args: Any, **kw: Any
    ) -> Any:
        call = self.network.callLater(delay, self._run, function, args, kw)
        if self.alive:
            self._calls.append(call)
            if len(self._calls) > 20_000:
                self._calls = [each for each in self._calls if each.active()]
        else:
            call.cancel()
        return call

    def _run(self, function: Callable[..., object], args: Any, kw: Any) -> None:
        if self.alive:
            self._fired(function)
            function(*args, **kw)

    def getDelayedCalls(self) -> list[Any]:
        return [call for call in self._calls if call.active()]

    def connectTCP(self, host: str, port: int, factory: Any, timeout: float = 30) -> Connector:
        connector = self.network.connectTCP(host, port, factory, timeout)
        self._connectors.append(connector)
        return connector

    def listenTCP(self, port: int, factory: Any, **more: Any) -> Listening:
        listening = self.network.listenTCP(port, factory, **more)
        self._listening.append(listening)
        return listening

    def callWhenRunning(self, function: Callable[..., object], *args: Any) -> None:
        self.callLater(0, function, *args)

    def stop(self) -> None:
        """The daemon has given up."""
        self.gave_up = True

    def reach(self, connect: Callable[[Any], Deferred[Any]]) -> Callable[[Any], Deferred[Any]]:
        """A way to a broker that ends with this life."""

        def attempt(factory: Any) -> Deferred[Any]:
            if not self.alive:
                return Deferred()
            made = connect(factory)
            made.addCallback(self._remember)
            return made

        return attempt

    def _remember(self, protocol: Any) -> Any:
        self._sessions.append(protocol)
        return protocol

    def kill(self) -> None:
        """kill -9."""
        self.alive = False
        for call in self.getDelayedCalls():
            call.cancel()
        for connector in self._connectors:
            connector.die(_Dead())
        for listening in self._listening:
            listening.stopListening()
        for session in self._sessions:
            transport = session.transport
            if transport is not None and not transport.disconnected:
                transport.protocol = _Dead()
                transport.abortConnection()
