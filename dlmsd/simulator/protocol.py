"""Virtual meters on one line: the wire, its delays, and who may connect."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IDelayedCall, IReactorTime, ITCPTransport
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.hdlc.frame import BadFrame
from dlmsd.dlms.hdlc.reassembly import FrameReassembly
from dlmsd.dlms.wrapper import WrapperReassembly
from dlmsd.simulator.answer import Answered
from dlmsd.simulator.conversation import Conversation, InstalledMeter
from dlmsd.simulator.faults import Pause, Reset, Step, Write

# A client waits for each answer; a full window of each of 125 meters is 875 frames.
_MAX_INBOX: Final = 1000

Written = Callable[[str, tuple[Answered, ...]], None]


class SimulatorProtocol(Protocol):
    """One client's connection to all meters behind one port.

    Frames are answered one at a time and in order, as on an RS-485 line: an answer that
    is late keeps those behind it waiting.
    """

    transport: Any

    def __init__(
        self, line: SimulatorFactory, meters: Sequence[InstalledMeter], clock: IReactorTime
    ) -> None:
        self._line = line
        self._meters = meters
        self._clock = clock
        self._reassembly = _reassembly(meters)
        self._conversations: dict[str, Conversation] = {}
        self._inbox: deque[Any] = deque()
        self._steps: deque[tuple[Step, str, tuple[Answered, ...]]] = deque()
        self._pause: IDelayedCall | None = None
        self._idle: IDelayedCall | None = None
        self._open = False

    def connectionMade(self) -> None:
        if ITCPTransport.providedBy(self.transport):
            self.transport.setTcpNoDelay(True)
        self._open = self._line.admit(self)
        if not self._open:
            self.transport.loseConnection()
            return
        idle = self._meters[0].personality.idle_timeout
        if idle:
            self._idle = self._clock.callLater(idle, self._drop)
        first = self._meters[0]
        self._steps.extend(
            (step, first.name, ()) for step in first.faults.connected(first.old_frame())
        )
        self._work()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._open = False
        self._inbox.clear()
        self._steps.clear()
        for call in (self._pause, self._idle):
            if call is not None and call.active():
                call.cancel()
        self._pause = self._idle = None
        self._line.left(self)

    def dataReceived(self, data: bytes) -> None:
        if not self._open:
            return
        if self._idle is not None:
            self._idle.reset(self._meters[0].personality.idle_timeout)
        self._inbox.extend(
            frame for frame in self._reassembly.feed(data) if not isinstance(frame, BadFrame)
        )
        if len(self._inbox) > _MAX_INBOX:
            self._drop()
        self._work()

    def report(
        self, meter: str, attributes: Sequence[AttributeDescriptor], *, confirmed: bool = False
    ) -> None:
        """Tell the client of one meter values that it has not asked for."""
        conversation = self._conversations.get(meter)
        if conversation is None:
            return
        for reply in conversation.report(attributes, confirmed=confirmed):
            self._steps.append((Write(reply.octets), meter, reply.results))
        self._work()

    def _drop(self) -> None:
        """End the connection from this side."""
        self._open = False
        self.transport.loseConnection()

    def _work(self) -> None:
        while self._open and self._pause is None:
            if self._steps:
                self._take_step(*self._steps.popleft())
            elif self._inbox:
                self._take_frame(self._inbox.popleft())
            else:
                return

    def _take_frame(self, frame: Any) -> None:
        meter = next((one for one in self._meters if one.recognises(frame)), None)
        if meter is None:
            return
        conversation = self._conversations.get(meter.name)
        if conversation is None:
            conversation = self._conversations[meter.name] = meter.converse()
        replies = conversation.receive(frame)
        if conversation.ended:
            self._drop()
            return
        if replies:
            self._steps.append((Pause(meter.personality.response_delay), meter.name, ()))
        for reply in replies:
            self._plan(meter.name, meter.faults.send(reply.octets), reply.results)

    def _plan(self, name: str, steps: Sequence[Step], results: tuple[Answered, ...]) -> None:
        """Queue the steps of one frame; whoever gets the last octet has the results."""
        whole = steps and not isinstance(steps[-1], Reset)
        last = max((i for i, step in enumerate(steps) if isinstance(step, Write)), default=-1)
        for i, step in enumerate(steps):
            self._steps.append((step, name, results if whole and i == last else ()))

    def _take_step(self, step: Step, name: str, results: tuple[Answered, ...]) -> None:
        match step:
            case Write(octets):
                self.transport.write(octets)
                if results:
                    self._line.written(name, results)
            case Pause(seconds) if seconds > 0:
                self._pause = self._clock.callLater(seconds, self._resume)
            case Reset():
                self._open = False
                self.transport.abortConnection()

    def _resume(self) -> None:
        self._pause = None
        self._work()


class SimulatorFactory(Factory):
    """All connections to one port.

    ``written`` hears of each answer with attribute values that went to a transport.
    """

    noisy = False
    _log = Logger()

    def __init__(
        self,
        meters: Sequence[InstalledMeter],
        clock: IReactorTime,
        written: Written,
        *,
        one_connection: bool,
    ) -> None:
        self.written = written
        self._meters = meters
        self._clock = clock
        self._one = one_connection
        self._connections: set[SimulatorProtocol] = set()
        self._emptied: list[Deferred[None]] = []
        self._stopping = False

    @property
    def name(self) -> str:
        """Of the first of the meters."""
        return self._meters[0].name

    def buildProtocol(self, addr: IAddress | None) -> SimulatorProtocol:
        return SimulatorProtocol(self, self._meters, self._clock)

    def admit(self, protocol: SimulatorProtocol) -> bool:
        """Count a connection; False if there is one already and one is all that is taken."""
        busy = self._stopping or (self._one and bool(self._connections))
        self._connections.add(protocol)
        if busy:
            self._log.info("connection refused, there is one already", meter=self._meters[0].name)
        return not busy

    def report(
        self, meter: str, attributes: Sequence[AttributeDescriptor], *, confirmed: bool = False
    ) -> None:
        """Tell every client of one meter values that nobody asked for."""
        for protocol in tuple(self._connections):
            protocol.report(meter, attributes, confirmed=confirmed)

    def left(self, protocol: SimulatorProtocol) -> None:
        """A connection has ended."""
        self._connections.discard(protocol)
        if not self._connections:
            waiting, self._emptied = self._emptied, []
            for deferred in waiting:
                deferred.callback(None)

    async def close(self) -> None:
        """End all connections, and wait until they are gone."""
        self._stopping = True
        for protocol in tuple(self._connections):
            protocol.transport.loseConnection()
        if self._connections:
            gone = Deferred[None]()
            self._emptied.append(gone)
            await gone


def _reassembly(meters: Sequence[InstalledMeter]) -> FrameReassembly | WrapperReassembly:
    if meters[0].personality.framing == "hdlc":
        return FrameReassembly()
    servers = [meter.address.logical for meter in meters]
    return WrapperReassembly(
        frozenset((client, server) for client in range(1, 128) for server in servers)
    )
