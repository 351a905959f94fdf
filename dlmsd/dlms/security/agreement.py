"""Elliptic curve key agreement (IEC 62056-5-3 clause 5.3.4.6, NIST SP 800-56A).

=============  ==========================  ===========================  ==============
scheme         party U                     party V                      used for
=============  ==========================  ===========================  ==============
C(2e, 0s)      ephemeral                   ephemeral                    new keys
C(1e, 1s)      ephemeral                   static                       general-ciphering
C(0e, 2s)      static                      static, and U's nonce        general-ciphering
=============  ==========================  ===========================  ==============

U is whoever sends first: the originator. From the shared secret Z comes the key: the
leftmost bytes of ``hash(00000001, Z, AlgorithmID, PartyUInfo, PartyVInfo)``; one round
is enough, since the hash is at least as long as the key.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from attrs import frozen
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash

from dlmsd.dlms.axdr.length import encode_length
from dlmsd.dlms.security.signature import load_private, public_octets
from dlmsd.dlms.security.suite import SecuritySuite, check_title
from dlmsd.secret import Secret

# 2.16.756.5.8.3, whose next arc is the algorithm.
ALGORITHMS: Final = bytes.fromhex("608574050803")
# As the Green Book's 8th edition printed it, and Great Britain's meters still compute.
ALGORITHMS_8TH_EDITION: Final = bytes.fromhex("608574060803")

# NIST SP 800-56A 5.6.1.2.1: 64 bits more than the order has, so that the remainder is even.
_EXTRA_BYTES: Final = 8
_ORDERS: Final = {
    "secp256r1": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "secp384r1": int(
        "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"
        "C7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973",
        16,
    ),
}


@frozen
class Ephemeral:
    """A key pair of one use; ``public`` is x and y side by side."""

    private: Secret
    public: bytes


def draw_ephemeral(suite: SecuritySuite, random: Callable[[int], bytes]) -> Ephemeral:
    """A fresh key pair; ``random`` gives so many unpredictable bytes."""
    order = _ORDERS[suite.digital[0].name]
    size = suite.field_size
    scalar = int.from_bytes(random(size + _EXTRA_BYTES), "big") % (order - 1) + 1
    private = Secret(scalar.to_bytes(size, "big"))
    return Ephemeral(private, public_octets(suite, load_private(suite, private).public_key()))


def shared_secret(private: ec.EllipticCurvePrivateKey, public: ec.EllipticCurvePublicKey) -> Secret:
    """Z: the x coordinate of the common point (ECC CDH)."""
    return Secret(private.exchange(ec.ECDH(), public))


def derive_key(
    suite: SecuritySuite,
    secret: Secret,
    party_u: bytes,
    party_v: bytes,
    *,
    algorithm: int | None = None,
    algorithms: bytes = ALGORITHMS,
) -> Secret:
    """The key that both parties have in common.

    ``party_u`` and ``party_v`` are PartyUInfo and PartyVInfo: system titles, the former
    from :func:`nonce_info` with C(0e, 2s). ``algorithm`` is what the key is for, the
    suite's ``gcm_id`` (default) or ``wrap_id``.
    """
    arc = suite.gcm_id if algorithm is None else algorithm
    information = algorithms + bytes((arc,)) + party_u + party_v
    kdf = ConcatKDFHash(suite.digital[1], suite.key_size, information)
    return Secret(kdf.derive(secret.reveal()))


def nonce_info(title: bytes, transaction_id: bytes) -> bytes:
    """PartyUInfo of C(0e, 2s): U's system title and its nonce, the transaction-id."""
    check_title(title, "the originator's system title")
    return title + encode_length(len(transaction_id)) + transaction_id
