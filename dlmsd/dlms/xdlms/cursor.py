"""A cursor over the bytes of one APDU."""

from __future__ import annotations

from dlmsd.dlms.axdr.length import decode_length
from dlmsd.errors import DecodeError


class Cursor:
    """Reads an APDU from left to right, never past ``end``.

    Every method raises DecodeError that names the APDU and the byte, counted from 0 at
    the APDU's tag, also within a part that :meth:`part` cut out.
    """

    __slots__ = ("apdu", "buffer", "end", "offset")

    def __init__(self, apdu: str, buffer: bytes, offset: int = 0, end: int | None = None) -> None:
        self.apdu = apdu
        self.buffer = buffer
        self.offset = offset
        self.end = len(buffer) if end is None else end

    def error(self, reason: str, offset: int | None = None) -> DecodeError:
        """The error to raise when something at ``offset`` (default: here) is wrong."""
        place = self.offset if offset is None else offset
        return DecodeError(f"{self.apdu}: {reason} at byte {place}")

    def octets(self, count: int, what: str) -> bytes:
        """The next ``count`` bytes."""
        start = self.offset
        if count > self.end - start:
            raise self.error(f"{what} is cut short")
        self.offset = start + count
        return self.buffer[start : self.offset]

    def unsigned(self, size: int, what: str) -> int:
        """An unsigned number of ``size`` bytes, high byte first."""
        return int.from_bytes(self.octets(size, what), "big")

    def length(self, what: str) -> int:
        """A length or count of A-XDR or BER."""
        try:
            length, offset = decode_length(self.buffer, self.offset)
        except DecodeError as error:
            raise DecodeError(f"{self.apdu}: {what}: {error}") from None
        if offset > self.end:
            raise self.error(f"the length of {what} is cut short")
        self.offset = offset
        return length

    def octet_string(self, what: str) -> bytes:
        """A length and that many bytes."""
        return self.octets(self.length(what), what)

    def flag(self, what: str) -> bool:
        """A BOOLEAN, or the byte that tells whether an OPTIONAL or DEFAULT part follows."""
        return self.octets(1, what) != b"\x00"

    def part(self, what: str) -> Cursor:
        """A cursor over an octet string, whose bytes this cursor skips."""
        length = self.length(what)
        start = self.offset
        self.octets(length, what)
        return Cursor(self.apdu, self.buffer, start, self.offset)

    def expect(self, octets: bytes, what: str) -> None:
        """The next bytes are exactly these."""
        start = self.offset
        found = self.octets(len(octets), what)
        if found != octets:
            raise self.error(f"{what} is {found.hex()}, not {octets.hex()},", start)

    def finish(self) -> None:
        """Nothing is left."""
        left = self.end - self.offset
        if left:
            raise self.error(f"{left} trailing bytes")
