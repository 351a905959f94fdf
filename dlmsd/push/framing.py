"""Which frames a stream consists of, and whose they are."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from typing import Final

from attrs import frozen

from dlmsd.config.values import MeterOptions, PushFraming
from dlmsd.dlms.hdlc.address import ServerAddress, client_address
from dlmsd.dlms.hdlc.control import POLL_FINAL, UI
from dlmsd.dlms.hdlc.frame import BadFrame, Frame
from dlmsd.dlms.hdlc.reassembly import FrameReassembly
from dlmsd.dlms.mbus import MBusFrame, MBusReassembly
from dlmsd.dlms.wrapper import WrapperFrame, WrapperReassembly
from dlmsd.errors import LocalError
from dlmsd.meter.protocol import Reassembly

AnyFrame = Frame | WrapperFrame | MBusFrame
Found = AnyFrame | BadFrame

# What the APDU in a wrapper may begin with, so that zeros in a stream are none: the
# notifications, plain and ciphered, and what carries them in parts or signed.
APDU_TAGS: Final = frozenset((0x0F, 0x18, 0x38, 0x58, 0xC2, 0xCA, 0xD2)) | frozenset(
    (0xDB, 0xDC, 0xDD, 0xDF, 0xE0)
)
_WRAPPER_HEADER: Final = 8
_WRAPPER_START: Final = b"\x00\x01"


LLC: Final = (b"\xe6\xe7\x00", b"\xe6\xe6\x00")
"""From a meter and to it; the latter is sent by some meters too."""


class _AnyPort(Container[tuple[int, int]]):
    """A listener does not know who will call it from where."""

    def __contains__(self, ports: object) -> bool:
        return True


@frozen
class Route:
    """Which device sent, and to which client, as the frame says; both in octets or numbers."""

    kind: PushFraming
    source: bytes
    destination: bytes

    @classmethod
    def of(cls, frame: AnyFrame) -> Route:
        """That of a frame."""
        match frame:
            case Frame():
                return cls("hdlc", frame.source, frame.destination)
            case WrapperFrame():
                kind: PushFraming = "wrapper"
            case MBusFrame():
                kind = "mbus"
        source, destination = frame.source.to_bytes(2, "big"), frame.destination.to_bytes(2, "big")
        return cls(kind, source, destination)

    def leads_from(self, meter: MeterOptions) -> bool:
        """Whether the meter's client and device stand in it."""
        if self.kind != "hdlc":
            told = int.from_bytes(self.source, "big"), int.from_bytes(self.destination, "big")
            return told == (meter.logical_device, meter.client)
        try:
            server = ServerAddress(meter.logical_device, meter.physical_device, meter.address_size)
        except LocalError:
            return False
        return server.matches(self.source) and self.destination == client_address(meter.client)

    def __str__(self) -> str:
        if self.kind == "hdlc":
            return f"HDLC {self.source.hex()} to {self.destination.hex()}"
        source, destination = (
            int.from_bytes(one, "big") for one in (self.source, self.destination)
        )
        return f"device {source} to client {destination}"


def answer(frame: AnyFrame, apdu: bytes) -> bytes:
    """The octets that carry an APDU back to where ``frame`` is from; none over M-Bus."""
    match frame:
        case Frame():
            control = UI | POLL_FINAL
            return Frame(frame.source, frame.destination, control, LLC[1] + apdu).encode()
        case WrapperFrame():
            return WrapperFrame(frame.destination, frame.source, apdu).encode()
    return b""


class DetectingReassembly:
    """Looks for the first beginning of a frame of any kind, and stays with that kind.

    It keeps at most one beginning (9 octets) until then. ``noise`` and ``idle`` count as
    those of the kind found do.
    """

    def __init__(self) -> None:
        self._buffer = b""
        self._found: Reassembly | None = None
        self._before = 0
        self.noise = 0
        self.idle = 0

    def feed(self, octets: bytes) -> Sequence[Found]:
        """Take more of the stream."""
        if self._found is None:
            octets = self._search(self._buffer + octets)
        return self._counted(self._found.feed(octets) if self._found else ())

    def abandon(self) -> Sequence[Found]:
        """Nothing more is coming."""
        if self._found is None:
            self._skip(len(self._buffer))
            self._buffer = b""
        return self._counted(self._found.abandon() if self._found else ())

    def _search(self, buffer: bytes) -> bytes:
        """The stream from the first beginning on, once it is one."""
        for place in range(len(buffer)):
            kind = _begins(buffer[place : place + _WRAPPER_HEADER + 1])
            if kind is None:
                continue
            self._skip(place)
            self._buffer = buffer[place:]
            if kind:
                self._found = _MAKERS[kind]()
            return self._buffer
        self._skip(len(buffer))
        self._buffer = b""
        return b""

    def _skip(self, count: int) -> None:
        self._before += count

    def _counted(self, found: Sequence[Found]) -> Sequence[Found]:
        one = self._found
        self.noise = self._before + (one.noise if one else 0)
        self.idle = one.idle if one else self._before
        return found


def _begins(octets: bytes) -> str | None:
    """The kind of frame that begins so; empty if that is open yet, None if none does."""
    if octets[0] == 0x7E:
        if len(octets) < 2:
            return ""
        return "hdlc" if octets[1] & 0xF0 == 0xA0 else None
    if octets[0] == 0x68:
        header = bytes((0x68, *octets[1:2] * 2, 0x68))
        if not header.startswith(octets[:4]):
            return None
        return "mbus" if len(octets) >= 4 else ""
    if not octets.startswith(_WRAPPER_START[: len(octets)]):
        return None
    if len(octets) <= _WRAPPER_HEADER:
        return ""
    return "wrapper" if octets[_WRAPPER_HEADER] in APDU_TAGS else None


_MAKERS: Final[Mapping[str, Callable[[], Reassembly]]] = {
    "hdlc": FrameReassembly,
    "wrapper": lambda: WrapperReassembly(_AnyPort()),
    "mbus": MBusReassembly,
    "auto": DetectingReassembly,
}


def make_reassembly(framing: PushFraming) -> Reassembly:
    """For one stream of this framing."""
    return _MAKERS[framing]()
