"""Variable-length integers: counts and lengths of A-XDR, lengths of BER.

Below 128 one byte; otherwise one byte 0x80 + n, then n bytes, high byte first
(IEC 61334-6 clause 6.6, X.690 clause 8.1.3).
"""

from __future__ import annotations

from dlmsd.errors import DecodeError

# Four length bytes can tell of 4 GiB; no APDU comes near, and more are an attack.
MAX_LENGTH_BYTES = 4


def encode_length(value: int) -> bytes:
    """The shortest form of a length or count."""
    if value < 0x80:
        return bytes((value,))
    size = (value.bit_length() + 7) // 8
    return bytes((0x80 | size,)) + value.to_bytes(size, "big")


def decode_length(buffer: bytes, offset: int) -> tuple[int, int]:
    """The length at ``offset`` and the offset behind it; DecodeError if it is cut short."""
    if offset >= len(buffer):
        raise DecodeError(f"a length is missing at byte {offset}")
    first = buffer[offset]
    offset += 1
    if first < 0x80:
        return first, offset
    size = first & 0x7F
    if not 0 < size <= MAX_LENGTH_BYTES or offset + size > len(buffer):
        raise DecodeError(f"the length at byte {offset - 1} has {size} bytes")
    return int.from_bytes(buffer[offset : offset + size], "big"), offset + size
