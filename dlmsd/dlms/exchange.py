"""One GET and all that answers it: a response, or block after block of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from dlmsd.dlms.axdr.data import decode
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.outcome import (
    AssociationEvent,
    Discarded,
    GetResult,
    RequestFailed,
    Results,
    SendApdu,
)
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.apdu import Apdu
from dlmsd.dlms.xdlms.get import (
    GetRequestNext,
    GetRequestNormal,
    GetRequestWithList,
    GetResponseNormal,
    GetResponseWithBlock,
    GetResponseWithList,
    decode_results,
)
from dlmsd.dlms.xdlms.invoke import invoke_id
from dlmsd.errors import DecodeError, DlmsdError, MeterError, ServiceError

# A load profile of a year stays far below; more is a meter that never ends.
_MAX_BLOCKS: Final = 4096
_MAX_BLOCK_OCTETS: Final = 4 << 20
_MAX_STRAY: Final = 2


class GetExchange:
    """Asks for ``attributes`` (one: normal, several: with-list) under ``invoke``.

    It has ended with the first Results or RequestFailed that :meth:`receive` returns.
    """

    def __init__(self, invoke: int, attributes: Sequence[AttributeDescriptor]) -> None:
        self._invoke = invoke
        self._attributes = attributes
        self._blocks: list[bytes] = []
        self._octets = 0
        self._stray = 0

    def request(self) -> bytes:
        """The APDU that begins it."""
        if len(self._attributes) == 1:
            return GetRequestNormal(self._invoke, self._attributes[0]).encode()
        return GetRequestWithList(self._invoke, tuple(self._attributes)).encode()

    def receive(self, response: Apdu) -> list[AssociationEvent]:
        """Take a decoded APDU from the meter."""
        name = type(response).__name__
        if not isinstance(response, GetResponseNormal | GetResponseWithList | GetResponseWithBlock):
            return [Discarded(f"{name} answers nothing")]
        if invoke_id(response.invoke) != invoke_id(self._invoke):
            self._stray += 1
            if self._stray >= _MAX_STRAY:
                return _failed(MeterError("the meter answers with another invoke-id"))
            return [Discarded(f"{name} with invoke-id {invoke_id(response.invoke)}")]
        if isinstance(response, GetResponseWithBlock):
            return self._block(response)
        if isinstance(response, GetResponseNormal):
            results: tuple[GetResult, ...] = (response.result,)
        else:
            results = response.results
        # A meter may refuse a whole list, or the next block, by one result.
        refused = all(isinstance(result, DataAccessResult) for result in results)
        if self._blocks and not refused:
            wanted = len(self._blocks) + 1
            return _failed(MeterError(f"{name} came where block {wanted} was due"))
        return self._results(results)

    def _block(self, block: GetResponseWithBlock) -> list[AssociationEvent]:
        if isinstance(block.result, DataAccessResult):
            return self._results((block.result,))
        wanted = len(self._blocks) + 1
        if block.block_number != wanted:
            got = block.block_number
            return _failed(MeterError(f"block {got} came where block {wanted} was due"))
        if not block.result and not block.last:
            return _failed(MeterError(f"block {wanted} is empty"))
        self._blocks.append(block.result)
        self._octets += len(block.result)
        if len(self._blocks) > _MAX_BLOCKS or self._octets > _MAX_BLOCK_OCTETS:
            return _failed(MeterError(f"an answer of more than {wanted - 1} blocks"))
        if not block.last:
            return [SendApdu(GetRequestNext(self._invoke, wanted).encode())]
        octets = b"".join(self._blocks)
        try:
            if len(self._attributes) > 1:
                return self._results(decode_results(octets))
            data, end = decode(octets)
        except DecodeError as error:
            return _failed(error)
        if end != len(octets):
            return _failed(DecodeError(f"{len(octets) - end} octets behind the data"))
        return self._results((data,))

    def _results(self, results: tuple[GetResult, ...]) -> list[AssociationEvent]:
        wanted = len(self._attributes)
        if len(results) != wanted:
            if len(results) == 1 and isinstance(results[0], DataAccessResult):
                return _failed(ServiceError(f"the meter refused the list: {results[0].words}"))
            got = len(results)
            return _failed(MeterError(f"{got} results came for {wanted} attributes"))
        return [Results(results)]


def _failed(error: DlmsdError) -> list[AssociationEvent]:
    return [RequestFailed(error)]
