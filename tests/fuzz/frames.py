"""Frames under test, of HDLC and of the WRAPPER: streams of them, one, and what links agree on."""

from __future__ import annotations

from typing import Final

from dlmsd.dlms.hdlc.address import ServerAddress, address_end
from dlmsd.dlms.hdlc.fcs import fcs
from dlmsd.dlms.hdlc.frame import FLAG, MAX_LENGTH, Frame
from dlmsd.dlms.hdlc.negotiation import LinkParameters
from dlmsd.dlms.hdlc.reassembly import FrameReassembly
from dlmsd.dlms.wrapper import WrapperFrame, WrapperReassembly
from tests.fuzz import machines
from tests.fuzz.target import Target, pieces
from tests.vectors import hdlc


def _hdlc_stream(octets: bytes) -> None:
    stream = FrameReassembly(trusting=bool(len(octets) & 1))
    for piece in pieces(octets):
        stream.feed(piece)
    while stream.abandon():
        pass


# A false start every other octet: whatever begins a frame may be the octets of another.
FALSE_STARTS: Final = tuple(
    (b"\x7e%c" % form * 0x8000)[:size] for form in (0xA0, 0xA7) for size in (0xFFFF, 0x10000)
)
_SERVERS: Final = (ServerAddress(0, 1), ServerAddress(1, 17), ServerAddress(1, 2836))


def _hdlc_frame(octets: bytes) -> None:
    """A frame with these addresses, control and information, and good check sequences."""
    source = address_end(octets, 0, len(octets))
    control = address_end(octets, source, len(octets)) if source > 0 else 0
    header, information = octets[: control + 1], octets[control + 1 :][: MAX_LENGTH - 20]
    length = 2 + len(header) + 2 + (len(information) + 2 if information else 0)
    body = (0xA000 | length).to_bytes(2, "big") + header
    if information:
        body += fcs(body) + information
    for frame in FrameReassembly().feed(FLAG + body + fcs(body) + FLAG):
        if isinstance(frame, Frame):
            assert frame.kind, frame.final
            for server in _SERVERS:
                server.matches(frame.source)
            LinkParameters().agreed(LinkParameters.decode(frame.information))


def _negotiation(octets: bytes) -> None:
    theirs = LinkParameters.decode(octets)
    for ours in (LinkParameters(), LinkParameters(2030, 32, 7, 1)):
        assert ours.agreed(theirs).legal


def _wrapper_stream(octets: bytes) -> None:
    stream = WrapperReassembly(frozenset(((1, 16), (0, 0))))
    for piece in pieces(octets):
        stream.feed(piece)
    while stream.abandon():
        pass


def targets() -> tuple[Target, ...]:
    """All of them, and the links behind."""
    return (
        Target("hdlc.stream", _hdlc_stream, (*hdlc.FRAMES, b"".join(hdlc.FRAMES)), FALSE_STARTS),
        Target("hdlc.frame", _hdlc_frame, tuple(frame[3:-3] for frame in hdlc.FRAMES)),
        Target("hdlc.negotiation", _negotiation, (LinkParameters(2030, 32, 7, 1).encode(),)),
        Target("hdlc.link", machines.link, machines.LINK_SCRIPTS, harvest=False),
        Target("wrapper.stream", _wrapper_stream, (WrapperFrame(1, 16, b"\xc4" * 9).encode(),)),
        Target("wrapper.link", machines.wrapped),
    )
