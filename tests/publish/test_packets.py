from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.publish.packets import MAX_PACKET, Oversized, PacketBuffer
from dlmsd.publish.troubles import ProtocolTrouble

# MQTT 5: figure 3-2 (PUBACK), 2.1.4 (two bytes of remaining length), 3.13 (PINGRESP)
PUBACK = bytes.fromhex("40020001")
LONG = b"\x20" + bytes([0xC8, 0x01]) + bytes(200)
PINGRESP = bytes.fromhex("d000")


class PacketBufferTests(SynchronousTestCase):
    def test_whole(self) -> None:
        found = PacketBuffer().receive(PUBACK + LONG + PINGRESP)
        self.assertEqual(found, [(PUBACK, 2), (LONG, 3), (PINGRESP, 2)])

    def test_byte_by_byte(self) -> None:
        buffer = PacketBuffer()
        stream = PUBACK + LONG + PINGRESP
        found = [one for at in range(len(stream)) for one in buffer.receive(stream[at : at + 1])]
        self.assertEqual(found, [(PUBACK, 2), (LONG, 3), (PINGRESP, 2)])

    def test_trailing_bytes_wait(self) -> None:
        buffer = PacketBuffer()
        self.assertEqual(buffer.receive(PUBACK + PUBACK[:3]), [(PUBACK, 2)])
        self.assertEqual(buffer.receive(PUBACK[3:]), [(PUBACK, 2)])

    def test_endless_length_is_refused(self) -> None:
        with self.assertRaises(ProtocolTrouble):
            PacketBuffer().receive(b"\x40\xff\xff\xff\xff")

    def test_a_length_beyond_the_limit_is_refused_before_its_bytes(self) -> None:
        with self.assertRaises(ProtocolTrouble):
            PacketBuffer().receive(b"\x20\x81\x80\x04")
        self.assertEqual(PacketBuffer().receive(b"\x20\x80\x80\x04"), [])
        self.assertEqual(MAX_PACKET, 0x04 << 14)

    def test_a_publish_beyond_the_limit_is_passed_over(self) -> None:
        """Whole, and in pieces of any size, which are not kept."""
        for qos, number in ((0, 0), (1, 7)):
            topic = b"\0\x03a/b" + (b"\0\x07" if qos else b"")
            body = topic + bytes(100_000)
            coded = bytes([len(body) & 127 | 128, len(body) >> 7 & 127 | 128, len(body) >> 14])
            packet = bytes([0x30 | qos << 1]) + coded + body
            expected = [(PUBACK, 2), Oversized(number, len(packet)), (PINGRESP, 2)]
            stream = PUBACK + packet + PINGRESP
            for size in (1, 3, 4096, len(stream)):
                buffer, found = PacketBuffer(), []
                for at in range(0, len(stream), size):
                    found += buffer.receive(stream[at : at + size])
                    self.assertLess(len(buffer._bytes), 16)
                self.assertEqual(found, expected)

    @given(st.lists(st.binary(max_size=300)), st.lists(st.integers(1, 40), min_size=1))
    def test_any_slicing_gives_the_same_packets(self, bodies: list[bytes], cuts: list[int]) -> None:
        stream = b""
        for body in bodies:
            length = len(body)
            coded = bytes([length]) if length < 128 else bytes([length % 128 | 128, length // 128])
            stream += b"\x30" + coded + body
        buffer, turn = PacketBuffer(), 0
        found: list[Any] = []
        while stream:
            cut = cuts[turn % len(cuts)]
            found += buffer.receive(stream[:cut])
            stream, turn = stream[cut:], turn + 1
        self.assertEqual([packet[offset:] for packet, offset in found], bodies)
