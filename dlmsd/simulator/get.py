"""GET at the meter's end: responses, in blocks where they are too long (IEC 62056-53)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.object_list import ASSOCIATION_LN, CURRENT_ASSOCIATION
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.conformance import Conformance
from dlmsd.dlms.xdlms.get import (
    Access,
    GetRequestNext,
    GetRequestNormal,
    GetRequestWithList,
    GetResponseNormal,
    GetResponseWithBlock,
    GetResponseWithList,
)
from dlmsd.simulator.answer import Answer, Answered, too_long, unsupported
from dlmsd.simulator.blocks import LongAnswer
from dlmsd.simulator.quirks import Quirk, miscounted
from dlmsd.simulator.terms import Terms

_OBJECT_LIST: Final = AttributeDescriptor(ASSOCIATION_LN, CURRENT_ASSOCIATION, 2)
# Tag, choice, invoke-id, last-block, block number, choice, and a length of two octets.
_BLOCK_HEAD: Final = 12
# Tag, choice and invoke-id of a response, and in that of one attribute the choice of Data:
# what follows is what blocks are cut from.
_LIST_HEAD: Final = 3
_DATA_HEAD: Final = 4


class GetService:
    """For one association."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._long: LongAnswer | None = None
        self._number = -1 if terms.has(Quirk.BLOCKS_FROM_0) else 0

    def answer(self, request: GetRequestNormal | GetRequestNext | GetRequestWithList) -> Answer:
        """The response, or a block of it, or why there is none."""
        if not self._terms.offers(Conformance.GET):
            return unsupported()
        match request:
            case GetRequestNormal():
                return self._normal(request)
            case GetRequestNext():
                return self._next(request)
            case GetRequestWithList():
                return self._with_list(request) if self._terms.lists else unsupported()

    def _normal(self, request: GetRequestNormal) -> Answer:
        result = self._terms.read(request.attribute, request.access)
        whole = GetResponseNormal(request.invoke, result).encode()
        answered = ((request.attribute, result),)
        if isinstance(result, DataAccessResult):
            self._long = None
            return Answer(whole, answered)
        if self._terms.has(Quirk.WRONG_COUNT) and request.attribute == _OBJECT_LIST:
            whole = miscounted(whole, _DATA_HEAD)
        return self._fit(request.invoke, whole, _DATA_HEAD, answered)

    def _with_list(self, request: GetRequestWithList) -> Answer:
        attributes = request.attributes
        accesses: Sequence[Access | None] = request.accesses or (None,) * len(attributes)
        results = tuple(map(self._terms.read, attributes, accesses))
        whole = GetResponseWithList(request.invoke, results).encode()
        answered = tuple(zip(attributes, results, strict=True))
        return self._fit(request.invoke, whole, _LIST_HEAD, answered)

    def _fit(self, invoke: int, whole: bytes, head: int, results: tuple[Answered, ...]) -> Answer:
        """The response in one piece, or the first block of what is behind its head."""
        self._long = None
        if self._terms.fits(whole):
            return Answer(whole, results)
        if not self._terms.offers(Conformance.BLOCK_TRANSFER_WITH_GET_OR_READ):
            return too_long()
        size = self._terms.limit - _BLOCK_HEAD
        self._long = LongAnswer(invoke, whole, head, size, results, self._number)
        return self._block(self._long)

    def _next(self, request: GetRequestNext) -> Answer:
        long = self._long
        if long is None:
            return self._no_block(request, DataAccessResult.NO_LONG_GET_IN_PROGRESS)
        if request.block_number != long.number or request.invoke != long.invoke:
            return self._no_block(request, DataAccessResult.DATA_BLOCK_NUMBER_INVALID)
        return self._block(long)

    def _no_block(self, request: GetRequestNext, why: DataAccessResult) -> Answer:
        self._long = None
        number = request.block_number
        return Answer(GetResponseWithBlock(request.invoke, True, number, why).encode())

    def _block(self, long: LongAnswer) -> Answer:
        block = long.next()
        if block.last:
            self._long = None
            if self._terms.has(Quirk.BLOCKS_GO_ON):
                self._number = block.number
        response = GetResponseWithBlock(long.invoke, block.last, block.number, block.raw)
        return Answer(response.encode(), long.results if block.last else ())
