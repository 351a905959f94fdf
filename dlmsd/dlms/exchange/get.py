"""GET: a response, or block after block of one (IEC 62056-53 clause 7.4.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from dlmsd.dlms.axdr.data import decode
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.exchange.blocks import IncomingBlocks
from dlmsd.dlms.exchange.exchange import Exchange, failed
from dlmsd.dlms.outcome import AssociationEvent, BlockReceived, GetResult, Results, SendApdu
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.get import (
    Access,
    GetRequestNext,
    GetRequestNormal,
    GetRequestWithList,
    GetResponseNormal,
    GetResponseWithBlock,
    GetResponseWithList,
    decode_results,
)
from dlmsd.errors import DecodeError, MeterError, ServiceError


class GetExchange(Exchange):
    """Asks for ``attributes`` (one: normal, several: with-list).

    ``accesses`` is empty, or has one item for each attribute, None for all of it. With
    ``stream`` the blocks of one attribute are told as BlockReceived and not kept, and the
    result of an answer that came so is None; with ``going_on`` they begin with any number.
    """

    ANSWERS: ClassVar = (GetResponseNormal, GetResponseWithList, GetResponseWithBlock)

    def __init__(
        self,
        invoke: int,
        attributes: Sequence[AttributeDescriptor],
        accesses: Sequence[Access | None] = (),
        *,
        stream: bool = False,
        going_on: bool = False,
    ) -> None:
        super().__init__(invoke)
        self._attributes = attributes
        self._accesses = accesses
        self._stream = stream
        self._blocks = IncomingBlocks(streamed=stream, going_on=going_on)

    def request(self) -> bytes:
        """The APDU that begins it."""
        if len(self._attributes) > 1:
            attributes, accesses = tuple(self._attributes), tuple(self._accesses)
            return GetRequestWithList(self._invoke, attributes, accesses).encode()
        access = self._accesses[0] if self._accesses else None
        return GetRequestNormal(self._invoke, self._attributes[0], access).encode()

    def _answered(
        self, response: GetResponseNormal | GetResponseWithList | GetResponseWithBlock
    ) -> Sequence[AssociationEvent]:
        if isinstance(response, GetResponseWithBlock):
            return self._block(response)
        if isinstance(response, GetResponseNormal):
            results: tuple[GetResult, ...] = (response.result,)
        else:
            results = response.results
        # A meter may refuse a whole list, or the next block, by one result.
        refused = all(isinstance(result, DataAccessResult) for result in results)
        if self._blocks.count and not refused:
            wanted = self._blocks.number + 1
            name = type(response).__name__
            return failed(MeterError(f"{name} came where block {wanted} was due"))
        return self._results(results)

    def _block(self, block: GetResponseWithBlock) -> Sequence[AssociationEvent]:
        if isinstance(block.result, DataAccessResult):
            return self._results((block.result,))
        error = self._blocks.take(block.block_number, block.result, last=block.last)
        if error is not None:
            return failed(error)
        told: list[AssociationEvent] = [BlockReceived(block.result)] if self._stream else []
        if not block.last:
            return [*told, SendApdu(GetRequestNext(self._invoke, block.block_number).encode())]
        if self._stream:
            return [*told, Results((None,))]
        return self._joined(self._blocks.join())

    def _joined(self, octets: bytes) -> Sequence[AssociationEvent]:
        try:
            if len(self._attributes) > 1:
                return self._results(decode_results(octets))
            data, end = decode(octets)
        except DecodeError as error:
            return failed(error)
        if end != len(octets):
            return failed(DecodeError(f"{len(octets) - end} octets behind the data"))
        return self._results((data,))

    def _results(self, results: tuple[GetResult, ...]) -> Sequence[AssociationEvent]:
        wanted = len(self._attributes)
        if len(results) != wanted:
            if len(results) == 1 and isinstance(results[0], DataAccessResult):
                return failed(ServiceError(f"the meter refused the list: {results[0].words}"))
            got = len(results)
            return failed(MeterError(f"{got} results came for {wanted} attributes"))
        return [Results(results)]
