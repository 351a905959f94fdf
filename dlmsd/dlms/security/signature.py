"""ECDSA (FIPS 186-5, IEC 62056-5-3 clause 5.3.4.4): r and s side by side, no DER.

Private keys are Secrets: the scalar, high byte first, as long as a coordinate. Public keys
are x and y side by side.
"""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from dlmsd.dlms.security.errors import KeyAgreementError, KeyLengthError, SignatureError
from dlmsd.dlms.security.suite import SecuritySuite
from dlmsd.secret import Secret

_UNCOMPRESSED: Final = b"\x04"


def load_private(suite: SecuritySuite, scalar: Secret) -> ec.EllipticCurvePrivateKey:
    """The private key; KeyLengthError if it is none of the suite's curve."""
    octets = scalar.reveal()
    size = suite.field_size
    if len(octets) != size:
        raise KeyLengthError(f"a private key of {len(octets)} bytes, {suite} takes {size}")
    try:
        return ec.derive_private_key(int.from_bytes(octets, "big"), suite.digital[0])
    except ValueError:
        # The reason names the scalar's range, and some builds the scalar itself.
        raise KeyLengthError(f"a private key that is outside the curve of {suite}") from None


def load_public(suite: SecuritySuite, point: bytes) -> ec.EllipticCurvePublicKey:
    """The public key; KeyAgreementError if it is no point of the suite's curve."""
    if len(point) != 2 * suite.field_size:
        raise KeyAgreementError(f"a public key of {len(point)} bytes under {suite}")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(suite.digital[0], _UNCOMPRESSED + point)
    except ValueError:
        raise KeyAgreementError(f"a public key that is no point of the curve of {suite}") from None


def public_octets(suite: SecuritySuite, key: ec.EllipticCurvePublicKey) -> bytes:
    """x and y side by side."""
    numbers, size = key.public_numbers(), suite.field_size
    return numbers.x.to_bytes(size, "big") + numbers.y.to_bytes(size, "big")


def sign(suite: SecuritySuite, key: ec.EllipticCurvePrivateKey, message: bytes) -> bytes:
    """r and s, 64 or 96 bytes; deterministic (RFC 6979), so no randomness can fail it."""
    algorithm = ec.ECDSA(suite.digital[1], deterministic_signing=True)
    r, s = decode_dss_signature(key.sign(message, algorithm))
    size = suite.field_size
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def verify(
    suite: SecuritySuite, key: ec.EllipticCurvePublicKey, message: bytes, signature: bytes
) -> None:
    """SignatureError unless ``signature`` is that of ``message``."""
    size = suite.field_size
    if len(signature) != 2 * size:
        raise SignatureError(f"a signature of {len(signature)} bytes under {suite}")
    r, s = int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big")
    try:
        key.verify(encode_dss_signature(r, s), message, ec.ECDSA(suite.digital[1]))
    except InvalidSignature:
        raise SignatureError(f"the signature of {len(message)} bytes does not fit") from None
