"""M-Bus frames that carry DLMS (EN 13757-2, -3; DLMS UA 1000-2, wired M-Bus profile).

::

    68 L L 68 | C A CI STSAP DTSAP, the APDU or a part of it | CS 16

L counts the octets between the bars, CS is their sum modulo 256. CI from 00 to 1F is the
transport layer: its four low bits number the frames of one APDU from 0, and bit 4 says that
no more follow (FIN). STSAP is the logical device, DTSAP the client.

Some meters count otherwise: Sagemcom sends 257 octets with an L of 1, and others count the
whole frame. Where stop and checksum are not good by the standard's count, they may be by
these.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from attrs import frozen

from dlmsd.dlms.hdlc.frame import BadFrame
from dlmsd.errors import LocalError

_START: Final = 0x68
_STOP: Final = 0x16
_AROUND: Final = 6
_HEADER: Final = 5
_FIN: Final = 0x10
_SEQUENCE: Final = 0x0F
_LAST_CI: Final = 0x1F
# C, A and CI: an L below is one that went over 255.
_LEAST: Final = 3
MAX_DATA: Final = 0xFF - _HEADER
# SND-UD to the broadcast address: what every published push has.
SEND_USER_DATA: Final = 0x53
BROADCAST: Final = 0xFF
# A report shows where the octets went wrong; whole frames would cost memory.
_MAX_REPORT: Final = 64


@frozen
class MBusFrame:
    """One frame; ``sequence`` counts the frames of an APDU from 0, modulo 16."""

    source: int
    destination: int
    data: bytes
    sequence: int = 0
    final: bool = True
    control: int = SEND_USER_DATA
    address: int = BROADCAST

    def encode(self) -> bytes:
        """From start to stop; LocalError for more than 250 octets of data."""
        if len(self.data) > MAX_DATA:
            raise LocalError(f"{len(self.data)} octets do not fit an M-Bus frame")
        transport = self.sequence & _SEQUENCE | (_FIN if self.final else 0)
        head = (self.control, self.address, transport, self.source, self.destination)
        body = bytes(head) + self.data
        length = len(body)
        check = sum(body) & 0xFF
        return bytes((_START, length, length, _START)) + body + bytes((check, _STOP))


Found: TypeAlias = MBusFrame | BadFrame


class MBusReassembly:
    """From a stream to frames, with the face of the HDLC reassembly.

    It keeps at most one unfinished frame (264 octets). ``noise`` counts octets that belonged
    to no frame, ``idle`` all octets since the last good one.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._wanted = 0
        self.noise = 0
        self.idle = 0

    def feed(self, octets: bytes) -> list[Found]:
        """Take more of the stream; returns what became complete, in order."""
        self._buffer += octets
        self.idle += len(octets)
        if len(self._buffer) < self._wanted:
            return []
        return self._search(more=True)

    def abandon(self) -> list[Found]:
        """Give up the unfinished frame and search what came behind its start."""
        return self._search(more=False)

    def _search(self, *, more: bool) -> list[Found]:
        found: list[Found] = []
        buffer = bytes(self._buffer)
        size = len(buffer)
        start = 0
        self._wanted = 0
        while (place := _find(buffer, start)) < size:
            self.noise += place - start
            start = place
            end = _end(buffer, start, more=more)
            if end > size:
                self._wanted = end - start
                break
            if end:
                found.append(_frame(buffer[start:end]))
                self.idle = size - end
                start = end
                continue
            if size - start >= _AROUND:
                found.append(
                    BadFrame("wrong checksum or stop", buffer[start : start + _MAX_REPORT])
                )
            self.noise += 1
            start += 1
        else:
            self.noise += size - start
            start = size
        del self._buffer[:start]
        return found


def _find(buffer: bytes, start: int) -> int:
    """Where the next frame may begin: its header, or as much of it as is there."""
    size = len(buffer)
    while (start := buffer.find(_START, start)) >= 0:
        length = buffer[start + 1] if start + 1 < size else 0
        header = bytes((_START, length, length, _START))
        if header.startswith(buffer[start : start + 4]):
            return start
        start += 1
    return size


def _end(buffer: bytes, start: int, *, more: bool) -> int:
    """The end of the good frame at ``start``, 0 if there is none.

    If ``more`` is to come, it may lie beyond the buffer.
    """
    size = len(buffer)
    if size < start + 4:
        return start + 4 if more else 0
    length = buffer[start + 1]
    counted = length + _AROUND if length >= _LEAST else length + 0x100 + _AROUND
    if more and size < start + counted:
        return start + counted
    for whole in (counted, length):
        end = start + whole
        if not _AROUND + _LEAST <= whole <= size - start or buffer[end - 1] != _STOP:
            continue
        if sum(buffer[start + 4 : end - 2]) & 0xFF == buffer[end - 2]:
            return end
    return 0


def _frame(octets: bytes) -> Found:
    control, address, transport = octets[4:7]
    if transport > _LAST_CI or len(octets) < _AROUND + _HEADER:
        return BadFrame("an M-Bus frame without DLMS in it", octets[:_MAX_REPORT])
    return MBusFrame(
        source=octets[7],
        destination=octets[8],
        data=octets[9:-2],
        sequence=transport & _SEQUENCE,
        final=bool(transport & _FIN),
        control=control,
        address=address,
    )
