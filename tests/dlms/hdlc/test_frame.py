"""Frames in octets."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.hdlc.control import Kind
from dlmsd.dlms.hdlc.frame import Frame
from dlmsd.errors import LocalError
from tests.vectors import hdlc


class FrameTests(SynchronousTestCase):
    def test_snrm_to_device_0_1(self) -> None:
        self.assertEqual(Frame(b"\x03", b"\x21", 0x93).encode().hex(), "7ea0070321930f017e")

    def test_published(self) -> None:
        frame = Frame(bytes.fromhex("00020023"), b"\x21", 0x10, hdlc.AARQ[11:-3])
        self.assertEqual(frame.encode(), hdlc.AARQ)
        self.assertIs(frame.kind, Kind.I)
        self.assertTrue(frame.final)

    def test_segmented(self) -> None:
        """Only the format field, and so the checks, tell a segment."""
        whole = Frame(b"\x21", b"\x03", 0x10, b"abc").encode()
        segment = Frame(b"\x21", b"\x03", 0x10, b"abc", segmented=True).encode()
        self.assertEqual((whole[1], segment[1]), (0xA0, 0xA8))
        self.assertEqual(whole[2:6], segment[2:6])

    def test_header_check_only_with_information(self) -> None:
        self.assertEqual(len(Frame(b"\x21", b"\x03", 0x73).encode()), 2 + 7)
        self.assertEqual(len(Frame(b"\x21", b"\x03", 0x73, b"x").encode()), 2 + 7 + 2 + 1)

    def test_longest(self) -> None:
        octets = Frame(b"\x21", b"\x03", 0x10, bytes(2047 - 9)).encode()
        self.assertEqual(octets[1:3].hex(), "a7ff")
        self.assertEqual(len(octets), 2049)
        self.assertRaises(LocalError, Frame(b"\x21", b"\x03", 0x10, bytes(2047 - 8)).encode)
