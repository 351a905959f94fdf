"""In which form APDUs are protected, and how long that makes them (IEC 62056-5-3 clause 5.7.2)."""

from __future__ import annotations

from typing import Final

from attrs import frozen

from dlmsd.dlms.security.gcm import TAG_SIZE
from dlmsd.dlms.security.one_time import KeyKind
from dlmsd.dlms.security.suite import SYSTEM_TITLE_SIZE, SecurityPolicy, SecuritySuite
from dlmsd.dlms.security.transactions import ID_SIZE
from dlmsd.dlms.xdlms.ciphered import GLOBAL_TAGS, Ciphered, GeneralCiphered
from dlmsd.dlms.xdlms.general_ciphering import (
    AgreedKey,
    GeneralCiphering,
    IdentifiedKey,
    KekId,
    KeyId,
    KeyInfo,
    WrappedKey,
)
from dlmsd.dlms.xdlms.general_signing import GeneralSigning
from dlmsd.dlms.xdlms.transaction import Transaction

# What a wrapped key is longer than the key (RFC 3394).
_WRAPPING: Final = 8
_TITLE: Final = bytes(SYSTEM_TITLE_SIZE)
_HEAD: Final = Transaction(bytes(ID_SIZE), _TITLE, _TITLE)


@frozen
class Form:
    """How APDUs are protected. ``general`` takes general-glo- and general-ded-ciphering also
    where there is a service-specific form; ``kind`` takes general-ciphering, each APDU under a
    key of this kind; ``signed`` puts general-signing around, and wants it around what comes.
    """

    general: bool = False
    kind: KeyKind | None = None
    signed: bool = False

    def size(self, suite: SecuritySuite, policy: SecurityPolicy, tag: int, octets: int) -> int:
        """How many octets an APDU with this tag, of so many, has when it is protected."""
        control = policy.control(suite)
        apdu = bytes(octets)
        content = bytes(octets + (TAG_SIZE if control.authenticated else 0))
        if self.kind is not None:
            info = _key_info(self.kind, suite)
            apdu = GeneralCiphering(_HEAD, info, control, 0, content).encode()
        elif policy is not SecurityPolicy.NONE:
            if self.general or tag not in GLOBAL_TAGS:
                apdu = GeneralCiphered(False, _TITLE, control, 0, content).encode()
            else:
                apdu = Ciphered(GLOBAL_TAGS[tag], control, 0, content).encode()
        if self.signed:
            apdu = GeneralSigning(_HEAD, apdu, bytes(2 * suite.field_size)).encode()
        return len(apdu)


SERVICE: Final = Form()
"""glo- and ded-ciphering, which every meter knows."""


def _key_info(kind: KeyKind, suite: SecuritySuite) -> KeyInfo:
    """As long as the one that brings or names a key of this kind."""
    match kind:
        case KeyKind.IDENTIFIED:
            return IdentifiedKey(KeyId.GLOBAL_UNICAST)
        case KeyKind.WRAPPED:
            return WrappedKey(KekId.MASTER, bytes(suite.key_size + _WRAPPING))
        case KeyKind.EPHEMERAL:
            # A point on the curve, and its signature.
            return AgreedKey(AgreedKey.ONE_PASS, bytes(4 * suite.field_size))
        case KeyKind.STATIC:
            return AgreedKey(AgreedKey.STATIC)
