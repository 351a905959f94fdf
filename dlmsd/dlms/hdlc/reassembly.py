"""From a stream of octets to frames, delimited by the length field, never by the flag.

A flag only says where a frame may begin. What follows it is a frame when its format
field, addresses, header check and frame check are good; otherwise the search goes on at
the octet behind that flag, so no garbage can hide the good frame behind it.

A frame whose header check is good has earned trust in its length: until the rest has
come, nothing inside it is taken for a frame, else a register's value could forge one.
When the rest does not come, the owner's timer calls :meth:`FrameReassembly.abandon`,
and what lies behind the false start is searched.

Any other start is decided at the latest by the header of the first good frame behind it:
an address ends at the first octet with the lowest bit set, so the two addresses of the
false start end no later than those of the good frame, and so does its header check.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from dlmsd.dlms.hdlc.address import address_end
from dlmsd.dlms.hdlc.fcs import is_good
from dlmsd.dlms.hdlc.frame import FLAG, SEGMENTED, BadFrame, Frame

# Format (2), one octet of each address, control (1), FCS (2).
_MIN_LENGTH: Final = 7
# A report shows where the octets went wrong; a whole frame in each would cost memory.
_MAX_REPORT: Final = 64
_SEGMENTED: Final = SEGMENTED >> 8

Found: TypeAlias = Frame | BadFrame


class FrameReassembly:
    """Feeds on octets, gives frames and reports of bad ones.

    It keeps at most one unfinished frame (2,048 octets). ``noise`` counts octets that
    belonged to no frame, flags excepted; ``idle`` counts all octets since the last good
    frame, so that its owner can end a connection that only babbles. With ``trusting`` a
    wrong frame check is forgiven between a good header check and a closing flag.
    """

    def __init__(self, *, trusting: bool = False) -> None:
        self._trusting = trusting
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
        """Give up the unfinished frame and search what came behind its flag."""
        return self._search(more=False)

    def _search(self, *, more: bool) -> list[Found]:
        """All there is to find; unless ``more`` is to come, what is unfinished is bad."""
        found: list[Found] = []
        buffer = bytes(self._buffer)
        size = len(buffer)
        start = 0
        self._wanted = 0
        while (start := self._flag(buffer, start)) < size:
            result, end = self._examine(buffer, start, size)
            if result is None:
                if more:
                    self._wanted = end - start
                    break
                if start + 1 < size:
                    found.append(self._bad("cut short", buffer, start, size)[0])
                start += 1
                continue
            found.append(result)
            if isinstance(result, Frame):
                self.idle = size - end
                start = end
            else:
                start += 1
        del self._buffer[:start]
        return found

    def _flag(self, buffer: bytes, start: int) -> int:
        """The last of the next run of flags; what is skipped before it is noise."""
        flag = buffer.find(FLAG, start)
        if flag != start:
            if flag < 0:
                flag = len(buffer)
            self.noise += flag - start
        while buffer.startswith(FLAG, flag + 1):
            flag += 1
        return flag

    def _examine(self, buffer: bytes, flag: int, size: int) -> tuple[Found | None, int]:
        """What begins behind ``flag``, and its end; None and the end that is waited for."""
        begin = flag + 1
        if size < begin + 2:
            if size > begin and buffer[begin] & 0xF0 != 0xA0:
                return self._bad("no format type 3", buffer, flag, size)
            return None, begin + 2
        form = buffer[begin]
        if form & 0xF0 != 0xA0:
            return self._bad("no format type 3", buffer, flag, begin + 1)
        length = (form & 0x07) << 8 | buffer[begin + 1]
        if length < _MIN_LENGTH:
            return self._bad("length too short", buffer, flag, begin + 2)
        end = begin + length
        limit = end if end < size else size
        source = address_end(buffer, begin + 2, limit)
        control = address_end(buffer, source, limit) if source > 0 else source
        if control == 0 and limit < end:
            return None, size + 1
        header = control + 3
        if control <= 0 or header > end:
            return self._bad("no legal address", buffer, flag, limit)
        if size < header:
            return None, header
        if not is_good(buffer[begin:header]):
            return self._bad("wrong HCS" if header < end else "wrong FCS", buffer, flag, limit)
        if size < end:
            return None, end
        information = b""
        if header < end:
            good = end >= header + 2 and is_good(buffer[begin:end])
            if not good and self._trusting and end >= header + 2:
                if size == end:
                    return None, end + 1
                good = buffer[end] == FLAG[0]
            if not good:
                return self._bad("wrong FCS", buffer, flag, end)
            information = buffer[header : end - 2]
        segmented = form & _SEGMENTED != 0
        destination = buffer[begin + 2 : source]
        return Frame(
            destination, buffer[source:control], buffer[control], information, segmented
        ), end

    def _bad(self, reason: str, buffer: bytes, flag: int, end: int) -> tuple[BadFrame, int]:
        most = flag + _MAX_REPORT
        octets = buffer[flag : end if end < most else most]
        # As A-XDR makes its values: the constructor takes twice as long.
        return tuple.__new__(BadFrame, (reason, octets)), end
