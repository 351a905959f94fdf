"""M-Bus frames: published ones three ways, the counts of L, and noise."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.hdlc.frame import BadFrame
from dlmsd.dlms.mbus import MAX_DATA, MBusFrame, MBusReassembly
from dlmsd.errors import LocalError
from tests.vectors import push as vectors

ALL = (*vectors.NETZ_NOE, *vectors.VORARLBERG, vectors.KMS_WEST, *vectors.SAGEMCOM_MBUS)
FRAMES = st.builds(
    MBusFrame,
    source=st.integers(0, 255),
    destination=st.integers(0, 255),
    data=st.binary(max_size=MAX_DATA),
    sequence=st.integers(0, 15),
    final=st.booleans(),
)


def good(found: list[object]) -> list[MBusFrame]:
    return [one for one in found if isinstance(one, MBusFrame)]


class PublishedTests(SynchronousTestCase):
    def test_whole_octet_by_octet_and_with_trailing_octets(self) -> None:
        for octets in ALL:
            (whole,) = MBusReassembly().feed(octets)
            assert isinstance(whole, MBusFrame)
            self.assertEqual((whole.source, whole.destination), (1, 0x67))
            slow = MBusReassembly()
            found = [one for place in range(len(octets)) for one in slow.feed(octets[place:][:1])]
            self.assertEqual(found, [whole])
            for trailer in (b"\x00", b"\x68", b"\x68\x10\x10", octets):
                stream = MBusReassembly()
                self.assertEqual(good(stream.feed(octets + trailer))[0], whole)
            if len(whole.data) <= MAX_DATA:
                self.assertEqual(whole.encode(), octets)

    def test_sequence_and_fin(self) -> None:
        first, second = MBusReassembly().feed(b"".join(vectors.NETZ_NOE))
        assert isinstance(first, MBusFrame) and isinstance(second, MBusFrame)
        self.assertEqual((first.sequence, first.final, len(first.data)), (0, False, 245))
        self.assertEqual((second.sequence, second.final, len(second.data)), (1, True, 15))
        self.assertEqual(first.data[:11].hex(), "db084b464d675000000981")

    def test_257_octets_under_an_l_of_1(self) -> None:
        (frame,) = MBusReassembly().feed(vectors.SAGEMCOM_MBUS[0])
        assert isinstance(frame, MBusFrame)
        self.assertEqual(len(frame.data), 252)


class StreamTests(SynchronousTestCase):
    @given(FRAMES)
    def test_round_trip(self, frame: MBusFrame) -> None:
        stream = MBusReassembly()
        self.assertEqual(stream.feed(frame.encode()), [frame])
        self.assertEqual((stream.noise, stream.idle), (0, 0))

    def test_an_l_that_counts_the_whole_frame(self) -> None:
        octets = bytearray(MBusFrame(1, 0x67, b"\x0f" * 20).encode())
        octets[1] = octets[2] = len(octets)
        stream = MBusReassembly()
        self.assertEqual(stream.feed(bytes(octets)), [])
        # It seemed to be six octets longer; the pause, or the next frame, tells.
        (frame,) = stream.abandon()
        assert isinstance(frame, MBusFrame)
        self.assertEqual(frame.data, b"\x0f" * 20)
        pair = MBusReassembly().feed(bytes(octets) + vectors.NETZ_NOE[1])
        self.assertEqual(len(good(pair)), 2)

    @given(st.binary(max_size=400), FRAMES)
    def test_the_first_good_frame_after_any_noise(self, noise: bytes, frame: MBusFrame) -> None:
        stream = MBusReassembly()
        found = good(stream.feed(noise + frame.encode())) + good(stream.abandon())
        # Noise may hold a frame by chance, or end in what looks like the head of ours.
        whole = stream.feed(frame.encode())
        self.assertIn(frame, found + good(whole))

    def test_a_broken_checksum_costs_one_frame(self) -> None:
        octets = bytearray(vectors.KMS_WEST)
        octets[50] ^= 1
        found = MBusReassembly().feed(bytes(octets) + vectors.KMS_WEST)
        self.assertEqual(len(good(found)), 1)
        self.assertIsInstance(found[0], BadFrame)

    def test_m_bus_without_dlms(self) -> None:
        # A response of a heat meter: CI 72.
        body = bytes.fromhex("0801 72 78563412")
        octets = bytes((0x68, len(body), len(body), 0x68)) + body
        (found,) = MBusReassembly().feed(octets + bytes((sum(body) & 0xFF, 0x16)))
        assert isinstance(found, BadFrame)
        self.assertIn("without DLMS", found.reason)

    def test_it_keeps_one_frame_at_most(self) -> None:
        stream = MBusReassembly()
        for _ in range(100):
            stream.feed(b"\x68\xfa\xfa\x68" * 100)
        self.assertLess(len(stream._buffer), 265)
        self.assertGreater(stream.idle, 4096)

    def test_too_much_data(self) -> None:
        self.assertRaises(LocalError, MBusFrame(1, 2, bytes(251)).encode)
