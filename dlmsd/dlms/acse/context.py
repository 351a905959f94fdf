"""What an association is asked to be: its application context and its mechanism.

Both travel as object identifiers below 2.16.756.5.8, DLMS UA's (IEC 62056-53 clause 7.3.7).
"""

from __future__ import annotations

from typing import Final

from dlmsd.dlms.xdlms.code import Code
from dlmsd.dlms.xdlms.cursor import Cursor

_CONTEXT: Final = bytes.fromhex("608574050801")
_MECHANISM: Final = bytes.fromhex("608574050802")


class ApplicationContext(Code):
    """How objects are named, and whether APDUs are ciphered: 2.16.756.5.8.1.x."""

    LN = 1, "logical names"
    SN = 2, "short names"
    LN_CIPHERED = 3, "logical names, ciphered"
    SN_CIPHERED = 4, "short names, ciphered"

    def encode(self) -> bytes:
        """The content of the object identifier."""
        return _CONTEXT + bytes((self,))

    @classmethod
    def decode(cls, content: Cursor) -> ApplicationContext:
        """From the content of the object identifier."""
        return cls(_last_arc(content, _CONTEXT, "application-context-name"))


class Mechanism(Code):
    """How client and meter prove who they are: 2.16.756.5.8.2.x."""

    NONE = 0, "lowest level security, no proof at all"
    LOW = 1, "low level security, a password"
    HIGH_MANUFACTURER = 2, "high level security, the manufacturer's own"
    HIGH_MD5 = 3, "high level security with MD5"
    HIGH_SHA1 = 4, "high level security with SHA-1"
    HIGH_GMAC = 5, "high level security with GMAC"
    HIGH_SHA256 = 6, "high level security with SHA-256"
    HIGH_ECDSA = 7, "high level security with ECDSA"

    def encode(self) -> bytes:
        """The content of the object identifier."""
        return _MECHANISM + bytes((self,))

    @classmethod
    def decode(cls, content: Cursor) -> Mechanism:
        """From the content of the object identifier."""
        return cls(_last_arc(content, _MECHANISM, "mechanism-name"))


def _last_arc(content: Cursor, prefix: bytes, what: str) -> int:
    content.expect(prefix, what)
    start = content.offset
    arc = content.unsigned(1, what)
    if arc & 0x80:
        raise content.error(f"{what} ends with an arc of several bytes", start)
    content.finish()
    return arc
