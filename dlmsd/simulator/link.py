"""The meter's end of an HDLC link (IEC 62056-46 clause 6.4.4), normal response mode.

The meter speaks only when polled: a frame with the poll bit gives it the turn, and the
last frame of its answer gives it back with the final bit. What may arrive when:

============  =================================  =========================================
state         frame                              then
============  =================================  =========================================
any           SNRM                               agree on parameters, UA: CONNECTED
any           UI, and what only a meter sends    ignored
DISCONNECTED  DISC                               DM
DISCONNECTED  I with N(S) 0, if it stands        CONNECTED, and as below
DISCONNECTED  I, RR, RNR or unknown, polling     DM: there is no such link
CONNECTED     DISC                               UA: DISCONNECTED
CONNECTED     I with the N(S) expected           taken; at its end the APDU is handed over
CONNECTED     I with an N(S) of the last window  taken before: what is open is sent again
CONNECTED     I further on in the window         RR with the N(S) expected: one was lost
CONNECTED     I with any other N(S)              FRMR: REJECTING
CONNECTED     RR, RNR, polling                   the frames from N(R) on, else RR
CONNECTED     I, RR, RNR with an N(R) not sent   FRMR: REJECTING
CONNECTED     I longer than was agreed           FRMR: REJECTING
CONNECTED     an unknown control field           FRMR: REJECTING
REJECTING     DISC                               UA: DISCONNECTED
REJECTING     anything else, polling             the same FRMR again
============  =================================  =========================================

N(R) acknowledges every frame before it. Whoever polls has heard all that was sent in the
last turn, so what his N(R) leaves open was lost and is sent again. A request that comes
again while its answer is still in the making is not answered: the answer will be.
"""

from __future__ import annotations

import enum
from collections import deque
from typing import Final

from dlmsd.dlms.hdlc import control
from dlmsd.dlms.hdlc.control import Kind
from dlmsd.dlms.hdlc.frame import Frame
from dlmsd.dlms.hdlc.link import LLC_FROM_METER, LLC_TO_METER
from dlmsd.dlms.hdlc.negotiation import LinkParameters
from dlmsd.dlms.link import (
    ApduReceived,
    Ignored,
    LinkConnected,
    LinkDisconnected,
    LinkEvent,
    Transmit,
)
from dlmsd.errors import LocalError

# The largest PDU that any meter can announce; segments of more are an attack.
_MAX_APDU: Final = 0xFFFF + len(LLC_TO_METER)

_ABORTED: Final = frozenset({Kind.UA, Kind.DM, Kind.FRMR, Kind.UI})


class State(enum.Enum):
    """Where the link stands."""

    DISCONNECTED = "disconnected"
    CONNECTED = "connected"
    REJECTING = "rejecting"


class Rejection(enum.IntFlag):
    """Why FRMR: the bits of its third octet (ISO/IEC 13239 clause 5.5.3.4.2)."""

    CONTROL_UNDEFINED = 0x01
    INFORMATION_TOO_LONG = 0x04
    RECEIVE_NUMBER = 0x08
    SEND_NUMBER = 0x10


class ServerLink:
    """One link of one meter.

    ``parameters`` are the meter's limits, ``tells_parameters`` whether UA has them (a
    meter that sends UA without information means 128 octets and windows of one). One that
    is ``standing`` takes a first I frame without SNRM for a link with these parameters.
    """

    def __init__(
        self,
        parameters: LinkParameters,
        *,
        tells_parameters: bool = True,
        standing: bool = False,
    ) -> None:
        self.state = State.DISCONNECTED
        self.client = 0
        self._offer = parameters
        self._tells = tells_parameters
        self._standing = standing
        self._agreed = LinkParameters()
        self._server = b""
        self._client = b""
        self._rejection = b""
        self._reset()

    def _reset(self) -> None:
        self._outgoing: deque[tuple[bytes, bool]] = deque()
        self._sent = 0
        self._acknowledged = 0
        self._expected = 0
        self._incoming = b""
        self._thinking = False
        self._polled = False

    @property
    def answered(self) -> bool:
        """Whether the last frame of an answer is among those that were sent last."""
        return 0 < len(self._outgoing) == self._sent

    def abort(self) -> None:
        """The link is gone; the client finds out when it next polls."""
        self._reset()
        self.state = State.DISCONNECTED

    def send(self, *apdus: bytes) -> list[LinkEvent]:
        """Answer the APDU that was handed over last, by these one behind the other: the first
        window of their segments. Without any the turn goes back, if the meter has it.
        """
        if self.state is not State.CONNECTED or not self._thinking:
            raise LocalError("a meter speaks only when it was asked")
        self._thinking = False
        size = self._agreed.transmit_information
        for apdu in apdus:
            octets = LLC_FROM_METER + apdu
            for start in range(0, len(octets), size):
                more = start + size < len(octets)
                self._outgoing.append((octets[start : start + size], more))
        return self._window() if apdus else self._turn() if self._polled else []

    def notify(self, apdu: bytes) -> list[LinkEvent]:
        """Tell the client something unasked, in a UI frame, which nobody numbers."""
        if self.state is not State.CONNECTED:
            return []
        return [self._transmit(control.UI, LLC_FROM_METER + apdu)]

    def receive(self, frame: Frame) -> list[LinkEvent]:
        """Take one frame that is addressed to this meter, by the table above."""
        kind = frame.kind
        if kind is Kind.SNRM:
            return self._connect(frame)
        if kind in _ABORTED:
            return [Ignored(f"{kind.value} frame from a client")]
        first = kind is Kind.I and control.send_number(frame.control) == 0
        if self._standing and first and self.state is State.DISCONNECTED:
            self._server, self._client = frame.destination, frame.source
            self.client = frame.source[0] >> 1
            self.state = State.CONNECTED
        if self.state is State.DISCONNECTED or frame.source != self._client:
            return self._disconnected(frame)
        if kind is Kind.DISC:
            self.abort()
            return [self._transmit(control.UA | control.POLL_FINAL), LinkDisconnected()]
        if self.state is State.REJECTING:
            return [self._reject_again()] if frame.final else []
        if kind is Kind.UNKNOWN:
            return self._reject(frame, Rejection.CONTROL_UNDEFINED)
        return self._numbered(frame)

    def _connect(self, frame: Frame) -> list[LinkEvent]:
        self._reset()
        self._server, self._client = frame.destination, frame.source
        self.client = frame.source[0] >> 1
        self._agreed = self._offer.agreed(LinkParameters.decode(frame.information))
        self.state = State.CONNECTED
        information = self._agreed.encode() if self._tells else b""
        return [
            self._transmit(control.UA | control.POLL_FINAL, information),
            LinkConnected(),
        ]

    def _disconnected(self, frame: Frame) -> list[LinkEvent]:
        if not frame.final:
            return [Ignored(f"{frame.kind.value} frame without a link")]
        field = control.DM | control.POLL_FINAL
        return [Transmit(Frame(frame.source, frame.destination, field).encode())]

    def _numbered(self, frame: Frame) -> list[LinkEvent]:
        """I, RR and RNR: are the numbers possible, what does N(R) acknowledge, what is it for."""
        if frame.kind is Kind.I and not self._possible(frame):
            return self._reject(frame, Rejection.SEND_NUMBER)
        count = (control.receive_number(frame.control) - self._acknowledged) % 8
        if count > self._sent:
            return self._reject(frame, Rejection.RECEIVE_NUMBER)
        for _ in range(count):
            self._outgoing.popleft()
        self._acknowledged = (self._acknowledged + count) % 8
        self._sent -= count
        if frame.kind is Kind.I and control.send_number(frame.control) == self._expected:
            return self._information(frame)
        # An I frame taken before, or one before it is missing; the answer tells which.
        return self._turn() if frame.final else []

    def _possible(self, frame: Frame) -> bool:
        """Whether N(S) is in the window that is open or in the one before."""
        window = self._agreed.receive_window
        distance = (control.send_number(frame.control) - self._expected) % 8
        return distance < window or 8 - distance <= window

    def _information(self, frame: Frame) -> list[LinkEvent]:
        """An I frame with the N(S) expected."""
        too_long = len(frame.information) > self._agreed.receive_information
        if too_long or len(self._incoming) + len(frame.information) > _MAX_APDU:
            return self._reject(frame, Rejection.INFORMATION_TOO_LONG)
        self._expected = (self._expected + 1) % 8
        # A new request gives up whatever was left of the answer to the last one.
        self._outgoing.clear()
        self._sent = 0
        self._incoming += frame.information
        if frame.segmented:
            return self._turn() if frame.final else []
        octets, self._incoming = self._incoming, b""
        if not octets.startswith(LLC_TO_METER):
            return [Ignored("an APDU without LLC header"), *self._turn()]
        self._thinking = True
        self._polled = frame.final
        return [ApduReceived(octets[len(LLC_TO_METER) :])]

    def _turn(self) -> list[LinkEvent]:
        """It is the meter's turn, and no new APDU is there."""
        if self._thinking:
            return [Ignored("a request again, before its answer was ready")]
        self._sent = 0
        if self._outgoing:
            return self._window()
        return [self._transmit(control.receive_ready(self._expected))]

    def _window(self) -> list[LinkEvent]:
        """As many segments as the window allows; the last of them gives the turn back."""
        events: list[LinkEvent] = []
        stop = min(len(self._outgoing), self._agreed.transmit_window)
        while self._sent < stop:
            information, more = self._outgoing[self._sent]
            number = (self._acknowledged + self._sent) % 8
            self._sent += 1
            field = control.information(number, self._expected, final=self._sent == stop)
            events.append(self._transmit(field, information, segmented=more))
        return events

    def _reject(self, frame: Frame, reason: Rejection) -> list[LinkEvent]:
        """FRMR: the control field refused, V(S) and V(R), and the reason."""
        numbers = self._expected << 5 | (self._acknowledged + self._sent) % 8 << 1
        self._rejection = bytes((frame.control, numbers, reason))
        self._reset()
        self.state = State.REJECTING
        return [self._reject_again()]

    def _reject_again(self) -> Transmit:
        return self._transmit(control.FRMR | control.POLL_FINAL, self._rejection)

    def _transmit(
        self, field: int, information: bytes = b"", *, segmented: bool = False
    ) -> Transmit:
        frame = Frame(self._client, self._server, field, information, segmented)
        return Transmit(frame.encode())
