"""ACCESS: reading, writing and invoking in one request (IEC 62056-5-3 clause 9.3.6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.dlms.exchange.exchange import Exchange, failed
from dlmsd.dlms.outcome import AssociationEvent, Results
from dlmsd.dlms.xdlms.access import (
    AccessAction,
    AccessGet,
    AccessRequest,
    AccessResponse,
    AccessSet,
    AccessSpecification,
    ActionDone,
    GetDone,
    SetDone,
)
from dlmsd.dlms.xdlms.long_invoke import breaks_on_error, long_invoke_id
from dlmsd.errors import MeterError, ServiceError

_DONE: Final = {AccessGet: GetDone, AccessSet: SetDone, AccessAction: ActionDone}
_NOTHING: Final = Data(Tag.NULL_DATA, None)


class AccessExchange(Exchange):
    """Asks for ``items`` in order, under a long invoke-id-and-priority.

    ``values`` has one item each, None where there is nothing to send. ``limit`` is the most
    octets of a request, 0 for any; the service has no blocks of its own. The Results are
    pairs of Data and outcome, fewer than items only if the first error was to end it.
    """

    ANSWERS: ClassVar = (AccessResponse,)

    def __init__(
        self,
        invoke: int,
        items: Sequence[AccessSpecification],
        values: Sequence[Data | None],
        *,
        limit: int = 0,
    ) -> None:
        super().__init__(invoke)
        self._items = tuple(items)
        self._values = tuple(value or _NOTHING for value in values)
        self._limit = limit
        self.changes = not all(isinstance(item, AccessGet) for item in self._items)

    def request(self) -> bytes:
        """The APDU that begins it."""
        apdu = AccessRequest(self._invoke, self._items, self._values).encode()
        if self._limit and len(apdu) > self._limit:
            raise ServiceError(f"an ACCESS of {len(apdu)} octets, the meter takes {self._limit}")
        return apdu

    def _told(self, of: Any) -> int:
        return long_invoke_id(of.invoke)

    def _answered(self, response: AccessResponse) -> Sequence[AssociationEvent]:
        wanted, got = len(self._items), len(response.outcomes)
        if got > wanted or (got < wanted and not breaks_on_error(self._invoke)):
            return failed(MeterError(f"{got} results came for {wanted} items"))
        for place, (item, outcome) in enumerate(zip(self._items, response.outcomes, strict=False)):
            if type(outcome) is not _DONE[type(item)]:
                return failed(MeterError(f"result {place + 1} is of another service"))
        return [Results(tuple(zip(response.values, response.outcomes, strict=True)))]
