"""The client's end of an HDLC link (IEC 62056-46 clause 6.4.4), normal response mode.

The meter speaks only when polled, so after every frame of ours that bears the poll bit
the turn is the meter's until its final bit comes back. What may arrive when:

=============  ========================================  ==================================
state          frame                                     then
=============  ========================================  ==================================
CLEARING       UA, DM (or silence)                       an old link is gone: send SNRM
CONNECTING     UA                                        agree on parameters: CONNECTED
CONNECTING     DM, FRMR                                  SNRM without parameters, then lost
CONNECTED      I, RR, RNR                                numbers checked, APDU assembled
CONNECTED      UA                                        the later UA's parameters hold
CONNECTED      UI                                        an APDU that nobody asked for
CONNECTED      DM, FRMR                                  lost: the meter knows no such link
DISCONNECTING  UA, DM (or silence)                       IDLE
any            anything else                             ignored: residue or noise
=============  ========================================  ==================================

N(S) and N(R) count modulo 8; N(R) names the next N(S) expected and so acknowledges all
before it. There is no REJ in DLMS: a gap is answered by RR with the number wanted where
the window allows the meter to repeat, and by a new link where it does not.

Whatever we repeat may be answered twice, the second time when the next request is already
under way. An RR that comes then acknowledges nothing and asks for nothing: repeating for
it would double every exchange from there on.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Container
from typing import Final

from attrs import evolve

from dlmsd.dlms.hdlc import control
from dlmsd.dlms.hdlc.address import ServerAddress, client_address
from dlmsd.dlms.hdlc.control import Kind
from dlmsd.dlms.hdlc.frame import Frame
from dlmsd.dlms.hdlc.negotiation import LinkParameters
from dlmsd.dlms.link import (
    ApduReceived,
    Ignored,
    LinkConnected,
    LinkDisconnected,
    LinkEvent,
    LinkLost,
    MeterBusy,
    Transmit,
)
from dlmsd.dlms.quirks import NO_SNRM, WRONG_NUMBERS, Quirk
from dlmsd.errors import DlmsdError, LinkRefusedError, LocalError, MeterError, SilenceError

LLC_TO_METER: Final = b"\xe6\xe6\x00"
LLC_FROM_METER: Final = b"\xe6\xe7\x00"

# One repeat tells a lost frame from a dead meter; more would hide a bad line.
_MAX_REPEATS: Final = 1
# A meter that is busy for ten polls in a row is not busy but stuck.
_MAX_POLLS: Final = 10
# The echo of a window at most is on its way; a window has seven frames.
_MAX_ECHOES: Final = 7
# The largest PDU that a client may announce is 65,535 octets; segments of more are endless.
_MAX_APDU: Final = 0xFFFF + len(LLC_FROM_METER)


class State(enum.Enum):
    """Where the link stands."""

    IDLE = "idle"
    CLEARING = "clearing"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    DISCONNECTING = "disconnecting"


class HdlcLink:
    """A DataLink over HDLC frames.

    ``parameters`` are our limits as offered in SNRM; defaults are not sent at all.
    LocalError for limits that the standard does not allow.
    """

    reliable = True

    def __init__(
        self,
        client: int,
        server: ServerAddress,
        parameters: LinkParameters | None = None,
        quirks: Container[Quirk] = (),
    ) -> None:
        self._quirks = quirks
        self.state = State.IDLE
        self._client = client_address(client)
        self._server = server
        self._offer = parameters or LinkParameters()
        if not self._offer.legal:
            raise LocalError(f"{self._offer} is not what the standard allows")
        self._plain = False
        self._echoing = False
        self._agreed = LinkParameters()
        self._reset()

    def _reset(self) -> None:
        self._outgoing: deque[tuple[bytes, bool]] = deque()
        self._sent = 0
        self._acknowledged = 0
        self._expected = 0
        self._incoming = bytearray()
        self._awaiting = False
        self._busy = False
        self._repeats = 0
        self._polls = 0
        self._repeated = 0
        self._late = 0
        self._echoes: deque[Frame] = deque(maxlen=_MAX_ECHOES)

    @property
    def connected(self) -> bool:
        """Whether APDUs may be sent."""
        return self.state is State.CONNECTED

    @property
    def repeating(self) -> bool:
        """Whether the next silence is only answered by a repetition, or needs no answer."""
        if self._repeats < _MAX_REPEATS:
            return True
        return self.state not in (State.CONNECTING, State.CONNECTED)

    @property
    def parameters(self) -> LinkParameters:
        """What holds on this link since UA, seen from us."""
        return self._agreed

    def recognises(self, frame: Frame) -> bool:
        """To our client, from our server."""
        return frame.destination == self._client and self._server.matches(frame.source)

    # What the owner asks.

    def connect(self) -> list[LinkEvent]:
        """DISC first: a link left over from an earlier connection refuses SNRM."""
        self._reset()
        self._plain = self._echoing = False
        self.state = State.CLEARING
        return [self._transmit(control.DISC | control.POLL_FINAL)]

    def disconnect(self) -> list[LinkEvent]:
        """DISC, from any state: the meter may hold a link that is lost for us."""
        self._reset()
        self.state = State.DISCONNECTING
        return [self._transmit(control.DISC | control.POLL_FINAL)]

    def send(self, *apdus: bytes, once: bool = False) -> list[LinkEvent]:
        """Segment the APDUs and send the first window of them.

        Each goes ``once`` in any case: what is repeated is known by its number.
        """
        if self.state is not State.CONNECTED:
            raise LocalError(f"no APDU may be sent while the link is {self.state.value}")
        if self._outgoing:
            # Only UI frames bring an answer so early; news in them is nothing wrong.
            return self._lose(MeterError("the meter answered what it did not acknowledge"))
        size = self._agreed.transmit_information
        for apdu in apdus:
            octets = LLC_TO_METER + apdu
            for start in range(0, len(octets), size):
                self._outgoing.append((octets[start : start + size], start + size < len(octets)))
        self._awaiting = True
        self._incoming.clear()
        self._progress()
        self._late, self._repeated = self._repeated, 0
        return [self._send_window()]

    def tell(self, apdu: bytes) -> list[LinkEvent]:
        """In a UI frame, which nobody numbers; the turn stays ours."""
        if self.state is not State.CONNECTED:
            return []
        return [self._transmit(control.UI, LLC_TO_METER + apdu)]

    def expect(self) -> list[LinkEvent]:
        """Poll for another APDU, unless the meter still has the turn."""
        if self.state is not State.CONNECTED:
            raise LocalError(f"nothing is to come while the link is {self.state.value}")
        turn, self._awaiting = not self._awaiting, True
        return [self._poll()] if turn else []

    def timeout(self) -> list[LinkEvent]:
        """Silence: it answers a DISC, and is repeated into once otherwise."""
        if self.state is State.CLEARING:
            return self._cleared()
        if self.state is State.DISCONNECTING:
            return self._ended()
        if self.state is State.IDLE:
            return []
        if self.state is State.CONNECTED and self._busy:
            self._busy = False
            return [self._poll()]
        if self._repeats >= _MAX_REPEATS:
            what = "SNRM" if self.state is State.CONNECTING else "the request"
            return self._lose(SilenceError(f"no answer to {what}, nor to its repetition"))
        self._repeat()
        if self.state is State.CONNECTING:
            return [self._snrm()]
        if self._sent:
            self._sent = 0
            return [self._send_window()]
        return [self._poll()]

    def abort(self) -> None:
        """The connection is gone, and the link with it."""
        self._reset()
        self.state = State.IDLE

    # What the meter sends.

    def receive(self, frame: Frame) -> list[LinkEvent]:
        """Take one frame; what the table above does not list is ignored."""
        kind = frame.kind
        if self._echoes and frame == self._echoes[0]:
            self._echoes.popleft()
            return [Ignored("echo of our own frame")]
        match self.state, kind:
            case State.CONNECTED, (Kind.I | Kind.RR | Kind.RNR):
                return self._numbered(frame)
            case State.CONNECTED, Kind.UA:
                return self._agree(frame)
            case State.CONNECTED, (Kind.DM | Kind.FRMR):
                detail = f" {frame.information.hex()}" if frame.information else ""
                return self._lose(MeterError(f"the meter ended the link with {kind.value}{detail}"))
            case State.CLEARING, (Kind.UA | Kind.DM):
                return self._cleared()
            case State.CONNECTING, Kind.UA:
                self._reset()
                self.state = State.CONNECTED
                return [*self._agree(frame), LinkConnected()]
            case State.CONNECTING, (Kind.DM | Kind.FRMR):
                return self._refused(frame)
            case State.DISCONNECTING, (Kind.UA | Kind.DM):
                return self._ended()
            case State.CONNECTED, Kind.UI if frame.information.startswith(LLC_FROM_METER):
                return [ApduReceived(frame.information[len(LLC_FROM_METER) :])]
            case _, (Kind.SNRM | Kind.DISC):
                # Only a client sends these: the line gives back whatever we send, and our
                # address is the meter's too, as client 1 and device 0/1 are both 03.
                self._echoing = True
        return [Ignored(f"{kind.value} frame while {self.state.value}")]

    def _cleared(self) -> list[LinkEvent]:
        if NO_SNRM in self._quirks:
            self._agreed, self.state = LinkParameters(), State.CONNECTED
            return [LinkConnected()]
        self.state = State.CONNECTING
        return [self._snrm()]

    def _agree(self, frame: Frame) -> list[LinkEvent]:
        """The parameters of the last UA hold: one before it may have answered our DISC late."""
        self._agreed = self._offer.agreed(LinkParameters.decode(frame.information))
        return []

    def _refused(self, frame: Frame) -> list[LinkEvent]:
        if not self._plain:
            self._plain = True
            return [self._snrm()]
        return self._lose(LinkRefusedError(f"the meter answered SNRM with {frame.kind.value}"))

    def _ended(self) -> list[LinkEvent]:
        self.abort()
        return [LinkDisconnected()]

    def _lose(self, error: DlmsdError) -> list[LinkEvent]:
        self.abort()
        return [LinkLost(error)]

    def _numbered(self, frame: Frame) -> list[LinkEvent]:
        if WRONG_NUMBERS in self._quirks:
            due = (self._acknowledged + self._sent) % 8
            frame = evolve(frame, control=control.renumbered(frame.control, self._expected, due))
        receive = control.receive_number(frame.control)
        count = (receive - self._acknowledged) % 8
        if count > self._sent:
            if frame.kind is Kind.I and self._is_repeated(control.send_number(frame.control)):
                return [Ignored("I frame again, with its old N(R)")]
            return self._lose(MeterError(f"the meter acknowledged N(R)={receive}, never sent"))
        if count:
            for _ in range(count):
                self._outgoing.popleft()
            self._acknowledged = receive
            self._sent -= count
            self._progress()
        if frame.kind is Kind.I:
            return self._information(frame)
        if not frame.final:
            return []
        return self._supervised(frame.kind)

    def _supervised(self, kind: Kind) -> list[LinkEvent]:
        """RR or RNR with the final bit: it is our turn again."""
        if kind is Kind.RR and self._outgoing:
            if self._sent:
                if self._late:
                    self._late -= 1
                    return [Ignored("RR frame that answers what was repeated earlier")]
                if self._repeats >= _MAX_REPEATS:
                    return self._lose(MeterError("the meter does not acknowledge our frames"))
                self._repeat()
                self._sent = 0
            return [self._send_window()]
        if not self._awaiting:
            return []
        self._polls += 1
        if self._polls > _MAX_POLLS:
            return self._lose(MeterError(f"the meter stayed busy for {_MAX_POLLS} polls"))
        self._busy = True
        return [MeterBusy()]

    def _information(self, frame: Frame) -> list[LinkEvent]:
        number = control.send_number(frame.control)
        if number != self._expected:
            return self._out_of_order(frame, number)
        if self._outgoing:
            return self._lose(MeterError("the meter answered what it did not acknowledge"))
        if frame.segmented and not frame.information:
            return self._lose(MeterError("a segment without an octet"))
        self._expected = (number + 1) % 8
        self._progress()
        self._incoming += frame.information
        if len(self._incoming) > _MAX_APDU:
            return self._lose(MeterError(f"an APDU longer than {_MAX_APDU} octets"))
        if frame.segmented:
            return [self._poll()] if frame.final else []
        octets = bytes(self._incoming)
        self._incoming.clear()
        if frame.final:
            self._awaiting = False
        if not octets.startswith(LLC_FROM_METER):
            return self._lose(MeterError(f"LLC header {octets[:3].hex()} is not e6e700"))
        return [ApduReceived(octets[len(LLC_FROM_METER) :])]

    def _is_repeated(self, number: int) -> bool:
        """Whether an I frame with this N(S) may have come before."""
        return 1 <= (self._expected - number) % 8 <= self._agreed.receive_window

    def _out_of_order(self, frame: Frame, number: int) -> list[LinkEvent]:
        if self._agreed.receive_window == 1 and not self._is_repeated(number):
            wanted = self._expected
            return self._lose(MeterError(f"the meter sent N(S)={number}, expected {wanted}"))
        events: list[LinkEvent] = [Ignored(f"I frame N(S)={number} again or too early")]
        if frame.final and self._awaiting and not self._sent:
            if self._repeats >= _MAX_REPEATS:
                return self._lose(MeterError("the meter does not repeat what was lost"))
            self._repeat()
            events.append(self._poll())
        return events

    # Frames of ours.

    def _progress(self) -> None:
        self._repeats = 0
        self._polls = 0
        self._late = 0
        self._busy = False

    def _repeat(self) -> None:
        self._repeats += 1
        self._repeated += 1

    def _send_window(self) -> Transmit:
        """As many segments as the window allows; the last of them polls."""
        stop = min(len(self._outgoing), self._agreed.transmit_window)
        octets = b""
        while self._sent < stop:
            information, more = self._outgoing[self._sent]
            number = (self._acknowledged + self._sent) % 8
            self._sent += 1
            field = control.information(number, self._expected, final=self._sent == stop)
            octets += self._frame(field, information, segmented=more)
        return Transmit(octets)

    def _poll(self) -> Transmit:
        return self._transmit(control.receive_ready(self._expected))

    def _snrm(self) -> Transmit:
        plain = self._plain or self._offer == LinkParameters()
        information = b"" if plain else self._offer.encode()
        return self._transmit(control.SNRM | control.POLL_FINAL, information)

    def _transmit(self, field: int, information: bytes = b"") -> Transmit:
        return Transmit(self._frame(field, information))

    def _frame(self, field: int, information: bytes = b"", *, segmented: bool = False) -> bytes:
        frame = Frame(self._server.octets, self._client, field, information, segmented)
        if self._echoing:
            self._echoes.append(frame)
        return frame.encode()
