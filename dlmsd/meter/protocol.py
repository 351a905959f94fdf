"""The wire: octets to frames to the conversations that they belong to, and back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final
from typing import Protocol as Shape

from twisted.internet.interfaces import ITCPTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from dlmsd.dlms.hdlc.frame import BadFrame

# Octets that nobody waited for after which a connection only babbles: twice the longest
# frame, so that any garbage in front of a real answer still fits.
MAX_BABBLE: Final = 4096


class Conversation(Shape):
    """What the wire needs of a meter's session."""

    def recognises(self, frame: Any) -> bool:
        """Whether this frame is part of the conversation."""

    def frame_received(self, frame: Any) -> bool:
        """Take the frame; whether it was waited for."""


class Reassembly(Shape):
    """From a stream to frames; see the two in ``dlmsd.dlms``."""

    noise: int
    idle: int

    def feed(self, octets: bytes) -> Sequence[Any]:
        """Take more of the stream."""

    def abandon(self) -> Sequence[Any]:
        """Give up the unfinished frame."""


class MeterProtocol(Protocol):
    """One connection, with one conversation for each meter behind it.

    ``made`` and ``lost`` tell the factory, ``babbled`` that the connection is of no use, and
    why: there came too much that nobody asked for, or ``max_bad`` bad frames in a row (0: any
    number). ``octets_in`` counts what came.
    """

    transport: Any

    def __init__(
        self,
        reassembly: Reassembly,
        conversations: Sequence[Conversation],
        made: Callable[[MeterProtocol], None],
        lost: Callable[[Failure], None],
        babbled: Callable[[str], None],
        max_bad: int = 0,
    ) -> None:
        self._reassembly = reassembly
        self._conversations = conversations
        self._made = made
        self._lost = lost
        self._babbled = babbled
        self._max_bad = max_bad
        self._stray = 0
        self._bad = 0
        self.octets_in = 0
        self.bad_frames = 0

    @property
    def noise(self) -> int:
        """Octets received that belonged to no frame."""
        return self._reassembly.noise

    def connectionMade(self) -> None:
        """Over TCP small frames must not wait for each other, and a dead peer be noticed."""
        if ITCPTransport.providedBy(self.transport):
            self.transport.setTcpNoDelay(True)
            self.transport.setTcpKeepAlive(True)
        self._made(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._lost(reason)

    def dataReceived(self, data: bytes) -> None:
        self.octets_in += len(data)
        self._dispatch(self._reassembly.feed(data))
        if self._stray + self._reassembly.idle > MAX_BABBLE:
            self._babbled("it sends octets that nobody asked for")
        elif 0 < self._max_bad <= self._bad:
            self._babbled(f"{self._bad} bad frames in a row")

    def write(self, octets: bytes) -> None:
        """Send what a link asked to transmit."""
        self.transport.write(octets)

    def abandon(self) -> None:
        """Nothing more is coming: look behind an unfinished frame."""
        self._dispatch(self._reassembly.abandon())

    def _dispatch(self, found: Sequence[Any]) -> None:
        for frame in found:
            if isinstance(frame, BadFrame):
                self.bad_frames += 1
                self._bad += 1
            elif self._wanted(frame):
                self._stray = self._bad = 0
            else:
                self._stray += len(frame.encode())

    def _wanted(self, frame: Any) -> bool:
        for conversation in self._conversations:
            if conversation.recognises(frame):
                return conversation.frame_received(frame)
        return False
