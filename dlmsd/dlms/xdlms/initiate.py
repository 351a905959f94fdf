"""The proposed and the negotiated xDLMS context (IEC 62056-53 clause 8.5).

They travel in the user-information of AARQ and AARE.
"""

from __future__ import annotations

from typing import ClassVar, Final, Self

from attrs import field, frozen

from dlmsd.dlms.axdr.length import encode_length
from dlmsd.dlms.xdlms.conformance import Conformance
from dlmsd.dlms.xdlms.cursor import Cursor

DLMS_VERSION: Final = 6
# With logical names the vaa-name is always this; with short names it is the base name
# of the association object, usually 0xFA00.
VAA_NAME_LN: Final = 0x0007


def _encode_quality(quality: int | None) -> bytes:
    return b"\x00" if quality is None else b"\x01" + quality.to_bytes(1, "big", signed=True)


def _decode_quality(cursor: Cursor) -> int | None:
    if not cursor.flag("the presence of quality-of-service"):
        return None
    return int.from_bytes(cursor.octets(1, "quality-of-service"), "big", signed=True)


@frozen
class InitiateRequest:
    """What the client proposes.

    ``max_pdu_size`` is client-max-receive-pdu-size in bytes, 0 for no limit.
    ``quality_of_service`` is -128 to 127; DLMS does not use it.
    """

    TAG: ClassVar = 0x01

    conformance: Conformance
    max_pdu_size: int
    dedicated_key: bytes | None = field(default=None, repr=False)
    response_allowed: bool = True
    quality_of_service: int | None = None
    dlms_version: int = DLMS_VERSION

    def encode(self) -> bytes:
        """The APDU."""
        key = self.dedicated_key
        return b"".join(
            (
                b"\x01",
                b"\x00" if key is None else b"\x01" + encode_length(len(key)) + key,
                b"\x00" if self.response_allowed else b"\x01\x00",
                _encode_quality(self.quality_of_service),
                bytes((self.dlms_version,)),
                self.conformance.encode(),
                self.max_pdu_size.to_bytes(2, "big"),
            )
        )

    @classmethod
    def decode(cls, apdu: bytes) -> Self:
        """From a whole APDU; DecodeError if it is none."""
        cursor = Cursor("initiate-request", apdu)
        cursor.expect(b"\x01", "the tag")
        key = None
        if cursor.flag("the presence of dedicated-key"):
            key = cursor.octet_string("dedicated-key")
        allowed = True
        if cursor.flag("the presence of response-allowed"):
            allowed = cursor.flag("response-allowed")
        quality = _decode_quality(cursor)
        version = cursor.unsigned(1, "the DLMS version")
        conformance = Conformance.decode(cursor)
        size = cursor.unsigned(2, "client-max-receive-pdu-size")
        cursor.finish()
        return cls(conformance, size, key, allowed, quality, version)


@frozen
class InitiateResponse:
    """What the meter grants.

    ``max_pdu_size`` is server-max-receive-pdu-size in bytes, 0 for no limit.
    """

    TAG: ClassVar = 0x08

    conformance: Conformance
    max_pdu_size: int
    vaa_name: int = VAA_NAME_LN
    quality_of_service: int | None = None
    dlms_version: int = DLMS_VERSION

    def encode(self) -> bytes:
        """The APDU."""
        return b"".join(
            (
                b"\x08",
                _encode_quality(self.quality_of_service),
                bytes((self.dlms_version,)),
                self.conformance.encode(),
                self.max_pdu_size.to_bytes(2, "big"),
                self.vaa_name.to_bytes(2, "big"),
            )
        )

    @classmethod
    def decode(cls, apdu: bytes) -> Self:
        """From a whole APDU; DecodeError if it is none."""
        cursor = Cursor("initiate-response", apdu)
        cursor.expect(b"\x08", "the tag")
        quality = _decode_quality(cursor)
        version = cursor.unsigned(1, "the DLMS version")
        conformance = Conformance.decode(cursor)
        size = cursor.unsigned(2, "server-max-receive-pdu-size")
        vaa_name = cursor.unsigned(2, "vaa-name")
        cursor.finish()
        return cls(conformance, size, vaa_name, quality, version)
