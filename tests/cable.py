"""A serial cable in virtual time, between a daemon's port and virtual meters.

Octets take as long as their rate makes them, and at another rate than the reader's they
are garbled. With ``echo`` the port hears itself, as from many optical heads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.python.failure import Failure

from tests.network import Network


class Cable:
    """Both ends. ``rates`` are those that the port had, each once after the other."""

    path = "/dev/ttyVirtual0"

    def __init__(self, network: Network, *, echo: bool = False) -> None:
        self.echo = echo
        self.plugged = True
        self.parity = "N"
        self.opened = 0
        self.rates: list[int] = []
        self.port: Port | None = None
        self._network = network
        self._meters: Any = None
        self._free = {True: 0.0, False: 0.0}

    def open_terminal(self, protocol: Any, reactor: Any) -> Cable:
        """What the simulator calls: the meters' end."""
        self._meters = protocol
        protocol.makeConnection(self)
        return self

    def open_port(
        self, protocol: Any, device: str, reactor: Any, *, baudrate: int, parity: str = "N"
    ) -> Port:
        """What the daemon calls: the port's end."""
        assert device == self.path
        self.parity = parity
        assert self.port is None, "one end was opened twice"
        if not self.plugged:
            raise FileNotFoundError(2, "No such file or directory")
        self.opened += 1
        self.port = Port(self, protocol)
        self.port.change_rate(baudrate)
        protocol.makeConnection(self.port)
        return self.port

    def pull(self) -> None:
        """The device disappears."""
        self.plugged = False
        if self.port is not None:
            self.port.end(ConnectionLost())

    @property
    def rate(self) -> int:
        return self.rates[-1] if self.port is not None else 0

    def write(self, octets: bytes) -> None:
        """From the meters."""
        self.carry(octets, from_port=False, arrive=self._to_port)

    def connectionLost(self, reason: Failure) -> None:
        self._meters.connectionLost(reason)

    def to_meters(self, octets: bytes) -> None:
        self._meters.dataReceived(octets)

    def _to_port(self, octets: bytes) -> None:
        if self.port is not None:
            self.port.protocol.dataReceived(octets)

    def carry(self, octets: bytes, *, from_port: bool, arrive: Callable[[bytes], None]) -> None:
        """One octet after the other, each direction for itself."""
        rate = self.rate or 9600
        now = self._network.seconds()
        at = max(now, self._free[from_port])
        for octet in octets:
            at += 10 / rate
            self._network.callLater(at - now, self._arrive, octet, rate, arrive)
            if from_port and self.echo:
                self._network.callLater(at - now, self._arrive, octet, rate, self._to_port)
        self._free[from_port] = at

    def _arrive(self, octet: int, rate: int, arrive: Callable[[bytes], None]) -> None:
        if self.rate == rate:
            arrive(bytes((octet,)))
        elif self.rate:
            arrive(bytes((octet ^ 0x55,)))


class Port:
    """What ``dlmsd.meter.serial.Port`` is on a real device."""

    def __init__(self, cable: Cable, protocol: Any) -> None:
        self.protocol = protocol
        self._cable = cable
        self._closing = False

    def change_rate(self, rate: int) -> None:
        assert self._cable.port is self
        if not self._cable.rates or self._cable.rates[-1] != rate:
            self._cable.rates.append(rate)

    def write(self, octets: bytes) -> None:
        assert self._cable.port is self, "written to a closed port"
        self._cable.carry(octets, from_port=True, arrive=self._cable.to_meters)

    def loseConnection(self) -> None:
        if not self._closing:
            self._closing = True
            self._cable._network.callLater(0, self.end, ConnectionDone())

    def abort(self) -> None:
        self.end(ConnectionLost())

    def end(self, reason: Exception) -> None:
        if self._cable.port is self:
            self._cable.port = None
            self.protocol.connectionLost(Failure(reason))
