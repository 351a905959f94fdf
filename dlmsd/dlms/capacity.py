"""How long a request to one meter may be."""

from __future__ import annotations

from typing import Final

from attrs import evolve, frozen

from dlmsd.dlms.security.context import SecurityContext
from dlmsd.dlms.xdlms.action import ActionRequestNormal
from dlmsd.dlms.xdlms.conformance import Conformance
from dlmsd.dlms.xdlms.set import SetRequestNormal
from dlmsd.dlms.xdlms.short_name import WriteRequest

_NOTHING: Final = Conformance(0)
# What divides long requests by services of their own.
_BLOCKS: Final = {
    SetRequestNormal.TAG: Conformance.BLOCK_TRANSFER_WITH_SET_OR_WRITE,
    WriteRequest.TAG: Conformance.BLOCK_TRANSFER_WITH_SET_OR_WRITE,
    ActionRequestNormal.TAG: Conformance.BLOCK_TRANSFER_WITH_ACTION,
}


@frozen
class Capacity:
    """What a meter takes that granted ``conformance``: APDUs of ``limit`` octets, 0 for any,
    with what ``security`` puts around them. ``window`` is ours in general block transfer, 0 for
    none.
    """

    window: int
    security: SecurityContext | None
    conformance: Conformance = _NOTHING
    limit: int = 0

    def granted(self, conformance: Conformance, limit: int) -> Capacity:
        """That of a meter which grants this."""
        return evolve(self, conformance=conformance, limit=limit)

    @property
    def transfers(self) -> bool:
        """Whether general block transfer was agreed upon: no request is too long then."""
        return bool(self.window) and Conformance.GENERAL_BLOCK_TRANSFER in self.conformance

    def room(self, tag: int) -> int:
        """The most octets of a plain APDU with this tag, 0 for any."""
        if self.security is None or not self.limit:
            return self.limit
        return self.security.room(tag, self.limit)

    def whole(self, tag: int) -> int:
        """The same, but for any where general block transfer has to divide it, and not blocks
        of its own service.
        """
        own = tag in _BLOCKS and _BLOCKS[tag] in self.conformance
        return 0 if self.transfers and not own else self.room(tag)
