"""The line to the spoilt meter, and who sits in its middle.

He knows from the client's frames in which state the session is, and from the moment that a
fault is armed and its state is reached he spoils what the meter says, for as long as the
fault lasts.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from attrs import frozen

from dlmsd.dlms.hdlc import control
from dlmsd.dlms.hdlc.address import ServerAddress, client_address
from dlmsd.dlms.hdlc.control import Kind as FrameKind
from dlmsd.dlms.hdlc.frame import Frame
from dlmsd.dlms.hdlc.link import LLC_FROM_METER
from dlmsd.dlms.hdlc.reassembly import FrameReassembly
from dlmsd.dlms.wrapper import WrapperFrame, WrapperReassembly
from dlmsd.simulator.conversation import InstalledMeter
from dlmsd.simulator.faults import Pause, Reset, Step, Write
from tests.matrix.fault import Fault, Level
from tests.matrix.network import NamedNetwork
from tests.matrix.state import OPENING, UNASKED, Kind, State
from tests.network import Pipe

CLIENT = 1
# What is never measured, so that nothing but a forged answer can hold it.
POISON = 0x0BADCAFE
_KEPT = 40
# What a frame of 2,047 octets can hold of an APDU.
_FITS = 2000


@frozen
class Close(Reset):
    """End the connection with FIN."""


class Wire:
    """One connection, seen from its middle. ``heard`` is what the client said last."""

    def __init__(self, line: Line, pipe: Pipe) -> None:
        self.line = line
        self.pipe = pipe
        self.heard: Frame | WrapperFrame | None = None
        self.phase: State | None = State.S1
        self.sent = self.receive = 0
        self.dead = False
        self._write = pipe.peer.write
        self._arrive = pipe.peer.arrive
        self._end = pipe.peer.end
        self._lost: Exception | None = None
        ports = frozenset({(CLIENT, line.server.logical), (16, line.server.logical)})
        hdlc = line.kind is not Kind.WRAPPER
        self._reassembly: Any = FrameReassembly() if hdlc else WrapperReassembly(ports)
        pipe.peer.write = line.told(self)  # type: ignore[method-assign]
        pipe.peer.arrive = self._hear  # type: ignore[method-assign]
        pipe.peer.end = self._ended  # type: ignore[method-assign]

    # The client's side.

    def _hear(self, octets: bytes) -> None:
        if self.dead:
            return
        for frame in self._reassembly.feed(octets):
            self._note(frame)
        self._arrive(octets)

    def _note(self, frame: Any) -> None:
        if frame == self.heard:
            # Repeated: the session waits for what it waited for.
            return
        self.heard = frame
        if isinstance(frame, WrapperFrame):
            self.phase = State.S6 if frame.source == CLIENT else None
            return
        if frame.source != client_address(CLIENT):
            self.phase = None
            return
        match frame.kind:
            case FrameKind.DISC:
                self.phase = State.S9 if self.line.stopping else State.S10
            case FrameKind.SNRM:
                self.phase = State.S2
                self.sent = self.receive = 0
            case FrameKind.I:
                self.phase = self.line.asked()
                self.receive = (control.send_number(frame.control) + 1) % 8
            case FrameKind.RR:
                self.phase = State.S8

    def _ended(self, reason: Exception) -> None:
        if self.dead:
            self._lost = reason
        else:
            self._end(reason)

    # The meter's side.

    def write(self, octets: bytes) -> None:
        """As the meter itself would."""
        if self.dead:
            return
        if self.line.kind is not Kind.WRAPPER:
            for frame in FrameReassembly().feed(octets):
                if isinstance(frame, Frame) and frame.kind is FrameKind.I:
                    self.sent = (control.send_number(frame.control) + 1) % 8
        self._write(octets)

    def play(self, steps: Sequence[Step]) -> float:
        """Carry them out, from now on; how many seconds that takes."""
        after = 0.0
        for step in steps:
            match step:
                case Pause(seconds):
                    after += seconds
                case Write(octets):
                    self._later(after, self.write, octets)
                case Close():
                    self._later(after, self.pipe.peer.loseConnection)
                case Reset():
                    self._later(after, self.pipe.peer.abortConnection)
        return after

    def _later(self, after: float, act: Callable[..., object], *what: Any) -> None:
        if after:
            self.line.network.callLater(after, act, *what)
        else:
            act(*what)

    def bury(self) -> None:
        """From now on nothing passes, and nobody is told."""
        self.dead = True

    def unearth(self) -> None:
        """The meter hears what became of the client."""
        self.dead = False
        if self._lost is not None:
            self._end(self._lost)

    # Frames that no meter meant.

    def frame(self, field: int, information: bytes = b"", *, segmented: bool = False) -> Frame:
        """From the meter to the client."""
        source = self.line.server.octets
        return Frame(client_address(CLIENT), source, field, information, segmented)

    def unasked(self, apdu: bytes) -> bytes:
        """A frame with an APDU that answers nothing: UI, or I as if it did."""
        if self.line.kind is Kind.WRAPPER or self.line.random.random() < 0.5:
            return self.told(apdu)
        field = control.information(self.sent, self.receive, final=True)
        return self.frame(field, LLC_FROM_METER + apdu[:_FITS]).encode()

    def told(self, apdu: bytes) -> bytes:
        """A frame that meters tell news in, as much as fits."""
        apdu = apdu[:_FITS]
        if self.line.kind is Kind.WRAPPER:
            return WrapperFrame(self.line.server.logical, CLIENT, apdu).encode()
        return self.frame(control.UI, LLC_FROM_METER + apdu).encode()


class Line:
    """Arms one fault, lets it strike in its state, and knows when it has ended.

    ``strikes`` counts, ``said`` is the virtual time of the last, ``ended`` that of the fault's
    end, None until then.
    """

    def __init__(
        self, network: NamedNetwork, random: Random, kind: Kind, installed: InstalledMeter
    ) -> None:
        self.network = network
        self.random = random
        self.kind = kind
        self.server: ServerAddress = installed.address
        self.port = 0
        self.stopping = False
        self.wire: Wire | None = None
        self.association: Any = None
        self.challenge = b""
        self.invoke = 0
        self.earlier: deque[bytes] = deque(maxlen=_KEPT)
        self.aarqs: list[float] = []
        self.sealed: deque[bytes] = deque(maxlen=_KEPT)
        self.surprised = False
        self.answered: Callable[[Any], None] = lambda results: None
        self.strikes = 0
        self.begun: float | None = None
        self.ended: float | None = None
        self._state: State | None = None
        self._fault: Fault | None = None
        self._limit = math.inf
        self._until = math.inf
        self._seconds = 0.0
        self.said = 0.0
        self._struck: Wire | None = None
        self._undo: Callable[[], None] | None = None
        network.connected = self._connected
        network.looked_up = self._looked_up

    def arm(self, state: State, fault: Fault, limit: float, seconds: float) -> None:
        """From now on ``fault`` strikes in ``state``, ``limit`` times or for ``seconds``."""
        self._state, self._fault = state, fault
        self._limit, self._seconds = limit, seconds

    def disarm(self) -> None:
        """The fault is over, if it ever began."""
        undo, self._undo = self._undo, None
        if undo is not None:
            undo()
        if self.ended is None:
            self.ended = max(self.network.seconds(), self.said)
        self._fault = None

    # When it strikes.

    @property
    def active(self) -> bool:
        """Whether the fault may strike now."""
        return self._fault is not None and self.ended is None

    def _due(self, wire: Wire, *levels: Level) -> Fault | None:
        fault = self._fault
        if fault is None or not self.active or fault.level not in levels:
            return None
        goes_on = fault.lasting and wire is self._struck
        if wire.phase is not self._state and not goes_on:
            return None
        return fault

    def _strike(self, wire: Wire, takes: float = 0.0) -> None:
        """Count it; with its last one the fault has ended."""
        now = self.network.seconds()
        self.strikes += 1
        self._struck = wire
        self.said = max(self.said, now + takes)
        if self.begun is None:
            self.begun = now
            if self._seconds:
                self.network.callLater(self._seconds, self.disarm)
        if self.strikes >= self._limit:
            self.ended = self.said

    def struck(self, wire: Wire, apdu: bytes, *levels: Level) -> tuple[bytes, ...] | None:
        """What the meter says instead of ``apdu``, None for itself."""
        fault = self._due(wire, *levels)
        if fault is None:
            return None
        self._strike(wire)
        apdus: tuple[bytes, ...] | None = fault.act(wire, apdu)
        return apdus

    # What passes.

    def told(self, wire: Wire) -> Callable[[bytes], None]:
        """What takes the octets that the meter writes."""

        def tell(octets: bytes) -> None:
            if not octets:
                return
            self._tell(wire, octets)
            self.earlier.append(octets)

        return tell

    def _tell(self, wire: Wire, octets: bytes) -> None:
        if (fault := self._due(wire, Level.FRAME)) is not None:
            steps = self._delayed(fault.act(wire, octets))
            self._strike(wire, wire.play(steps))
        elif (fault := self._due(wire, Level.LINE)) is not None:
            self._begin(wire, fault)
            wire.write(octets)
        elif self._state not in (State.S3, State.S4, State.S6, State.S7) and (
            fault := self._due(wire, Level.APDU, Level.SEALED)
        ):
            apdus = fault.act(wire, self.forged())
            steps = [Write(wire.unasked(apdu)) for apdu in apdus or ()]
            if apdus is None or self.random.random() < 0.5:
                steps.append(Write(octets))
            self._strike(wire, wire.play(steps))
        else:
            wire.write(octets)

    def _delayed(self, steps: list[Step]) -> list[Step]:
        if self.random.random() < 0.5:
            return steps
        return [Pause(self.random.uniform(0, 0.5)), *steps]

    def _begin(self, wire: Wire | None, fault: Fault) -> None:
        if self._undo is None:
            self._undo = fault.act(wire or self, b"") or (lambda: None)
            self._limit = math.inf
        if wire is not None:
            self._strike(wire)
        elif self.begun is None:
            self.begun = self.network.seconds()
            self.strikes += 1
            self.network.callLater(self._seconds, self.disarm)

    # What happens by itself.

    def _looked_up(self, port: int) -> None:
        if port == self.port and self.active and self._state is State.S0 and self._fault:
            self._begin(None, self._fault)

    def _connected(self, pipe: Pipe) -> None:
        if pipe.port != self.port:
            return
        self.association = None
        self.wire = Wire(self, pipe)
        if self._state is State.S1:
            self.network.callLater(0, self._speak, self.wire)

    def idle(self) -> None:
        """A cycle has ended."""
        if self.wire is not None and self._state is State.S5 and self.active:
            self.wire.phase = State.S5
            self.network.callLater(self.random.uniform(0.05, 4.0), self._speak, self.wire)

    def _speak(self, wire: Wire) -> None:
        """Nobody asked, and yet."""
        if not wire.pipe.peer.open or self._state not in UNASKED:
            return
        if (fault := self._due(wire, Level.FRAME)) is not None:
            old = self.random.choice(self.earlier) if self.earlier else wire.unasked(self.forged())
            self._strike(wire, wire.play(fault.act(wire, old)))
        elif (fault := self._due(wire, Level.LINE)) is not None:
            self._begin(wire, fault)
        elif (fault := self._due(wire, Level.APDU, Level.SEALED)) is not None:
            apdus = fault.act(wire, self.forged()) or ()
            self._strike(wire, wire.play([Write(wire.unasked(apdu)) for apdu in apdus]))

    def forged(self) -> bytes:
        """GET-Response-Normal under another invoke-id than the request's under way."""
        invoke = 0xC0 | (self.invoke + self.random.randint(1, 15)) % 16
        return b"\xc4\x01%c\x00\x06" % invoke + POISON.to_bytes(4, "big")

    def asked(self) -> State:
        """What the client's I frame is, before its APDU is whole."""
        association = self.association
        if association is None or not association.granted:
            return State.S3
        return State.S6 if association.associated else State.S4


__all__ = ["CLIENT", "OPENING", "POISON", "Close", "Line", "Wire"]
