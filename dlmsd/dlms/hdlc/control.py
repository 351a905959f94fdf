"""Control fields (IEC 62056-46 clause 6.4.3): what a frame is for.

REJ and SREJ do not exist in DLMS HDLC; a received one is UNKNOWN, like any other pattern
that the standard does not list.
"""

from __future__ import annotations

import enum
from typing import Final

POLL_FINAL: Final = 0x10


class Kind(enum.Enum):
    """The frames of DLMS HDLC."""

    I = "I"  # noqa: E741 - the standard's name
    RR = "RR"
    RNR = "RNR"
    SNRM = "SNRM"
    DISC = "DISC"
    UA = "UA"
    DM = "DM"
    FRMR = "FRMR"
    UI = "UI"
    UNKNOWN = "unknown"


SNRM: Final = 0x83
DISC: Final = 0x43
UA: Final = 0x63
DM: Final = 0x0F
FRMR: Final = 0x87
UI: Final = 0x03

_UNNUMBERED: Final = {
    SNRM: Kind.SNRM,
    DISC: Kind.DISC,
    UA: Kind.UA,
    DM: Kind.DM,
    FRMR: Kind.FRMR,
    UI: Kind.UI,
}


def _kind(control: int) -> Kind:
    if not control & 1:
        return Kind.I
    if control & 0x0F == 0x01:
        return Kind.RR
    if control & 0x0F == 0x05:
        return Kind.RNR
    return _UNNUMBERED.get(control & ~POLL_FINAL, Kind.UNKNOWN)


KINDS: Final = tuple(_kind(control) for control in range(256))
"""The kind of every control octet."""


def information(send: int, receive: int, *, final: bool) -> int:
    """The control octet of an I frame: N(S), N(R), poll/final."""
    return receive << 5 | (POLL_FINAL if final else 0) | send << 1


def receive_ready(receive: int, *, final: bool = True) -> int:
    """The control octet of an RR frame."""
    return receive << 5 | (POLL_FINAL if final else 0) | 0x01


def receive_not_ready(receive: int, *, final: bool = True) -> int:
    """The control octet of an RNR frame."""
    return receive << 5 | (POLL_FINAL if final else 0) | 0x05


def renumbered(field: int, send: int, receive: int) -> int:
    """An I, RR or RNR ``field`` with these numbers in place of its own."""
    kept = field & 0x1F if field & 1 else field & POLL_FINAL | send << 1
    return receive << 5 | kept


def send_number(control: int) -> int:
    """N(S) of an I frame."""
    return control >> 1 & 7


def receive_number(control: int) -> int:
    """N(R) of an I, RR or RNR frame: the next N(S) that the sender expects."""
    return control >> 5
