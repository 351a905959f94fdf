"""Check sequences, against published frames and against the definition."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.hdlc.fcs import fcs, is_good
from tests.vectors import hdlc


def by_definition(octets: bytes) -> bytes:
    """CRC-16/X.25, bit by bit (ISO/IEC 13239 Annex A)."""
    crc = 0xFFFF
    for octet in octets:
        for bit in range(8):
            feedback = (crc ^ octet >> bit) & 1
            crc = crc >> 1 ^ (0x8408 if feedback else 0)
    return (crc ^ 0xFFFF).to_bytes(2, "little")


class FcsTests(SynchronousTestCase):
    def test_catalogued_check_value(self) -> None:
        """CRC-16/IBM-SDLC of the catalogue of parametrised CRC algorithms: check 906E."""
        self.assertEqual(fcs(b"123456789"), bytes.fromhex("6E90"))

    def test_published_frames(self) -> None:
        for frame in hdlc.FRAMES:
            self.assertEqual(fcs(frame[1:-3]), frame[-3:-1], frame.hex())
            self.assertTrue(is_good(frame[1:-1]))

    def test_published_header_check(self) -> None:
        self.assertEqual(fcs(hdlc.AARQ[1:9]), bytes.fromhex("7ECB"))

    def test_nothing_has_no_check_sequence(self) -> None:
        self.assertFalse(is_good(b""))
        self.assertEqual(fcs(b""), by_definition(b""))

    @given(st.binary(max_size=300))
    def test_the_definition(self, octets: bytes) -> None:
        self.assertEqual(fcs(octets), by_definition(octets))
        self.assertTrue(is_good(octets + by_definition(octets)))

    @given(st.binary(min_size=1, max_size=60), st.data())
    def test_one_wrong_bit_is_never_good(self, octets: bytes, data: st.DataObject) -> None:
        whole = bytearray(octets + fcs(octets))
        bit = data.draw(st.integers(0, len(whole) * 8 - 1))
        whole[bit // 8] ^= 1 << bit % 8
        self.assertFalse(is_good(bytes(whole)))
