"""The services that a client proposes to a meter, of which the meter grants some."""

from __future__ import annotations

from typing import Final

from dlmsd.dlms.xdlms.conformance import Conformance

READING: Final = (
    Conformance.GET
    | Conformance.BLOCK_TRANSFER_WITH_GET_OR_READ
    | Conformance.MULTIPLE_REFERENCES
    | Conformance.SELECTIVE_ACCESS
    | Conformance.ACCESS
)
"""What is proposed by who only reads."""

WRITING: Final = (
    READING
    | Conformance.SET
    | Conformance.ACTION
    | Conformance.BLOCK_TRANSFER_WITH_SET_OR_WRITE
    | Conformance.BLOCK_TRANSFER_WITH_ACTION
)
"""What is proposed by who may write and invoke too."""
