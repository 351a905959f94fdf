"""Data-Access-Result: why an attribute was not read or written."""

from __future__ import annotations

from typing import Final

from dlmsd.dlms.xdlms.code import Code


class DataAccessResult(Code):
    """IEC 62056-53 clause 8.5, for one attribute; the association stays usable."""

    SUCCESS = 0, "done"
    HARDWARE_FAULT = 1, "the meter has a hardware fault; have it inspected"
    TEMPORARY_FAILURE = 2, "the meter cannot do it now; it is tried again"
    READ_WRITE_DENIED = 3, "this client may not access the attribute; use another client"
    OBJECT_UNDEFINED = 4, "the meter has no such object; check the OBIS code"
    OBJECT_CLASS_INCONSISTENT = 9, "the object is of another class; set the measurement's class"
    OBJECT_UNAVAILABLE = 11, "the object exists but holds nothing; the meter may not measure it"
    TYPE_UNMATCHED = 12, "the attribute has another data type; compare with the meter's manual"
    SCOPE_OF_ACCESS_VIOLATED = (
        13,
        "the request goes beyond what this client may do; ask for less at once, or use another"
        " client",
    )
    DATA_BLOCK_UNAVAILABLE = 14, "the meter lost a block of a long answer; it is read again"
    LONG_GET_ABORTED = 15, "the meter gave up a long answer; it is read again"
    NO_LONG_GET_IN_PROGRESS = 16, "the meter knows of no long answer; it is read again"
    LONG_SET_ABORTED = 17, "the meter gave up a long write; write again"
    NO_LONG_SET_IN_PROGRESS = 18, "the meter knows of no long write; write again"
    DATA_BLOCK_NUMBER_INVALID = 19, "the meter counts blocks in another way; it is read again"
    OTHER_REASON = 250, "the meter gives no reason; compare with its manual"


LASTING: Final = frozenset(
    {
        DataAccessResult.READ_WRITE_DENIED,
        DataAccessResult.OBJECT_UNDEFINED,
        DataAccessResult.OBJECT_CLASS_INCONSISTENT,
        DataAccessResult.SCOPE_OF_ACCESS_VIOLATED,
    }
)
"""Refusals that stand until the meter, or what we may do there, is changed."""
