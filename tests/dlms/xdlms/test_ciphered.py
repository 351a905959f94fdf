"""glo-, ded-, general-glo- and general-ded-ciphering: their form."""

from __future__ import annotations

from typing import Any

from dlms_cosem.protocol import xdlms as judge
from dlms_cosem.security import SecurityControlField
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.security.suite import SecurityControl
from dlmsd.dlms.xdlms.ciphered import (
    DEDICATED_TAGS,
    GLOBAL_TAGS,
    SERVICE_TAGS,
    Ciphered,
    GeneralCiphered,
)
from dlmsd.dlms.xdlms.protected import PROTECTED_TAGS, decode_protected
from dlmsd.errors import DecodeError, LocalError
from tests.vectors import apdu as apdus
from tests.vectors import security as vectors

TITLE = b"12345678"
BOTH = SecurityControl.of(0x30)

# Lengths need not be the shortest (X.690 clause 8.1.3.5).
LONG_FORM = bytes.fromhex("DB0831323334353637388200123000000001") + bytes(13)


class ThreeWaysTestCase(SynchronousTestCase):
    """As for every APDU: whole, cut at every length, with bytes behind."""

    def assert_three_ways(self, octets: bytes, apdu: Any) -> None:
        """``octets`` decode to ``apdu`` and the other way round."""
        kind = type(apdu)
        self.assertEqual(decode_protected(octets), apdu)
        self.assertEqual(apdu.encode().hex(), octets.hex())
        for end in range(len(octets)):
            self.assertRaises(DecodeError, kind.decode, octets[:end])
            self.assertRaises(DecodeError, decode_protected, octets[:end])
        for trailer in (b"\x00", octets):
            error = self.assertRaises(DecodeError, kind.decode, octets + trailer)
            self.assertIn("trailing bytes at byte", str(error))


class CipheredTests(ThreeWaysTestCase):
    def test_published(self) -> None:
        for octets, tag, control in (
            (vectors.GET_BOTH, 0xC8, 0x30),
            (vectors.GET_ENCRYPTED, 0xC8, 0x20),
            (vectors.GET_AUTHENTICATED, 0xC8, 0x10),
            (vectors.GLO_INITIATE, 0x21, 0x30),
        ):
            apdu = Ciphered(tag, SecurityControl.of(control), vectors.COUNTER, octets[7:])
            self.assert_three_ways(octets, apdu)

    def test_in_a_real_association(self) -> None:
        """The user-information of a meter's AARQ and AARE, https://gurux.fi/node/24607."""
        for octets, tag, counter in (
            (apdus.AARQ_CIPHERED[-21:], 0x21, 1),
            (apdus.AARE_CIPHERED[-21:], 0x28, 0),
        ):
            apdu = Ciphered.decode(octets)
            self.assertEqual((apdu.tag, apdu.counter, int(apdu.control)), (tag, counter, 0x20))

    def test_every_service_has_its_tags(self) -> None:
        """IEC 62056-5-3, the ASN.1 of XDLMS-APDU: glo- and ded- at fixed distances."""
        for plain in GLOBAL_TAGS:
            apart = (0x20, 0x40) if plain < 0x80 else (8, 16)
            self.assertEqual(GLOBAL_TAGS[plain] - plain, apart[0])
            self.assertEqual(DEDICATED_TAGS[plain] - plain, apart[1])
        self.assertEqual(len(SERVICE_TAGS), 32)
        self.assertEqual(PROTECTED_TAGS - SERVICE_TAGS, {0xDB, 0xDC, 0xDD, 0xDF})

    def test_names(self) -> None:
        for tag, name, plain, dedicated in (
            (0xCC, "glo-get-response", 0xC4, False),
            (0xD4, "ded-get-response", 0xC4, True),
            (0x21, "glo-initiate-request", 0x01, False),
            (0xD7, "ded-action-response", 0xC7, True),
            (0x4E, "ded-confirmed-service-error", 0x0E, True),
        ):
            apdu = Ciphered(tag, BOTH, 1, b"")
            self.assertEqual((apdu.name, apdu.plain_tag, apdu.dedicated), (name, plain, dedicated))
        self.assertRaises(LocalError, Ciphered, 0xC4, BOTH, 1, b"")

    def test_refused(self) -> None:
        for octets, words in (
            ("C405300000000100", "tag C4 is no ciphered service"),
            ("CC00", "the security control is cut short"),
            ("CC0430000001", "the invocation counter is cut short"),
            ("CC103000000001" + "00" * 11, "glo-get-response: the authentication tag is cut short"),
            ("CC85" + "FF" * 6, "5 bytes"),
            ("", "the tag is cut short"),
        ):
            error = self.assertRaises(DecodeError, Ciphered.decode, bytes.fromhex(octets))
            self.assertIn(words, str(error))

    def test_long_contents(self) -> None:
        for size in (0, 127, 128, 255, 256, 70_000):
            apdu = Ciphered(0xCC, BOTH, 7, bytes(size + 12))
            self.assertEqual(Ciphered.decode(apdu.encode()), apdu)


class GeneralTests(ThreeWaysTestCase):
    def test_both_keys(self) -> None:
        for tag, dedicated in ((0xDB, False), (0xDC, True)):
            octets = bytes((tag, 8)) + TITLE + b"\x11\x30\x00\x00\x00\x01" + bytes(12)
            apdu = GeneralCiphered(dedicated, TITLE, BOTH, 1, bytes(12))
            self.assert_three_ways(octets, apdu)
            self.assertIn("ded" if dedicated else "glo", apdu.name)

    def test_an_empty_title(self) -> None:
        """Quirk 30."""
        octets = b"\xdb\x00\x06\x20\x00\x00\x00\x01\xff"
        self.assert_three_ways(octets, GeneralCiphered(False, b"", BOTH.of(0x20), 1, b"\xff"))

    def test_other_titles(self) -> None:
        for size in (1, 7, 9, 127):
            octets = bytes((0xDB, size)) + bytes(size) + b"\x06\x20\x00\x00\x00\x01\xff"
            error = self.assertRaises(DecodeError, GeneralCiphered.decode, octets)
            self.assertIn(f"a system title of {size} bytes", str(error))
        self.assertRaises(LocalError, GeneralCiphered, False, b"short", BOTH, 1, b"")

    def test_a_length_longer_than_needed(self) -> None:
        apdu = GeneralCiphered.decode(LONG_FORM)
        self.assertEqual((apdu.title, apdu.counter, len(apdu.content)), (TITLE, 1, 13))

    def test_another_tag(self) -> None:
        for octets in (b"\xdd", b"\xc8\x00", b""):
            self.assertRaises(DecodeError, GeneralCiphered.decode, octets)


class JudgeTests(SynchronousTestCase):
    """dlms-cosem 21.3.2: glo-initiate-request, glo-initiate-response, general-glo-ciphering.

    It has none of the other glo-, no ded-, no general-ded-, general-ciphering or
    general-signing, and only lengths below 128.
    """

    CONTENT = st.binary(min_size=12, max_size=100)

    @given(st.sampled_from((0x10, 0x30, 0x31, 0x72)), st.integers(0, 0xFFFFFFFF), CONTENT)
    def test_agree(self, octet: int, counter: int, content: bytes) -> None:
        control = SecurityControl.of(octet)
        field = SecurityControlField.from_bytes(bytes((octet,)))
        for tag, kind in (
            (0x21, judge.GlobalCipherInitiateRequest),
            (0x28, judge.GlobalCipherInitiateResponse),
        ):
            theirs, ours = kind(field, counter, content), Ciphered(tag, control, counter, content)
            self.assertEqual(ours.encode(), theirs.to_bytes())
            self.assertEqual(kind.from_bytes(ours.encode()), theirs)
        theirs = judge.GeneralGlobalCipher(TITLE, field, counter, content)
        ours = GeneralCiphered(False, TITLE, control, counter, content)
        self.assertEqual(ours.encode(), theirs.to_bytes())
        self.assertEqual(judge.GeneralGlobalCipher.from_bytes(ours.encode()), theirs)
