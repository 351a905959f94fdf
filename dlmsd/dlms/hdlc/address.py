"""HDLC addresses (IEC 62056-46 clause 6.4.2).

Every octet carries seven bits; its lowest bit says that the address ends here. A client
has one octet. A server has one (logical device), two (logical, physical) or four (two
octets each).
"""

from __future__ import annotations

from typing import Final, Literal

from attrs import field, frozen

from dlmsd.errors import LocalError

Size = Literal["auto", 1, 2, 4]

LEGAL_SIZES: Final = (1, 2, 4)


def client_address(client: int) -> bytes:
    """The one octet of a client, 1 to 127."""
    if not 0 < client < 128:
        raise LocalError(f"client {client} is not 1 to 127")
    return bytes((client << 1 | 1,))


def address_end(octets: bytes, offset: int, limit: int) -> int:
    """The offset behind the address at ``offset``.

    0 if ``limit`` comes before its end, -1 if no address of legal size stands there.
    """
    if offset < limit and octets[offset] & 1:
        return offset + 1
    last = offset + 4
    for place in range(offset, last if last < limit else limit):
        if octets[place] & 1:
            end = place + 1
            return end if end - offset in LEGAL_SIZES else -1
    return 0 if limit < last else -1


def _split(octets: bytes) -> tuple[int, int | None]:
    """Upper and lower part of an encoded address; one octet has no lower part."""
    if len(octets) == 1:
        return octets[0] >> 1, None
    half = len(octets) // 2
    parts = []
    for part in (octets[:half], octets[half:]):
        value = 0
        for octet in part:
            value = value << 7 | octet >> 1
        parts.append(value)
    return parts[0], parts[1]


def _one_octet(logical: int, physical: int) -> int:
    """What one octet says of a server: the one device that is not 0; above 127 if none fits."""
    return max(logical, physical) if not logical or not physical else 128


@frozen
class ServerAddress:
    """Logical and physical device, and the number of octets that they are sent in.

    ``auto`` takes one octet (logical * 128 + physical) below 128, so that 0/1 goes out as
    ``03``; else two octets where both are below 128; else four. Raises LocalError when the
    devices do not fit the size.
    """

    logical: int
    physical: int
    size: Size = "auto"
    octets: bytes = field(init=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "octets", self._encode())

    def _encode(self) -> bytes:
        logical, physical = self.logical, self.physical
        size: Size = self.size
        if not (0 <= logical < 1 << 14 and 0 <= physical < 1 << 14):
            raise LocalError(f"logical {logical} or physical {physical} is not 0 to 16383")
        if size == "auto":
            size = 1 if logical * 128 + physical < 128 else 2 if max(logical, physical) < 128 else 4
        if size == 1:
            value = _one_octet(logical, physical)
            if value > 127:
                raise LocalError(f"devices {logical}/{physical} do not fit one octet")
            return bytes((value << 1 | 1,))
        if size == 2:
            if max(logical, physical) > 127:
                raise LocalError(f"devices {logical}/{physical} do not fit two octets")
            return bytes((logical << 1, physical << 1 | 1))
        upper = (logical >> 7 << 1, (logical & 0x7F) << 1)
        lower = (physical >> 7 << 1, (physical & 0x7F) << 1 | 1)
        return bytes(upper + lower)

    def matches(self, octets: bytes) -> bool:
        """Whether a received address means this server, whatever size it came in.

        Some meters answer in four octets when asked in two, so the parts are compared,
        never the octets alone.
        """
        if octets == self.octets:
            return True
        upper, lower = _split(octets)
        if lower is None:
            return upper == _one_octet(self.logical, self.physical)
        return upper == self.logical and lower == self.physical
