"""GET at the meter's end: responses, in blocks where they are too long (IEC 62056-53)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from attrs import define

from dlmsd.dlms.axdr.data import encode as encode_data
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.exception_response import ServiceError, StateError
from dlmsd.dlms.xdlms.get import (
    GetRequestNext,
    GetRequestNormal,
    GetRequestWithList,
    GetResponseNormal,
    GetResponseWithBlock,
    GetResponseWithList,
)
from dlmsd.simulator.answer import Answer, Answered, Result, exception

# Tag, choice, invoke-id, last-block, block number, choice, and a length of two octets.
_BLOCK_HEAD: Final = 12
# Tag, choice and invoke-id of a response; what follows is what blocks are cut from.
_HEAD: Final = 3


@define
class _Blocks:
    """An answer that goes out block by block."""

    invoke: int
    octets: bytes
    results: tuple[Answered, ...]
    number: int = 0


class GetService:
    """For one association. ``limit`` is that of a plain response in octets, 0 for none;
    ``blocks`` tells whether a longer one may go out in blocks.
    """

    def __init__(
        self, read: Callable[[AttributeDescriptor], Result], *, limit: int, blocks: bool
    ) -> None:
        self._read = read
        self._limit = limit
        self._may_block = blocks
        self._blocks: _Blocks | None = None

    def normal(self, request: GetRequestNormal) -> Answer:
        """One attribute."""
        if request.access is not None:
            result: Result = DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
        else:
            result = self._read(request.attribute)
        whole = GetResponseNormal(request.invoke, result).encode()
        octets = b"" if isinstance(result, DataAccessResult) else encode_data(result)
        return self._fit(request.invoke, whole, octets, ((request.attribute, result),))

    def with_list(self, request: GetRequestWithList) -> Answer:
        """Several attributes."""
        accesses: Sequence[object] = request.accesses or (None,) * len(request.attributes)
        results = tuple(
            self._read(attribute) if access is None else DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
            for attribute, access in zip(request.attributes, accesses, strict=True)
        )
        whole = GetResponseWithList(request.invoke, results).encode()
        answered = tuple(zip(request.attributes, results, strict=True))
        return self._fit(request.invoke, whole, whole[_HEAD:], answered)

    def _fit(
        self, invoke: int, whole: bytes, octets: bytes, results: tuple[Answered, ...]
    ) -> Answer:
        """The response in one piece, or the first block of ``octets``."""
        self._blocks = None
        if not self._limit or len(whole) <= self._limit:
            return Answer(whole, results)
        if not self._may_block:
            return exception(StateError.SERVICE_NOT_ALLOWED, ServiceError.PDU_TOO_LONG)
        self._blocks = _Blocks(invoke, octets, results)
        return self._block(self._blocks)

    def next(self, request: GetRequestNext) -> Answer:
        """The next block."""
        blocks = self._blocks
        if blocks is None:
            return self._no_block(request, DataAccessResult.NO_LONG_GET_IN_PROGRESS)
        if request.block_number != blocks.number or request.invoke != blocks.invoke:
            return self._no_block(request, DataAccessResult.DATA_BLOCK_NUMBER_INVALID)
        return self._block(blocks)

    def _no_block(self, request: GetRequestNext, why: DataAccessResult) -> Answer:
        self._blocks = None
        number = request.block_number
        return Answer(GetResponseWithBlock(request.invoke, True, number, why).encode())

    def _block(self, blocks: _Blocks) -> Answer:
        size = max(1, self._limit - _BLOCK_HEAD)
        octets, blocks.octets = blocks.octets[:size], blocks.octets[size:]
        blocks.number += 1
        last = not blocks.octets
        if last:
            self._blocks = None
        block = GetResponseWithBlock(blocks.invoke, last, blocks.number, octets)
        return Answer(block.encode(), blocks.results if last else ())
