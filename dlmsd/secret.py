"""A secret that cannot be printed."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

MASK: Final = "***"


class Secret:
    """A password, token or key: usable through :meth:`reveal`, never visible otherwise.

    ``repr``, ``str`` and formatting give ``***``; pickling is refused. Comparison takes
    constant time.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str | bytes) -> None:
        self._value = value.encode() if isinstance(value, str) else bytes(value)

    def reveal(self) -> bytes:
        """The secret itself, as bytes (text as UTF-8)."""
        return self._value

    def fingerprint(self) -> str:
        """The first four hex digits of its SHA-256: enough to tell two tokens apart."""
        return hashlib.sha256(self._value).hexdigest()[:4]

    def __repr__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value, other._value)

    def __hash__(self) -> int:
        return hash(self._value)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __reduce__(self) -> str:
        raise TypeError("a secret is never pickled")
