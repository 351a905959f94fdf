"""Where one MQTT control packet ends and the next begins (MQTT 5, 2.1 fixed header).

paho decodes what is inside; the borders are found here so that a length it could not
have expected is refused before it is buffered, and so that a packet's type is known
before paho judges it.
"""

from __future__ import annotations

from typing import Final

from dlmsd.publish.troubles import ProtocolTrouble

# Acknowledgements have a few bytes, a CONNACK or DISCONNECT with all its properties some
# hundred, and what others say to dlmsd no more.
MAX_PACKET: Final = 65536


class PacketBuffer:
    """Bytes in, whole packets out."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def receive(self, data: bytes) -> list[tuple[bytes, int]]:
        """The packets that ``data`` completes, each with the offset of its variable header.

        Raises ProtocolTrouble for a remaining length that is malformed or above
        ``MAX_PACKET``; the connection cannot go on after that.
        """
        buffer = self._bytes
        buffer += data
        packets = []
        start = 0
        while (border := _border(buffer, start)) is not None:
            header, end = border
            if end > len(buffer):
                break
            packets.append((bytes(buffer[start:end]), header - start))
            start = end
        del buffer[:start]
        return packets


def _border(buffer: bytearray, start: int) -> tuple[int, int] | None:
    """Offsets of the variable header and of the end; None while the length is incomplete."""
    length = 0
    for at in range(start + 1, min(start + 5, len(buffer))):
        length |= (buffer[at] & 0x7F) << 7 * (at - start - 1)
        if buffer[at] < 0x80:
            if length > MAX_PACKET:
                raise ProtocolTrouble(f"a packet of {length} bytes from the broker")
            return at + 1, at + 1 + length
    if len(buffer) >= start + 5:
        raise ProtocolTrouble("a packet whose remaining length does not end")
    return None
