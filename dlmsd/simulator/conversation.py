"""One client's conversation with one virtual meter: frames in, frames out.

Link and association return what follows from a frame; here it is carried out. Nothing
waits and nothing is written: that is the protocol's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, Protocol

from attrs import frozen

from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.hdlc import control
from dlmsd.dlms.hdlc.address import ServerAddress, client_address
from dlmsd.dlms.hdlc.control import Kind
from dlmsd.dlms.hdlc.frame import Frame
from dlmsd.dlms.hdlc.link import LLC_FROM_METER
from dlmsd.dlms.link import ApduReceived, LinkConnected, LinkDisconnected, LinkEvent, Transmit
from dlmsd.dlms.wrapper import WrapperFrame
from dlmsd.simulator.answer import Answered
from dlmsd.simulator.association import ServerAssociation
from dlmsd.simulator.faults import FaultInjector, FaultKind
from dlmsd.simulator.link import ServerLink
from dlmsd.simulator.meter import VirtualMeter
from dlmsd.simulator.objects import Objects
from dlmsd.simulator.personality import Personality
from dlmsd.simulator.quirks import Quirk
from dlmsd.simulator.terms import CosemObjects
from dlmsd.simulator.wrapper import WrapperServerLink

_AARQ: Final = b"\x60"
_BLOCK: Final = b"\xe0"
# GET-Response-Normal, a register that holds 137.7 V in tenths.
_OLD_APDU: Final = bytes.fromhex("c401c10012 0561")


@frozen
class Reply:
    """One frame to send, and the attributes whose reading it completes."""

    octets: bytes
    results: tuple[Answered, ...] = ()


@frozen
class InstalledMeter:
    """A virtual meter with its name, its place on the line and its faults.

    ``served`` are the objects as clients reach them, recorded or not.
    """

    name: str
    objects: Objects
    served: CosemObjects
    personality: Personality
    address: ServerAddress
    faults: FaultInjector

    @property
    def meter(self) -> VirtualMeter:
        """What measures."""
        return self.objects.meter

    def recognises(self, frame: Frame | WrapperFrame) -> bool:
        """Whether a frame is addressed to this meter."""
        if isinstance(frame, WrapperFrame):
            return frame.destination == self.address.logical
        match self.personality.addressing:
            case "any":
                return True
            case "exact":
                return frame.destination == self.address.octets
            case "any-size":
                return self.address.matches(frame.destination)

    def old_frame(self) -> bytes:
        """An answer of an earlier connection, for a client that now knows nothing of it."""
        client = self.personality.clients[0].number
        if self.personality.framing == "wrapper":
            return WrapperFrame(self.address.logical, client, _OLD_APDU).encode()
        field = control.information(5, 5, final=True)
        server = self.address.octets
        return Frame(client_address(client), server, field, LLC_FROM_METER + _OLD_APDU).encode()

    def converse(self) -> Conversation:
        """A new client's conversation."""
        personality = self.personality
        association = ServerAssociation(personality, self.served, self.objects.security)
        if personality.framing == "wrapper":
            return Conversation(WrapperServerLink(), association, self.faults)
        link = ServerLink(
            personality.link,
            tells_parameters=personality.tells_parameters,
            standing=Quirk.PRE_ESTABLISHED in personality.quirks,
        )
        return Conversation(link, association, self.faults)


class _Link(Protocol):
    """What both links have."""

    client: int

    @property
    def answered(self) -> bool:
        """Whether the end of the last answer was among what was sent last."""

    def abort(self) -> None:
        """Forget the link."""

    def receive(self, frame: Any) -> list[LinkEvent]:
        """Take a frame."""

    def send(self, *apdus: bytes) -> list[LinkEvent]:
        """Answer the last APDU by one, by several in a row, or by none."""

    def notify(self, apdu: bytes) -> list[LinkEvent]:
        """Tell the client something unasked."""


def _is_information(frame: Frame | WrapperFrame) -> bool:
    return isinstance(frame, Frame) and frame.kind is Kind.I


class Conversation:
    """``faults`` decides about wrong passwords, forgotten links and lost blocks.

    ``ended`` turns true when the meter closes the connection instead of an answer.
    """

    def __init__(self, link: _Link, association: ServerAssociation, faults: FaultInjector) -> None:
        self._link = link
        self._association = association
        self._faults = faults
        self._results: tuple[Answered, ...] = ()
        self.ended = False

    def receive(self, frame: Frame | WrapperFrame) -> list[Reply]:
        """Take a frame for this meter; the replies, in order."""
        replies: list[Reply] = []
        if _is_information(frame) and self._faults.strikes(FaultKind.DM):
            self._link.abort()
            self._association.abort()
        self._carry_out(self._link.receive(frame), replies)
        if replies and self._results and self._link.answered:
            replies[-1] = Reply(replies[-1].octets, self._results)
        return replies

    def report(self, attributes: Sequence[AttributeDescriptor], *, confirmed: bool) -> list[Reply]:
        """Tell an associated client values that it has not asked for."""
        replies: list[Reply] = []
        for answer in self._association.report(attributes, confirmed=confirmed):
            told = [
                event.octets
                for apdu in answer.apdus
                for event in self._link.notify(apdu)
                if isinstance(event, Transmit)
            ]
            replies += map(Reply, told)
            if told:
                replies[-1] = Reply(told[-1], answer.results)
        return replies

    def _carry_out(self, events: Iterable[LinkEvent], replies: list[Reply]) -> None:
        for event in events:
            match event:
                case Transmit(octets):
                    replies.append(Reply(octets))
                case ApduReceived(apdu):
                    self._answer(apdu, replies)
                case LinkConnected() | LinkDisconnected():
                    self._association.abort()
                    self._results = ()
                case _:
                    pass

    def _answer(self, apdu: bytes, replies: list[Reply]) -> None:
        refuse = apdu.startswith(_AARQ) and bool(self._faults.strikes(FaultKind.REFUSE))
        answer = self._association.receive(self._link.client, apdu, refuse=refuse)
        self._results = answer.results
        if answer.closes:
            self.ended = True
            return
        self._carry_out(self._link.send(*self._spoiled(answer.apdus)), replies)

    def _spoiled(self, apdus: Iterable[bytes]) -> Iterator[bytes]:
        """Blocks may be lost or doubled."""
        for apdu in apdus:
            fault = None
            if apdu.startswith(_BLOCK):
                fault = self._faults.strikes(FaultKind.LOST_BLOCK, FaultKind.DOUBLED_BLOCK)
            if fault is not FaultKind.LOST_BLOCK:
                yield apdu
            if fault is FaultKind.DOUBLED_BLOCK:
                yield apdu
