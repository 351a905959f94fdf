"""Mechanism 2: high level security by a function of the manufacturer's own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, TypeAlias

from attrs import field, frozen
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from dlmsd.dlms.security.mechanism import Transform
from dlmsd.errors import LocalError
from dlmsd.secret import Secret

Function: TypeAlias = Callable[[Secret, bytes], bytes]
"""The secret and the peer's challenge to what answers it."""

_BLOCK: Final = 16


@frozen
class Manufacturer:
    """A function by its name in the configuration."""

    name: str
    function: Function = field(repr=False)

    def transform(self, secret: Secret) -> Transform:
        """The mechanism with this secret."""
        return Transform(partial(self.function, secret))


def aes_ecb(secret: Secret, challenge: bytes) -> bytes:
    """AES of the challenge under the secret, block by block, as IS 15959 has it.

    LocalError for a secret that is no AES key, or a challenge that is no whole blocks.
    """
    key = secret.reveal()
    if len(key) not in (16, 24, 32) or len(challenge) % _BLOCK:
        raise LocalError(f"AES of {len(challenge)} bytes under a secret of {len(key)}")
    # The challenge is random and used once, so that the mode gives nothing away.
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305
    return encryptor.update(challenge) + encryptor.finalize()


AES_ECB: Final = Manufacturer("aes-ecb", aes_ecb)
