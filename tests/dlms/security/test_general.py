"""general-ciphering under keys of one use, and general-signing, both ends."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.security.errors import (
    CounterError,
    KeyAgreementError,
    MissingKeyError,
    SecurityError,
    SignatureError,
    SystemTitleError,
    TagError,
    TransactionError,
)
from dlmsd.dlms.security.one_time import KeyKind
from dlmsd.dlms.security.signature import sign
from dlmsd.dlms.security.suite import SUITES, SecurityPolicy
from dlmsd.dlms.security.transactions import TakenTransactions
from dlmsd.dlms.xdlms.general_ciphering import (
    AgreedKey,
    GeneralCiphering,
    IdentifiedKey,
    KekId,
    KeyId,
    WrappedKey,
)
from dlmsd.dlms.xdlms.general_signing import GeneralSigning
from dlmsd.dlms.xdlms.transaction import Transaction
from dlmsd.errors import DecodeError
from tests.dlms.security.contexts import ANSWER, CLIENT, GET, METER, Pair

ONCE = (KeyKind.WRAPPED, KeyKind.EPHEMERAL, KeyKind.STATIC)


def exchange(pair: Pair, kind: KeyKind) -> tuple[bytes, bytes]:
    """The client's request and the meter's answer to it."""
    transaction = pair.client.begin()
    request = pair.client.protect_general(GET, transaction, kind)
    assert pair.meter.open(request) == GET
    head = pair.meter.answer_to(transaction.transaction_id)
    return request, pair.meter.protect_general(ANSWER, head, kind)


class KindTests(SynchronousTestCase):
    def test_every_kind_and_suite(self) -> None:
        for suite in SUITES:
            for kind in KeyKind:
                if suite.curve is None and kind in (KeyKind.EPHEMERAL, KeyKind.STATIC):
                    continue
                for policy in SecurityPolicy:
                    pair = Pair(suite, policy)
                    _, answer = exchange(pair, kind)
                    self.assertEqual(pair.client.open(answer), ANSWER)

    def test_an_answer_is_believed_once(self) -> None:
        for kind in KeyKind:
            pair = Pair(SUITES[1])
            request, answer = exchange(pair, kind)
            pair.client.open(answer)
            error = CounterError if kind is KeyKind.IDENTIFIED else TransactionError
            self.assertRaises(error, pair.client.open, answer)
            self.assertRaises(error, pair.meter.open, request)
            _, answer = exchange(pair, kind)
            self.assertEqual(pair.client.open(answer), ANSWER)

    def test_an_old_answer_does_not_fit_a_new_request(self) -> None:
        for kind in ONCE:
            pair = Pair(SUITES[1])
            _, held_back = exchange(pair, kind)
            _, answer = exchange(pair, kind)
            self.assertRaises(TransactionError, pair.client.open, held_back)
            self.assertEqual(pair.client.open(answer), ANSWER)

    def test_nothing_unasked(self) -> None:
        for kind in ONCE:
            pair = Pair(SUITES[1])
            head = Transaction(b"12345678", METER, CLIENT)
            sent = pair.meter.protect_general(ANSWER, head, kind)
            self.assertRaises(TransactionError, pair.client.open, sent)

    def test_every_byte_counts(self) -> None:
        for kind in KeyKind:
            pair = Pair(SUITES[1])
            _, answer = exchange(pair, kind)
            for place in range(len(answer)):
                spoiled = bytearray(answer)
                spoiled[place] ^= 0x01
                self.assertRaises((SecurityError, DecodeError), pair.client.open, bytes(spoiled))
            for end in range(len(answer)):
                self.assertRaises(DecodeError, pair.client.open, answer[:end])
            self.assertRaises(DecodeError, pair.client.open, answer + b"\x00")
            self.assertEqual(pair.client.open(answer), ANSWER, kind)


class KeyInfoTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.pair = Pair(SUITES[1])
        self.genuine = GeneralCiphering.decode(exchange(self.pair, KeyKind.EPHEMERAL)[1])

    def with_key(self, key: object, head: Transaction | None = None) -> bytes:
        one = self.genuine
        apdu = GeneralCiphering(head or one.transaction, key, one.control, one.counter, one.content)
        return apdu.encode()

    def refused(self, error: type[Exception], octets: bytes) -> None:
        self.assertIs(type(self.assertRaises(error, self.pair.client.open, octets)), error)

    def test_bad_ones(self) -> None:
        key = self.genuine.key
        assert isinstance(key, AgreedKey)
        size = 64
        for info, error in (
            (WrappedKey(KekId.MASTER, bytes(24)), TagError),
            (WrappedKey(KekId.MASTER, b""), TagError),
            (WrappedKey(KekId(7), bytes(24)), MissingKeyError),
            (AgreedKey(b"\x03"), MissingKeyError),
            (AgreedKey(b""), MissingKeyError),
            (AgreedKey(AgreedKey.ONE_PASS, b""), SignatureError),
            (AgreedKey(AgreedKey.ONE_PASS, key.ciphered[:size] + bytes(size)), SignatureError),
            (AgreedKey(AgreedKey.ONE_PASS, bytes(size) + key.ciphered[size:]), SignatureError),
            (AgreedKey(AgreedKey.STATIC), TagError),
            (IdentifiedKey(KeyId.GLOBAL_UNICAST), TagError),
            (IdentifiedKey(KeyId.GLOBAL_BROADCAST), TagError),
            (None, TagError),
        ):
            self.refused(error, self.with_key(info))
        self.assertEqual(self.pair.client.open(self.with_key(key)), ANSWER)

    def test_titles(self) -> None:
        number = self.genuine.transaction.transaction_id
        for originator, recipient in ((b"", CLIENT), (METER, b""), (CLIENT, METER), (METER, METER)):
            head = Transaction(number, originator, recipient)
            self.refused(SystemTitleError, self.with_key(self.genuine.key, head))

    def test_a_signed_point_off_the_curve(self) -> None:
        forger = Pair(SUITES[1])
        point = bytes(63) + b"\x01"
        signing = forger.meter_keys.private(SUITES[1], "signing")
        key = AgreedKey(AgreedKey.ONE_PASS, point + sign(SUITES[1], signing, point))
        self.refused(KeyAgreementError, self.with_key(key))
        self.assertEqual(self.pair.client.open(self.with_key(self.genuine.key)), ANSWER)


class SigningTests(SynchronousTestCase):
    def test_signed_inside_and_outside(self) -> None:
        for suite in SUITES[1:]:
            pair = Pair(suite)
            head = pair.client.begin()
            outside = pair.client.sign(pair.client.protect(GET), head)
            self.assertEqual(pair.meter.open(outside), GET)
            inside = pair.client.protect(pair.client.sign(GET, head))
            self.assertEqual(inside[0], 0xDB)
            self.assertEqual(pair.meter.open(inside), GET)

    def test_a_signature_is_no_ciphering(self) -> None:
        pair = Pair(SUITES[1])
        signed = pair.meter.sign(ANSWER, pair.meter.answer_to(b"1"))
        self.assertRaises(SecurityError, pair.client.open, signed)
        free = Pair(SUITES[1], SecurityPolicy.NONE)
        self.assertEqual(free.client.open(signed), ANSWER)

    def test_spoiled(self) -> None:
        pair = Pair(SUITES[1], SecurityPolicy.NONE)
        signed = pair.meter.sign(ANSWER, pair.meter.answer_to(b"1"))
        for place in range(len(signed)):
            spoiled = bytearray(signed)
            spoiled[place] ^= 0x04
            # Only the tag may turn it into another APDU, in plain text.
            if place:
                self.assertRaises((SecurityError, DecodeError), pair.client.open, bytes(spoiled))
        self.assertRaises(SignatureError, pair.meter.open, self.bare(pair))

    def bare(self, pair: Pair) -> bytes:
        return GeneralSigning(pair.client.answer_to(b"1"), GET).encode()

    def test_a_bad_signature_inside_moves_no_counter(self) -> None:
        pair = Pair(SUITES[1])
        bad = GeneralSigning(pair.meter.answer_to(b"1"), ANSWER, bytes(64)).encode()
        sent = pair.meter.protect(bad)
        self.assertRaises(SignatureError, pair.client.open, sent)
        self.assertEqual(pair.kept, {})

    def test_signed_twice(self) -> None:
        pair = Pair(SUITES[1], SecurityPolicy.NONE)
        head = pair.meter.answer_to(b"1")
        twice = pair.meter.sign(pair.meter.sign(ANSWER, head), head)
        self.assertRaises(DecodeError, pair.client.open, twice)

    def test_without_the_peers_key(self) -> None:
        signed = Pair(SUITES[1]).meter.sign(ANSWER, Transaction(b"1", METER, CLIENT))
        self.assertRaises(MissingKeyError, Pair(SUITES[0]).client.open, signed)


class TransactionLimitTests(SynchronousTestCase):
    def test_a_meter_remembers_so_many_and_no_more(self) -> None:
        taken = TakenTransactions()
        for number in range(4096):
            octets = number.to_bytes(2, "big")
            taken.check(octets)
            taken.end(octets)
        self.assertRaises(TransactionError, taken.check, b"fresh")
        self.assertRaises(TransactionError, TakenTransactions().check, b"")
