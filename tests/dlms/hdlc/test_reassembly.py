"""Frames out of a stream: published ones three ways, and every damage that lines do."""

from __future__ import annotations

from collections.abc import Iterable

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.hdlc.fcs import fcs, is_good
from dlmsd.dlms.hdlc.frame import BadFrame, Frame
from dlmsd.dlms.hdlc.reassembly import Found, FrameReassembly
from tests.vectors import hdlc

GOOD = Frame(b"\x21", b"\x03", 0x30, bytes.fromhex("e6e700c401c10012055b"))


def frames(found: Iterable[Found]) -> list[Frame]:
    """Those found that are frames."""
    return [each for each in found if isinstance(each, Frame)]


def reasons(found: Iterable[Found]) -> list[str]:
    """Why those found are none."""
    return [each.reason for each in found if isinstance(each, BadFrame)]


def bytewise(reassembly: FrameReassembly, octets: bytes) -> list[Found]:
    """What comes of one octet at a time."""
    return [each for octet in octets for each in reassembly.feed(bytes((octet,)))]


def raw(body: bytes) -> bytes:
    """Anything between two flags, with a frame check that is good."""
    return b"\x7e" + body + fcs(body) + b"\x7e"


class PublishedFrameTests(SynchronousTestCase):
    def test_whole(self) -> None:
        for octets in hdlc.FRAMES:
            (frame,) = FrameReassembly().feed(octets)
            self.assertIsInstance(frame, Frame)
            self.assertEqual(frames([frame])[0].encode(), octets)

    def test_byte_by_byte(self) -> None:
        for octets in hdlc.FRAMES:
            reassembly = FrameReassembly()
            self.assertEqual(bytewise(reassembly, octets[:-2]), [])
            (frame,) = frames(bytewise(reassembly, octets[-2:]))
            self.assertEqual(frame.encode(), octets)
            self.assertEqual(reassembly.noise, 0)

    def test_with_trailing_octets(self) -> None:
        for octets in hdlc.FRAMES:
            for trailer in (b"\x00", b"\xa0\x07", b"\x7e", b"\x7e\xa0", octets[:8]):
                reassembly = FrameReassembly()
                (frame,) = frames(reassembly.feed(octets + trailer))
                self.assertEqual(frame.encode(), octets)
                self.assertEqual(reassembly.idle, 1 + len(trailer))

    def test_parts(self) -> None:
        (frame,) = frames(FrameReassembly().feed(hdlc.UA))
        self.assertEqual(frame.destination.hex(), "21")
        self.assertEqual(frame.source.hex(), "00020023")
        self.assertEqual(frame.control, 0x73)
        self.assertEqual(len(frame.information), 23)

    def test_joined(self) -> None:
        """Both flags, one shared flag, no closing flag before the next, many flags."""
        sent = [*hdlc.FRAMES, *hdlc.FRAMES]
        for stream in (
            b"".join(sent),
            b"".join(octets[:-1] for octets in sent) + b"\x7e",
            b"\x7e" * 100 + (b"\x7e" * 37).join(sent),
            b"".join(octets[:-1] for octets in sent),
        ):
            for found in (FrameReassembly().feed(stream), bytewise(FrameReassembly(), stream)):
                self.assertEqual([each.encode() for each in frames(found)], sent)
                self.assertEqual(reasons(found), [])

    def test_without_opening_flags(self) -> None:
        """The closing flag of the first lost one opens the next."""
        sent = [*hdlc.FRAMES, *hdlc.FRAMES]
        stream = b"".join(octets[1:] for octets in sent)
        for found in (FrameReassembly().feed(stream), bytewise(FrameReassembly(), stream)):
            self.assertEqual([each.encode() for each in frames(found)], sent[1:])


class GarbageTests(SynchronousTestCase):
    def test_before_between_and_after(self) -> None:
        good = GOOD.encode()
        for garbage in (
            b"\x00",
            b"\xff" * 300,
            b"noise\x7enoise",
            b"\x7e\xa0",
            b"\x7e\xa0\x7e\xa0\x7e",
            bytes(range(256)),
            b"\x7e\xa7\xff\x02\x02\x02\x02",
        ):
            stream = garbage + good + garbage + good + garbage
            for feed in (FrameReassembly.feed, bytewise):
                reassembly = FrameReassembly()
                self.assertEqual(frames(feed(reassembly, stream)), [GOOD, GOOD], garbage)
                self.assertEqual(frames(reassembly.abandon()), [])
                flags = garbage.count(b"\x7e")
                self.assertEqual(reassembly.noise, 3 * (len(garbage) - flags), garbage)

    def test_endless_octets_are_not_kept(self) -> None:
        for octet in (b"\x00", b"\x7e", b"\xa0", b"\x7e\x01", b"\x7e\xa0"):
            reassembly = FrameReassembly()
            for _ in range(10):
                self.assertEqual(frames(reassembly.feed(octet * 500)), [])
            self.assertEqual(reassembly.idle, 5000 * len(octet))
            self.assertLess(len(reassembly._buffer), 15)
            self.assertEqual(frames(reassembly.feed(b"\x00" + GOOD.encode())), [GOOD])

    def test_a_flag_that_waits_is_no_bad_frame(self) -> None:
        reassembly = FrameReassembly()
        reassembly.feed(GOOD.encode())
        self.assertEqual(reassembly.abandon(), [])
        self.assertEqual(reassembly.noise, 0)

    def test_reports_are_short(self) -> None:
        octets = bytearray(Frame(b"\x21", b"\x03", 0x30, bytes(1000)).encode())
        octets[500] ^= 1
        (bad,) = FrameReassembly().feed(bytes(octets))
        assert isinstance(bad, BadFrame)
        self.assertEqual((bad.reason, bad.octets), ("wrong FCS", bytes(octets[:64])))


class DamageTests(SynchronousTestCase):
    def assert_only_good(self, damaged: bytes) -> None:
        """Nothing of ``damaged`` is a frame, and the good one behind it is found."""
        for feed in (FrameReassembly.feed, bytewise):
            reassembly = FrameReassembly()
            found = feed(reassembly, damaged + GOOD.encode())
            found += reassembly.abandon()
            self.assertEqual(frames(found), [GOOD], damaged.hex())

    def test_every_wrong_bit(self) -> None:
        for octets in (hdlc.SNRM, hdlc.UA, hdlc.GET_ANSWER, hdlc.FRMR, hdlc.SNRM_PARAMETERS):
            for bit in range(8, len(octets) * 8 - 8):
                damaged = bytearray(octets)
                damaged[bit // 8] ^= 0x80 >> bit % 8
                self.assert_only_good(bytes(damaged))

    def test_wrong_check_sequences_are_named(self) -> None:
        octets = GOOD.encode()
        for place, reason in ((6, "wrong HCS"), (7, "wrong HCS"), (-3, "wrong FCS")):
            damaged = bytearray(octets)
            damaged[place] ^= 0x10
            self.assertEqual(reasons(FrameReassembly().feed(bytes(damaged)))[0], reason)

    def test_wrong_header_check_under_a_good_frame_check(self) -> None:
        """The length is not to be believed then, whatever the FCS says."""
        body = bytearray(GOOD.encode()[1:-3])
        body[5] ^= 1
        damaged = raw(bytes(body))
        self.assertTrue(is_good(damaged[1:-1]))
        self.assertEqual(reasons(FrameReassembly().feed(damaged))[0], "wrong HCS")
        self.assert_only_good(damaged)

    def test_truncated_anywhere(self) -> None:
        for octets in (hdlc.SNRM, hdlc.UA, hdlc.AARQ, hdlc.GET_ANSWER):
            for size in range(len(octets) - 1):
                self.assert_only_good(octets[:size])
                self.assert_only_good(octets[size + 1 :])

    def test_truncated_before_its_header_check(self) -> None:
        """The length was not believed yet, so the good frame is found at once."""
        for size in range(8):
            found = FrameReassembly().feed(GOOD.encode()[:size] + GOOD.encode())
            self.assertEqual(frames(found), [GOOD])

    def test_wrong_format_types(self) -> None:
        body = GOOD.encode()[1:-3]
        for kind in {*range(16)} - {0xA}:
            form = bytes((kind << 4 | body[0] & 0x0F,))
            header = form + body[1:5]
            damaged = raw(header + fcs(header) + body[7:])
            self.assertEqual(reasons(FrameReassembly().feed(damaged))[0], "no format type 3")
            self.assert_only_good(damaged)

    def test_addresses_of_three_octets(self) -> None:
        for addresses in ("00000121", "21000001", "000000000001", "0000000021"):
            rest = bytes.fromhex(addresses) + b"\x93"
            damaged = raw(bytes((0xA0, 4 + len(rest))) + rest)
            self.assertEqual(reasons(FrameReassembly().feed(damaged))[0], "no legal address")
            self.assert_only_good(damaged)


class TrustingTests(SynchronousTestCase):
    """The quirk wrong-fcs."""

    def damaged(self, place: int) -> bytes:
        octets = bytearray(GOOD.encode())
        octets[place] ^= 0x10
        return bytes(octets)

    def test_a_wrong_frame_check_is_forgiven(self) -> None:
        wrong = self.damaged(-2)
        for feed in (FrameReassembly.feed, bytewise):
            for stream in (wrong, wrong[:-1] + GOOD.encode(), wrong + b"\x00" + wrong):
                found = frames(feed(FrameReassembly(trusting=True), stream))
                self.assertEqual(found[0], GOOD)
                self.assertEqual(frames(feed(FrameReassembly(), stream))[1:], [])

    def test_a_wrong_header_check_is_not(self) -> None:
        for place in (1, 2, 3, 4, 5, 6, 7):
            found = FrameReassembly(trusting=True).feed(self.damaged(place) + GOOD.encode())
            self.assertEqual(frames(found), [GOOD])
            self.assertTrue(reasons(found))

    def test_nor_a_frame_without_its_closing_flag(self) -> None:
        wrong = self.damaged(-2)[:-1]
        found = FrameReassembly(trusting=True).feed(wrong + b"\x00" + GOOD.encode())
        self.assertEqual(frames(found), [GOOD])
        self.assertEqual(reasons(found)[0], "wrong FCS")

    def test_a_good_frame_waits_for_no_flag(self) -> None:
        found = FrameReassembly(trusting=True).feed(GOOD.encode()[:-1])
        self.assertEqual(frames(found), [GOOD])

    def test_at_the_end_of_the_stream_a_missing_flag_is_bad(self) -> None:
        reassembly = FrameReassembly(trusting=True)
        self.assertEqual(reassembly.feed(self.damaged(-2)[:-1]), [])
        self.assertEqual(reasons(reassembly.abandon())[0], "cut short")


class LengthTests(SynchronousTestCase):
    def test_too_short(self) -> None:
        for length in range(7):
            for segmented in (0, 8):
                stream = bytes((0x7E, 0xA0 | segmented, length)) + GOOD.encode()
                for feed in (FrameReassembly.feed, bytewise):
                    found = feed(FrameReassembly(), stream)
                    self.assertEqual(reasons(found), ["length too short"])
                    self.assertEqual(frames(found), [GOOD])

    def test_no_room_for_a_frame_check(self) -> None:
        """Length 8: a header check, and one octet for the frame check."""
        header = b"\xa0\x08\x21\x03\x73"
        stream = b"\x7e" + header + fcs(header) + b"\x00" + GOOD.encode()
        found = FrameReassembly().feed(stream)
        self.assertEqual(reasons(found)[0], "wrong FCS")
        self.assertEqual(frames(found), [GOOD])

    def test_header_check_without_information(self) -> None:
        header = b"\xa0\x09\x21\x03\x73"
        (frame,) = FrameReassembly().feed(raw(header + fcs(header)))
        self.assertEqual(frame, Frame(b"\x21", b"\x03", 0x73))

    def test_every_length_up_to_the_longest(self) -> None:
        reassembly = FrameReassembly()
        for size in range(1, 2039):
            frame = Frame(b"\x21", b"\x03", 0x30, bytes(size))
            self.assertEqual(reassembly.feed(frame.encode()), [frame])
        self.assertEqual(reassembly.noise, 0)
        longest = Frame(b"\x21", b"\x00\x02\x00\x23", 0x13, b"\x7e" * 2035)
        self.assertEqual(bytewise(FrameReassembly(), longest.encode()), [longest])

    def test_a_length_that_lies(self) -> None:
        """Header good, 2,047 octets announced, never sent: given up by the owner's timer."""
        header = b"\xa7\xff\x21\x03\x30"
        reassembly = FrameReassembly()
        self.assertEqual(reassembly.feed(b"\x7e" + header + fcs(header)), [])
        self.assertEqual(reassembly.feed(GOOD.encode()), [])
        found = reassembly.abandon()
        self.assertEqual(frames(found), [GOOD])
        self.assertEqual(reasons(found), ["cut short"])
        self.assertEqual(reassembly.feed(GOOD.encode()), [GOOD])
