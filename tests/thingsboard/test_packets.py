from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.thingsboard.packets import Connect, Malformed, Packet, Publish, Reader, Subscribe


def octets(text: str) -> bytes:
    return bytes.fromhex(text.replace(" ", ""))


# The fields of MQTT 3.1.1 and 5, chapter 3; the first with every flag.
CONNECT_4 = octets(
    "10 1e 0004 4d515454 04 c6 003c 0001 63 0001 77 0002 6f66 0004 75736572 0002 7077"
)
CONNECT_5 = octets("10 12 0004 4d515454 05 02 001e 05 1100000000 0000")
PUBLISH_4 = octets("32 08 0003 612f62 0007 7b")
SUBSCRIBE_5 = octets("82 09 0002 00 0003 612f62 02")


class ReaderTests(SynchronousTestCase):
    def read(self, *pieces: bytes, limit: int = 65536) -> list[Packet]:
        reader = Reader(limit)
        return [packet for piece in pieces for packet in reader.receive(piece)]

    def test_every_packet_whole_byte_by_byte_and_with_trailing_bytes(self) -> None:
        expected: dict[bytes, list[Any]] = {
            CONNECT_4: [Connect(4, True, 60, "c", "user", b"pw", ("w", b"of"))],
            CONNECT_5: [Connect(5, True, 30, "", None, None, None)],
            PUBLISH_4: [Publish("a/b", b"{", 1, 7)],
            CONNECT_5 + SUBSCRIBE_5: [
                Connect(5, True, 30, "", None, None, None),
                Subscribe(2, (("a/b", 2),)),
            ],
        }
        for sent, packets in expected.items():
            self.assertEqual(self.read(sent), packets)
            singly = [sent[at : at + 1] for at in range(len(sent))]
            self.assertEqual(self.read(*singly), packets)
            self.assertEqual(self.read(sent + b"\x30"), packets)

    def test_the_limit_is_the_payloads(self) -> None:
        topic = b"\x00\x01a"
        for size, fits in ((10, True), (11, False)):
            packet = bytes([0x30, 3 + size]) + topic + bytes(size)
            if fits:
                self.assertEqual(len(self.read(packet, limit=10)), 1)
            else:
                self.assertRaises(Malformed, self.read, packet, limit=10)
        self.assertRaises(Malformed, self.read, b"\x30\xff\xff\xff\x7f")

    def test_what_is_no_packet(self) -> None:
        for text in (
            "00 00",  # reserved
            "30 ff ff ff ff 01",  # a length without an end
            "36 03 0001 61",  # QoS 3
            "32 05 0001 61 0000",  # packet identifier 0
            "30 02 0001",  # cut short
            "30 04 0001 ff 00",  # no UTF-8
            "30 03 0001 23",  # a wildcard
            "82 02 0001",  # no filter
            "10 0c 0006 4d5149736470 03 02 0000",  # MQTT 3.1
        ):
            self.assertRaises(Malformed, self.read, octets(text))
