"""The meter's end of a link, row by row of its table, and against the client's end."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms import link as events
from dlmsd.dlms.hdlc import control
from dlmsd.dlms.hdlc.address import ServerAddress, client_address
from dlmsd.dlms.hdlc.control import Kind
from dlmsd.dlms.hdlc.frame import Frame
from dlmsd.dlms.hdlc.link import HdlcLink
from dlmsd.dlms.hdlc.negotiation import LinkParameters
from dlmsd.dlms.hdlc.reassembly import FrameReassembly
from dlmsd.errors import LocalError
from dlmsd.simulator.link import ServerLink, State

SERVER = ServerAddress(0, 1)
LLC = b"\xe6\xe6\x00"
FROM_METER = b"\xe6\xe7\x00"
POLL = control.POLL_FINAL


def frames(found: list) -> list[Frame]:
    """The frames that a link wants transmitted."""
    octets = b"".join(event.octets for event in found if isinstance(event, events.Transmit))
    return FrameReassembly().feed(octets)


def kinds(found: list) -> list[Kind]:
    return [frame.kind for frame in frames(found)]


def frame(field: int, information: bytes = b"", client: int = 1, **more: bool) -> Frame:
    return Frame(SERVER.octets, client_address(client), field, information, **more)


def information(number: int, receive: int, octets: bytes = LLC + b"\xc0", **more: bool) -> Frame:
    final = more.pop("final", True)
    return frame(control.information(number, receive, final=final), octets, **more)


class ServerLinkTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.link = ServerLink(LinkParameters())

    def connected(self, ours: LinkParameters | None = None, theirs: bytes = b"") -> list:
        if ours is not None:
            self.link = ServerLink(ours)
        return self.link.receive(frame(control.SNRM | POLL, theirs))

    def ask(self, number: int = 0, receive: int = 0, answer: bytes = b"\xc4") -> list:
        """A request in one frame, answered."""
        found = self.link.receive(information(number, receive))
        self.assertEqual([type(event) for event in found], [events.ApduReceived])
        return self.link.send(answer)

    def test_several_apdus_in_a_row(self) -> None:
        """One frame a turn: the client polls for the next."""
        self.connected()
        self.link.receive(information(0, 0))
        answers = self.link.send(b"\xe0" * 3, b"\xe0" * 200)
        self.assertFalse(self.link.answered)
        for number in (1, 2):
            answers += self.link.receive(frame(control.receive_ready(number)))
        self.assertTrue(self.link.answered)
        first, second, third = frames(answers)
        self.assertEqual(first.information, FROM_METER + b"\xe0" * 3)
        self.assertEqual(second.information + third.information, FROM_METER + b"\xe0" * 200)
        self.assertEqual([one.segmented for one in (first, second, third)], [False, True, False])
        self.assertEqual([one.final for one in (first, second, third)], [True, True, True])

    def test_several_apdus_in_a_window(self) -> None:
        self.connected(LinkParameters(128, 128, 7, 7), LinkParameters(128, 128, 7, 7).encode())
        self.link.receive(information(0, 0))
        found = frames(self.link.send(b"\xe0", b"\xe1", b"\xe2"))
        self.assertEqual([one.information[3:] for one in found], [b"\xe0", b"\xe1", b"\xe2"])
        self.assertEqual([one.final for one in found], [False, False, True])

    def test_no_answer(self) -> None:
        """RR gives the turn back, if the meter has it."""
        self.connected(LinkParameters(128, 128, 7, 7), LinkParameters(128, 128, 7, 7).encode())
        self.link.receive(information(0, 0, final=False))
        self.assertEqual(self.link.send(), [])
        self.link.receive(information(1, 0))
        (answer,) = frames(self.link.send())
        self.assertEqual(answer.control, control.receive_ready(2))

    def test_snrm(self) -> None:
        found = self.connected()
        (answer,) = frames(found)
        self.assertEqual((answer.kind, answer.final), (Kind.UA, True))
        self.assertEqual(answer.destination, client_address(1))
        self.assertEqual(answer.source, SERVER.octets)
        self.assertIsInstance(found[-1], events.LinkConnected)
        self.assertEqual(LinkParameters.decode(answer.information), LinkParameters())

    def test_snrm_negotiates_the_smaller(self) -> None:
        theirs = LinkParameters(200, 64, 3, 5).encode()
        (answer,) = frames(self.connected(LinkParameters(100, 90, 7, 2), theirs))
        self.assertEqual(LinkParameters.decode(answer.information), LinkParameters(64, 90, 5, 2))

    def test_silent_about_parameters(self) -> None:
        self.link = ServerLink(LinkParameters(), tells_parameters=False)
        (answer,) = frames(self.link.receive(frame(control.SNRM | POLL)))
        self.assertEqual(answer.information, b"")

    def test_snrm_again_begins_anew(self) -> None:
        self.connected()
        self.ask()
        self.connected()
        (answer,) = frames(self.ask(0, 0))
        self.assertEqual(answer.control, control.information(0, 1, final=True))

    def test_disc(self) -> None:
        self.assertEqual(kinds(self.link.receive(frame(control.DISC | POLL))), [Kind.DM])
        self.connected()
        found = self.link.receive(frame(control.DISC | POLL))
        self.assertEqual(kinds(found), [Kind.UA])
        self.assertIsInstance(found[-1], events.LinkDisconnected)
        self.assertEqual(kinds(self.link.receive(frame(control.DISC | POLL))), [Kind.DM])

    def test_without_a_link(self) -> None:
        for polled in (information(0, 0), frame(control.receive_ready(0)), frame(0x1D)):
            self.assertEqual(kinds(self.link.receive(polled)), [Kind.DM])
        self.assertEqual(frames(self.link.receive(information(0, 0, final=False))), [])

    def test_another_client_has_no_link(self) -> None:
        self.connected()
        (answer,) = frames(self.link.receive(information(0, 0, client=2)))
        self.assertEqual((answer.kind, answer.destination), (Kind.DM, client_address(2)))
        self.assertIs(self.link.state, State.CONNECTED)

    def test_ignored(self) -> None:
        self.connected()
        for field in (control.UA, control.DM, control.FRMR, control.UI):
            self.assertEqual(frames(self.link.receive(frame(field | POLL))), [])
        self.assertEqual(len(frames(self.ask())), 1)

    def test_request_and_answer(self) -> None:
        self.connected()
        found = self.link.receive(information(0, 0, LLC + b"\xc0\x01\x02"))
        self.assertEqual(found, [events.ApduReceived(b"\xc0\x01\x02")])
        (answer,) = frames(self.link.send(b"\xc4\x05"))
        self.assertEqual(answer.information, FROM_METER + b"\xc4\x05")
        self.assertEqual(answer.control, control.information(0, 1, final=True))

    def test_same_request_again_has_the_same_answer(self) -> None:
        self.connected()
        first = self.ask()
        self.assertEqual(self.link.receive(information(0, 0)), first)
        (second,) = frames(self.ask(1, 1, b"\xc5"))
        self.assertEqual(second.control, control.information(1, 2, final=True))

    def test_same_request_again_while_the_answer_is_in_the_making(self) -> None:
        self.connected()
        self.link.receive(information(0, 0))
        self.assertEqual(frames(self.link.receive(information(0, 0))), [])
        self.assertEqual(len(frames(self.link.send(b"\xc4"))), 1)

    def test_poll_without_anything_to_say(self) -> None:
        self.connected()
        for field in (control.receive_ready(0), control.receive_not_ready(0)):
            (answer,) = frames(self.link.receive(frame(field)))
            self.assertEqual(answer.control, control.receive_ready(0))
        self.assertEqual(
            frames(self.link.receive(frame(control.receive_ready(0, final=False)))), []
        )

    def test_segmented_request(self) -> None:
        self.connected()
        (answer,) = frames(self.link.receive(information(0, 0, LLC + b"\xc0", segmented=True)))
        self.assertEqual(answer.control, control.receive_ready(1))
        found = self.link.receive(information(1, 0, b"\x01\x02"))
        self.assertEqual(found, [events.ApduReceived(b"\xc0\x01\x02")])

    def test_segmented_answer_window_one(self) -> None:
        self.connected(LinkParameters(32, 32, 1, 1))
        (first,) = frames(self.ask(answer=bytes(50)))
        self.assertEqual((first.segmented, first.final, len(first.information)), (True, True, 32))
        self.assertFalse(self.link.answered)
        (second,) = frames(self.link.receive(frame(control.receive_ready(1))))
        self.assertEqual((second.segmented, len(second.information)), (False, 21))
        self.assertEqual(control.send_number(second.control), 1)
        self.assertTrue(self.link.answered)

    def test_window_of_seven(self) -> None:
        theirs = LinkParameters(128, 32, 1, 7).encode()
        self.connected(LinkParameters(32, 128, 7, 7), theirs)
        window = frames(self.ask(answer=bytes(32 * 9 - 3)))
        self.assertEqual([control.send_number(one.control) for one in window], list(range(7)))
        self.assertEqual([one.final for one in window], [False] * 6 + [True])
        # The client lost number 4: all from there are sent again, and two more fit.
        again = frames(self.link.receive(frame(control.receive_ready(4))))
        self.assertEqual([control.send_number(one.control) for one in again], [4, 5, 6, 7, 0])
        self.assertEqual([one.segmented for one in again], [True] * 4 + [False])

    def test_gap_in_a_window(self) -> None:
        theirs = LinkParameters(128, 128, 3, 3).encode()
        self.connected(LinkParameters(128, 128, 3, 3), theirs)
        self.assertEqual(self.link.receive(information(0, 0, segmented=True, final=False)), [])
        (answer,) = frames(self.link.receive(information(2, 0)))
        self.assertEqual(answer.control, control.receive_ready(1))

    def test_new_request_gives_up_the_old_answer(self) -> None:
        self.connected(LinkParameters(32, 128, 1, 1))
        self.ask(answer=bytes(100))
        (answer,) = frames(self.ask(1, 1, b"\xc5"))
        self.assertEqual(answer.information, FROM_METER + b"\xc5")
        self.assertEqual(control.send_number(answer.control), 1)

    def test_rejections(self) -> None:
        """FRMR tells the control field, V(S) and V(R), and the reason; it is repeated."""
        cases = (
            (frame(0x1D), 0x01),
            (information(0, 0, bytes(129)), 0x04),
            (frame(control.receive_ready(1)), 0x08),
            (information(3, 0), 0x10),
        )
        for nonsense, reason in cases:
            self.connected()
            (answer,) = frames(self.link.receive(nonsense))
            self.assertIs(answer.kind, Kind.FRMR)
            self.assertEqual(answer.information, bytes((nonsense.control, 0, reason)))
            self.assertEqual(frames(self.link.receive(information(0, 0))), [answer])
            self.assertEqual(kinds(self.link.receive(frame(control.DISC | POLL))), [Kind.UA])

    def test_published_rejection(self) -> None:
        """A real meter's FRMR after a wrong N(S) (u9n/dlms-cosem, issue 95)."""
        server = bytes.fromhex("00022c29")
        self.link.receive(Frame(server, client_address(1), control.SNRM | POLL))
        (found,) = self.link.receive(Frame(server, client_address(1), 0x54, LLC + b"\xc0"))
        self.assertEqual(
            found, events.Transmit(bytes.fromhex("7EA00F0300022C29971B60540010743F7E"))
        )

    def test_answer_without_a_question(self) -> None:
        self.assertRaises(LocalError, self.link.send, b"\xc4")
        self.connected()
        self.assertRaises(LocalError, self.link.send, b"\xc4")

    def test_no_llc_header(self) -> None:
        self.connected()
        (answer,) = frames(self.link.receive(information(0, 0, b"\xc0\x01")))
        self.assertEqual(answer.control, control.receive_ready(1))


class Pair:
    """Both ends of a link, and a line that loses the frames whose turn it is."""

    def __init__(self, client: HdlcLink, server: ServerLink, lost: frozenset[int]) -> None:
        self.client, self.server = client, server
        self.lost = lost
        self.count = 0
        self.request = b""
        self.answer: bytes | None = None
        self.error: Exception | None = None
        self.response = b""

    def exchange(self, request: bytes, response: bytes) -> None:
        self.request, self.response, self.answer = b"", response, None
        self.to_meter(self.client.send(request))
        for _ in range(40):
            if self.answer is not None or self.error is not None:
                return
            self.to_meter(self.client.timeout())

    def to_meter(self, found: list) -> None:
        for event in found:
            if isinstance(event, events.ApduReceived):
                self.answer = event.apdu
            elif isinstance(event, events.LinkLost):
                self.error = event.error
        replies: list = []
        for one in frames(found):
            if self.passes():
                replies += self.meter(self.server.receive(one))
        for one in frames(replies):
            if self.passes():
                self.to_meter(self.client.receive(one))

    def meter(self, found: list) -> list:
        replies = list(found)
        for event in found:
            if isinstance(event, events.ApduReceived):
                self.request = event.apdu
                replies += self.server.send(self.response)
        return replies

    def passes(self) -> bool:
        self.count += 1
        return self.count not in self.lost


class BothEndsTests(SynchronousTestCase):
    @settings(max_examples=150, deadline=None)
    @given(
        st.binary(min_size=1, max_size=300),
        st.binary(min_size=1, max_size=900),
        st.integers(32, 128),
        st.integers(32, 128),
        st.integers(1, 7),
        st.integers(1, 7),
        st.integers(5, 60),
    )
    def test_round_trips(
        self,
        request: bytes,
        response: bytes,
        up: int,
        down: int,
        window_up: int,
        window_down: int,
        lost: int,
    ) -> None:
        """Whatever is agreed upon, and though one frame is lost, APDUs arrive as sent."""
        client = HdlcLink(1, SERVER, LinkParameters(up, down, window_up, window_down))
        server = ServerLink(LinkParameters(128, 128, 7, 7))
        pair = Pair(client, server, frozenset({lost}))
        pair.to_meter(client.connect())
        self.assertTrue(client.connected)
        for _ in range(3):
            pair.exchange(request, response)
            self.assertIsNone(pair.error)
            self.assertEqual((pair.request, pair.answer), (request, response))
        if lost <= 10:
            self.assertGreater(pair.count, lost)
