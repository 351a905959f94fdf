"""Recorded ciphered sessions, every APDU deciphered and judged by dlms-cosem 21.3.2.

It knows general-glo-ciphering with authentication and encryption; glo- and ded- forms of
services it does not know, so the sessions here are of that form. What it deciphers both
then decode and encode again, octet by octet.
"""

from __future__ import annotations

from collections import Counter

from dlms_cosem.protocol.xdlms.general_global_cipher import GeneralGlobalCipher

from dlmsd.dlms.hdlc.control import Kind
from dlmsd.simulator.personality import SECURE, SUITE_1, SUITE_2, Personality
from tests.meter.test_recorded import RecordedCase

TITLE = b"DLMSDCLT"


class RecordedSecureTests(RecordedCase):
    def deciphered(self, personality: Personality) -> Counter[str]:
        """How many APDUs of each kind the judge deciphered and knew."""
        keys = personality.security.client
        assert keys.encryption is not None
        assert keys.authentication is not None
        judged: Counter[str] = Counter()
        pending = b""
        frames = self.record_session(
            personality,
            authentication="high-gmac",
            security=personality.security.policy.value,
            security_suite=personality.security.suite.number,
            ciphering="general",
            system_title=TITLE,
            encryption_key=keys.encryption,
            authentication_key=keys.authentication,
        )
        titles = set()
        for _, frame in frames:
            if frame.kind is not Kind.I:
                continue
            pending += frame.information
            if frame.segmented:
                continue
            apdu, pending = pending[3:], b""
            if apdu[0] != GeneralGlobalCipher.TAG:
                judged[f"tag {apdu[0]:02x}"] += 1
                continue
            ciphered = GeneralGlobalCipher.from_bytes(apdu)
            self.assertEqual(ciphered.to_bytes(), apdu)
            titles.add(bytes(ciphered.system_title))
            plain = ciphered.to_plain_apdu(keys.encryption.reveal(), keys.authentication.reveal())
            judged[self.judge_apdu(b"\xe6\xe6\x00" + plain)] += 1
        self.assertEqual(len(titles), 2)
        self.assertIn(TITLE, titles)
        return judged

    def test_every_suite(self) -> None:
        for personality in (SECURE, SUITE_1, SUITE_2):
            with self.subTest(personality=personality.name):
                self.setUp()
                judged = self.deciphered(personality)
                self.assertGreaterEqual(judged["GetRequestWithList"], 6)
                self.assertGreaterEqual(judged["GetResponseWithList"], 6)
                self.assertEqual(judged["ActionRequestNormal"], 1)
                self.assertEqual(judged["ActionResponseNormal"], 1)
                # In clear: AARQ, AARE, and the counter that the public client asks for.
                clear = {kind for kind in judged if kind.startswith("tag")}
                self.assertEqual(clear, {"tag 60", "tag 61", "tag c0", "tag c4"})
                self.end()
