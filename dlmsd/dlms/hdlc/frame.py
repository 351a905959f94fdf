"""One HDLC frame of format type 3 (IEC 62056-46 clause 6.4)."""

from __future__ import annotations

from typing import Final, NamedTuple

from attrs import frozen

from dlmsd.dlms.hdlc.control import KINDS, POLL_FINAL, Kind
from dlmsd.dlms.hdlc.fcs import fcs
from dlmsd.errors import LocalError

FLAG: Final = b"\x7e"
SEGMENTED: Final = 0x0800
MAX_LENGTH: Final = 0x07FF


@frozen
class Frame:
    """What stands between two flags, checks verified and removed.

    ``destination`` and ``source`` are the encoded addresses.
    """

    destination: bytes
    source: bytes
    control: int
    information: bytes = b""
    segmented: bool = False

    @property
    def kind(self) -> Kind:
        """What the control field says the frame is."""
        return KINDS[self.control]

    @property
    def final(self) -> bool:
        """The poll/final bit."""
        return bool(self.control & POLL_FINAL)

    def encode(self) -> bytes:
        """The octets from flag to flag; LocalError if they exceed 2,047."""
        header = self.destination + self.source + bytes((self.control,))
        length = 2 + len(header) + 2
        if self.information:
            length += len(self.information) + 2
        if length > MAX_LENGTH:
            raise LocalError(f"a frame of {length} octets is longer than {MAX_LENGTH}")
        form = 0xA000 | (SEGMENTED if self.segmented else 0) | length
        body = form.to_bytes(2, "big") + header
        if self.information:
            body += fcs(body) + self.information
        return FLAG + body + fcs(body) + FLAG


class BadFrame(NamedTuple):
    """Octets that began like a frame and were none; ``reason`` in words.

    A tuple, as noise makes more of them than meters make frames.
    """

    reason: str
    octets: bytes
