"""Octets of which only their owner knows where they come from: a log, a capture."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from dlmsd.dlms.axdr.data import decode
from dlmsd.dlms.describe.apdu import describe_apdu
from dlmsd.dlms.describe.data import describe_data
from dlmsd.dlms.describe.frame import describe_frame
from dlmsd.dlms.describe.node import Node
from dlmsd.dlms.hdlc.control import Kind
from dlmsd.dlms.hdlc.frame import FLAG, Frame
from dlmsd.dlms.hdlc.reassembly import FrameReassembly
from dlmsd.dlms.wrapper import WrapperFrame
from dlmsd.dlms.xdlms.apdu import decode_apdu
from dlmsd.dlms.xdlms.protected import PROTECTED_TAGS
from dlmsd.errors import DecodeError

# What stands between the digits of a log.
_BETWEEN: Final = re.compile(r"0[xX]|[\s,;:|-]+")
_LLC: Final = (b"\xe6\xe6\x00", b"\xe6\xe7\x00")
_HEADER: Final = 8
_VERSION: Final = b"\x00\x01"
# Octets of one call: a day's capture is for a file, not for one description.
MOST: Final = 1 << 20


def parse_hex(text: str) -> bytes:
    """The octets of hex digits as logs write them; ValueError, with a sentence, if none."""
    digits = _BETWEEN.sub("", text)
    if not digits:
        raise ValueError("there is no octet")
    if len(digits) > 2 * MOST:
        raise ValueError(f"more than {MOST} octets")
    try:
        return bytes.fromhex(digits)
    except ValueError:
        odd = next((char for char in digits if char not in "0123456789abcdefABCDEF"), None)
        why = f"{odd!r} is no hex digit" if odd else "an odd number of hex digits"
        raise ValueError(f"not octets: {why}") from None


def describe_octets(octets: bytes) -> list[Node]:
    """HDLC or WRAPPER frames with the APDUs in them, one APDU, or one Data."""
    if FLAG in octets[:1]:
        return list(_hdlc(octets))
    wrapped = _wrapped(octets)
    if wrapped:
        return [
            node for frame in wrapped for node in (describe_frame(frame), describe_apdu(frame.apdu))
        ]
    for llc in _LLC:
        octets = octets.removeprefix(llc)
    try:
        if octets[:1] and octets[0] not in PROTECTED_TAGS:
            decode_apdu(octets)
    except DecodeError:
        try:
            data, end = decode(octets)
        except DecodeError:
            return [describe_apdu(octets)]
        if end == len(octets):
            return [describe_data(data)]
    return [describe_apdu(octets)]


def describe_frames(octets: bytes) -> list[Node]:
    """The frames alone, of octets that were sent or received as such.

    Their check sequence is no matter: stars for a password change it.
    """
    if FLAG not in octets[:1]:
        return [describe_frame(frame) for frame in _wrapped(octets)]
    return [describe_frame(found) for found in FrameReassembly(trusting=True).feed(octets)]


def _hdlc(octets: bytes) -> Iterator[Node]:
    reassembly = FrameReassembly()
    begun: dict[tuple[bytes, bytes], bytes] = {}
    for found in (*reassembly.feed(octets), *reassembly.abandon()):
        yield describe_frame(found)
        if not isinstance(found, Frame) or found.kind not in (Kind.I, Kind.UI):
            continue
        ends = found.destination, found.source
        whole = begun.pop(ends, b"") + found.information
        if found.segmented:
            begun[ends] = whole
        elif whole:
            for llc in _LLC:
                whole = whole.removeprefix(llc)
            yield describe_apdu(whole)
    if reassembly.noise:
        yield Node(f"{reassembly.noise} octets belong to no frame")


def _wrapped(octets: bytes) -> list[WrapperFrame]:
    """All of ``octets`` as wrapped APDUs; nothing if they are not just that."""
    frames = []
    while octets[:2] == _VERSION and len(octets) >= _HEADER:
        source, destination, length = (
            int.from_bytes(octets[place : place + 2], "big") for place in (2, 4, 6)
        )
        end = _HEADER + length
        if end > len(octets):
            return []
        frames.append(WrapperFrame(source, destination, octets[_HEADER:end]))
        octets = octets[end:]
    return [] if octets else frames
