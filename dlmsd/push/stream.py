"""One sender's octets: from them, whole APDUs. It has the state of one TCP connection."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dlmsd.config.values import PushFraming
from dlmsd.dlms.hdlc.frame import BadFrame
from dlmsd.push.assembly import Answer, Arrived, Assembly
from dlmsd.push.framing import Found, make_reassembly


class Stream:
    """Feeds on octets, gives APDUs, and octets to send back.

    Times are seconds of the caller's clock. ``bad`` counts frames that were none, and APDUs
    that were given up.
    """

    def __init__(self, framing: PushFraming) -> None:
        self._reassembly = make_reassembly(framing)
        self._assembly = Assembly()
        self._bad = 0

    @property
    def idle(self) -> int:
        """Octets since the last good frame."""
        return self._reassembly.idle

    @property
    def noise(self) -> int:
        """Octets that belonged to no frame."""
        return self._reassembly.noise

    @property
    def bad(self) -> int:
        """What came and was of no use."""
        return self._bad + self._assembly.lost

    def feed(self, octets: bytes, now: float) -> list[Arrived | Answer]:
        """Take more of the stream."""
        return list(self._taken(self._reassembly.feed(octets), now))

    def abandon(self, now: float) -> list[Arrived | Answer]:
        """Nothing came for a while: look behind an unfinished frame, give up what waits."""
        arrived = list(self._taken(self._reassembly.abandon(), now))
        self._assembly.expire(now)
        return arrived

    def _taken(self, found: Sequence[Found], now: float) -> Iterator[Arrived | Answer]:
        for frame in found:
            if isinstance(frame, BadFrame):
                self._bad += 1
                continue
            yield from self._assembly.receive(frame, now)
