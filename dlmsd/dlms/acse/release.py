"""RLRQ and RLRE: the client closes the association (IEC 62056-53 clause 8.4).

Many meters know neither; then the connection below is simply closed.
"""

from __future__ import annotations

from typing import ClassVar, Final, Self

from attrs import field, frozen

from dlmsd.dlms.acse import ber
from dlmsd.dlms.acse.field import (
    USER_INFORMATION,
    collect_fields,
    decode_octets,
    encode_octets,
)
from dlmsd.dlms.xdlms.code import Code

_REASON: Final = 0x80


class ReleaseRequestReason(Code):
    """Why the client closes."""

    NORMAL = 0, "the client is done"
    URGENT = 1, "the client must close at once"
    USER_DEFINED = 30, "the client's own reason"


class ReleaseResponseReason(Code):
    """How the meter takes it."""

    NORMAL = 0, "the association is closed"
    NOT_FINISHED = 1, "the meter has not finished"
    USER_DEFINED = 30, "the meter's own reason"


def _encode(tag: int, reason: Code | None, user_information: bytes) -> bytes:
    fields = b"" if reason is None else ber.encode_element(_REASON, ber.encode_integer(reason))
    fields += encode_octets(USER_INFORMATION, user_information or None)
    return ber.encode_element(tag, fields)


def _decode(name: str, tag: int, apdu: bytes) -> tuple[int | None, bytes]:
    fields = collect_fields(ber.decode_apdu(name, tag, apdu))
    reason = ber.decode_integer(fields[_REASON], "reason") if _REASON in fields else None
    return reason, decode_octets(fields, USER_INFORMATION, "user-information") or b""


@frozen
class Rlrq:
    """``user_information`` is a ciphered InitiateRequest where the release is protected."""

    TAG: ClassVar = 0x62

    reason: ReleaseRequestReason | None = ReleaseRequestReason.NORMAL
    user_information: bytes = field(default=b"", repr=False)

    def encode(self) -> bytes:
        """The APDU."""
        return _encode(0x62, self.reason, self.user_information)

    @classmethod
    def decode(cls, apdu: bytes) -> Self:
        """From a whole APDU; DecodeError if it is none."""
        reason, information = _decode("rlrq", 0x62, apdu)
        return cls(None if reason is None else ReleaseRequestReason(reason), information)


@frozen
class Rlre:
    """``user_information`` is a ciphered InitiateResponse where the release is protected."""

    TAG: ClassVar = 0x63

    reason: ReleaseResponseReason | None = ReleaseResponseReason.NORMAL
    user_information: bytes = b""

    def encode(self) -> bytes:
        """The APDU."""
        return _encode(0x63, self.reason, self.user_information)

    @classmethod
    def decode(cls, apdu: bytes) -> Self:
        """From a whole APDU; DecodeError if it is none."""
        reason, information = _decode("rlre", 0x63, apdu)
        return cls(None if reason is None else ReleaseResponseReason(reason), information)
