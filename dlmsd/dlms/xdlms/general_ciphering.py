"""general-ciphering: any APDU, and word of the key it is under (IEC 62056-5-3 5.7.2.4.3)."""

from __future__ import annotations

from typing import ClassVar, Final, Self, TypeAlias

from attrs import field, frozen

from dlmsd.dlms.axdr.length import encode_length
from dlmsd.dlms.security.suite import SecurityControl
from dlmsd.dlms.xdlms.ciphered import decode_body, encode_body
from dlmsd.dlms.xdlms.code import Code
from dlmsd.dlms.xdlms.cursor import Cursor
from dlmsd.dlms.xdlms.transaction import Transaction

_IDENTIFIED: Final = 0
_WRAPPED: Final = 1
_AGREED: Final = 2


class KeyId(Code):
    """A key that both ends have."""

    GLOBAL_UNICAST = 0, "the global unicast encryption key"
    GLOBAL_BROADCAST = 1, "the global broadcast encryption key"


class KekId(Code):
    """The key that another key is wrapped in."""

    MASTER = 0, "the master key"


@frozen
class IdentifiedKey:
    """A key that both ends have."""

    key: KeyId

    def encode(self) -> bytes:
        """The choice and its content."""
        return bytes((_IDENTIFIED, self.key))


@frozen
class WrappedKey:
    """A key that comes along, wrapped (RFC 3394)."""

    kek: KekId
    ciphered: bytes

    def encode(self) -> bytes:
        """The choice and its content."""
        return bytes((_WRAPPED, self.kek)) + encode_length(len(self.ciphered)) + self.ciphered


@frozen
class AgreedKey:
    """A key that both ends compute.

    ``parameters`` is 01 for C(1e, 1s): ``ciphered`` is then the originator's ephemeral
    public key and its signature; and 02 for C(0e, 2s), with nothing in ``ciphered``.
    """

    ONE_PASS: ClassVar = b"\x01"
    STATIC: ClassVar = b"\x02"

    parameters: bytes
    ciphered: bytes = b""

    def encode(self) -> bytes:
        """The choice and its content."""
        return b"".join(
            (
                bytes((_AGREED,)),
                encode_length(len(self.parameters)),
                self.parameters,
                encode_length(len(self.ciphered)),
                self.ciphered,
            )
        )


KeyInfo: TypeAlias = IdentifiedKey | WrappedKey | AgreedKey


def _decode_key(cursor: Cursor) -> KeyInfo | None:
    # No tag covers this byte: of all that mean "present" only one is taken, or a message
    # could be changed and still be good.
    start = cursor.offset
    present = cursor.unsigned(1, "the presence of key-info")
    if present > 1:
        raise cursor.error(f"key-info with presence {present:02X}", start)
    if not present:
        return None
    start = cursor.offset
    choice = cursor.unsigned(1, "the choice of key-info")
    if choice == _IDENTIFIED:
        return IdentifiedKey(KeyId(cursor.unsigned(1, "key-id")))
    if choice == _WRAPPED:
        kek = KekId(cursor.unsigned(1, "kek-id"))
        return WrappedKey(kek, cursor.octet_string("key-ciphered-data"))
    if choice == _AGREED:
        parameters = cursor.octet_string("key-parameters")
        return AgreedKey(parameters, cursor.octet_string("key-ciphered-data"))
    raise cursor.error(f"key-info of unknown choice {choice}", start)


@frozen
class GeneralCiphering:
    """``key`` is None where both ends know which key is meant."""

    TAG: ClassVar = 0xDD

    transaction: Transaction
    key: KeyInfo | None
    control: SecurityControl
    counter: int
    content: bytes = field(repr=False)

    @property
    def name(self) -> str:
        """As the standard writes it."""
        return "general-ciphering"

    def encode(self) -> bytes:
        """The APDU."""
        return b"".join(
            (
                b"\xdd",
                self.transaction.encode(),
                b"\x00" if self.key is None else b"\x01" + self.key.encode(),
                encode_body(self.control, self.counter, self.content),
            )
        )

    @classmethod
    def decode(cls, apdu: bytes) -> Self:
        """From a whole APDU; DecodeError if it is none."""
        cursor = Cursor("general-ciphering", apdu)
        cursor.expect(b"\xdd", "the tag")
        transaction = Transaction.decode(cursor)
        return cls(transaction, _decode_key(cursor), *decode_body(cursor))
