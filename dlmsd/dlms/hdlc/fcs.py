"""Frame and header check sequences: CRC-16/X.25 at the speed of C.

X.25's CRC is reflected and :func:`binascii.crc_hqx` is not; reversing the bits of every
octet first makes them one (IEC 62056-46 clause 6.4.5, ISO/IEC 13239 Annex A).
"""

from __future__ import annotations

from binascii import crc_hqx
from typing import Final

_MIRROR: Final = bytes(int(f"{octet:08b}"[::-1], 2) for octet in range(256))
_RESIDUE: Final = 0x1D0F


def fcs(octets: bytes) -> bytes:
    """The two octets to send behind ``octets``, low octet first."""
    crc = crc_hqx(octets.translate(_MIRROR), 0xFFFF) ^ 0xFFFF
    return crc.to_bytes(2, "big").translate(_MIRROR)


def is_good(octets: bytes) -> bool:
    """Whether ``octets`` end in their own check sequence."""
    return crc_hqx(octets.translate(_MIRROR), 0xFFFF) == _RESIDUE
