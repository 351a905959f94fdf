"""High level security, both ends, against published values and forgeries."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from dlms_cosem import security as judge
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.security.challenge import Challenges
from dlmsd.dlms.security.counter import CounterBlock, ReceivedCounters, TransmitCounter
from dlmsd.dlms.security.errors import (
    AuthenticationError,
    ChallengeError,
    CounterError,
    PolicyError,
    SecurityError,
    SuiteError,
)
from dlmsd.dlms.security.mechanism import (
    Digest,
    Ecdsa,
    Gmac,
    Handshake,
    Transform,
    md5,
    sha1,
    sha256,
)
from dlmsd.dlms.security.signature import load_private, load_public
from dlmsd.dlms.security.suite import SUITES
from dlmsd.errors import LocalError
from dlmsd.secret import Secret
from tests.dlms.security.contexts import CLIENT, METER, both_keys
from tests.vectors import security as vectors

SECRET = Secret(b"the secret of both")
CTOS, STOC = b"client to server", b"server to client"
AT_CLIENT = Challenges(CTOS, STOC, CLIENT, METER)
AT_METER = Challenges(STOC, CTOS, METER, CLIENT)


def aes_ecb(challenge: bytes) -> bytes:
    """A manufacturer's own, as in India: the challenge encrypted (IS 15959)."""
    encryptor = Cipher(algorithms.AES(b"0123456789abcdef"), modes.ECB()).encryptor()
    return encryptor.update(challenge)


def gmac(first: int = 1, suite: int = 0, key: bytes = b"E" * 16, **options: Any) -> Gmac:
    key = key.ljust(SUITES[suite].key_size, b"E")
    return Gmac(
        SUITES[suite],
        Secret(key),
        Secret(b"A" * SUITES[suite].key_size),
        TransmitCounter(CounterBlock(first, first + 100)),
        options.get("received") or ReceivedCounters(),
    )


def ecdsa(suite: int) -> tuple[Ecdsa, Ecdsa]:
    """The client's and the meter's."""
    both = both_keys(SUITES[suite])
    client, meter = (
        Ecdsa(
            SUITES[suite],
            keys.private(SUITES[suite], "signing"),
            keys.public(SUITES[suite], "peer_signing"),
        )
        for keys in both
    )
    return client, meter


def ends() -> list[tuple[Handshake, Handshake]]:
    """Each mechanism, at the client and at the meter."""
    return [
        (Transform(aes_ecb), Transform(aes_ecb)),
        (md5(SECRET), md5(SECRET)),
        (sha1(SECRET), sha1(SECRET)),
        (sha256(SECRET), sha256(SECRET)),
        *((gmac(1, suite), gmac(7, suite)) for suite in range(3)),
        ecdsa(1),
        ecdsa(2),
    ]


class MutualTests(SynchronousTestCase):
    def test_each_end_proves_itself_to_the_other(self) -> None:
        for client, meter in ends():
            meter.check(AT_METER, client.answer(AT_CLIENT))
            client.check(AT_CLIENT, meter.answer(AT_METER))

    def test_what_proves_nothing(self) -> None:
        for client, meter in ends():
            own = client.answer(AT_CLIENT)
            genuine = meter.answer(AT_METER)
            forged = [b"", own, CTOS, STOC, bytes(len(genuine)), genuine + b"\x00"]
            forged += [genuine[:end] for end in range(len(genuine))]
            for place in range(len(genuine)):
                forged.append(
                    genuine[:place] + bytes((genuine[place] ^ 0x40,)) + genuine[place + 1 :]
                )
            for answer in forged:
                self.assertRaises(SecurityError, client.check, AT_CLIENT, answer)
            other = Challenges(CTOS[::-1], STOC, CLIENT, METER)
            self.assertRaises(AuthenticationError, client.check, other, genuine)
            client.check(AT_CLIENT, genuine)

    def test_an_old_answer_does_not_fit_a_new_challenge(self) -> None:
        for client, meter in ends():
            old = meter.answer(AT_METER)
            fresh = Challenges(b"a fresh challenge", STOC, CLIENT, METER)
            self.assertRaises(SecurityError, client.check, fresh, old)

    def test_our_own_challenge_is_never_answered(self) -> None:
        self.assertRaises(ChallengeError, Challenges, CTOS, CTOS, CLIENT, METER)

    def test_titles_are_covered_where_the_mechanism_says_so(self) -> None:
        swapped = Challenges(CTOS, STOC, METER, CLIENT)
        for client, meter in (ends()[3], *ends()[4:]):
            answer = meter.answer(AT_METER)
            self.assertRaises(SecurityError, client.check, swapped, answer)
            untitled = Challenges(CTOS, STOC)
            self.assertRaises(LocalError, client.answer, untitled)

    def test_no_secret_is_shown(self) -> None:
        secrets = (b"the secret of both", b"E" * 16, b"A" * 16)
        for pair in ends():
            for handshake in pair:
                for secret in secrets:
                    self.assertNotIn(secret.decode(), repr(handshake) + str(handshake))


class DigestTests(SynchronousTestCase):
    def test_published_digests(self) -> None:
        """The parts put together are messages of RFC 1321 and FIPS 180-2."""
        letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
        challenges = Challenges(CTOS, letters[:20])
        found = md5(Secret(letters[20:])).answer(challenges)
        self.assertEqual(found.hex(), "d174ab98d277d9f5a5611c2c9f419d9f")
        message = b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"
        found = sha1(Secret(message[16:])).answer(Challenges(CTOS, message[:16]))
        self.assertEqual(found.hex(), "84983e441c3bd26ebaae4aa1f95129e5e54670f1")
        secret, own, peer, stoc, ctos = (
            message[:24],
            message[24:32],
            message[32:40],
            message[40:48],
            message[48:],
        )
        found = sha256(Secret(secret)).answer(Challenges(ctos, stoc, own, peer))
        self.assertEqual(
            found.hex(), "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        )

    def test_a_digest_of_the_suite(self) -> None:
        digest = Digest(hashes.SHA384(), SECRET, titled=True)
        self.assertEqual(len(digest.answer(AT_CLIENT)), 48)


class GmacTests(SynchronousTestCase):
    def green_book(self, first: int, received: ReceivedCounters | None = None) -> Gmac:
        return Gmac(
            SUITES[0],
            vectors.ENCRYPTION,
            vectors.AUTHENTICATION,
            TransmitCounter(CounterBlock(first, first + 10)),
            received or ReceivedCounters(),
        )

    def test_green_book_both_ends(self) -> None:
        at_client = Challenges(vectors.CTOS, vectors.STOC, vectors.CLIENT_TITLE, vectors.TITLE)
        at_meter = Challenges(vectors.STOC, vectors.CTOS, vectors.TITLE, vectors.CLIENT_TITLE)
        client, meter = self.green_book(1), self.green_book(vectors.COUNTER)
        self.assertEqual(client.answer(at_client).hex(), vectors.GMAC_CLIENT.hex())
        self.assertEqual(meter.answer(at_meter).hex(), vectors.GMAC_SERVER.hex())
        client.check(at_client, vectors.GMAC_SERVER)
        meter.check(at_meter, vectors.GMAC_CLIENT)
        for end in range(17):
            self.assertRaises(
                AuthenticationError, self.green_book(1).check, at_client, vectors.GMAC_SERVER[:end]
            )
        self.assertRaises(
            AuthenticationError, client.check, at_client, vectors.GMAC_SERVER + b"\x00"
        )

    def test_the_judge_makes_the_same(self) -> None:
        for suite in range(3):
            size = SUITES[suite].key_size
            field = judge.SecurityControlField(suite, authenticated=True)
            tag = judge.gmac(field, CLIENT, 9, b"E" * size, b"A" * size, STOC)
            self.assertEqual(gmac(9, suite).answer(AT_CLIENT)[5:], tag)

    def test_the_counter_moves_with_each_answer_and_only_upwards(self) -> None:
        received = ReceivedCounters()
        client, meter = gmac(received=received), gmac(50)
        first, second = meter.answer(AT_METER), meter.answer(AT_METER)
        client.check(AT_CLIENT, second)
        self.assertRaises(CounterError, client.check, AT_CLIENT, second)
        self.assertRaises(CounterError, client.check, AT_CLIENT, first)
        # The counter comes before the tag.
        self.assertRaises(CounterError, client.check, AT_CLIENT, first[:5] + bytes(12))
        client.check(AT_CLIENT, meter.answer(AT_METER))

    def test_a_forged_counter_is_not_believed(self) -> None:
        client, meter = gmac(), gmac(50)
        genuine = meter.answer(AT_METER)
        forged = genuine[:1] + b"\xff\xff\xff\xfe" + genuine[5:]
        self.assertRaises(AuthenticationError, client.check, AT_CLIENT, forged)
        client.check(AT_CLIENT, genuine)

    def test_another_protection_is_refused(self) -> None:
        client, genuine = gmac(), gmac(50).answer(AT_METER)
        for control in (0x00, 0x20, 0x30, 0x50, 0x90):
            answer = bytes((control,)) + genuine[1:]
            self.assertRaises(PolicyError, client.check, AT_CLIENT, answer)
        self.assertRaises(SuiteError, client.check, AT_CLIENT, b"\x11" + genuine[1:])


class EcdsaTests(SynchronousTestCase):
    def test_green_book_keys(self) -> None:
        """Self-made: the signatures are ours, the keys those of annex C."""
        client = Ecdsa(
            SUITES[1],
            load_private(SUITES[1], vectors.SIGNING_CLIENT),
            load_public(SUITES[1], vectors.SIGNING_SERVER_PUBLIC),
        )
        meter = Ecdsa(
            SUITES[1],
            load_private(SUITES[1], vectors.SIGNING_SERVER),
            load_public(SUITES[1], vectors.SIGNING_CLIENT_PUBLIC),
        )
        answer = client.answer(AT_CLIENT)
        self.assertEqual(answer, client.answer(AT_CLIENT))
        meter.check(AT_METER, answer)
        self.assertRaises(AuthenticationError, client.check, AT_CLIENT, answer)
