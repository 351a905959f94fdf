"""Frames for people to look at, without the password that an AARQ carries in clear."""

from __future__ import annotations

from typing import Final

from attrs import evolve

from dlmsd.dlms.hdlc.control import Kind
from dlmsd.dlms.hdlc.frame import Frame
from dlmsd.dlms.hdlc.reassembly import FrameReassembly

_STAR: Final = b"*"


def without(octets: bytes, secret: bytes, *, travelling: bool) -> bytes:
    """``octets`` as sent or received, stars for ``secret``.

    While it is ``travelling`` it may be cut into segments; then the whole information of
    every I frame is stars.
    """
    if not secret:
        return octets
    if secret in octets:
        octets = octets.replace(secret, _STAR * len(secret))
    elif travelling:
        return b"".join(_hidden(found) for found in FrameReassembly().feed(octets)) or octets
    return octets


def _hidden(found: object) -> bytes:
    if not isinstance(found, Frame):
        return b""
    if found.kind is Kind.I:
        found = evolve(found, information=_STAR * len(found.information))
    return found.encode()
