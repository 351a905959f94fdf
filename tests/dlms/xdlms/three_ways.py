"""Every vector three ways: whole, cut at every length, with trailing bytes."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.xdlms.apdu import Apdu, decode_apdu
from dlmsd.errors import DecodeError


class ApduTestCase(SynchronousTestCase):
    """Asserts on one APDU and its bytes."""

    def assert_three_ways(self, octets: bytes, apdu: Apdu, *, encodes: bool = True) -> None:
        """``octets`` decode to ``apdu`` and, with ``encodes``, the other way round."""
        kind: Any = type(apdu)
        self.assertEqual(kind.decode(octets), apdu)
        self.assertEqual(decode_apdu(octets), apdu)
        if encodes:
            self.assertEqual(apdu.encode().hex(), octets.hex())
        for end in range(len(octets)):
            error = self.assertRaises(DecodeError, kind.decode, octets[:end])
            self.assertIn(" at byte ", str(error))
            self.assertRaises(DecodeError, decode_apdu, octets[:end])
        for trailer in (b"\x00", b"\xff", octets):
            error = self.assertRaises(DecodeError, kind.decode, octets + trailer)
            self.assertIn("trailing", str(error))

    def assert_refused(self, kind: Any, octets: bytes, *words: str) -> None:
        """``octets`` are a DecodeError that says these words."""
        error = self.assertRaises(DecodeError, kind.decode, octets)
        for word in words:
            self.assertIn(word, str(error))
