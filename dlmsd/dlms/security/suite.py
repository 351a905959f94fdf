"""Security suites, the security control byte, and the policy that is a floor.

IEC 62056-5-3 clauses 5.3.7 (suites) and 5.7.2.4.1 (security control).
"""

from __future__ import annotations

import enum
from typing import Final

from attrs import field, frozen
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from dlmsd.dlms.security.errors import KeyLengthError, SystemTitleError
from dlmsd.errors import LocalError
from dlmsd.secret import Secret

SYSTEM_TITLE_SIZE: Final = 8

_SUITE: Final = 0x0F
_AUTHENTICATED: Final = 0x10
_ENCRYPTED: Final = 0x20
_BROADCAST: Final = 0x40
_COMPRESSED: Final = 0x80


@frozen
class SecuritySuite:
    """A set of algorithms that belong together.

    ``key_size`` is that of AES in bytes, for GCM and for key wrap. Suite 0 has no
    asymmetric cryptography: its ``curve`` and ``hash`` are None. ``gcm_id`` and
    ``wrap_id`` are the last arcs of the algorithms' object identifiers.
    """

    number: int
    key_size: int
    curve: ec.EllipticCurve | None
    hash: hashes.HashAlgorithm | None
    gcm_id: int
    wrap_id: int

    def __str__(self) -> str:
        return f"security suite {self.number}"

    def check_key(self, key: Secret, name: str) -> bytes:
        """The AES key itself; KeyLengthError if it is none of this suite."""
        octets = key.reveal()
        if len(octets) != self.key_size:
            raise KeyLengthError(f"{name} has {len(octets)} bytes, {self} takes {self.key_size}")
        return octets

    @property
    def digital(self) -> tuple[ec.EllipticCurve, hashes.HashAlgorithm]:
        """Curve and hash; LocalError for suite 0."""
        if self.curve is None or self.hash is None:
            raise LocalError(f"{self} has neither signatures nor key agreement")
        return self.curve, self.hash

    @property
    def field_size(self) -> int:
        """Bytes of a coordinate of the curve, and of half a signature."""
        return (self.digital[0].key_size + 7) // 8


SUITES: Final = (
    SecuritySuite(0, 16, None, None, gcm_id=0, wrap_id=2),
    SecuritySuite(1, 16, ec.SECP256R1(), hashes.SHA256(), gcm_id=0, wrap_id=2),
    SecuritySuite(2, 32, ec.SECP384R1(), hashes.SHA384(), gcm_id=1, wrap_id=3),
)


@frozen
class SecurityControl:
    """How one APDU is protected. ``suite`` is a number, 0 to 15; known ones are 0 to 2."""

    suite: int = field()
    authenticated: bool = False
    encrypted: bool = False
    broadcast: bool = False
    compressed: bool = False

    @suite.validator
    def _four_bits(self, _: object, suite: int) -> None:
        if not 0 <= suite <= _SUITE:
            raise LocalError(f"security suite {suite} does not fit into four bits")

    def __int__(self) -> int:
        """The byte."""
        return (
            self.suite
            | (_AUTHENTICATED if self.authenticated else 0)
            | (_ENCRYPTED if self.encrypted else 0)
            | (_BROADCAST if self.broadcast else 0)
            | (_COMPRESSED if self.compressed else 0)
        )

    @property
    def words(self) -> str:
        """The protection in words."""
        if self.authenticated and self.encrypted:
            return "authenticated and encrypted"
        if self.authenticated:
            return "authenticated"
        return "encrypted" if self.encrypted else "neither authenticated nor encrypted"

    @classmethod
    def of(cls, octet: int) -> SecurityControl:
        """From its byte: every value has a meaning."""
        return _CONTROLS[octet]


_CONTROLS: Final = tuple(
    SecurityControl(
        octet & _SUITE,
        bool(octet & _AUTHENTICATED),
        bool(octet & _ENCRYPTED),
        bool(octet & _BROADCAST),
        bool(octet & _COMPRESSED),
    )
    for octet in range(256)
)


class SecurityPolicy(enum.Enum):
    """The least protection that is sent and accepted; the value is that of the option."""

    NONE = "none"
    AUTHENTICATED = "authenticated"
    ENCRYPTED = "encrypted"
    AUTHENTICATED_ENCRYPTED = "authenticated-encrypted"

    @property
    def authenticated(self) -> bool:
        """Whether a tag is wanted."""
        return self in (SecurityPolicy.AUTHENTICATED, SecurityPolicy.AUTHENTICATED_ENCRYPTED)

    @property
    def encrypted(self) -> bool:
        """Whether secrecy is wanted."""
        return self in (SecurityPolicy.ENCRYPTED, SecurityPolicy.AUTHENTICATED_ENCRYPTED)

    def allows(self, control: SecurityControl) -> bool:
        """Whether this protection is at least the floor."""
        return control.authenticated >= self.authenticated and control.encrypted >= self.encrypted

    def control(self, suite: SecuritySuite, *, broadcast: bool = False) -> SecurityControl:
        """How to protect what is sent."""
        return SecurityControl(suite.number, self.authenticated, self.encrypted, broadcast)


def check_title(title: bytes, name: str) -> bytes:
    """A system title of eight bytes; LocalError otherwise."""
    if len(title) != SYSTEM_TITLE_SIZE:
        raise LocalError(f"{name} has {len(title)} bytes, not {SYSTEM_TITLE_SIZE}")
    return title


def check_peer(title: bytes, own: bytes, pinned: bytes | None) -> bytes:
    """What the other end tells to be its title; SystemTitleError if it is not the pinned one.

    Our own is refused, because initialization vectors would repeat.
    """
    if len(title) != SYSTEM_TITLE_SIZE:
        raise SystemTitleError(f"a title of {len(title)} bytes")
    if title == own:
        raise SystemTitleError("it is our own")
    if pinned not in (None, title):
        raise SystemTitleError(f"{title.hex().upper()} is not the pinned one")
    return title
