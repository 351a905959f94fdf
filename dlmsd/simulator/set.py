"""SET at the meter's end: values in one piece or in blocks (IEC 62056-53 clause 7.4.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

from dlmsd.dlms.axdr.data import Data
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.apdu import SetRequest, SetResponse
from dlmsd.dlms.xdlms.conformance import Conformance
from dlmsd.dlms.xdlms.datablock import DataBlock
from dlmsd.dlms.xdlms.invoke import is_confirmed
from dlmsd.dlms.xdlms.parts import Accesses, decode_values
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
from dlmsd.errors import DecodeError
from dlmsd.simulator.answer import SILENCE, Answer, unsupported
from dlmsd.simulator.blocks import LongRequest, Progress, decode_one
from dlmsd.simulator.terms import Terms

_First: TypeAlias = SetRequestWithFirstBlock | SetRequestWithListAndFirstBlock

_WHY: Final = {
    Progress.WRONG_NUMBER: DataAccessResult.DATA_BLOCK_NUMBER_INVALID,
    Progress.ABORTED: DataAccessResult.LONG_SET_ABORTED,
    Progress.NOTHING: DataAccessResult.NO_LONG_SET_IN_PROGRESS,
}


class SetService:
    """For one association."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._long: LongRequest[_First] = LongRequest()

    def abort(self) -> None:
        """Another service is asked for: a SET in blocks is given up."""
        self._long.abort()

    def answer(self, request: SetRequest) -> Answer:
        """The response; silence if none is wanted."""
        if not self._offers(request):
            return unsupported()
        response = self._respond(request)
        return Answer(response.encode()) if is_confirmed(request.invoke) else SILENCE

    def _offers(self, request: SetRequest) -> bool:
        terms = self._terms
        listed = isinstance(request, SetRequestWithList | SetRequestWithListAndFirstBlock)
        blocks = not isinstance(request, SetRequestNormal | SetRequestWithList)
        return (
            terms.offers(Conformance.SET)
            and (terms.lists or not listed)
            and (terms.offers(Conformance.BLOCK_TRANSFER_WITH_SET_OR_WRITE) or not blocks)
        )

    def _respond(self, request: SetRequest) -> SetResponse:
        invoke = request.invoke
        match request:
            case SetRequestNormal(attribute=attribute, value=value, access=access):
                self._long.abort()
                return SetResponseNormal(invoke, self._terms.write(attribute, value, access))
            case SetRequestWithList(attributes=attributes, values=values, accesses=accesses):
                self._long.abort()
                return SetResponseWithList(invoke, self._write(attributes, values, accesses))
            case SetRequestWithBlock(block=block):
                return self._progress(self._long.take(invoke, block), invoke, block)
            case _:
                block = request.block
                return self._progress(self._long.begin(request, invoke, block), invoke, block)

    def _progress(self, progress: Progress, invoke: int, block: DataBlock) -> SetResponse:
        if progress is Progress.MORE:
            return SetResponseBlock(invoke, block.number)
        if progress is Progress.WHOLE:
            return self._whole(invoke, block.number)
        return SetResponseLastBlock(invoke, _WHY[progress], block.number)

    def _whole(self, invoke: int, number: int) -> SetResponse:
        request, octets = self._long.request, self._long.octets
        self._long.end()
        try:
            if isinstance(request, SetRequestWithListAndFirstBlock):
                values = decode_values(octets)
                if len(values) != len(request.attributes):
                    raise DecodeError(f"{len(values)} values for {len(request.attributes)} items")
                results = self._write(request.attributes, values, request.accesses)
                return SetResponseLastBlockWithList(invoke, results, number)
            assert request is not None
            result = self._terms.write(request.attribute, decode_one(octets), request.access)
        except DecodeError:
            result = DataAccessResult.TYPE_UNMATCHED
        return SetResponseLastBlock(invoke, result, number)

    def _write(
        self,
        attributes: Sequence[AttributeDescriptor],
        values: Sequence[Data],
        accesses: Accesses,
    ) -> tuple[DataAccessResult, ...]:
        each = accesses or (None,) * len(attributes)
        return tuple(map(self._terms.write, attributes, values, each))
