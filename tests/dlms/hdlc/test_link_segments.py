"""Segments and windows in both directions; and lines that echo."""

from __future__ import annotations

from dlmsd.dlms.hdlc.address import ServerAddress
from dlmsd.dlms.hdlc.frame import Frame
from dlmsd.dlms.hdlc.link import HdlcLink
from dlmsd.dlms.hdlc.negotiation import LinkParameters
from dlmsd.dlms.link import ApduReceived, Ignored, LinkConnected, LinkEvent, MeterBusy
from dlmsd.errors import MeterError
from tests.dlms.hdlc.meter import LLC, UA, LinkTestCase, connected, frame, i_frame, rr
from tests.dlms.hdlc.server import sent


def segment(send: int, receive: int, information: bytes, *, final: int = 1) -> Frame:
    """An I frame of the meter's that is not the last of its APDU."""
    return frame(receive << 5 | final << 4 | send << 1, information, segmented=True)


class SendingTests(LinkTestCase):
    def test_window_of_one(self) -> None:
        for size in (32, 33, 128, 2030):
            link = connected(LinkParameters(size, size), LinkParameters(size, size).encode())
            apdu = bytes(range(256)) * 10
            (one,) = sent(link.send(apdu))
            octets, number = one.information, 1
            while one.segmented:
                self.assertEqual(len(one.information), size)
                (one,) = sent(link.receive(rr(number % 8)))
                self.assertEqual(one.control, number % 8 << 1 | 0x10)
                octets += one.information
                number += 1
            self.assertEqual(octets, b"\xe6\xe6\x00" + apdu)
            answer = i_frame(0, number % 8)
            self.assertEqual(link.receive(answer), [ApduReceived(b"answer")])

    def test_never_more_than_the_meter_takes(self) -> None:
        link = connected(LinkParameters(512, 512), LinkParameters(512, 40).encode())
        (one,) = sent(link.send(bytes(100)))
        self.assertEqual((len(one.information), one.segmented), (40, True))

    def test_an_exact_fit_is_one_frame(self) -> None:
        for size, segmented in ((125, False), (126, True)):
            (one,) = sent(connected().send(bytes(size)))
            self.assertEqual(one.segmented, segmented)

    def test_window_of_seven(self) -> None:
        offer = LinkParameters(32, 32, 7, 7)
        link = connected(offer, offer.encode())
        frames = sent(link.send(bytes(32 * 17 - 3)))
        self.assertEqual([each.control for each in frames], [0, 2, 4, 6, 8, 10, 0x1C])
        frames = sent(link.receive(rr(7)))
        self.assertEqual([each.control for each in frames], [14, 0, 2, 4, 6, 8, 0x1A])
        frames = sent(link.receive(rr(6)))
        self.assertEqual([each.control for each in frames], [12, 14, 0x10])
        self.assertFalse(frames[-1].segmented)
        self.assertEqual(link.receive(i_frame(0, 1)), [ApduReceived(b"answer")])

    def test_part_of_a_window_lost(self) -> None:
        """RR with an N(R) inside the window: from there on again."""
        offer = LinkParameters(32, 32, 7, 7)
        link = connected(offer, offer.encode())
        link.send(bytes(32 * 9))
        frames = sent(link.receive(rr(3)))
        self.assertEqual([each.control >> 1 & 7 for each in frames], [3, 4, 5, 6, 7, 0, 1])
        self.assertEqual([bool(each.control & 0x10) for each in frames], [False] * 6 + [True])

    def test_a_segment_without_acknowledgement_is_repeated_once(self) -> None:
        link = connected()
        link.send(bytes(300))
        second = link.receive(rr(1))
        self.assertEqual(link.timeout(), second)
        third = link.receive(rr(2))
        self.assertNotEqual(third, second)
        self.assertEqual(link.timeout(), third)

    def test_an_answer_before_the_last_segment(self) -> None:
        link = connected()
        link.send(bytes(300))
        self.assert_lost(link.receive(i_frame(0, 1)), MeterError, "did not acknowledge")


class ReceivingTests(LinkTestCase):
    def receive_all(self, link: HdlcLink, apdu: bytes, size: int, window: int) -> list[LinkEvent]:
        """Feeds an answer to the one request that was sent."""
        octets = LLC + apdu
        pieces = [octets[at : at + size] for at in range(0, len(octets), size)]
        for place, piece in enumerate(pieces[:-1]):
            number = place % 8
            final = (place + 1) % window == 0
            events = link.receive(segment(number, 1, piece, final=final))
            if final:
                self.assert_sent(events, ((number + 1) % 8) << 5 | 0x11)
            else:
                self.assertEqual(events, [])
        return link.receive(i_frame((len(pieces) - 1) % 8, 1, pieces[-1]))

    def test_sizes_and_windows(self) -> None:
        apdu = bytes(range(256)) * 9
        for size in (1, 2, 32, 128, 2030):
            for window in (1, 3, 7):
                offer = LinkParameters(128, 512, 1, window)
                link = connected(offer, LinkParameters(512, 128, window, 1).encode())
                link.send(b"request")
                events = self.receive_all(link, apdu, size, window)
                self.assertEqual(events, [ApduReceived(apdu)])

    def test_a_lost_segment_is_asked_for_again(self) -> None:
        link = connected()
        link.send(b"request")
        link.receive(segment(0, 1, LLC))
        self.assert_sent(link.timeout(), 0x31)
        self.assert_sent(link.receive(segment(1, 1, b"a")), 0x51)
        self.assertEqual(link.receive(i_frame(2, 1, b"b")), [ApduReceived(b"ab")])

    def test_a_repeated_segment_is_taken_once(self) -> None:
        link = connected()
        link.send(b"request")
        link.receive(segment(0, 1, LLC + b"a"))
        ignored, poll = link.receive(segment(0, 1, LLC + b"a"))
        self.assertIsInstance(ignored, Ignored)
        self.assert_sent([poll], 0x31)
        self.assertEqual(link.receive(i_frame(1, 1, b"b")), [ApduReceived(b"ab")])

    def test_always_the_same_segment(self) -> None:
        link = connected()
        link.send(b"request")
        link.receive(segment(0, 1, LLC + b"a"))
        link.receive(segment(0, 1, LLC + b"a"))
        self.assert_lost(link.receive(segment(0, 1, LLC + b"a")), MeterError, "repeat")

    def test_a_gap_within_a_window(self) -> None:
        """Frames 0 and 2 of three: RR asks from 1 on, nothing is joined over the gap."""
        offer = LinkParameters(128, 128, 1, 7)
        link = connected(offer, LinkParameters(128, 128, 7, 1).encode())
        link.send(b"request")
        self.assertEqual(link.receive(segment(0, 1, LLC + b"a", final=0)), [])
        ignored, poll = link.receive(i_frame(2, 1, b"c"))
        self.assertIsInstance(ignored, Ignored)
        self.assert_sent([poll], 0x31)
        self.assertEqual(link.receive(segment(1, 1, b"b", final=0)), [])
        self.assertEqual(link.receive(i_frame(2, 1, b"c")), [ApduReceived(b"abc")])

    def test_endless_segments(self) -> None:
        link = connected()
        link.send(b"request")
        events = link.receive(segment(0, 1, LLC))
        number = taken = 1
        while sent(events):
            events = link.receive(segment(number, 1, bytes(2000)))
            number = (number + 1) % 8
            taken += 1
            self.assertLess(taken, 40)
        self.assert_lost(events, MeterError, "longer than")
        self.assertEqual(taken, 1 + 65535 // 2000 + 1)

    def test_segments_without_an_octet(self) -> None:
        """They would be endless without ever being too long."""
        link = connected()
        link.send(b"request")
        link.receive(segment(0, 1, LLC))
        self.assert_lost(link.receive(segment(1, 1, b"")), MeterError, "without an octet")

    def test_the_largest_apdu(self) -> None:
        link = connected()
        link.send(b"request")
        apdu = bytes(65535)
        self.assertEqual(self.receive_all(link, apdu, 2030, 1), [ApduReceived(apdu)])

    def test_a_new_request_starts_empty(self) -> None:
        """Segments of an APDU that never ended are not put in front of the next."""
        link = connected()
        link.send(b"one")
        link.receive(segment(0, 1, LLC + b"half"))
        link.connect()
        link.receive(frame(UA))
        link.receive(frame(UA))
        link.send(b"two")
        self.assertEqual(link.receive(i_frame(0, 1)), [ApduReceived(b"answer")])


class EchoTests(LinkTestCase):
    """Client 1 and device 0/1 have one address, so only the line's behaviour tells an echo."""

    def setUp(self) -> None:
        self.link = HdlcLink(1, ServerAddress(0, 1))

    def meter(self, control: int, information: bytes = b"", *, segmented: bool = False) -> Frame:
        return Frame(b"\x03", b"\x03", control, information, segmented)

    def assert_echo(self, events: list[LinkEvent]) -> None:
        """Whatever was sent comes back, and does nothing."""
        for each in sent(events):
            self.assertTrue(self.link.recognises(each))
            (ignored,) = self.link.receive(each)
            self.assertIsInstance(ignored, Ignored)

    def test_a_whole_session(self) -> None:
        link = self.link
        self.assert_echo(link.connect())
        self.assert_echo(link.receive(self.meter(UA)))
        self.assertEqual(link.receive(self.meter(UA)), [LinkConnected()])
        for number in range(3):
            self.assert_echo(link.send(bytes(200)))
            self.assert_echo(link.receive(self.meter((2 * number + 1) % 8 << 5 | 0x11)))
            receive = (2 * number + 2) % 8 << 5
            first = self.meter(receive | 0x10 | 4 * number % 16, LLC, segmented=True)
            self.assert_echo(link.receive(first))
            last = self.meter(receive | 0x10 | (4 * number + 2) % 16, b"value")
            self.assertEqual(link.receive(last), [ApduReceived(b"value")])

    def test_a_line_without_echo_loses_nothing(self) -> None:
        """The meter's RR may equal our poll, octet by octet."""
        link = self.link
        link.connect()
        link.receive(self.meter(UA))
        link.receive(self.meter(UA))
        first = link.send(b"request")
        self.assertEqual(link.receive(self.meter(0x15)), [MeterBusy()])
        (poll,) = sent(link.timeout())
        self.assertEqual(link.receive(poll), first)
        self.assertEqual(link.receive(self.meter(0x30, LLC + b"x")), [ApduReceived(b"x")])
