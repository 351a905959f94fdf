"""Keys of one message, as general-ciphering brings them along (IEC 62056-5-3 5.7.2.4.3)."""

from __future__ import annotations

import enum
from collections.abc import Callable

from attrs import field, frozen

from dlmsd.dlms.security.agreement import (
    ALGORITHMS,
    derive_key,
    draw_ephemeral,
    nonce_info,
    shared_secret,
)
from dlmsd.dlms.security.errors import MissingKeyError, SignatureError
from dlmsd.dlms.security.gcm import Gcm
from dlmsd.dlms.security.keys import Keys
from dlmsd.dlms.security.keywrap import unwrap_key, wrap_key
from dlmsd.dlms.security.signature import load_private, load_public, sign, verify
from dlmsd.dlms.security.suite import SecuritySuite
from dlmsd.dlms.xdlms.general_ciphering import AgreedKey, KekId, KeyInfo, WrappedKey
from dlmsd.dlms.xdlms.transaction import Transaction
from dlmsd.secret import Secret


class KeyKind(enum.Enum):
    """Where the key of a general-ciphering APDU comes from."""

    IDENTIFIED = "the global unicast encryption key"
    WRAPPED = "a fresh key, wrapped in the master key"
    EPHEMERAL = "agreed upon: our ephemeral key, their static one"
    STATIC = "agreed upon: both static keys and the transaction-id"


@frozen
class OneTimeKeys:
    """Makes and resolves them. ``random`` gives so many unpredictable bytes.

    ``algorithms`` is :data:`~dlmsd.dlms.security.agreement.ALGORITHMS` or that of the
    8th edition.
    """

    suite: SecuritySuite
    keys: Keys
    random: Callable[[int], bytes] = field(repr=False)
    algorithms: bytes = ALGORITHMS

    def make(self, kind: KeyKind, transaction: Transaction) -> tuple[KeyInfo, Gcm]:
        """A key for what we send in ``transaction``; MissingKeyError if it cannot be made."""
        if kind is KeyKind.WRAPPED:
            key = Secret(self.random(self.suite.key_size))
            wrapped = wrap_key(self.suite, self.keys.need("master"), key)
            return WrappedKey(KekId.MASTER, wrapped), self._gcm(key)
        if kind is KeyKind.EPHEMERAL:
            return self._make_one_pass(transaction)
        if kind is KeyKind.STATIC:
            return AgreedKey(AgreedKey.STATIC), self._gcm(self._static(transaction))
        raise MissingKeyError("an identified key is not of one use")

    def _make_one_pass(self, transaction: Transaction) -> tuple[KeyInfo, Gcm]:
        signing = self.keys.private(self.suite, "signing")
        peer = self.keys.public(self.suite, "peer_agreement")
        ephemeral = draw_ephemeral(self.suite, self.random)
        secret = shared_secret(load_private(self.suite, ephemeral.private), peer)
        signature = sign(self.suite, signing, ephemeral.public)
        info = AgreedKey(AgreedKey.ONE_PASS, ephemeral.public + signature)
        return info, self._gcm(self._derive(secret, transaction.originator, transaction))

    def resolve(self, info: KeyInfo | None, transaction: Transaction) -> Gcm:
        """The key that the peer means in ``transaction``.

        MissingKeyError, SignatureError, KeyAgreementError or TagError if there is none.
        """
        if isinstance(info, WrappedKey):
            if info.kek is not KekId.MASTER:
                raise MissingKeyError(f"a key wrapped in key {int(info.kek)}")
            return self._gcm(unwrap_key(self.suite, self.keys.need("master"), info.ciphered))
        if isinstance(info, AgreedKey) and info.parameters == AgreedKey.ONE_PASS:
            return self._resolve_one_pass(info.ciphered, transaction)
        if isinstance(info, AgreedKey) and info.parameters == AgreedKey.STATIC:
            return self._gcm(self._static(transaction))
        raise MissingKeyError("a way to agree upon a key that the standard does not name")

    def lasting(self, info: KeyInfo | None) -> Secret:
        """Our key without which the peer's of one use is nothing; MissingKeyError."""
        return self.keys.need("master" if isinstance(info, WrappedKey) else "agreement")

    def _resolve_one_pass(self, ciphered: bytes, transaction: Transaction) -> Gcm:
        agreement = self.keys.private(self.suite, "agreement")
        size = 2 * self.suite.field_size
        if len(ciphered) != 2 * size:
            raise SignatureError(f"an ephemeral key with signature of {len(ciphered)} bytes")
        point, signature = ciphered[:size], ciphered[size:]
        verify(self.suite, self.keys.public(self.suite, "peer_signing"), point, signature)
        secret = shared_secret(agreement, load_public(self.suite, point))
        return self._gcm(self._derive(secret, transaction.originator, transaction))

    def _static(self, transaction: Transaction) -> Secret:
        secret = shared_secret(
            self.keys.private(self.suite, "agreement"),
            self.keys.public(self.suite, "peer_agreement"),
        )
        nonce = nonce_info(transaction.originator, transaction.transaction_id)
        return self._derive(secret, nonce, transaction)

    def _derive(self, secret: Secret, party_u: bytes, transaction: Transaction) -> Secret:
        return derive_key(
            self.suite, secret, party_u, transaction.recipient, algorithms=self.algorithms
        )

    def _gcm(self, key: Secret) -> Gcm:
        return Gcm(self.suite, key, self.keys.authentication)
