"""general-signing: any APDU with a digital signature (IEC 62056-5-3 clause 5.7.2.4.4)."""

from __future__ import annotations

from typing import ClassVar, Self

from attrs import field, frozen

from dlmsd.dlms.axdr.length import encode_length
from dlmsd.dlms.xdlms.cursor import Cursor
from dlmsd.dlms.xdlms.transaction import Transaction


@frozen
class GeneralSigning:
    """``content`` is an APDU, plain or protected; ``signature`` is r and s side by side."""

    TAG: ClassVar = 0xDF

    transaction: Transaction
    content: bytes = field(repr=False)
    signature: bytes = b""

    @property
    def name(self) -> str:
        """As the standard writes it."""
        return "general-signing"

    @property
    def signed(self) -> bytes:
        """What the signature covers: all between the tag and itself."""
        return self.transaction.encode() + encode_length(len(self.content)) + self.content

    def encode(self) -> bytes:
        """The APDU."""
        return b"".join((b"\xdf", self.signed, encode_length(len(self.signature)), self.signature))

    @classmethod
    def decode(cls, apdu: bytes) -> Self:
        """From a whole APDU; DecodeError if it is none."""
        cursor = Cursor("general-signing", apdu)
        cursor.expect(b"\xdf", "the tag")
        transaction = Transaction.decode(cursor)
        content = cursor.octet_string("the content")
        signature = cursor.octet_string("the signature")
        cursor.finish()
        return cls(transaction, content, signature)
