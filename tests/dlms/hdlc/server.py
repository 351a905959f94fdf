"""A secondary station that does no more than the standard asks, and a line that loses frames.

It is written apart from the package's own machines, so that a misunderstanding in one of
them is not in both.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from dlmsd.dlms.hdlc.control import Kind
from dlmsd.dlms.hdlc.frame import Frame
from dlmsd.dlms.hdlc.reassembly import FrameReassembly
from dlmsd.dlms.link import LinkEvent, Transmit

CLIENT = b"\x21"
SERVER = b"\x03"


def sent(events: list[LinkEvent]) -> list[Frame]:
    """The frames that a link's events put on the wire."""
    octets = b"".join(event.octets for event in events if isinstance(event, Transmit))
    found = FrameReassembly().feed(octets)
    frames = [each for each in found if isinstance(each, Frame)]
    assert len(frames) == len(found)
    return frames


class Server:
    """Answers ``answer(apdu)`` to every APDU; ``size`` octets a segment, ``window`` frames.

    To an I frame that came before it sends again what is unacknowledged, or, if it is
    ``curt``, an RR: both are allowed, and either may come after the answer itself.
    """

    def __init__(
        self,
        answer: Callable[[bytes], bytes],
        size: int = 128,
        window: int = 1,
        *,
        curt: bool = False,
    ) -> None:
        self.answer = answer
        self.curt = curt
        self.size = size
        self.window = window
        self.parameters = b""
        self.requests: list[bytes] = []
        self.rejected = False
        self.disconnect()

    def disconnect(self) -> None:
        """Forget the link."""
        self.up = False
        self.vs = self.vr = self.va = 0
        self.unsent: deque[tuple[bytes, bool]] = deque()
        self.unheard: deque[tuple[bytes, bool]] = deque()
        self.assembled = b""

    def take(self, frame: Frame) -> list[Frame]:
        """One frame from the client, and what goes back."""
        assert (frame.destination, frame.source) == (SERVER, CLIENT)
        if frame.kind is Kind.SNRM:
            self.disconnect()
            self.up = True
            return [Frame(CLIENT, SERVER, 0x73, self.parameters)]
        if not self.up:
            return [Frame(CLIENT, SERVER, 0x1F)] if frame.final else []
        if frame.kind is Kind.DISC:
            self.disconnect()
            return [Frame(CLIENT, SERVER, 0x73)]
        self._acknowledge(frame.control >> 5)
        again = frame.kind is Kind.I and not self._information(frame)
        if not frame.final:
            return []
        return [self._ready()] if again and self.curt else self._turn()

    def _acknowledge(self, number: int) -> None:
        heard = (number - self.va) % 8
        if heard > len(self.unheard):
            self.rejected = True
            return
        for _ in range(heard):
            self.unheard.popleft()
        self.va = number

    def _information(self, frame: Frame) -> bool:
        """Whether the frame was the one expected."""
        if frame.control >> 1 & 7 != self.vr:
            return False
        self.vr = (self.vr + 1) % 8
        self.assembled += frame.information
        if frame.segmented:
            return True
        apdu, self.assembled = self.assembled, b""
        assert apdu[:3] == b"\xe6\xe6\x00", apdu
        self.requests.append(apdu[3:])
        octets = b"\xe6\xe7\x00" + self.answer(apdu[3:])
        pieces = [octets[at : at + self.size] for at in range(0, len(octets), self.size)]
        self.unsent.extend((piece, True) for piece in pieces[:-1])
        self.unsent.append((pieces[-1], False))
        return True

    def _ready(self) -> Frame:
        return Frame(CLIENT, SERVER, self.vr << 5 | 0x11)

    def _turn(self) -> list[Frame]:
        if not self.unheard:
            while self.unsent and len(self.unheard) < self.window:
                self.unheard.append(self.unsent.popleft())
        if not self.unheard:
            return [self._ready()]
        frames = []
        for place, (octets, more) in enumerate(self.unheard):
            final = 0x10 if place == len(self.unheard) - 1 else 0
            number = (self.va + place) % 8
            field = self.vr << 5 | final | number << 1
            frames.append(Frame(CLIENT, SERVER, field, octets, more))
        return frames
