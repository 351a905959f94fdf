"""Streams that no example foresees: flags in the wrong places, chance, malice and cost."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.hdlc import reassembly as module
from dlmsd.dlms.hdlc.address import address_end
from dlmsd.dlms.hdlc.fcs import fcs, is_good
from dlmsd.dlms.hdlc.frame import Frame
from dlmsd.dlms.hdlc.reassembly import FrameReassembly
from tests.dlms.hdlc.test_reassembly import GOOD, bytewise, frames
from tests.vectors import hdlc

# A header that is trusted, and the longest frame: what one flag can cost at most.
_MAX_PER_FLAG = 2 * 13 + 2047

_addresses = st.sampled_from([b"\x03", b"\x21", b"\x02\x23", b"\x00\x02\x00\x23", b"\x7e\x7f"])
_frames = st.builds(
    Frame,
    _addresses,
    _addresses,
    st.integers(0, 255),
    st.one_of(st.binary(max_size=40), st.lists(st.sampled_from([0x7E, 0xA0, 7])).map(bytes)),
    st.booleans(),
)
_pieces = st.one_of(
    st.binary(max_size=40),
    st.lists(st.sampled_from([0x7E, 0xA0, 0xA7, 0x02, 0x03, 0x21])).map(bytes),
    st.builds(lambda frame, cut: frame.encode()[:cut], _frames, st.integers(0, 30)),
    st.builds(lambda frame, cut: frame.encode()[cut:], _frames, st.integers(1, 30)),
)
_garbage = st.lists(_pieces, max_size=6).map(b"".join)


def with_check(pattern: str) -> Frame:
    """A frame whose ``HCS`` or ``FCS`` has a flag as its first or second octet."""
    place = {"HCS1": 6, "HCS2": 7, "FCS1": -3, "FCS2": -2}[pattern]
    for number in range(1 << 14):
        # A frame check behind a good header check depends on the information alone.
        client, control, value = number >> 8 << 1 | 1, number & 0xFF, number.to_bytes(2, "big")
        frame = Frame(bytes((client,)), b"\x03", control, value)
        if frame.encode()[place] == 0x7E:
            return frame
    raise AssertionError(pattern)


class FlagTests(SynchronousTestCase):
    def test_flags_in_check_sequences(self) -> None:
        for pattern in ("HCS1", "HCS2", "FCS1", "FCS2"):
            frame = with_check(pattern)
            octets = frame.encode()
            self.assertGreater(octets[1:-1].count(b"\x7e"), 0)
            self.assertEqual(FrameReassembly().feed(octets), [frame])
            self.assertEqual(bytewise(FrameReassembly(), octets * 3), [frame] * 3)

    def test_published_ones(self) -> None:
        """The HCS of the AARQ is 7E CB, the FCS of the GET's answer 7E 8C."""
        for octets in (hdlc.AARQ, hdlc.GET_ANSWER):
            self.assertIn(b"\x7e", octets[1:-1])
            for found in (FrameReassembly().feed(octets), bytewise(FrameReassembly(), octets)):
                self.assertEqual([each.encode() for each in frames(found)], [octets])

    def test_every_octet_a_flag(self) -> None:
        frame = Frame(b"\x7e\x7f", b"\x7e\x7f", 0x7E, b"\x7e" * 500)
        self.assertEqual(bytewise(FrameReassembly(), frame.encode()), [frame])


class SmugglingTests(SynchronousTestCase):
    """A register's value may hold whole frames; a reader is not to believe them."""

    def setUp(self) -> None:
        forged = Frame(b"\x21", b"\x03", 0x52, bytes.fromhex("e6e700c401c200060000ffff"))
        value = forged.encode() * 3
        head = bytes.fromhex("e6e700c401c10009") + bytes((len(value),))
        self.outer = Frame(b"\x21", b"\x03", 0x30, head + value)

    def test_whole_and_byte_by_byte(self) -> None:
        octets = self.outer.encode()
        self.assertEqual(FrameReassembly().feed(octets), [self.outer])
        self.assertEqual(bytewise(FrameReassembly(), octets), [self.outer])
        self.assertEqual(bytewise(FrameReassembly(), octets + octets), [self.outer] * 2)

    def test_cut_anywhere(self) -> None:
        octets = self.outer.encode()
        for cut in range(len(octets)):
            reassembly = FrameReassembly()
            found = reassembly.feed(octets[:cut]) + reassembly.feed(octets[cut:])
            self.assertEqual(found, [self.outer], cut)

    def test_a_flag_at_every_place_of_a_short_frame(self) -> None:
        """Short frames are complete within the longest header: they are trusted no less."""
        for size in range(1, 12):
            frame = Frame(b"\x21", b"\x03", 0x30, b"\x7e" + GOOD.encode()[1:size])
            self.assertEqual(bytewise(FrameReassembly(), frame.encode()), [frame])


class RandomStreamTests(SynchronousTestCase):
    @settings(max_examples=400, deadline=None)
    @given(_garbage, _frames, st.booleans())
    @example(bytes.fromhex("7ea00a210002002373"), GOOD, True)
    def test_the_good_frame_behind_garbage(
        self, garbage: bytes, good: Frame, one_by_one: bool
    ) -> None:
        reassembly = FrameReassembly()
        feed = bytewise if one_by_one else FrameReassembly.feed
        feed(reassembly, garbage)
        found = frames(feed(reassembly, good.encode()))
        if good not in found:
            found += frames(reassembly.abandon())
        self.assertIn(good, found)
        self.assertIn(GOOD, frames(reassembly.feed(GOOD.encode())))

    @settings(max_examples=400, deadline=None)
    @given(_garbage, _frames)
    def test_garbage_that_earned_no_trust_delays_nothing(self, garbage: bytes, good: Frame) -> None:
        """The theory above the reassembly: no search behind an unfinished header is needed."""
        reassembly = FrameReassembly()
        reassembly.feed(garbage)
        if good not in frames(reassembly.feed(good.encode())):
            unfinished = bytes(reassembly._buffer)
            source = address_end(unfinished, 3, len(unfinished))
            header = address_end(unfinished, source, len(unfinished)) + 3
            self.assertTrue(is_good(unfinished[1:header]), unfinished.hex())

    @settings(max_examples=300, deadline=None)
    @given(
        st.lists(st.one_of(_pieces, _frames.map(Frame.encode)), max_size=8).map(b"".join),
        st.lists(st.integers(1, 40), min_size=1),
    )
    def test_splits_change_nothing(self, stream: bytes, sizes: list[int]) -> None:
        whole, split = FrameReassembly(), FrameReassembly()
        expected = frames(whole.feed(stream)) + frames(whole.abandon())
        found: list[Frame] = []
        start = turn = 0
        while start < len(stream):
            size = sizes[turn % len(sizes)]
            found += frames(split.feed(stream[start : start + size]))
            start, turn = start + size, turn + 1
        found += frames(split.abandon())
        self.assertEqual(found, expected)
        self.assertEqual((split.noise, split.idle), (whole.noise, whole.idle))

    @settings(max_examples=200, deadline=None)
    @given(st.lists(_frames, min_size=1, max_size=6))
    def test_good_frames_only(self, sent: list[Frame]) -> None:
        reassembly = FrameReassembly()
        self.assertEqual(reassembly.feed(b"".join(map(Frame.encode, sent))), sent)
        self.assertEqual((reassembly.noise, reassembly.idle), (0, 1))


class CostTests(SynchronousTestCase):
    """Octets checked and places examined, not seconds."""

    def setUp(self) -> None:
        self.checked = self.examined = 0

        def counting(octets: bytes) -> bool:
            self.checked += len(octets)
            return is_good(octets)

        def examining(
            reassembly: FrameReassembly, buffer: bytes, flag: int, size: int
        ) -> tuple[object, int]:
            self.examined += 1
            return examine(reassembly, buffer, flag, size)

        examine = FrameReassembly._examine
        self.patch(module, "is_good", counting)
        self.patch(FrameReassembly, "_examine", examining)

    def test_good_frames(self) -> None:
        """Each octet twice, header octets once more where the header comes first."""
        stream = GOOD.encode() * 50
        FrameReassembly().feed(stream)
        self.assertLess(self.checked, 2 * len(stream))
        self.assertEqual(self.examined, 51)
        self.checked = 0
        bytewise(FrameReassembly(), stream)
        self.assertLess(self.checked, 2 * len(stream))

    def test_octets_of_a_trusted_frame_are_not_looked_at_before_its_end(self) -> None:
        bytewise(FrameReassembly(), Frame(b"\x21", b"\x03", 0x30, b"\x7e" * 2000).encode())
        self.assertLess(self.examined, 14)
        self.assertLess(self.checked, 2100)

    def test_flags_and_headers_that_earn_no_trust(self) -> None:
        """At most one header for each flag: 13 octets for two of the stream."""
        for period in (b"\x7e\xa0", b"\x7e\xa7\xff", b"\x7e\xa7\xff\x03\x03", b"\x7e\xa0\x07" * 3):
            for feed in (FrameReassembly.feed, bytewise):
                stream = period * 1000
                self.checked = self.examined = 0
                reassembly = FrameReassembly()
                feed(reassembly, stream)
                reassembly.abandon()
                self.assertLessEqual(self.checked, 13 * stream.count(b"\x7e"))
                self.assertLessEqual(self.examined, 2 * len(stream))

    def test_the_worst_that_malice_can_do(self) -> None:
        """Headers that are trusted, one after another, each with a length of 2,047.

        Each flag costs its header twice and one frame check, so the cost grows with the
        stream and never with its square: 260 octets checked for each that came, which C
        does in the time that Python needs for ten of its steps.
        """
        header = b"\xa7\xff\x21\x03\x30"
        false = b"\x7e" + header + fcs(header)
        for count in (500, 1000):
            for feed in (FrameReassembly.feed, bytewise):
                self.checked = self.examined = 0
                reassembly = FrameReassembly()
                found = feed(reassembly, false * count)
                found += reassembly.abandon()
                self.assertEqual(frames(found), [])
                self.assertEqual(reassembly.feed(GOOD.encode()), [GOOD])
                self.assertLessEqual(self.checked, _MAX_PER_FLAG * count + 100)
                self.assertLessEqual(self.examined, 10 * count + 100)
