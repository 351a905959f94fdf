"""The network of the matrix: names are looked up, and hosts may be out of reach."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet import error

from tests.network import Connector, Network

Lookup = Callable[[str], tuple[float, int | None]]
"""After how many seconds a name is found, and which port is added to; None if it is not."""


class NamedConnector(Connector):
    """An attempt that looks the name up first, within the same timeout."""

    _network: NamedNetwork

    def connect(self) -> None:
        network = self._network
        network.looked_up(self._port)
        seconds, offset = network.lookup(self._host)
        if seconds >= self._timeout:
            self._fails_in(self._timeout, error.TimeoutError())
        elif offset is None:
            self._fails_in(seconds, error.DNSLookupError())
        elif seconds:
            self._call = network.callLater(seconds, self._found, offset)
        else:
            self._found(offset)

    def _fails_in(self, seconds: float, reason: Exception) -> None:
        self._network.trying += 1
        self._factory.doStart()
        self._call = self._network.callLater(seconds, self._fail, reason)

    def _found(self, offset: int) -> None:
        here, self._port = self._port, self._port + offset
        if here in self._network.unreachable:
            self._fails_in(0.1, error.NoRouteError())
        else:
            super().connect()
        self._port = here


class NamedNetwork(Network):
    """``lookup`` may be changed, ``unreachable`` ports have no route.

    ``looked_up`` is called with the port of each attempt before its name is known.
    """

    def __init__(self, delay: float = 0.001) -> None:
        super().__init__(delay)
        self.lookup: Lookup = lambda host: (0.0, 0)
        self.looked_up: Callable[[int], None] = lambda port: None
        self.unreachable: set[int] = set()

    def connectTCP(self, host: str, port: int, factory: Any, timeout: float = 30) -> NamedConnector:
        return NamedConnector(self, host, port, factory, timeout)
