"""Where one MQTT control packet ends and the next begins (MQTT 5, 2.1 fixed header).

paho decodes what is inside; the borders are found here so that a length it could not
have expected is refused before it is buffered, and so that a packet's type is known
before paho judges it.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from attrs import frozen

from dlmsd.publish.troubles import ProtocolTrouble

# Acknowledgements have a few bytes, a CONNACK or DISCONNECT with all its properties some
# hundred, and what others say to dlmsd no more.
MAX_PACKET: Final = 65536

_PUBLISH: Final = 3


@frozen
class Oversized:
    """A PUBLISH of more than ``MAX_PACKET``, whose octets are passed over as they come.

    ``packet_id`` is 0 at QoS 0, where nobody waits for an acknowledgement.
    """

    packet_id: int
    octets: int


Packet: TypeAlias = tuple[bytes, int]
"""A whole packet, and the offset of its variable header."""


class PacketBuffer:
    """Bytes in, whole packets out."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._passing = 0  # octets of an oversized packet that are still to come

    def receive(self, data: bytes) -> list[Packet | Oversized]:
        """The packets that ``data`` completes.

        What anybody may publish, also retained, must end no connection: a PUBLISH that is too
        long is passed over. Raises ProtocolTrouble for any other, and for a remaining length
        that is malformed; the connection cannot go on after that.
        """
        gone = min(self._passing, len(data))
        self._passing -= gone
        buffer = self._bytes
        buffer += data[gone:]
        packets: list[Packet | Oversized] = []
        start = 0
        while (border := _border(buffer, start)) is not None:
            header, end = border
            if end - header > MAX_PACKET:
                oversized = _oversized(buffer, start, header, end)
                if oversized is None:
                    break
                packets.append(oversized)
                start = min(end, len(buffer))
                self._passing = end - start
                continue
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
            return at + 1, at + 1 + length
    if len(buffer) >= start + 5:
        raise ProtocolTrouble("a packet whose remaining length does not end")
    return None


def _oversized(buffer: bytearray, start: int, header: int, end: int) -> Oversized | None:
    """What there is to know of it (MQTT 5, 3.3.2); None while that is incomplete."""
    if buffer[start] >> 4 != _PUBLISH:
        raise ProtocolTrouble(f"a packet of {end - header} bytes from the broker")
    if not buffer[start] & 0x06:
        return Oversized(0, end - start)
    at = header + 2 + int.from_bytes(buffer[header : header + 2])
    if len(buffer) < header + 2 or len(buffer) < at + 2:
        return None
    return Oversized(int.from_bytes(buffer[at : at + 2]), end - start)
