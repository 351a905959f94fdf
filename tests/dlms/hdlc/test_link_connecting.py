"""How a link comes and goes, with the parameters that both ends agree on."""

from __future__ import annotations

from dlmsd.dlms.hdlc.address import ServerAddress
from dlmsd.dlms.hdlc.frame import Frame
from dlmsd.dlms.hdlc.link import HdlcLink, State
from dlmsd.dlms.hdlc.negotiation import LinkParameters
from dlmsd.dlms.hdlc.reassembly import FrameReassembly
from dlmsd.dlms.link import (
    ApduReceived,
    Ignored,
    LinkConnected,
    LinkDisconnected,
    Transmit,
)
from dlmsd.errors import LinkRefusedError, LocalError, SilenceError
from tests.dlms.hdlc.meter import (
    DM,
    FRMR,
    LLC,
    UA,
    LinkTestCase,
    connected,
    frame,
    i_frame,
    new,
)
from tests.dlms.hdlc.server import sent
from tests.vectors import hdlc


class ConnectingTests(LinkTestCase):
    def test_known_octets(self) -> None:
        link = new()
        (disc,) = link.connect()
        self.assertEqual(disc, Transmit(bytes.fromhex("7ea00703215303c77e")))
        (snrm,) = link.receive(frame(UA))
        self.assertEqual(snrm, Transmit(bytes.fromhex("7ea0070321930f017e")))

    def test_published_snrm(self) -> None:
        link = HdlcLink(16, ServerAddress(1, 17, 4))
        link.connect()
        self.assertEqual(link.timeout(), [Transmit(hdlc.SNRM)])
        (ua,) = FrameReassembly().feed(hdlc.UA)
        assert isinstance(ua, Frame)
        self.assertTrue(link.recognises(ua))
        self.assertEqual(link.receive(ua), [LinkConnected()])
        self.assertEqual(link.parameters, LinkParameters())
        self.assertTrue(link.connected)

    def test_clearing_ends_with_ua_dm_or_silence(self) -> None:
        for control in (UA, DM, None):
            link = new()
            self.assert_sent(link.connect(), 0x53)
            events = link.timeout() if control is None else link.receive(frame(control))
            self.assert_sent(events, 0x93)
            self.assertIs(link.state, State.CONNECTING)

    def test_parameters_are_offered_once_only_after_a_refusal_not(self) -> None:
        link = new(LinkParameters(512, 512))
        link.connect()
        (snrm,) = sent(link.receive(frame(DM)))
        self.assertEqual(snrm.information, LinkParameters(512, 512).encode())
        (plain,) = sent(link.receive(frame(DM)))
        self.assertEqual((plain.control, plain.information), (0x93, b""))
        self.assert_lost(link.receive(frame(DM)), LinkRefusedError, "DM")

    def test_a_late_dm_for_the_disc_refuses_nothing(self) -> None:
        link = new()
        link.connect()
        link.timeout()
        self.assert_sent(link.receive(frame(DM)), 0x93)
        self.assertEqual(link.receive(frame(UA)), [LinkConnected()])

    def test_a_late_ua_for_the_disc_does_not_hide_the_parameters(self) -> None:
        link = new(LinkParameters(512, 512))
        link.connect()
        link.timeout()
        self.assertEqual(link.receive(frame(UA)), [LinkConnected()])
        self.assertEqual(link.parameters, LinkParameters())
        link.send(b"request")
        self.assertEqual(link.receive(frame(UA, LinkParameters(300, 64).encode())), [])
        self.assertEqual(link.parameters, LinkParameters(64, 300))
        self.assertEqual(link.receive(i_frame(0, 1)), [ApduReceived(b"answer")])

    def test_frmr_counts_as_a_refusal(self) -> None:
        link = new()
        link.connect()
        link.timeout()
        self.assert_sent(link.receive(frame(FRMR)), 0x93)
        self.assert_lost(link.receive(frame(FRMR)), LinkRefusedError, "FRMR")

    def test_snrm_is_repeated_once(self) -> None:
        link = new(LinkParameters(256, 256))
        link.connect()
        first = link.timeout()
        self.assertEqual(link.timeout(), first)
        self.assert_lost(link.timeout(), SilenceError, "SNRM")
        self.assertIs(link.state, State.IDLE)

    def test_absurd_parameters(self) -> None:
        offer = LinkParameters(512, 512, 1, 7)
        absurd = LinkParameters(65535, 0, 7, 8).encode()
        link = connected(offer, absurd)
        self.assertEqual(link.parameters, LinkParameters(32, 512, 1, 7))
        link = connected(offer, b"\x81\x80\xff\x05")
        self.assertEqual(link.parameters, LinkParameters())

    def test_illegal_offers(self) -> None:
        for offer in (LinkParameters(31), LinkParameters(2031), LinkParameters(128, 128, 8, 1)):
            self.assertRaises(LocalError, new, offer)

    def test_recognises(self) -> None:
        link = HdlcLink(16, ServerAddress(1, 17))
        for source in ("0223", "00020023"):
            self.assertTrue(link.recognises(Frame(b"\x21", bytes.fromhex(source), UA)))
        for destination, source in (("03", "0223"), ("21", "0221"), ("ff", "0223"), ("0223", "21")):
            stranger = Frame(bytes.fromhex(destination), bytes.fromhex(source), UA)
            self.assertFalse(link.recognises(stranger))


class DisconnectingTests(LinkTestCase):
    def test_ends_with_ua_dm_or_silence(self) -> None:
        for control in (UA, DM, None):
            link = connected()
            self.assert_sent(link.disconnect(), 0x53)
            self.assertFalse(link.connected)
            self.assertIsInstance(link.receive(i_frame(0, 0))[0], Ignored)
            events = link.timeout() if control is None else link.receive(frame(control))
            self.assertEqual(events, [LinkDisconnected()])
            self.assertIs(link.state, State.IDLE)

    def test_when_idle(self) -> None:
        """As after a silence: the meter may hold the link that is lost for us."""
        link = new()
        self.assertEqual(link.timeout(), [])
        self.assert_sent(link.disconnect(), 0x53)
        self.assertEqual(link.receive(frame(DM)), [LinkDisconnected()])
        self.assertEqual(link.timeout(), [])

    def test_abort(self) -> None:
        link = connected()
        link.send(b"request")
        link.abort()
        self.assertFalse(link.connected)
        self.assertRaises(LocalError, link.send, b"again")

    def test_late_answers_of_an_old_session(self) -> None:
        """Neither while DISC nor while SNRM is under way, and numbers start over."""
        link = connected()
        link.send(b"old")
        link.connect()
        self.assertIsInstance(link.receive(i_frame(0, 1, LLC + b"late"))[0], Ignored)
        link.receive(frame(UA))
        self.assertIsInstance(link.receive(i_frame(0, 1, LLC + b"late"))[0], Ignored)
        self.assertEqual(link.receive(frame(UA)), [LinkConnected()])
        self.assert_sent(link.send(b"new"), 0x10)
        self.assertEqual(link.receive(i_frame(0, 1)), [ApduReceived(b"answer")])
