"""Wrapped APDUs out of a stream, and the link over them."""

from __future__ import annotations

import struct

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms import wrapper as module
from dlmsd.dlms.link import (
    ApduReceived,
    Ignored,
    LinkConnected,
    LinkDisconnected,
    LinkEvent,
    LinkLost,
    Transmit,
)
from dlmsd.dlms.wrapper import WrapperFrame, WrapperLink, WrapperReassembly
from dlmsd.errors import LocalError, SilenceError
from tests.vectors import apdu

PORTS = frozenset({(1, 16), (2, 1)})
GOOD = WrapperFrame(1, 16, apdu.AARE_ACCEPTED)

# The header in front of Green Book's AARQ: client 16 (0010) to management device 1 (0001).
AARQ = bytes.fromhex("000100100001001F") + apdu.AARQ_NONE


def new() -> WrapperReassembly:
    return WrapperReassembly(PORTS)


def bytewise(reassembly: WrapperReassembly, octets: bytes) -> list[WrapperFrame]:
    """What comes of one octet at a time."""
    return [each for octet in octets for each in reassembly.feed(bytes((octet,)))]


class FrameTests(SynchronousTestCase):
    def test_octets(self) -> None:
        self.assertEqual(WrapperFrame(16, 1, apdu.AARQ_NONE).encode(), AARQ)

    def test_longest(self) -> None:
        octets = WrapperFrame(1, 16, bytes(65535)).encode()
        self.assertEqual(octets[:8].hex(), "000100010010ffff")
        self.assertRaises(LocalError, WrapperFrame(1, 16, bytes(65536)).encode)


class ReassemblyTests(SynchronousTestCase):
    def test_three_ways(self) -> None:
        (frame,) = WrapperReassembly(frozenset({(16, 1)})).feed(AARQ)
        self.assertEqual(frame, WrapperFrame(16, 1, apdu.AARQ_NONE))
        octets = GOOD.encode()
        for feed in (WrapperReassembly.feed, bytewise):
            for trailer in (b"", b"\x00", b"\x00\x01", octets[:-1], b"\xff" * 9):
                reassembly = new()
                self.assertEqual(feed(reassembly, octets + trailer), [GOOD], trailer)
            self.assertEqual(feed(new(), octets * 5), [GOOD] * 5)

    def test_only_when_complete(self) -> None:
        octets = GOOD.encode()
        for size in range(len(octets)):
            reassembly = new()
            self.assertEqual(reassembly.feed(octets[:size]), [])
            self.assertEqual(reassembly.feed(octets[size:]), [GOOD])
            self.assertEqual((reassembly.noise, reassembly.idle), (0, 0))

    def test_garbage_around(self) -> None:
        octets = GOOD.encode()
        for garbage in (
            b"\x00",
            b"\x00" * 99,
            b"\x00\x01" * 50,
            b"noise",
            bytes(range(256)),
            b"\x00\x01\x00\x01\x00\x11\x00\x05hello",
            b"\x00\x02\x00\x01\x00\x10\x00\x05hello",
            b"\x00\x01\x00\x10\x00\x01\x00\x05hello",
        ):
            for feed in (WrapperReassembly.feed, bytewise):
                reassembly = new()
                self.assertEqual(feed(reassembly, (garbage + octets) * 2), [GOOD, GOOD], garbage)
                self.assertEqual(reassembly.noise, 2 * len(garbage))
                self.assertEqual(reassembly.idle, 0)

    def test_idle_counts_noise_and_no_apdu_that_is_coming(self) -> None:
        """Else a long answer would look like babble to the owner of the connection."""
        long = WrapperFrame(1, 16, bytes(60000)).encode()
        reassembly = new()
        reassembly.feed(b"noise" + long[:50000])
        self.assertEqual(reassembly.idle, 5)
        self.assertEqual(len(reassembly.feed(long[50000:])), 1)
        self.assertEqual(reassembly.idle, 0)

    def test_a_length_that_lies(self) -> None:
        """What was announced never comes; behind it two good ones are found."""
        reassembly = new()
        self.assertEqual(reassembly.feed(bytes.fromhex("000100010010FFFF")), [])
        self.assertEqual(reassembly.feed(GOOD.encode() * 2), [])
        self.assertEqual(reassembly.abandon(), [GOOD, GOOD])
        self.assertEqual(reassembly.noise, 8)
        self.assertEqual(reassembly.feed(GOOD.encode()), [GOOD])

    def test_abandon_forgets_everything(self) -> None:
        for rest in (b"\x00", b"\x00\x01\x00", GOOD.encode()[:-1]):
            reassembly = new()
            reassembly.feed(rest)
            self.assertEqual(reassembly.abandon(), [])
            self.assertEqual(reassembly.noise, len(rest))
            self.assertEqual(reassembly.abandon(), [])
            self.assertEqual(reassembly.feed(GOOD.encode()), [GOOD])

    def test_an_apdu_that_holds_frames(self) -> None:
        outer = WrapperFrame(1, 16, GOOD.encode() * 3)
        for feed in (WrapperReassembly.feed, bytewise):
            self.assertEqual(feed(new(), outer.encode()), [outer])

    @settings(max_examples=300, deadline=None)
    @given(
        st.lists(
            st.one_of(
                st.binary(max_size=20),
                st.lists(st.sampled_from([0, 1, 2, 16])).map(bytes),
                st.builds(lambda cut: GOOD.encode()[:cut], st.integers(0, 60)),
            ),
            max_size=5,
        ).map(b"".join),
        st.integers(1, 30),
    )
    @example(bytes.fromhex("0001000100100400"), 1)
    def test_the_good_one_behind_garbage(self, garbage: bytes, size: int) -> None:
        stream = garbage + GOOD.encode()
        whole, split = new(), new()
        expected = whole.feed(stream) + whole.abandon()
        found: list[WrapperFrame] = []
        for start in range(0, len(stream), size):
            found += split.feed(stream[start : start + size])
        found += split.abandon()
        self.assertEqual(found, expected)
        self.assertEqual(split.noise, whole.noise)
        heads = [stream[place : place + 6] for place in range(len(garbage))]
        if not any(struct.pack(">HHH", 1, *ports) in heads for ports in PORTS):
            self.assertEqual(found, [GOOD])
        self.assertEqual(whole.feed(GOOD.encode()), [GOOD])

    def test_cost(self) -> None:
        """Headers unpacked, for the worst of streams: one for every two octets, once."""
        unpacked = 0
        header = module._HEADER

        class Counting:
            size = header.size

            def unpack_from(self, buffer: bytes, start: int) -> tuple[int, ...]:
                nonlocal unpacked
                unpacked += 1
                return header.unpack_from(buffer, start)

        self.patch(module, "_HEADER", Counting())
        stream = b"\x00\x01" * 5000
        for feed in (WrapperReassembly.feed, bytewise):
            unpacked = 0
            feed(new(), stream)
            self.assertLessEqual(unpacked, len(stream))
        lies = bytes.fromhex("000100010010FFFF") * 8000
        unpacked = 0
        reassembly = new()
        for start in range(0, len(lies), 100):
            reassembly.feed(lies[start : start + 100])
        reassembly.abandon()
        self.assertLessEqual(unpacked, len(lies) // 8 * 2)


class LinkTests(SynchronousTestCase):
    def test_a_session(self) -> None:
        link = WrapperLink(16, 1)
        self.assertFalse(link.connected)
        self.assertRaises(LocalError, link.send, b"x")
        self.assertEqual(link.connect(), [LinkConnected()])
        self.assertEqual(link.send(apdu.AARQ_NONE), [Transmit(AARQ)])
        self.assertEqual(link.receive(GOOD), [ApduReceived(apdu.AARE_ACCEPTED)])
        self.assertEqual(link.disconnect(), [LinkDisconnected()])
        self.assertFalse(link.connected)

    def test_recognises(self) -> None:
        link = WrapperLink(16, 1)
        self.assertTrue(link.recognises(GOOD))
        for source, destination in ((16, 1), (1, 17), (2, 16), (1, 1), (16, 16)):
            self.assertFalse(link.recognises(WrapperFrame(source, destination, b"")))

    def test_what_nobody_answers(self) -> None:
        link = WrapperLink(16, 1, repeats=True)
        self.assertEqual(link.tell(b"\x10"), [])
        link.connect()
        link.send(b"\xc0")
        self.assertEqual(link.tell(b"\x10"), [Transmit(WrapperFrame(16, 1, b"\x10").encode())])
        self.assertEqual(link.timeout(), [Transmit(WrapperFrame(16, 1, b"\xc0").encode())])

    def test_nothing_of_use(self) -> None:
        link = WrapperLink(16, 1)
        self.assertIsInstance(link.receive(GOOD)[0], Ignored)
        link.connect()
        self.assertIsInstance(link.receive(WrapperFrame(1, 16, b""))[0], Ignored)

    def test_silence_and_abort(self) -> None:
        link = WrapperLink(16, 1)
        link.connect()
        (lost,) = link.timeout()
        assert isinstance(lost, LinkLost)
        self.assertIsInstance(lost.error, SilenceError)
        self.assertFalse(link.connected)
        link.connect()
        link.abort()
        self.assertRaises(LocalError, link.send, b"x")


class RepeatingLinkTests(SynchronousTestCase):
    """Over UDP."""

    def setUp(self) -> None:
        self.link = WrapperLink(16, 1, repeats=True)
        self.link.connect()

    def answer(self, apdu: bytes) -> list[LinkEvent]:
        return self.link.receive(WrapperFrame(1, 16, apdu))

    def test_the_same_octets_once_more_then_silence(self) -> None:
        first = self.link.send(b"ask")
        self.assertEqual(self.link.timeout(), first)
        (lost,) = self.link.timeout()
        assert isinstance(lost, LinkLost)
        self.assertEqual(str(lost.error), "no answer to the request, nor to its repetition")
        self.assertFalse(self.link.connected)

    def test_what_would_be_done_twice_is_not_repeated(self) -> None:
        self.link.send(b"do", once=True)
        self.assertFalse(self.link.repeating)
        (lost,) = self.link.timeout()
        assert isinstance(lost, LinkLost)
        words = "no answer to the request, which may have been carried out"
        self.assertEqual(str(lost.error), words)
        self.link.connect()
        sent = self.link.send(b"ask")
        self.assertEqual(self.link.timeout(), sent)

    def test_each_request_is_repeated(self) -> None:
        for request in (b"one", b"two"):
            sent = self.link.send(request)
            self.assertEqual(self.link.timeout(), sent)
            self.assertEqual(self.answer(request), [ApduReceived(request)])

    def test_the_second_answer_to_a_repeated_request_is_dropped_once(self) -> None:
        self.link.send(b"ask")
        self.link.timeout()
        self.assertEqual(self.answer(b"told"), [ApduReceived(b"told")])
        self.link.send(b"next")
        self.assertIsInstance(self.answer(b"told")[0], Ignored)
        self.assertEqual(self.answer(b"told"), [ApduReceived(b"told")])

    def test_over_tcp_equal_answers_are_two(self) -> None:
        self.link = WrapperLink(16, 1)
        self.link.connect()
        for _ in range(2):
            self.link.send(b"ask")
            self.assertEqual(self.answer(b"told"), [ApduReceived(b"told")])
