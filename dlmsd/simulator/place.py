"""Where a virtual meter is reached."""

from __future__ import annotations

from attrs import field, frozen

from dlmsd.dlms.hdlc.negotiation import LinkParameters


@frozen
class Place:
    """Its logical device and physical address, its TCP port by default, its HDLC link."""

    logical: int = 1
    physical: int = 1
    port: int = 0
    link: LinkParameters = field(factory=LinkParameters)
