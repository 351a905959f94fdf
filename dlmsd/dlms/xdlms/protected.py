"""Any APDU that carries a protected one: its tag tells which."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from dlmsd.dlms.xdlms.ciphered import SERVICE_TAGS, Ciphered, GeneralCiphered
from dlmsd.dlms.xdlms.general_ciphering import GeneralCiphering
from dlmsd.dlms.xdlms.general_signing import GeneralSigning
from dlmsd.errors import DecodeError

Protected: TypeAlias = Ciphered | GeneralCiphered | GeneralCiphering | GeneralSigning

_BY_TAG: Final[dict[int, Callable[[bytes], Protected]]] = {
    **dict.fromkeys(SERVICE_TAGS, Ciphered.decode),
    GeneralCiphered.GLOBAL: GeneralCiphered.decode,
    GeneralCiphered.DEDICATED: GeneralCiphered.decode,
    GeneralCiphering.TAG: GeneralCiphering.decode,
    GeneralSigning.TAG: GeneralSigning.decode,
}
PROTECTED_TAGS: Final = frozenset(_BY_TAG)


def decode_protected(apdu: bytes) -> Protected:
    """The protecting APDU that these bytes are; DecodeError if they are none."""
    decode = _BY_TAG.get(apdu[0]) if apdu else None
    if decode is None:
        shown = f"tag {apdu[0]:02X}" if apdu else "no byte"
        raise DecodeError(f"no protected APDU: {shown} at byte 0")
    return decode(apdu)
