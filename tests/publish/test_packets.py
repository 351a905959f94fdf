from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.publish.packets import MAX_PACKET, PacketBuffer
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
        self.assertEqual([packet for packet, _ in found], [PUBACK, LONG, PINGRESP])

    def test_trailing_bytes_wait(self) -> None:
        buffer = PacketBuffer()
        self.assertEqual(buffer.receive(PUBACK + PUBACK[:3]), [(PUBACK, 2)])
        self.assertEqual(buffer.receive(PUBACK[3:]), [(PUBACK, 2)])

    def test_endless_length_is_refused(self) -> None:
        with self.assertRaises(ProtocolTrouble):
            PacketBuffer().receive(b"\x40\xff\xff\xff\xff")

    def test_a_length_beyond_the_limit_is_refused_before_its_bytes(self) -> None:
        with self.assertRaises(ProtocolTrouble):
            PacketBuffer().receive(b"\x30\x81\x80\x04")
        self.assertEqual(PacketBuffer().receive(b"\x30\x80\x80\x04"), [])
        self.assertEqual(MAX_PACKET, 0x04 << 14)

    @given(st.lists(st.binary(max_size=300)), st.lists(st.integers(1, 40), min_size=1))
    def test_any_slicing_gives_the_same_packets(self, bodies: list[bytes], cuts: list[int]) -> None:
        stream = b""
        for body in bodies:
            length = len(body)
            coded = bytes([length]) if length < 128 else bytes([length % 128 | 128, length // 128])
            stream += b"\x30" + coded + body
        buffer, found, turn = PacketBuffer(), [], 0
        while stream:
            cut = cuts[turn % len(cuts)]
            found += buffer.receive(stream[:cut])
            stream, turn = stream[cut:], turn + 1
        self.assertEqual([packet[offset:] for packet, offset in found], bodies)
