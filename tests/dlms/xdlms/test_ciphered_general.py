"""general-ciphering and general-signing: their form; and any bytes at all."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.security.context import SecurityContext
from dlmsd.dlms.security.errors import SecurityError
from dlmsd.dlms.security.suite import SUITES, SecurityControl, SecurityPolicy
from dlmsd.dlms.xdlms.ciphered import Ciphered, GeneralCiphered
from dlmsd.dlms.xdlms.general_ciphering import (
    AgreedKey,
    GeneralCiphering,
    IdentifiedKey,
    KekId,
    KeyId,
    KeyInfo,
    WrappedKey,
)
from dlmsd.dlms.xdlms.general_signing import GeneralSigning
from dlmsd.dlms.xdlms.protected import PROTECTED_TAGS, decode_protected
from dlmsd.dlms.xdlms.transaction import Transaction
from dlmsd.errors import DecodeError, LocalError
from tests.dlms.security.contexts import Pair
from tests.dlms.xdlms.test_ciphered import ThreeWaysTestCase
from tests.vectors import security as vectors

CONTROL = SecurityControl.of(0x31)
TITLES = st.sampled_from((b"", b"12345678", bytes(8)))
TRANSACTIONS = st.builds(
    Transaction,
    st.binary(max_size=64),
    TITLES,
    TITLES,
    st.sampled_from((b"", bytes(12))),
    st.binary(max_size=200),
)
KEYS: st.SearchStrategy[KeyInfo | None] = st.one_of(
    st.none(),
    st.builds(IdentifiedKey, st.sampled_from(KeyId)),
    st.builds(WrappedKey, st.sampled_from(KekId), st.binary(max_size=40)),
    st.builds(AgreedKey, st.binary(max_size=2), st.binary(max_size=192)),
)


class PublishedTests(ThreeWaysTestCase):
    def test_gbcs_command(self) -> None:
        octets = vectors.GBCS_COMMAND
        outer = GeneralCiphering(Transaction(), None, SecurityControl.of(0x11), 0, octets[-164:])
        self.assert_three_ways(octets, outer)
        head = Transaction(
            bytes.fromhex("010000000000000001"),
            vectors.GBCS_SUPPLIER,
            vectors.GBCS_DEVICE,
            b"",
            b"\x00\xb3",
        )
        signing = octets[-164:-12]
        inner = GeneralSigning(head, signing[-65 - 53 : -65], signing[-64:])
        self.assertEqual(inner.content[:2].hex(), "d920")
        self.assert_three_ways(signing, inner)


class FormTests(ThreeWaysTestCase):
    def test_key_infos(self) -> None:
        """Self-made, after the ASN.1 of Key-Info."""
        head = Transaction(b"\x07")
        start, end = "DD010700000000", "0631000000090A" + "00" * 11
        for key, octets in (
            (None, "00"),
            (IdentifiedKey(KeyId.GLOBAL_UNICAST), "010000"),
            (IdentifiedKey(KeyId.GLOBAL_BROADCAST), "010001"),
            (WrappedKey(KekId.MASTER, b"\x01\x02"), "010100020102"),
            (AgreedKey(b"\x02"), "0102010200"),
        ):
            whole = bytes.fromhex(start + octets + "11" + end[2:])
            apdu = GeneralCiphering(head, key, CONTROL, 9, b"\x0a" + bytes(11))
            self.assert_three_ways(whole, apdu)

    def test_refused(self) -> None:
        for octets, words in (
            ("DD00000000000103", "key-info of unknown choice 3 at byte 7"),
            ("DD000000000002", "presence 02 at byte 6"),
            ("DD0003010203", "originator-system-title of 3 bytes at byte 2"),
            ("DD000003010203", "recipient-system-title of 3 bytes"),
            ("DD0000000101", "date-time of 1 bytes"),
            ("DD41" + "00" * 65, "transaction-id of 65 bytes"),
            ("DC", "the tag is dc"),
        ):
            error = self.assertRaises(DecodeError, GeneralCiphering.decode, bytes.fromhex(octets))
            self.assertIn(words, str(error))
        self.assertRaises(DecodeError, GeneralSigning.decode, b"\xdd\x00")

    def test_our_own_mistakes(self) -> None:
        for wrong in (
            {"transaction_id": bytes(65)},
            {"originator": b"short"},
            {"recipient": b"short"},
            {"date_time": b"short"},
        ):
            self.assertRaises(LocalError, Transaction, **wrong)

    @given(TRANSACTIONS, KEYS, st.integers(0, 255), st.integers(0, 0xFFFFFFFF), st.binary())
    def test_round_trip(self, head, key, octet, counter, content) -> None:
        control = SecurityControl.of(octet)
        apdu = GeneralCiphering(head, key, control, counter, content + bytes(12))
        self.assertEqual(decode_protected(apdu.encode()), apdu)
        signing = GeneralSigning(head, content, content[:9])
        self.assertEqual(decode_protected(signing.encode()), signing)
        self.assertTrue(signing.encode()[1:].startswith(signing.signed))

    def test_contents_are_not_shown(self) -> None:
        for apdu in (
            GeneralCiphering(Transaction(), None, CONTROL, 1, b"PLAINTEXT" + bytes(12)),
            GeneralSigning(Transaction(), b"PLAINTEXT"),
            Ciphered(0xCC, CONTROL, 1, b"PLAINTEXT"),
            GeneralCiphered(False, b"", CONTROL, 1, b"PLAINTEXT"),
        ):
            self.assertNotIn("PLAINTEXT", repr(apdu))


class AnyBytesTests(SynchronousTestCase):
    """Whatever comes, a decoder says DecodeError and a context SecurityError besides."""

    def setUp(self) -> None:
        self.contexts: list[SecurityContext] = []
        for policy in (SecurityPolicy.NONE, SecurityPolicy.ENCRYPTED):
            self.contexts.append(Pair(SUITES[1], policy, dedicated=True).client)
        self.contexts.append(Pair(SUITES[2]).client)

    def check(self, octets: bytes) -> None:
        kinds = (Ciphered, GeneralCiphered, GeneralCiphering, GeneralSigning)
        for decode in (decode_protected, *(kind.decode for kind in kinds)):
            try:
                apdu = decode(octets)
            except DecodeError as error:
                self.assertNotIn("\n", str(error))
                continue
            self.assertEqual(decode_protected(apdu.encode()), apdu)
        for context in self.contexts:
            try:
                context.open(octets)
            except (DecodeError, SecurityError) as error:
                self.assertNotIn("\n", str(error))
                self.assertTrue(error.advice.endswith("."))

    @settings(max_examples=200, deadline=None)
    @given(st.binary(max_size=80))
    def test_random_bytes(self, octets: bytes) -> None:
        self.check(octets)

    @settings(max_examples=400, deadline=None)
    @given(st.sampled_from(sorted(PROTECTED_TAGS)), st.binary(max_size=60))
    def test_random_bytes_behind_a_known_tag(self, tag: int, tail: bytes) -> None:
        self.check(bytes((tag,)) + tail)
        self.check(bytes((tag, len(tail))) + tail)

    @settings(max_examples=300, deadline=None)
    @given(TRANSACTIONS, KEYS, st.integers(0, 255), st.binary(max_size=40))
    def test_random_general_ciphering(self, head, key, octet, content) -> None:
        control = SecurityControl.of(octet)
        self.check(GeneralCiphering(head, key, control, 9, content + bytes(12)).encode())
        self.check(GeneralSigning(head, content, content).encode())

    @settings(max_examples=300, deadline=None)
    @given(
        st.sampled_from((vectors.GBCS_COMMAND, vectors.GET_BOTH)),
        st.lists(st.tuples(st.integers(0), st.integers(0, 255)), max_size=5),
    )
    def test_spoiled_vectors(self, octets: bytes, changes: list[tuple[int, int]]) -> None:
        spoiled = bytearray(octets)
        for place, value in changes:
            spoiled[place % len(spoiled)] = value
        self.check(bytes(spoiled))
