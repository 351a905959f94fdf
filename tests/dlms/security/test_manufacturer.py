"""Mechanism 2: functions of manufacturers' own."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.security.challenge import Challenges
from dlmsd.dlms.security.errors import AuthenticationError
from dlmsd.dlms.security.manufacturer import AES_ECB, aes_ecb
from dlmsd.errors import LocalError
from dlmsd.secret import Secret

# FIPS 197, appendix C.1.
KEY = Secret(bytes(range(16)))
PLAIN = bytes.fromhex("00112233445566778899aabbccddeeff")
CIPHERED = bytes.fromhex("69c4e0d86a7b0430d8cdb78070b4c55a")


class AesTests(SynchronousTestCase):
    def test_published(self) -> None:
        self.assertEqual(aes_ecb(KEY, PLAIN), CIPHERED)
        self.assertEqual(aes_ecb(KEY, PLAIN * 2), CIPHERED * 2)

    def test_what_is_no_key_or_no_block(self) -> None:
        for secret, challenge in ((Secret("short"), PLAIN), (KEY, PLAIN[:-1])):
            with self.assertRaises(LocalError) as caught:
                aes_ecb(secret, challenge)
            self.assertNotIn("short", str(caught.exception))

    def test_both_ends(self) -> None:
        mechanism = AES_ECB.transform(KEY)
        challenges = Challenges(PLAIN[::-1], PLAIN, b"", b"")
        self.assertEqual(mechanism.answer(challenges), CIPHERED)
        mechanism.check(challenges, aes_ecb(KEY, PLAIN[::-1]))
        self.assertRaises(AuthenticationError, mechanism.check, challenges, CIPHERED)

    def test_it_tells_no_secret(self) -> None:
        self.assertNotIn("partial", repr(AES_ECB.transform(KEY)))
