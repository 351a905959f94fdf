"""A client in memory: dlmsd's own link and association against a virtual meter's protocol.

Events are carried out on the spot, and a virtual clock moves while the client waits.
"""

from __future__ import annotations

from random import Random
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure

from dlmsd.dlms import link as data_link
from dlmsd.dlms import outcome as acse
from dlmsd.dlms.acse.context import Mechanism
from dlmsd.dlms.association import Association
from dlmsd.dlms.axdr.data import Data
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.method import MethodDescriptor
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.hdlc.address import ServerAddress
from dlmsd.dlms.hdlc.frame import BadFrame
from dlmsd.dlms.hdlc.link import HdlcLink
from dlmsd.dlms.hdlc.negotiation import LinkParameters
from dlmsd.dlms.hdlc.reassembly import FrameReassembly
from dlmsd.dlms.proposal import WRITING
from dlmsd.dlms.wrapper import WrapperLink, WrapperReassembly
from dlmsd.dlms.xdlms.apdu import decode_apdu
from dlmsd.dlms.xdlms.conformance import Conformance
from dlmsd.errors import ClosedError
from dlmsd.secret import Secret
from dlmsd.simulator.personality import MICROSTAR
from dlmsd.simulator.record import Entry
from dlmsd.simulator.service import Simulation

NOON = 1767182400.0  # 31 December 2025, 12:00 UTC
PASSWORD = Secret("22222222")
TIMEOUT = 5.0


def register(code: str, attribute: int = 2, class_id: int = 3) -> AttributeDescriptor:
    return AttributeDescriptor(class_id, Obis.parse(code), attribute)


class Transport(StringTransport):
    """What the meter writes, in pieces, and how it ended."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[bytes] = []
        self.protocol: Any = None
        self.lost = False
        self.aborted = False

    def setTcpNoDelay(self, enabled: bool) -> None:
        pass

    def write(self, data: bytes) -> None:
        assert not self.lost, "written after the end"
        self.pieces.append(data)
        super().write(data)

    def loseConnection(self) -> None:
        if not self.lost:
            self.lost = True
            self.protocol.connectionLost(Failure(ConnectionDone()))

    def abortConnection(self) -> None:
        self.aborted = True
        self.loseConnection()


class World:
    """A simulation on a reactor in memory, and what it recorded."""

    def __init__(self, **options: Any) -> None:
        self.reactor = MemoryReactorClock()
        self.entries: list[Entry] = []
        options.setdefault("personality", MICROSTAR)
        self.simulation = Simulation(
            reactor=self.reactor,
            wall=lambda: NOON + self.reactor.seconds(),
            random=Random(1),
            record=self.entries.append,
            **options,
        )

    def start(self) -> World:
        run(self.simulation.start())
        return self

    def connect(self, port: int = 0) -> Transport:
        """A connection to the ``port``-th listener."""
        factory = self.reactor.tcpServers[port][1]
        transport = Transport()
        transport.protocol = factory.buildProtocol(IPv4Address("TCP", "127.0.0.1", 50000))
        transport.protocol.makeConnection(transport)
        return transport

    def client(self, port: int = 0, **options: Any) -> Client:
        return Client(self, self.connect(port), **options)


class Client:
    """Reads one meter. Errors of link and association are raised."""

    def __init__(
        self,
        world: World,
        transport: Transport,
        *,
        address: ServerAddress | None = None,
        parameters: LinkParameters | None = None,
        client: int = 1,
        mechanism: Mechanism = Mechanism.LOW,
        password: Secret | None = PASSWORD,
        wrapper: int | None = None,
        association: Association | None = None,
        proposed: Conformance = WRITING,
        window: int = 0,
    ) -> None:
        self.world = world
        self.transport = transport
        self.link: Any
        self.reassembly: Any
        if wrapper is None:
            self.link = HdlcLink(client, address or ServerAddress(0, 1), parameters)
            self.reassembly = FrameReassembly()
        else:
            self.link = WrapperLink(client, wrapper)
            self.reassembly = WrapperReassembly(frozenset({(wrapper, client)}))
        self.association = association or Association(
            mechanism, password, proposed=proposed, window=window
        )
        self.bad: list[str] = []
        self.frames: list[Any] = []
        self.sent: list[bytes] = []
        self.timeouts = 0
        self.raw = False
        self.told: list[Any] = []
        self.outcome: Any = None

    def open(self) -> Client:
        self._run(self.link.connect())
        return self

    def get(self, *attributes: AttributeDescriptor) -> Any:
        return self._run(self._link_events(self.association.get(attributes)))

    def ask(self, request: Any) -> Any:
        """Any plain request in this association; its answer, decoded."""
        self.raw = True
        try:
            return self._run(self.link.send(request.encode()))
        finally:
            self.raw = False

    def set(self, attribute: AttributeDescriptor, value: Data) -> Any:
        return self._run(self._link_events(self.association.set((attribute,), (value,))))

    def action(self, method: MethodDescriptor, parameters: Data | None = None) -> Any:
        return self._run(self._link_events(self.association.action((method,), (parameters,))))

    def release(self) -> None:
        self._run(self._link_events(self.association.release()))

    def close(self) -> None:
        self._run(self.link.disconnect())

    def _run(self, events: list[Any]) -> Any:
        """Until something has come of it; silence is answered as a session does."""
        self.outcome = None
        self._carry_out(events)
        waited = 0.0
        while self.outcome is None:
            if self._receive():
                waited = 0.0
            elif self.transport.lost:
                raise ClosedError("the meter closed the connection")
            elif waited > TIMEOUT:
                waited = 0.0
                self.timeouts += 1
                self._take(self.reassembly.abandon())
                if self.outcome is None:
                    again = [] if self.link.reliable else self.association.timeout()
                    self._carry_out(self._link_events(again) if again else self.link.timeout())
            else:
                self.world.reactor.advance(0.05)
                waited += 0.05
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome

    def _receive(self) -> bool:
        octets = self.transport.value()
        self.transport.clear()
        self._take(self.reassembly.feed(octets))
        return bool(octets)

    def _take(self, found: list[Any]) -> None:
        for frame in found:
            if isinstance(frame, BadFrame):
                self.bad.append(frame.reason)
            elif self.link.recognises(frame):
                self.frames.append(frame)
                self._carry_out(self.link.receive(frame))

    def _carry_out(self, events: list[Any]) -> None:
        for event in events:
            match event:
                case data_link.Transmit(octets):
                    self.sent.append(octets)
                    if not self.transport.lost:
                        self.transport.protocol.dataReceived(octets)
                case data_link.ApduReceived(apdu) if self.raw:
                    self.outcome = decode_apdu(apdu)
                case data_link.ApduReceived(apdu):
                    self._carry_out(self._link_events(self.association.receive(apdu)))
                case data_link.LinkConnected():
                    self._carry_out(self._link_events(self.association.associate()))
                case data_link.LinkDisconnected():
                    self.outcome = True
                case data_link.LinkLost(error):
                    self.association.abort()
                    self.outcome = error

    def _link_events(self, events: list[Any]) -> list[Any]:
        wanted: list[Any] = []
        for event in events:
            match event:
                case acse.SendApdu(apdu):
                    wanted += self.link.send(apdu)
                case acse.SendStream(apdus):
                    wanted += self.link.send(*apdus)
                case acse.AwaitMore():
                    wanted += self.link.expect()
                case acse.Notified(apdu):
                    self.told.append(apdu)
                case acse.Results(results):
                    self.outcome = results
                case acse.Associated() | acse.Released():
                    self.outcome = True
                case acse.Refused(error) | acse.RequestFailed(error):
                    self.outcome = error
        return wanted


def run(coroutine: Any) -> None:
    """A coroutine that need not wait."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    raise AssertionError("the coroutine waits")
