"""What meters were seen to do unlike the standard, so that a client can be tried on it.

The numbers are the rows of docs/meters.md.
"""

from __future__ import annotations

import enum

from dlmsd.dlms.axdr.length import decode_length, encode_length
from dlmsd.dlms.cosem.obis import Obis


class Quirk(enum.Enum):
    """One oddity: its name, the row that tells of it, and what the meter does."""

    NO_USER_INFORMATION = "no-user-information", 22, "refuses an AARQ without telling why"
    UNPROVED_METER = "unproved-meter", 24, "takes the client's proof and gives none"
    NO_RELEASE = "no-release", 28, "does not answer RLRQ"
    PRE_ESTABLISHED = "pre-established", 29, "answers without AARQ, and without SNRM"
    CLEAR_AARQ = "clear-aarq", 33, "wants the first request in clear, all others ciphered"
    LONG_ANSWERS = "long-answers", 34, "answers with 50 octets more than was agreed"
    BLOCKS_FROM_0 = "blocks-from-0", 35, "counts the blocks of an answer from 0"
    BLOCKS_GO_ON = "blocks-go-on", 35, "goes on counting blocks from the last answer"
    SHORT_ACTION = "short-action", 36, "leaves an octet out of what ACTION returns"
    WRONG_COUNT = "wrong-count", 37, "lists one object less than it says"
    OTHER_ASSOCIATION = "other-association", 41, "has its association object at 0-0:40.0.2"
    CONSTANT_INVOKE_ID = "constant-invoke-id", 50, "answers with invoke-id 1, whatever was asked"

    def __init__(self, label: str, row: int, words: str) -> None:
        self.label = label
        self.row = row
        self.words = words


OTHER_ASSOCIATION = Obis.parse("0-0:40.0.2")
"""Where the association object is that is not at 0-0:40.0.0."""

EXCESS = 50
"""Octets more than was agreed."""


def miscounted(apdu: bytes, offset: int) -> bytes:
    """``apdu`` with an array at ``offset`` that says one element too many."""
    count, end = decode_length(apdu, offset + 1)
    return apdu[: offset + 1] + encode_length(count + 1) + apdu[end:]


def without_presence(apdu: bytes) -> bytes:
    """An action-response-normal without the octet that says whether it returns something."""
    return apdu[:4] + apdu[5:]
