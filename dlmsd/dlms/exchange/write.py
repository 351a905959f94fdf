"""WRITE: attributes and methods by short name, in blocks too (IEC 62056-53 clause 8.4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.dlms.exchange.blocks import OutgoingBlocks, room
from dlmsd.dlms.exchange.exchange import Exchange, failed
from dlmsd.dlms.outcome import AssociationEvent, Results, SendApdu
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.datablock import DataBlock
from dlmsd.dlms.xdlms.get import Access
from dlmsd.dlms.xdlms.short_name import (
    BlockNumber,
    VariableName,
    WriteDataBlockAccess,
    WriteRequest,
    WriteResponse,
)
from dlmsd.errors import MeterError, ServiceError


class WriteExchange(Exchange):
    """Writes ``values`` to ``names``; a name that is None has no object.

    ``limit`` is the most octets of a request, 0 for any; what is longer goes in blocks.
    ``told`` makes a result of what the meter answers for one name: writing a method's name
    invokes it, and its answer is to look like that of an ACTION.
    """

    changes = True
    ANSWERS: ClassVar = (WriteResponse,)

    def __init__(
        self,
        names: Sequence[int | None],
        values: Sequence[Data],
        accesses: Sequence[Access | None] = (),
        *,
        limit: int = 0,
        told: Callable[[DataAccessResult], object] = lambda result: result,
    ) -> None:
        super().__init__(0)
        each = accesses or (None,) * len(names)
        self._items = [
            (VariableName(name, access), value)
            for name, value, access in zip(names, values, each, strict=True)
            if name is not None
        ]
        self._names = names
        self._limit = limit
        self._result = told
        self._blocks: OutgoingBlocks | None = None

    @property
    def nothing(self) -> Results | None:
        """The results, if no name has an object."""
        return None if self._items else Results(self._placed(()))

    def request(self) -> bytes:
        """The APDU that begins it."""
        variables, values = zip(*self._items, strict=True)
        whole = WriteRequest(variables, values).encode()
        if not self._limit or len(whole) <= self._limit:
            return whole
        size = room(self._limit, (_block(DataBlock(False, 1, b"")),))
        self._blocks = OutgoingBlocks(whole[1:], size)
        return _block(self._blocks.next())

    def _told(self, of: Any) -> int:
        return 0

    def _answered(self, response: WriteResponse) -> Sequence[AssociationEvent]:
        results = response.results
        if len(results) == 1 and isinstance(results[0], BlockNumber):
            return self._confirmed(results[0].number)
        codes = [result for result in results if isinstance(result, DataAccessResult)]
        if len(codes) != len(results):
            return failed(MeterError("a block among results"))
        refused = all(code is not DataAccessResult.SUCCESS for code in codes)
        if self._blocks is not None and not self._blocks.all_sent and not refused:
            return failed(MeterError("the meter took values before it had all of them"))
        if len(codes) == len(self._items):
            return [Results(self._placed(codes))]
        if len(codes) == 1 and refused:
            return failed(ServiceError(f"the meter refused the list: {codes[0].words}"))
        return failed(MeterError(f"{len(codes)} results came for {len(self._items)} names"))

    def _confirmed(self, number: int) -> Sequence[AssociationEvent]:
        if self._blocks is None:
            return failed(MeterError("a block was confirmed where none was sent"))
        error = self._blocks.confirmed(number)
        if error is not None:
            return failed(error)
        return [SendApdu(_block(self._blocks.next()))]

    def _placed(self, codes: Sequence[DataAccessResult]) -> tuple[object, ...]:
        told = iter(codes)
        undefined = DataAccessResult.OBJECT_UNDEFINED
        return tuple(
            self._result(undefined if name is None else next(told)) for name in self._names
        )


def _block(block: DataBlock) -> bytes:
    """One block of a request, as a request of its own."""
    variable = WriteDataBlockAccess(block.last, block.number)
    return WriteRequest((variable,), (Data(Tag.OCTET_STRING, block.raw),)).encode()
