"""A factory of connections with everything around it in memory."""

from typing import Any

from twisted.internet import error
from twisted.internet.defer import succeed
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from dlmsd.dlms.acse.context import Mechanism
from dlmsd.dlms.association import Association
from dlmsd.dlms.cosem.short_names import ShortNames
from dlmsd.dlms.hdlc.address import ServerAddress
from dlmsd.dlms.hdlc.link import HdlcLink
from dlmsd.dlms.hdlc.reassembly import FrameReassembly
from dlmsd.errors import DlmsdError
from dlmsd.meter.factory import Member, MeterFactory
from dlmsd.meter.session import Session
from dlmsd.meter.way import TcpWay, Way


@implementer(ITCPTransport)
class Transport(StringTransport):
    """A TCP transport in memory that tells its protocol of its end."""

    def setTcpNoDelay(self, enabled: bool) -> None:
        self.no_delay = enabled

    def setTcpKeepAlive(self, enabled: bool) -> None:
        self.keep_alive = enabled


class FactoryCase(SynchronousTestCase):
    """A factory on a reactor in memory; whether it connects, is the test's affair."""

    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.ups = 0
        self.downs: list[DlmsdError] = []
        self.factory = self.make(succeed)

    def make(
        self, admit: object, members: int = 1, way: Way | None = None, **more: Any
    ) -> MeterFactory:
        factory = MeterFactory(
            way or TcpWay("meter.example", 3333, self.reactor),
            FrameReassembly,
            name="planta-a",
            reactor=self.reactor,
            admit=lambda: admit(lambda: None),
            random=lambda: 0.0,
            **more,
        )
        self.members = []
        for physical in range(1, members + 1):
            session = Session(
                HdlcLink(1, ServerAddress(0, physical)),
                Association(Mechanism.NONE),
                names=ShortNames(),
                client=1,
                timeout=5,
                turn=factory.turn,
                clock=self.reactor,
            )
            self.members.append(Member(session, self.up, self.downs.append))
            factory.join(self.members[-1])
        return factory

    def up(self) -> None:
        self.ups += 1

    def connect(self) -> Transport:
        """Let the newest attempt succeed."""
        transport = Transport()
        self.protocol = self.reactor.tcpClients[-1][2].buildProtocol(None)
        self.protocol.makeConnection(transport)
        return transport

    def lose(self, reason: Exception) -> None:
        self.protocol.connectionLost(Failure(reason))
        self.factory.clientConnectionLost(None, Failure(reason))

    def refuse(self) -> None:
        self.factory.clientConnectionFailed(None, Failure(error.ConnectionRefusedError()))
