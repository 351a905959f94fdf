"""Suites, security control byte and policy."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.security.errors import KeyLengthError
from dlmsd.dlms.security.suite import SUITES, SecurityControl, SecurityPolicy, check_title
from dlmsd.errors import LocalError
from dlmsd.secret import Secret


class SuiteTests(SynchronousTestCase):
    def test_sizes(self) -> None:
        self.assertEqual([suite.key_size for suite in SUITES], [16, 16, 32])
        self.assertEqual([suite.field_size for suite in SUITES[1:]], [32, 48])
        self.assertEqual([suite.number for suite in SUITES], [0, 1, 2])
        self.assertRaises(LocalError, lambda: SUITES[0].field_size)

    def test_a_key_of_the_wrong_size_is_refused_unseen(self) -> None:
        for suite, size in ((0, 15), (1, 32), (2, 16), (0, 0)):
            key = Secret(b"K" * size)
            error = self.assertRaises(KeyLengthError, SUITES[suite].check_key, key, "the key")
            self.assertIn(f"the key has {size} bytes", str(error))
            self.assertNotIn("KK", str(error))

    def test_titles(self) -> None:
        self.assertEqual(check_title(b"12345678", "t"), b"12345678")
        for size in (0, 7, 9):
            self.assertRaises(LocalError, check_title, bytes(size), "t")


class ControlTests(SynchronousTestCase):
    def test_every_byte_means_something_and_comes_back(self) -> None:
        for octet in range(256):
            self.assertEqual(int(SecurityControl.of(octet)), octet)

    def test_bits(self) -> None:
        self.assertEqual(int(SecurityControl(0, authenticated=True, encrypted=True)), 0x30)
        self.assertEqual(int(SecurityControl(2, authenticated=True)), 0x12)
        self.assertEqual(int(SecurityControl(1, encrypted=True, broadcast=True)), 0x61)
        self.assertTrue(SecurityControl.of(0x80).compressed)
        self.assertRaises(LocalError, SecurityControl, 16)


class PolicyTests(SynchronousTestCase):
    def test_the_floor(self) -> None:
        floors = {
            SecurityPolicy.NONE: (0x00, 0x10, 0x20, 0x30),
            SecurityPolicy.AUTHENTICATED: (0x10, 0x30),
            SecurityPolicy.ENCRYPTED: (0x20, 0x30),
            SecurityPolicy.AUTHENTICATED_ENCRYPTED: (0x30,),
        }
        for policy, allowed in floors.items():
            for octet in (0x00, 0x10, 0x20, 0x30):
                allows = policy.allows(SecurityControl.of(octet))
                self.assertEqual(allows, octet in allowed, (policy, octet))

    def test_what_is_sent_is_the_floor(self) -> None:
        sent = [int(policy.control(SUITES[1])) for policy in SecurityPolicy]
        self.assertEqual(sent, [0x01, 0x11, 0x21, 0x31])

    def test_the_words_of_the_configuration(self) -> None:
        words = ["none", "authenticated", "encrypted", "authenticated-encrypted"]
        self.assertEqual([policy.value for policy in SecurityPolicy], words)
