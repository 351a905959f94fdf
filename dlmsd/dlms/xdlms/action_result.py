"""Action-Result: whether a method was carried out."""

from __future__ import annotations

from dlmsd.dlms.xdlms.code import Code


class ActionResult(Code):
    """IEC 62056-53 clause 8.5, for one method; the association stays usable."""

    SUCCESS = 0, "done"
    HARDWARE_FAULT = 1, "the meter has a hardware fault; have it inspected"
    TEMPORARY_FAILURE = 2, "the meter cannot do it now; try again later"
    READ_WRITE_DENIED = 3, "this client may not invoke the method; use another client"
    OBJECT_UNDEFINED = 4, "the meter has no such object; check the OBIS code"
    OBJECT_CLASS_INCONSISTENT = 9, "the object is of another class; check the class"
    OBJECT_UNAVAILABLE = 11, "the object exists but cannot be used now; try again later"
    TYPE_UNMATCHED = 12, "the method wants other parameters; compare with the meter's manual"
    SCOPE_OF_ACCESS_VIOLATED = (
        13,
        "the request goes beyond what this client may do; use another client",
    )
    DATA_BLOCK_UNAVAILABLE = 14, "the meter lost a block of the parameters; invoke again"
    LONG_ACTION_ABORTED = 15, "the meter gave up a long action; invoke again"
    NO_LONG_ACTION_IN_PROGRESS = 16, "the meter knows of no long action; invoke again"
    OTHER_REASON = 250, "the meter gives no reason; compare with its manual"
