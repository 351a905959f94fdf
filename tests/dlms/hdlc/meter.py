"""Frames of a meter's, and assertions on what a link does with them."""

from __future__ import annotations

from collections.abc import Container

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.hdlc.address import ServerAddress
from dlmsd.dlms.hdlc.frame import Frame
from dlmsd.dlms.hdlc.link import HdlcLink
from dlmsd.dlms.hdlc.negotiation import LinkParameters
from dlmsd.dlms.link import LinkConnected, LinkEvent, LinkLost, Transmit
from dlmsd.dlms.quirks import Quirk
from dlmsd.errors import DlmsdError
from tests.dlms.hdlc.server import CLIENT, SERVER, sent

LLC = b"\xe6\xe7\x00"
UA, DM, FRMR = 0x73, 0x1F, 0x97


def frame(control: int, information: bytes = b"", *, segmented: bool = False) -> Frame:
    """A frame of the meter's."""
    return Frame(CLIENT, SERVER, control, information, segmented)


def i_frame(send: int, receive: int, information: bytes = LLC + b"answer", final: int = 1) -> Frame:
    """An I frame of the meter's."""
    return frame(receive << 5 | final << 4 | send << 1, information)


def rr(receive: int) -> Frame:
    return frame(receive << 5 | 0x11)


def rnr(receive: int) -> Frame:
    return frame(receive << 5 | 0x15)


def new(offer: LinkParameters | None = None, quirks: Container[Quirk] = ()) -> HdlcLink:
    return HdlcLink(16, ServerAddress(0, 1), offer, quirks)


def connected(
    offer: LinkParameters | None = None, ua: bytes = b"", quirks: Container[Quirk] = ()
) -> HdlcLink:
    """A link that has met UA twice."""
    link = new(offer, quirks)
    link.connect()
    link.receive(frame(UA))
    assert link.receive(frame(UA, ua)) == [LinkConnected()]
    return link


class LinkTestCase(SynchronousTestCase):
    def assert_sent(self, events: list[LinkEvent], *expected: Frame | int) -> None:
        """Only these frames go out; a number stands for its control field."""
        self.assertEqual([type(event) for event in events], [Transmit] * len(events))
        frames = sent(events)
        wanted = [each.control if isinstance(each, Frame) else each for each in expected]
        self.assertEqual([hex(each.control) for each in frames], [hex(each) for each in wanted])
        for each in frames:
            self.assertEqual((each.destination, each.source), (SERVER, CLIENT))

    def assert_lost(self, events: list[LinkEvent], kind: type[DlmsdError], words: str) -> None:
        (event,) = events
        assert isinstance(event, LinkLost), events
        self.assertIs(type(event.error), kind)
        self.assertIn(words, str(event.error))
