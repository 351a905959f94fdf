from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.axdr.length import decode_length, encode_length
from dlmsd.errors import DecodeError

# X.690 clause 8.1.3: its example is 201 as 81 C9.
VECTORS = {
    0: "00",
    1: "01",
    127: "7f",
    128: "8180",
    201: "81c9",
    255: "81ff",
    256: "820100",
    65535: "82ffff",
    65536: "83010000",
    2**32 - 1: "84ffffffff",
}


class LengthTests(SynchronousTestCase):
    def test_vectors(self) -> None:
        for value, text in VECTORS.items():
            octets = bytes.fromhex(text)
            self.assertEqual(encode_length(value).hex(), text)
            self.assertEqual(decode_length(octets, 0), (value, len(octets)))
            self.assertEqual(decode_length(b"\xaa" + octets + b"\xbb", 1), (value, len(octets) + 1))
            for end in range(len(octets)):
                self.assertRaises(DecodeError, decode_length, octets[:end], 0)

    def test_longer_forms_are_read(self) -> None:
        self.assertEqual(decode_length(b"\x84\x00\x00\x00\x05", 0), (5, 5))

    def test_more_than_four_bytes(self) -> None:
        for first in range(0x85, 0x100):
            octets = bytes((first,)) + bytes(200)
            self.assertRaises(DecodeError, decode_length, octets, 0)

    @settings(deadline=None, max_examples=100)
    @given(st.integers(0, 2**32 - 1))
    def test_round_trip(self, value: int) -> None:
        octets = encode_length(value)
        self.assertEqual(decode_length(octets, 0), (value, len(octets)))
