"""Virtual meters that push: each on a connection of its own, or from a port of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from attrs import frozen
from twisted.application.service import Service
from twisted.internet.interfaces import IAddress, IConnector, ITCPTransport
from twisted.internet.protocol import (
    DatagramProtocol,
    Protocol,
    ReconnectingClientFactory,
    connectionDone,
)
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from dlmsd.errors import LocalError
from dlmsd.simulator.conversation import InstalledMeter
from dlmsd.simulator.push import PushPlan, apdu, frames
from dlmsd.simulator.record import Record, entry

# A virtual meter knocks every second, so that a daemon that was restarted is found at once.
_KNOCK_SECONDS: Final = 1


@frozen
class Destination:
    """Where pushes go: ``transport`` is tcp or udp."""

    transport: str
    host: str
    port: int

    @property
    def listen(self) -> str:
        """The listener that hears it, as an endpoint."""
        return f"{self.transport}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> Destination:
        """From ``tcp:HOST:PORT`` or ``udp:HOST:PORT``; LocalError for anything else."""
        transport, _, rest = text.partition(":")
        host, _, port = rest.rpartition(":")
        if transport not in ("tcp", "udp") or not host or not port.isdecimal():
            raise LocalError(f"{text!r} is no destination: tcp:HOST:PORT or udp:HOST:PORT")
        return cls(transport, host.strip("[]"), int(port))


class Pushing(Service):
    """All meters push every ``interval`` seconds, each at its own moment of it.

    ``record`` hears of every push that was given to the transport.
    """

    _log = Logger()

    def __init__(
        self,
        meters: Sequence[InstalledMeter],
        plan: PushPlan,
        destination: Destination,
        interval: float,
        *,
        reactor: Any,
        wall: Callable[[], float],
        record: Record | None = None,
    ) -> None:
        self._plan = plan
        self._wall = wall
        self._record = record
        self._reactor = reactor
        self._interval = interval
        self._senders = [_Sender(meter, destination, reactor) for meter in meters]
        self._loops: list[LoopingCall] = []
        self._waiting: list[Any] = []
        self._number = 0

    def startService(self) -> None:
        """Connect, and begin."""
        super().startService()
        for place, sender in enumerate(self._senders):
            sender.open()
            loop = LoopingCall(self._push, sender)
            loop.clock = self._reactor
            self._loops.append(loop)
            delay = self._interval * place / len(self._senders)
            self._waiting.append(self._reactor.callLater(delay, loop.start, self._interval))

    def stopService(self) -> None:
        """Push no more, and close."""
        super().stopService()
        for call in self._waiting:
            if call.active():
                call.cancel()
        for loop in self._loops:
            if loop.running:
                loop.stop()
        for sender in self._senders:
            sender.close()

    def _push(self, sender: _Sender) -> None:
        try:
            self._number += 1
            t = self._wall()
            octets, values = apdu(sender.meter, self._plan, self._number, t)
            if sender.send(list(frames(sender.meter, self._plan, octets))) and self._record:
                self._record(entry(t, sender.meter.name, values))
        except Exception:  # noqa: BLE001 - the push of the next interval must still come
            self._log.failure("A push could not be made", meter=sender.meter.name)


class _Sender:
    """One meter's way to the destination."""

    def __init__(self, meter: InstalledMeter, destination: Destination, reactor: Any) -> None:
        self.meter = meter
        self._to = destination
        self._reactor = reactor
        self._factory: _Factory | None = None
        self._datagrams: Any = None

    def open(self) -> None:
        if self._to.transport == "udp":
            self._datagrams = DatagramProtocol()
            self._datagrams.noisy = False
            self._reactor.listenUDP(0, self._datagrams)
            return
        self._factory = _Factory()
        self._factory.clock = self._reactor
        self._reactor.connectTCP(self._to.host, self._to.port, self._factory)

    def send(self, octets: Sequence[bytes]) -> bool:
        """Whether there was a way."""
        if self._datagrams is not None:
            for one in octets:
                self._datagrams.transport.write(one, (self._to.host, self._to.port))
            return True
        wire = self._factory.wire if self._factory is not None else None
        if wire is None:
            return False
        wire.transport.write(b"".join(octets))
        return True

    def close(self) -> None:
        if self._datagrams is not None:
            self._datagrams.transport.stopListening()
        if self._factory is not None:
            self._factory.hang_up()


class _Wire(Protocol):
    transport: ITCPTransport

    def __init__(self, factory: _Factory) -> None:
        self._owner = factory

    def connectionMade(self) -> None:
        self._owner.wire = self
        self._owner.resetDelay()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._owner.wire = None


class _Factory(ReconnectingClientFactory):
    maxDelay = _KNOCK_SECONDS
    noisy = False

    def __init__(self) -> None:
        self.wire: _Wire | None = None
        self._connector: IConnector | None = None

    def buildProtocol(self, addr: IAddress | None) -> _Wire:
        return _Wire(self)

    def startedConnecting(self, connector: IConnector) -> None:
        self._connector = connector

    def hang_up(self) -> None:
        """Connect no more, and close what is open."""
        self.stopTrying()
        if self._connector is not None:
            self._connector.disconnect()
