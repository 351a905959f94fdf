"""SET: a request in one piece or in blocks, and its answer (IEC 62056-53 clause 7.4.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, TypeAlias

from dlmsd.dlms.axdr.data import Data, encode
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.exchange.blocks import OutgoingBlocks, room
from dlmsd.dlms.exchange.exchange import Exchange, failed
from dlmsd.dlms.outcome import AssociationEvent, Results, SendApdu
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.datablock import DataBlock
from dlmsd.dlms.xdlms.get import Access
from dlmsd.dlms.xdlms.parts import encode_values
from dlmsd.dlms.xdlms.set import (
    SetRequestNormal,
    SetRequestWithBlock,
    SetRequestWithFirstBlock,
    SetRequestWithList,
    SetRequestWithListAndFirstBlock,
    SetResponseBlock,
    SetResponseLastBlock,
    SetResponseLastBlockWithList,
    SetResponseNormal,
    SetResponseWithList,
)
from dlmsd.errors import MeterError, ServiceError

SetResponse: TypeAlias = (
    SetResponseNormal
    | SetResponseBlock
    | SetResponseLastBlock
    | SetResponseLastBlockWithList
    | SetResponseWithList
)


class SetExchange(Exchange):
    """Writes ``values`` into ``attributes``, one each.

    ``accesses`` is as for GET. ``limit`` is the most octets of a request, 0 for any; what
    is longer goes in blocks. The Results are DataAccessResults, one for each attribute.
    """

    changes = True
    ANSWERS: ClassVar = (
        SetResponseNormal,
        SetResponseBlock,
        SetResponseLastBlock,
        SetResponseLastBlockWithList,
        SetResponseWithList,
    )

    def __init__(
        self,
        invoke: int,
        attributes: Sequence[AttributeDescriptor],
        values: Sequence[Data],
        accesses: Sequence[Access | None] = (),
        *,
        limit: int = 0,
    ) -> None:
        super().__init__(invoke)
        self._attributes = tuple(attributes)
        self._values = tuple(values)
        self._accesses = tuple(accesses)
        self._limit = limit
        self._blocks: OutgoingBlocks | None = None

    def request(self) -> bytes:
        """The APDU that begins it."""
        whole = self._whole()
        if not self._limit or len(whole) <= self._limit:
            return whole
        following = SetRequestWithBlock(self._invoke, DataBlock(False, 1, b"")).encode()
        size = room(self._limit, (self._first(DataBlock(False, 1, b"")), following))
        self._blocks = OutgoingBlocks(self._octets(), size)
        return self._first(self._blocks.next())

    @property
    def _listed(self) -> bool:
        return len(self._attributes) > 1

    def _whole(self) -> bytes:
        if self._listed:
            return SetRequestWithList(
                self._invoke, self._attributes, self._values, self._accesses
            ).encode()
        (attribute,), (value,) = self._attributes, self._values
        return SetRequestNormal(self._invoke, attribute, value, self._access).encode()

    def _first(self, block: DataBlock) -> bytes:
        if self._listed:
            return SetRequestWithListAndFirstBlock(
                self._invoke, self._attributes, block, self._accesses
            ).encode()
        return SetRequestWithFirstBlock(
            self._invoke, self._attributes[0], block, self._access
        ).encode()

    def _octets(self) -> bytes:
        return encode_values(self._values) if self._listed else encode(self._values[0])

    @property
    def _access(self) -> Access | None:
        return self._accesses[0] if self._accesses else None

    def _answered(self, response: SetResponse) -> Sequence[AssociationEvent]:
        match response:
            case SetResponseBlock(block_number=number):
                return self._confirmed(number)
            case SetResponseLastBlock(result=result) | SetResponseNormal(result=result):
                return self._results((result,))
            case (
                SetResponseLastBlockWithList(results=results) | SetResponseWithList(results=results)
            ):
                return self._results(results)

    def _confirmed(self, number: int) -> Sequence[AssociationEvent]:
        if self._blocks is None:
            return failed(MeterError("a block was confirmed where none was sent"))
        error = self._blocks.confirmed(number)
        if error is not None:
            return failed(error)
        return [SendApdu(SetRequestWithBlock(self._invoke, self._blocks.next()).encode())]

    def _results(self, results: tuple[DataAccessResult, ...]) -> Sequence[AssociationEvent]:
        refused = all(result is not DataAccessResult.SUCCESS for result in results)
        if self._blocks is not None and not self._blocks.all_sent and not refused:
            return failed(MeterError("the meter took a value before it had all of it"))
        wanted, got = len(self._attributes), len(results)
        if got == wanted:
            return [Results(results)]
        if got == 1 and refused:
            return failed(ServiceError(f"the meter refused the list: {results[0].words}"))
        return failed(MeterError(f"{got} results came for {wanted} attributes"))
