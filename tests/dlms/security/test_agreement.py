"""Key agreement against the Green Book's annex C, GBCS and NIST's ECC CDH vectors."""

from __future__ import annotations

import hashlib

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.security.agreement import (
    ALGORITHMS,
    ALGORITHMS_8TH_EDITION,
    derive_key,
    draw_ephemeral,
    nonce_info,
    shared_secret,
)
from dlmsd.dlms.security.gcm import TAG_SIZE, Gcm
from dlmsd.dlms.security.signature import load_private, load_public, public_octets, verify
from dlmsd.dlms.security.suite import SUITES
from dlmsd.dlms.xdlms.general_ciphering import GeneralCiphering
from dlmsd.dlms.xdlms.general_signing import GeneralSigning
from dlmsd.errors import LocalError
from dlmsd.secret import Secret
from tests.dlms.security.contexts import seeded
from tests.vectors import security as vectors

# NIST CAVP, KAS_ECC_CDH_PrimitiveTest: count 0 of P-256 and of P-384; our private key,
# their public one, Z.
NIST_CDH = (
    (
        SUITES[1],
        "7D7DC5F71EB29DDAF80D6214632EEAE03D9058AF1FB6D22ED80BADB62BC1A534",
        "700C48F77F56584C5CC632CA65640DB91B6BACCE3A4DF6B42CE7CC838833D287"
        "DB71E509E3FD9B060DDB20BA5C51DCC5948D46FBF640DFE0441782CAB85FA4AC",
        "46FC62106420FF012E54A434FBDD2D25CCC5852060561E68040DD7778997BD7B",
    ),
    (
        SUITES[2],
        "3CC3122A68F0D95027AD38C067916BA0EB8C38894D22E1B15618B6818A661774AD463B205DA88CF699AB4D43"
        "C9CF98A1",
        "A7C76B970C3B5FE8B05D2838AE04AB47697B9EAF52E764592EFDA27FE7513272734466B400091ADBF2D68C58"
        "E0C50066"
        "AC68F19F2E1CB879AED43A9969B91A0839C4C38A49749B661EFEDF243451915ED0905A32B060992B468C6476"
        "6FC8437A",
        "5F9D29DC5E31A163060356213669C8CE132E22F57C9A04F40BA7FCEAD493B457E5621E766C40A2E3D4D6A04B"
        "25E533F1",
    ),
)


class PublishedTests(SynchronousTestCase):
    def test_nist(self) -> None:
        for suite, scalar, point, z in NIST_CDH:
            private = load_private(suite, Secret(bytes.fromhex(scalar)))
            found = shared_secret(private, load_public(suite, bytes.fromhex(point)))
            self.assertEqual(found.reveal().hex().upper(), z)

    def agree(self, private: Secret, public: bytes, z: bytes) -> Secret:
        secret = shared_secret(load_private(SUITES[1], private), load_public(SUITES[1], public))
        self.assertEqual(secret, Secret(z))
        return secret

    def test_green_book_ephemeral_unified_model(self) -> None:
        z = self.agree(
            vectors.EPHEMERAL_SERVER, vectors.EPHEMERAL_CLIENT_PUBLIC, vectors.EPHEMERAL_SECRET
        )
        parties = (vectors.TITLE, vectors.CLIENT_TITLE)
        key = derive_key(SUITES[1], z, *parties, algorithms=ALGORITHMS_8TH_EDITION)
        self.assertEqual(key, Secret(vectors.EPHEMERAL_KEY_8TH))

    def test_green_book_one_pass(self) -> None:
        client, server = vectors.TITLE, vectors.CLIENT_TITLE
        for private, public, z, parties, key, key_8th in (
            (
                vectors.ONE_PASS_CLIENT,
                vectors.AGREEMENT_SERVER_PUBLIC,
                vectors.ONE_PASS_SECRET,
                (client, server),
                vectors.ONE_PASS_KEY,
                vectors.ONE_PASS_KEY_8TH,
            ),
            (
                vectors.AGREEMENT_SERVER,
                vectors.ONE_PASS_CLIENT_PUBLIC,
                vectors.ONE_PASS_SECRET,
                (client, server),
                vectors.ONE_PASS_KEY,
                vectors.ONE_PASS_KEY_8TH,
            ),
            (
                vectors.AGREEMENT_CLIENT,
                vectors.ANSWER_PUBLIC,
                vectors.ANSWER_SECRET,
                (server, client),
                vectors.ANSWER_KEY,
                vectors.ANSWER_KEY_8TH,
            ),
        ):
            secret = self.agree(private, public, z)
            self.assertEqual(derive_key(SUITES[1], secret, *parties), Secret(key))
            old = derive_key(SUITES[1], secret, *parties, algorithms=ALGORITHMS_8TH_EDITION)
            self.assertEqual(old, Secret(key_8th))

    def test_gbcs_static_agreement_signature_and_tag(self) -> None:
        """Everything of a supplier's command: head, signature, agreed key, tag."""
        outer = GeneralCiphering.decode(vectors.GBCS_COMMAND)
        inner = GeneralSigning.decode(outer.content[:-TAG_SIZE])
        head = inner.transaction
        self.assertEqual(head.originator, vectors.GBCS_SUPPLIER)
        self.assertEqual(head.recipient, vectors.GBCS_DEVICE)
        public = load_public(SUITES[1], vectors.GBCS_SUPPLIER_SIGNING_PUBLIC)
        verify(SUITES[1], public, inner.signed, inner.signature)
        key = derive_key(
            SUITES[1],
            shared_secret(
                load_private(SUITES[1], vectors.GBCS_BROKER_AGREEMENT),
                load_public(SUITES[1], vectors.GBCS_DEVICE_AGREEMENT_PUBLIC),
            ),
            nonce_info(head.originator, head.transaction_id),
            head.recipient,
            algorithms=ALGORITHMS_8TH_EDITION,
        )
        gcm, covered = Gcm(SUITES[1], key), outer.transaction.encode()
        found = gcm.open(outer.control, head.originator, outer.counter, outer.content, covered)
        self.assertEqual(found, inner.encode())


class DeriveTests(SynchronousTestCase):
    def test_suite_2(self) -> None:
        """Self-made: the formula of NIST SP 800-56A with hashlib."""
        secret, u, v = b"\x5a" * 48, b"ABCDEFGH", b"12345678"
        for algorithm, arc in ((None, b"\x01"), (SUITES[2].wrap_id, b"\x03")):
            text = b"\x00\x00\x00\x01" + secret + ALGORITHMS + arc + u + v
            key = derive_key(SUITES[2], Secret(secret), u, v, algorithm=algorithm)
            self.assertEqual(key, Secret(hashlib.sha384(text).digest()[:32]))

    def test_the_nonce_has_its_length(self) -> None:
        self.assertEqual(nonce_info(b"12345678", b"\x01\x02"), b"12345678\x02\x01\x02")
        self.assertRaises(LocalError, nonce_info, b"", b"\x01")

    @settings(max_examples=20, deadline=None)
    @given(st.sampled_from(SUITES[1:]), st.integers(0, 1 << 32))
    def test_both_ends_agree(self, suite, seed) -> None:
        ours, theirs = (draw_ephemeral(suite, seeded(seed + n)) for n in (0, 1))
        self.assertNotEqual(ours.public, theirs.public)
        secrets = [
            shared_secret(load_private(suite, one.private), load_public(suite, other.public))
            for one, other in ((ours, theirs), (theirs, ours))
        ]
        self.assertEqual(*secrets)
        private = load_private(suite, ours.private)
        self.assertEqual(public_octets(suite, private.public_key()), ours.public)

    def test_the_extremes_of_randomness_are_keys(self) -> None:
        for suite in SUITES[1:]:
            for octet in (0x00, 0xFF):
                pair = draw_ephemeral(suite, lambda size, octet=octet: bytes((octet,)) * size)
                load_public(suite, pair.public)
