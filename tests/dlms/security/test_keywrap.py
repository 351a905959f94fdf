"""AES key wrap against RFC 3394 and dlms-cosem 21.3.2."""

from __future__ import annotations

from dlms_cosem import security as judge
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.security.errors import KeyLengthError, TagError
from dlmsd.dlms.security.keywrap import unwrap_key, wrap_key
from dlmsd.dlms.security.suite import SUITES
from dlmsd.secret import Secret

# RFC 3394, 4.1 and 4.6.
RFC_3394 = (
    (
        SUITES[1],
        "000102030405060708090A0B0C0D0E0F",
        "00112233445566778899AABBCCDDEEFF",
        "1FA68B0A8112B447AEF34BD8FB5A7B829D3E862371D2CFE5",
    ),
    (
        SUITES[2],
        "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F",
        "00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F",
        "28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21",
    ),
)


class KeyWrapTests(SynchronousTestCase):
    def test_rfc_3394(self) -> None:
        for suite, kek, key, wrapped in RFC_3394:
            master, octets = Secret(bytes.fromhex(kek)), bytes.fromhex(wrapped)
            secret = Secret(bytes.fromhex(key))
            self.assertEqual(wrap_key(suite, master, secret), octets)
            self.assertEqual(unwrap_key(suite, master, octets), secret)
            spoiled = [octets[:end] for end in range(len(octets))] + [octets + b"\x00"]
            spoiled += [
                bytes(octets[:i] + bytes((octets[i] ^ 1,)) + octets[i + 1 :]) for i in (0, 9)
            ]
            for one in spoiled:
                error = self.assertRaises(TagError, unwrap_key, suite, master, one)
                self.assertNotIn(kek.lower()[:8], str(error).lower())

    def test_another_master_key(self) -> None:
        suite, _, _, wrapped = RFC_3394[0]
        self.assertRaises(TagError, unwrap_key, suite, Secret(bytes(16)), bytes.fromhex(wrapped))

    def test_key_sizes(self) -> None:
        key = Secret(bytes(16))
        self.assertRaises(KeyLengthError, wrap_key, SUITES[2], key, key)
        self.assertRaises(KeyLengthError, wrap_key, SUITES[0], key, Secret(bytes(24)))
        self.assertRaises(KeyLengthError, unwrap_key, SUITES[2], key, bytes(40))

    def test_the_judge_wraps_alike(self) -> None:
        # Its unwrap_key refuses every wrapped key: it wants it as long as the bare one.
        for suite, kek, key, wrapped in RFC_3394:
            field = judge.SecurityControlField(suite.number)
            octets = judge.wrap_key(field, bytes.fromhex(kek), bytes.fromhex(key))
            self.assertEqual(octets.hex().upper(), wrapped)
