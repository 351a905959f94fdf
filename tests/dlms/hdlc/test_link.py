"""The link's table, row by row; numbers; and what a meter must not do."""

from __future__ import annotations

from dlmsd.dlms.hdlc.address import ServerAddress
from dlmsd.dlms.hdlc.frame import Frame
from dlmsd.dlms.hdlc.link import HdlcLink
from dlmsd.dlms.hdlc.negotiation import LinkParameters
from dlmsd.dlms.hdlc.reassembly import FrameReassembly
from dlmsd.dlms.link import (
    ApduReceived,
    Ignored,
    LinkConnected,
    MeterBusy,
    Transmit,
)
from dlmsd.dlms.quirks import NO_SNRM, WRONG_NUMBERS
from dlmsd.errors import LocalError, MeterError, SilenceError
from tests.dlms.hdlc.meter import (
    DM,
    LLC,
    UA,
    LinkTestCase,
    connected,
    frame,
    i_frame,
    new,
    rnr,
    rr,
)
from tests.dlms.hdlc.server import sent
from tests.vectors import hdlc


class ExchangeTests(LinkTestCase):
    def test_numbers_modulo_8(self) -> None:
        link = connected()
        for number in range(20):
            request = number.to_bytes(2, "big")
            (one,) = sent(link.send(request))
            n = number % 8
            self.assertEqual(one.control, n << 5 | 0x10 | n << 1)
            self.assertEqual(one.information, b"\xe6\xe6\x00" + request)
            answer = i_frame(n, (number + 1) % 8, LLC + request)
            self.assertEqual(link.receive(answer), [ApduReceived(request)])

    def test_repeats_once_with_the_same_number(self) -> None:
        link = connected()
        link.send(b"one")
        link.receive(i_frame(0, 1))
        first = link.send(b"two")
        self.assertEqual(link.timeout(), first)
        self.assert_lost(link.timeout(), SilenceError, "request")

    def test_an_answer_gives_the_next_request_its_own_repetition(self) -> None:
        link = connected()
        for number in range(3):
            link.send(b"request")
            self.assertEqual(len(sent(link.timeout())), 1)
            self.assertEqual(len(link.receive(i_frame(number, number + 1))), 1)

    def test_what_was_repeated_may_be_answered_twice(self) -> None:
        """Answer, then RR: it is not about the next request, but a second one would be."""
        link = connected()
        link.send(b"one")
        link.timeout()
        link.receive(i_frame(0, 1))
        second = link.send(b"two")
        self.assertEqual([type(event) for event in link.receive(rr(1))], [Ignored])
        self.assertEqual(link.receive(rr(1)), second)
        self.assertEqual(link.receive(i_frame(1, 2)), [ApduReceived(b"answer")])
        third = link.send(b"three")
        self.assertEqual([type(event) for event in link.receive(rr(2))], [Ignored])
        self.assertEqual(link.receive(i_frame(2, 3)), [ApduReceived(b"answer")])
        fourth = link.send(b"four")
        self.assertNotEqual(third, fourth)
        self.assertEqual(link.receive(rr(3)), fourth)

    def test_nothing_is_sent_without_a_link(self) -> None:
        for link in (new(), connected()):
            link.connect()
            self.assertRaises(LocalError, link.send, b"too early")

    def test_an_answer_in_a_ui_frame_before_the_request_is_acknowledged(self) -> None:
        link = connected()
        link.send(b"one")
        self.assertEqual(link.receive(frame(0x03, LLC + b"1")), [ApduReceived(b"1")])
        self.assert_lost(link.send(b"two"), MeterError, "did not acknowledge")

    def test_duplicate_answer(self) -> None:
        link = connected()
        link.send(b"one")
        link.receive(i_frame(0, 1))
        self.assertIsInstance(link.receive(i_frame(0, 1))[0], Ignored)
        link.send(b"two")
        (ignored,) = link.receive(i_frame(0, 1))
        self.assertIsInstance(ignored, Ignored)
        self.assertEqual(link.receive(i_frame(1, 2, LLC + b"2")), [ApduReceived(b"2")])

    def test_duplicate_after_its_request_was_acknowledged(self) -> None:
        """Even its N(R) is old then; the turn is ours, so the meter is polled."""
        link = connected()
        link.send(b"one")
        link.receive(i_frame(0, 1))
        link.send(b"two")
        self.assertEqual(link.receive(rr(2)), [MeterBusy()])
        self.assertEqual([type(e) for e in link.receive(i_frame(0, 1))], [Ignored])
        self.assertEqual(link.receive(i_frame(1, 2, LLC + b"2")), [ApduReceived(b"2")])

    def test_a_gap_ends_a_link_with_a_window_of_one(self) -> None:
        for number in (1, 2, 6):
            link = connected()
            link.send(b"one")
            self.assert_lost(link.receive(i_frame(number, 1)), MeterError, f"N(S)={number}")

    def test_wrong_receive_numbers(self) -> None:
        for number in (2, 3, 7):
            for wrong in (rr(number), rnr(number), i_frame(0, number)):
                link = connected()
                link.send(b"one")
                self.assert_lost(link.receive(wrong), MeterError, f"N(R)={number}")

    def test_an_answer_that_acknowledges_nothing(self) -> None:
        link = connected()
        link.send(b"one")
        self.assert_lost(link.receive(i_frame(0, 0)), MeterError, "did not acknowledge")

    def test_wrong_llc(self) -> None:
        for information in (b"", b"\xe6", b"\xe6\xe6\x00answer", b"\xc4\x01", b"\x7e\xe7\x00"):
            link = connected()
            link.send(b"one")
            self.assert_lost(link.receive(i_frame(0, 1, information)), MeterError, "LLC")

    def test_what_comes_unasked_before_the_answer(self) -> None:
        """A push without the final bit: the meter keeps its turn, and both arrive."""
        link = connected()
        link.send(b"one")
        push = i_frame(0, 1, LLC + b"\x0fpush", final=0)
        self.assertEqual(link.receive(push), [ApduReceived(b"\x0fpush")])
        self.assertEqual(link.receive(i_frame(1, 1)), [ApduReceived(b"answer")])
        self.assert_sent(link.send(b"two"), 0x52)

    def test_a_second_answer_is_handed_over(self) -> None:
        """Only the association knows that the first had another invoke-id."""
        link = connected()
        link.send(b"one")
        link.receive(i_frame(0, 1))
        self.assert_sent(link.timeout(), 0x31)
        self.assertEqual(link.receive(i_frame(1, 1, LLC + b"2")), [ApduReceived(b"2")])

    def test_meter_ends_the_link(self) -> None:
        link = connected()
        link.send(b"one")
        self.assert_lost(link.receive(frame(DM)), MeterError, "DM")
        (frmr,) = FrameReassembly().feed(hdlc.FRMR)
        assert isinstance(frmr, Frame)
        link = HdlcLink(1, ServerAddress(1, 2836))
        link.connect()
        link.timeout()
        link.receive(Frame(frmr.destination, frmr.source, UA))
        self.assertTrue(link.recognises(frmr))
        self.assert_lost(link.receive(frmr), MeterError, "FRMR 540010")
        self.assertFalse(link.connected)

    def test_unknown_frames_are_ignored(self) -> None:
        link = connected()
        link.send(b"one")
        for control in (0x19, 0x1D, 0xEF, 0x93, 0x53):
            (ignored,) = link.receive(frame(control, LLC + b"\x0f"))
            self.assertIsInstance(ignored, Ignored)
        self.assertEqual(link.receive(i_frame(0, 1)), [ApduReceived(b"answer")])

    def test_ui_frames_between_request_and_answer(self) -> None:
        """A push comes with LLC; what comes without is none. Numbers stay as they are."""
        link = connected()
        link.send(b"one")
        for control in (0x13, 0x03):
            self.assertEqual(link.receive(frame(control, LLC + b"\x0f")), [ApduReceived(b"\x0f")])
            (ignored,) = link.receive(frame(control, b"\x0f"))
            self.assertIsInstance(ignored, Ignored)
        self.assertEqual(link.receive(i_frame(0, 1)), [ApduReceived(b"answer")])

    def test_without_snrm(self) -> None:
        for control in (UA, DM, None):
            link = new(quirks={NO_SNRM})
            self.assert_sent(link.connect(), 0x53)
            events = link.timeout() if control is None else link.receive(frame(control))
            self.assertEqual(events, [LinkConnected()])
            self.assertEqual(link.parameters, LinkParameters())
            self.assert_sent(link.send(b"one"), 0x10)
            self.assertEqual(link.receive(i_frame(0, 1)), [ApduReceived(b"answer")])

    def test_wrong_numbers(self) -> None:
        """With the quirk nothing depends on them; what is segmented is joined as it comes."""
        for send, receive in ((0, 1), (5, 6), (0, 0), (7, 3)):
            link = connected(quirks={WRONG_NUMBERS})
            for number in range(10):
                link.send(b"request")
                field = receive << 5 | 0x10 | send << 1
                first = frame(field, LLC + b"an", segmented=True)
                self.assert_sent(link.receive(first), (2 * number + 1) % 8 << 5 | 0x11)
                self.assertEqual(
                    link.receive(i_frame(send, receive, b"swer")), [ApduReceived(b"answer")]
                )
        link = connected()
        link.send(b"one")
        self.assert_lost(link.receive(i_frame(5, 6)), MeterError, "never sent")

    def test_what_nobody_answers_goes_in_a_ui_frame(self) -> None:
        link = new()
        self.assertEqual(link.tell(b"\x10"), [])
        link = connected()
        (told,) = link.tell(b"\x10")
        assert isinstance(told, Transmit)
        (ui,) = FrameReassembly().feed(told.octets)
        assert isinstance(ui, Frame)
        self.assertEqual((ui.control, ui.information), (0x03, bytes.fromhex("e6e600 10")))
        self.assert_sent(link.send(b"one"), 0x10)
        self.assertEqual(link.receive(i_frame(0, 1)), [ApduReceived(b"answer")])

    def test_a_stream_of_apdus_each_way(self) -> None:
        """With a window of one each frame is acknowledged, and each of theirs polled for."""
        link = connected()
        self.assert_sent(link.send(b"one", b"two"), 0x10)
        self.assert_sent(link.receive(rr(1)), 0x12)
        self.assertEqual(link.receive(i_frame(0, 2)), [ApduReceived(b"answer")])
        self.assert_sent(link.expect(), 0x31)
        self.assertEqual(link.receive(i_frame(1, 2)), [ApduReceived(b"answer")])
        self.assert_sent(link.send(b"three"), 0x54)

    def test_a_meter_that_has_the_turn_is_not_polled(self) -> None:
        link = connected(LinkParameters(128, 128, 1, 7), ua=bytes.fromhex("81800608010708 0101"))
        link.send(b"one")
        self.assertEqual(link.receive(i_frame(0, 1, final=0)), [ApduReceived(b"answer")])
        self.assertEqual(link.expect(), [])
        self.assertEqual(link.receive(i_frame(1, 1)), [ApduReceived(b"answer")])
        self.assert_sent(link.expect(), 0x51)

    def test_nothing_is_expected_without_a_link(self) -> None:
        with self.assertRaises(LocalError):
            new().expect()


class BusyTests(LinkTestCase):
    def test_rnr_then_rr_then_answer(self) -> None:
        link = connected()
        first = link.send(b"one")
        self.assertEqual(link.receive(rnr(0)), [MeterBusy()])
        self.assert_sent(link.timeout(), 0x11)
        self.assertEqual(link.receive(rr(0)), first)
        self.assertEqual(link.receive(i_frame(0, 1)), [ApduReceived(b"answer")])

    def test_polls_are_bounded(self) -> None:
        for busy in (rr(1), rnr(1)):
            link = connected()
            link.send(b"one")
            polls = 0
            while (events := link.receive(busy)) == [MeterBusy()]:
                self.assert_sent(link.timeout(), 0x11)
                polls += 1
                self.assertLess(polls, 20)
            self.assertEqual(polls, 10)
            self.assert_lost(events, MeterError, "busy")

    def test_the_answer_ends_the_waiting(self) -> None:
        link = connected()
        for number in range(3):
            link.send(b"request")
            for _ in range(9):
                self.assertEqual(link.receive(rr((number + 1) % 8)), [MeterBusy()])
                link.timeout()
            self.assertEqual(len(link.receive(i_frame(number, number + 1))), 1)

    def test_a_poll_without_answer(self) -> None:
        link = connected()
        link.send(b"one")
        link.receive(rr(1))
        self.assert_sent(link.timeout(), 0x11)
        self.assert_sent(link.timeout(), 0x11)
        self.assert_lost(link.timeout(), SilenceError, "request")

    def test_never_acknowledged(self) -> None:
        link = connected()
        first = link.send(b"one")
        self.assertEqual(link.receive(rr(0)), first)
        self.assert_lost(link.receive(rr(0)), MeterError, "acknowledge")

    def test_frames_without_the_final_bit_leave_the_turn(self) -> None:
        link = connected()
        link.send(b"one")
        self.assertEqual(link.receive(frame(0x21)), [])
        self.assertEqual(link.receive(frame(0x25)), [])
        self.assertEqual(link.receive(i_frame(0, 1)), [ApduReceived(b"answer")])

    def test_rr_when_nothing_is_asked(self) -> None:
        self.assertEqual(connected().receive(rr(0)), [])
