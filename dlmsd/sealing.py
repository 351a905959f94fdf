"""Secrets at rest: as they are, in a file that only its owner reads, or under AES-256-GCM.

What is kept is a byte for the form, then for form 1 a nonce of 12 bytes that is drawn anew
each time, then JSON: key and secret. The owner's name is authenticated with it, so that what
belongs to one meter opens for no other.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from dlmsd.errors import LocalError, StoreError
from dlmsd.secret import Secret
from dlmsd.withheld import WithheldSecret

KEY_SIZE: Final = 32
_NONCE: Final = 12
_PLAIN: Final = b"\0"
SEALED: Final = b"\1"


class SealError(StoreError):
    """The secrets of a meter that was added by API cannot be opened; give [daemon] registry_key \
the key with which they were stored, or enter them again."""


class WithheldKeyError(SealError):
    """Only the service is given registry_key, with which they were stored: give the command again \
as root while it runs, or with $CREDENTIALS_DIRECTORY."""


def _nothing(size: int) -> bytes:
    raise LocalError(f"who only opens what is sealed has no {size} random bytes")


class Seal:
    """Closes and opens; ``key`` has 32 bytes, or is None.

    ``draw`` gives random bytes; who only opens needs none. A key that is withheld opens nothing.
    """

    def __init__(self, key: Secret | None, draw: Callable[[int], bytes] = _nothing) -> None:
        self._withheld = isinstance(key, WithheldSecret)
        self._cipher = None if key is None or self._withheld else AESGCM(key.reveal())
        self._draw = draw

    def close(self, owner: str, secrets: Mapping[str, Secret]) -> bytes:
        """The bytes that are kept."""
        text = json.dumps({key: one.reveal().decode() for key, one in secrets.items()}).encode()
        if self._cipher is None:
            return _PLAIN + text
        nonce = self._draw(_NONCE)
        return SEALED + nonce + self._cipher.encrypt(nonce, text, owner.encode())

    def open(self, owner: str, kept: bytes) -> dict[str, Secret]:
        """What was closed; SealError without its key, or with another one."""
        text = kept[1:]
        if kept[:1] == SEALED:
            if self._withheld:
                raise WithheldKeyError(f"meter {owner}: its secrets are sealed")
            if self._cipher is None:
                raise SealError(f"meter {owner}: its secrets are sealed, and there is no key")
            try:
                text = self._cipher.decrypt(text[:_NONCE], text[_NONCE:], owner.encode())
            except (InvalidTag, ValueError):  # ValueError: it was cut short
                raise SealError(f"meter {owner}: its secrets are sealed with another key") from None
        return {key: Secret(value) for key, value in json.loads(text).items()}

    def wanted(self, kept: bytes) -> bool:
        """Whether it should be closed anew: there is a key now, and it lies open."""
        return self._cipher is not None and kept[:1] != SEALED
