"""AES-GCM against the Green Book, NIST's own vectors and dlms-cosem 21.3.2."""

from __future__ import annotations

from dlms_cosem import security as judge
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.security.errors import TagError
from dlmsd.dlms.security.gcm import TAG_SIZE, Gcm
from dlmsd.dlms.security.suite import SUITES, SecurityControl
from dlmsd.errors import LocalError
from dlmsd.secret import Secret
from tests.vectors import apdu
from tests.vectors import security as vectors

BOTH, AUTHENTICATED, ENCRYPTED = (SecurityControl.of(octet) for octet in (0x30, 0x10, 0x20))
GREEN_BOOK = Gcm(SUITES[0], vectors.ENCRYPTION, vectors.AUTHENTICATION)

# The GCM specification of McGrew and Viega, which NIST SP 800-38D follows: test case 2
# (AES-128, plaintext of zeros) and 14 (AES-256). Without header, so SC and AK cannot be
# part of them; the ciphertext is compared.
GCM_CASES = (
    (SUITES[0], bytes(16), bytes(12), bytes(16), "0388dace60b6a392f328c2b971b2fe78"),
    (SUITES[2], bytes(32), bytes(12), bytes(16), "cea7403d4d606b6e074ec5d3baf39d18"),
)
# NIST, AES_GCM.pdf of its examples: keys and vectors of examples 2 (AES-128) and 14
# (AES-256).
NIST_VECTOR = bytes.fromhex("CAFEBABEFACEDBADDECAF888")
NIST_PLAIN = bytes.fromhex(
    "D9313225F88406E5A55909C5AFF5269A86A7A9531534F7DA2E4C303D8A318A72"
    "1C3C0C95956809532FCF0E2449A6B525B16AEDF5AA0DE657BA637B391AAFD255"
)
NIST_CASES = (
    (
        SUITES[0],
        "FEFFE9928665731C6D6A8F9467308308",
        "42831EC2217774244B7221B784D0D49CE3AA212F2C02A4E035C17E2329ACA12E"
        "21D514B25466931C7D8F6A5AAC84AA051BA30B396A0AAC973D58E091473F5985",
    ),
    (
        SUITES[2],
        "FEFFE9928665731C6D6A8F9467308308FEFFE9928665731C6D6A8F9467308308",
        "522DC1F099567D07F47F37A32A84427D643A8CDCBFE5C0C97598A2BD2555D1AA"
        "8CB08E48590DBB3DA7B08B1056828838C5F61E6393BA7A0ABCC9F662898015AD",
    ),
)


class PublishedTests(SynchronousTestCase):
    def check(self, octets: bytes, control: SecurityControl) -> None:
        content = octets[7:]
        plain = apdu.GET_CLOCK
        made = GREEN_BOOK.protect(control, vectors.TITLE, vectors.COUNTER, plain)
        self.assertEqual(made.hex(), content.hex())
        found = GREEN_BOOK.open(control, vectors.TITLE, vectors.COUNTER, content)
        self.assertEqual(found, plain)

    def test_green_book(self) -> None:
        self.check(vectors.GET_BOTH, BOTH)
        self.check(vectors.GET_ENCRYPTED, ENCRYPTED)
        self.check(vectors.GET_AUTHENTICATED, AUTHENTICATED)

    def test_nist(self) -> None:
        for suite, key, vector, plain, cipher in GCM_CASES:
            control = SecurityControl(suite.number, encrypted=True)
            counter = int.from_bytes(vector[8:], "big")
            made = Gcm(suite, Secret(key)).protect(control, vector[:8], counter, plain)
            self.assertEqual(made.hex(), cipher)
        for suite, key, cipher in NIST_CASES:
            control = SecurityControl(suite.number, encrypted=True)
            counter = int.from_bytes(NIST_VECTOR[8:], "big")
            gcm = Gcm(suite, Secret(bytes.fromhex(key)))
            made = gcm.protect(control, NIST_VECTOR[:8], counter, NIST_PLAIN)
            self.assertEqual(made.hex().upper(), cipher)

    def test_cut_short_or_longer_or_changed(self) -> None:
        for octets, control in (
            (vectors.GET_BOTH, BOTH),
            (vectors.GET_AUTHENTICATED, AUTHENTICATED),
        ):
            content = octets[7:]
            spoiled = [content[:end] for end in range(len(content))]
            spoiled += [content + b"\x00", b"\x00" + content]
            for place in range(len(content)):
                one = bytearray(content)
                one[place] ^= 1
                spoiled.append(bytes(one))
            for one in spoiled:
                args = (control, vectors.TITLE, vectors.COUNTER, one)
                self.assertRaises(TagError, GREEN_BOOK.open, *args)

    def test_everything_that_the_tag_covers(self) -> None:
        content = vectors.GET_BOTH[7:]
        other = Gcm(SUITES[0], vectors.ENCRYPTION, Secret(bytes(16)))
        without = Gcm(SUITES[0], vectors.ENCRYPTION)
        for gcm, control, title, counter, header in (
            (other, BOTH, vectors.TITLE, vectors.COUNTER, b""),
            (without, BOTH, vectors.TITLE, vectors.COUNTER, b""),
            (GREEN_BOOK, AUTHENTICATED, vectors.TITLE, vectors.COUNTER, b""),
            (GREEN_BOOK, SecurityControl.of(0x31), vectors.TITLE, vectors.COUNTER, b""),
            (GREEN_BOOK, BOTH, vectors.CLIENT_TITLE, vectors.COUNTER, b""),
            (GREEN_BOOK, BOTH, vectors.TITLE, vectors.COUNTER + 1, b""),
            (GREEN_BOOK, BOTH, vectors.TITLE, vectors.COUNTER, b"\x00"),
        ):
            error = self.assertRaises(TagError, gcm.open, control, title, counter, content, header)
            self.assertNotIn("0001020304", str(error).replace(" ", ""))

    def test_no_protection_is_not_one(self) -> None:
        none = SecurityControl(0)
        self.assertRaises(LocalError, GREEN_BOOK.protect, none, vectors.TITLE, 1, b"")
        self.assertRaises(LocalError, GREEN_BOOK.open, none, vectors.TITLE, 1, b"")


class JudgeTests(SynchronousTestCase):
    """dlms-cosem protects and opens with both, and makes GMACs; one of both alone it cannot."""

    @given(
        st.sampled_from(SUITES),
        st.binary(min_size=32, max_size=32),
        st.binary(min_size=32, max_size=32),
        st.binary(min_size=8, max_size=8),
        st.integers(0, 0xFFFFFFFF),
        st.binary(max_size=200),
    )
    def test_agree(self, suite, key, authentication, title, counter, plain) -> None:
        key, authentication = key[: suite.key_size], authentication[: suite.key_size]
        gcm = Gcm(suite, Secret(key), Secret(authentication))
        both = SecurityControl(suite.number, authenticated=True, encrypted=True)
        theirs = judge.SecurityControlField(suite.number, authenticated=True, encrypted=True)
        sent = judge.encrypt(theirs, title, counter, key, plain, authentication)
        self.assertEqual(gcm.protect(both, title, counter, plain), sent)
        self.assertEqual(gcm.open(both, title, counter, sent), plain)
        tagged = SecurityControl(suite.number, authenticated=True)
        field = judge.SecurityControlField(suite.number, authenticated=True)
        tag = judge.gmac(field, title, counter, key, authentication, plain)
        self.assertEqual(gcm.protect(tagged, title, counter, plain), plain + tag)
        self.assertEqual(len(tag), TAG_SIZE)

    @given(
        st.sampled_from((BOTH, AUTHENTICATED, ENCRYPTED)),
        st.binary(max_size=64),
        st.binary(max_size=20),
        st.integers(0, 0xFFFFFFFF),
    )
    def test_round_trip(self, control, plain, header, counter) -> None:
        content = GREEN_BOOK.protect(control, vectors.TITLE, counter, plain, header)
        found = GREEN_BOOK.open(control, vectors.TITLE, counter, content, header)
        self.assertEqual(found, plain)
