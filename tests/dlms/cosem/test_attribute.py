from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.errors import DecodeError

# The clock's time, as in the Green Book's example GET: C0010000080000010000FF0200.
CLOCK = AttributeDescriptor(8, Obis.parse("0-0:1.0.0"), 2)
OCTETS = bytes.fromhex("00080000010000FF02")


class AttributeDescriptorTests(SynchronousTestCase):
    def test_the_green_books_clock(self) -> None:
        self.assertEqual(CLOCK.encoded.hex(), OCTETS.hex())
        self.assertEqual(AttributeDescriptor.decode(OCTETS), (CLOCK, 9))
        found = AttributeDescriptor.decode(b"\xc0\x01" + OCTETS + b"\x00", 2)
        self.assertEqual(found, (CLOCK, 11))

    def test_cut_short(self) -> None:
        for end in range(9):
            self.assertRaises(DecodeError, AttributeDescriptor.decode, OCTETS[:end])

    def test_text(self) -> None:
        self.assertEqual(str(CLOCK), "8/0-0:1.0.0/2")

    @settings(deadline=None, max_examples=100)
    @given(st.integers(0, 65535), st.binary(min_size=6, max_size=6), st.integers(-128, 127))
    def test_round_trip(self, class_id: int, raw: bytes, index: int) -> None:
        descriptor = AttributeDescriptor(class_id, Obis(raw), index)
        self.assertEqual(AttributeDescriptor.decode(descriptor.encoded), (descriptor, 9))
