"""AES key wrap: keys travel under the master key (RFC 3394, IEC 62056-5-3 clause 5.3.3.8)."""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives.keywrap import (
    InvalidUnwrap,
    aes_key_unwrap,
    aes_key_wrap,
)

from dlmsd.dlms.security.errors import TagError
from dlmsd.dlms.security.suite import SecuritySuite
from dlmsd.secret import Secret

# What wrapping adds: the integrity check value.
WRAP_OVERHEAD: Final = 8


def wrap_key(suite: SecuritySuite, master: Secret, key: Secret) -> bytes:
    """The wrapped key, 24 or 40 bytes; KeyLengthError if one is none of ``suite``."""
    return aes_key_wrap(
        suite.check_key(master, "the master key"), suite.check_key(key, "the key to wrap")
    )


def unwrap_key(suite: SecuritySuite, master: Secret, wrapped: bytes) -> Secret:
    """The key inside; TagError if the wrapping is damaged or of another master key."""
    kek = suite.check_key(master, "the master key")
    if len(wrapped) != suite.key_size + WRAP_OVERHEAD:
        raise TagError(f"a wrapped key of {len(wrapped)} bytes under {suite}")
    try:
        return Secret(aes_key_unwrap(kek, wrapped))
    except InvalidUnwrap:
        raise TagError("the wrapped key does not come from our master key") from None
