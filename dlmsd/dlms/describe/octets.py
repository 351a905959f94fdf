"""Octets of which only their owner knows where they come from: a log, a capture."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator
from itertools import groupby, islice
from typing import Final

from dlmsd.dlms.axdr.data import decode
from dlmsd.dlms.describe.apdu import describe_apdu, describe_decoded, describe_undecodable
from dlmsd.dlms.describe.data import describe_data
from dlmsd.dlms.describe.frame import describe_frame
from dlmsd.dlms.describe.node import Node
from dlmsd.dlms.hdlc.control import Kind
from dlmsd.dlms.hdlc.frame import FLAG, MAX_LENGTH, BadFrame, Frame
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
# Bad frames in a row that one line stands for.
_RUN: Final = 1000
# What passes at once is a frame, or a window of seven.
_WINDOW: Final = 8 * MAX_LENGTH
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


def describe_octets(octets: bytes) -> Iterator[Node]:
    """HDLC or WRAPPER frames with the APDUs in them, one APDU, or one Data.

    Told piece by piece: a capture of many frames need not be read to its end.
    """
    if FLAG in octets[:1]:
        yield from _hdlc(octets)
        return
    if _is_wrapped(octets):
        for frame in _wrapped(octets):
            yield describe_frame(frame)
            yield describe_apdu(frame.apdu)
        return
    for llc in _LLC:
        octets = octets.removeprefix(llc)
    yield _bare(octets)


def _bare(octets: bytes) -> Node:
    """An APDU, or what is none and is Data; decoded once as each, since each may be long."""
    if octets[:1] and octets[0] in PROTECTED_TAGS:
        return describe_apdu(octets)
    try:
        return describe_decoded(decode_apdu(octets))
    except DecodeError as error:
        return _data(octets) or describe_undecodable(octets, error)


def _data(octets: bytes) -> Node | None:
    """All of ``octets`` as one Data, if they are that."""
    try:
        data, end = decode(octets)
    except DecodeError:
        return None
    return describe_data(data) if end == len(octets) else None


def describe_frames(octets: bytes) -> list[Node]:
    """The frames alone, of octets that were sent or received as such.

    Their check sequence is no matter: stars for a password change it.
    """
    if FLAG not in octets[:1]:
        return [describe_frame(frame) for frame in _wrapped(octets)] if _is_wrapped(octets) else []
    found = FrameReassembly(trusting=True).feed(octets[:_WINDOW])
    more = len(octets) - _WINDOW
    behind = [Node(f"and {more} octets more")] if more > 0 else []
    return [*(node for _, node in _described(found)), *behind]


def _described(found: Iterable[Frame | BadFrame]) -> Iterator[tuple[Frame | None, Node]]:
    """Each frame and its line; of bad ones in a row, as noise has by the thousand, the first."""
    for bad, frames in groupby(found, lambda frame: type(frame) is BadFrame):
        if not bad:
            for frame in frames:
                assert isinstance(frame, Frame)
                yield frame, describe_frame(frame)
            continue
        for first in frames:
            yield None, describe_frame(first)
            if more := sum(1 for _ in islice(frames, _RUN)):
                yield None, Node(f"and {more} more beginnings of frames that are none")


def _hdlc(octets: bytes) -> Iterator[Node]:
    reassembly = FrameReassembly()
    begun: dict[tuple[bytes, bytes], bytes] = {}
    for found, node in _described(_frames(reassembly, octets)):
        yield node
        if found is None or found.kind not in (Kind.I, Kind.UI):
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


def _frames(reassembly: FrameReassembly, octets: bytes) -> Iterator[Frame | BadFrame]:
    for start in range(0, len(octets), MAX_LENGTH):
        yield from reassembly.feed(octets[start : start + MAX_LENGTH])
    yield from reassembly.abandon()


def _is_wrapped(octets: bytes) -> bool:
    """Whether these are wrapped APDUs and nothing else."""
    start = 0
    while octets.startswith(_VERSION, start) and len(octets) >= start + _HEADER:
        start += _HEADER + int.from_bytes(octets[start + 6 : start + _HEADER], "big")
    return start == len(octets) > 0


def _wrapped(octets: bytes) -> Iterator[WrapperFrame]:
    start = 0
    while start < len(octets):
        source, destination, length = struct.unpack_from(">HHH", octets, start + 2)
        end = start + _HEADER + length
        yield WrapperFrame(source, destination, octets[start + _HEADER : end])
        start = end
