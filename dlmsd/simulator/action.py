"""ACTION at the meter's end: parameters and answers, also in blocks (IEC 62056-53 7.4.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.dlms.cosem.method import MethodDescriptor
from dlmsd.dlms.xdlms.action import (
    ActionAnswer,
    ActionRequestNextPblock,
    ActionRequestNormal,
    ActionRequestWithFirstPblock,
    ActionRequestWithList,
    ActionRequestWithListAndFirstPblock,
    ActionRequestWithPblock,
    ActionResponseNextPblock,
    ActionResponseNormal,
    ActionResponseWithList,
    ActionResponseWithPblock,
)
from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.dlms.xdlms.apdu import ActionRequest
from dlmsd.dlms.xdlms.conformance import Conformance
from dlmsd.dlms.xdlms.datablock import DataBlock
from dlmsd.dlms.xdlms.invoke import is_confirmed
from dlmsd.dlms.xdlms.parts import decode_values
from dlmsd.errors import DecodeError
from dlmsd.simulator.answer import SILENCE, Answer, too_long, unsupported
from dlmsd.simulator.blocks import LongAnswer, LongRequest, Progress, decode_one
from dlmsd.simulator.quirks import Quirk, without_presence
from dlmsd.simulator.terms import Terms

_First: TypeAlias = ActionRequestWithFirstPblock | ActionRequestWithListAndFirstPblock

_WHY: Final = {
    Progress.WRONG_NUMBER: ActionResult.DATA_BLOCK_UNAVAILABLE,
    Progress.ABORTED: ActionResult.LONG_ACTION_ABORTED,
    Progress.NOTHING: ActionResult.NO_LONG_ACTION_IN_PROGRESS,
}
# Tag, choice, invoke-id, last-block, block number, and a length of two octets.
_BLOCK_HEAD: Final = 11
# Tag, choice and invoke-id of a response: what follows is what blocks are cut from.
_HEAD: Final = 3


class ActionService:
    """For one association."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._request: LongRequest[_First] = LongRequest()
        self._answer: LongAnswer | None = None

    def abort(self) -> None:
        """Another service is asked for: an ACTION in blocks is given up."""
        self._request.abort()
        self._answer = None

    def answer(self, request: ActionRequest) -> Answer:
        """The response, or a block of it; silence if none is wanted."""
        if not self._offers(request):
            return unsupported()
        answer = self._respond(request)
        return answer if is_confirmed(request.invoke) else SILENCE

    def _offers(self, request: ActionRequest) -> bool:
        terms = self._terms
        listed = isinstance(request, ActionRequestWithList | ActionRequestWithListAndFirstPblock)
        blocks = not isinstance(request, ActionRequestNormal | ActionRequestWithList)
        return (
            terms.offers(Conformance.ACTION)
            and (terms.lists or not listed)
            and (terms.offers(Conformance.BLOCK_TRANSFER_WITH_ACTION) or not blocks)
        )

    def _respond(self, request: ActionRequest) -> Answer:
        invoke = request.invoke
        match request:
            case ActionRequestNextPblock():
                return self._next(request)
            case ActionRequestNormal(method=method, parameters=parameters):
                self._request.abort()
                return self._one(invoke, self._terms.invoke(method, parameters))
            case ActionRequestWithList(methods=methods, parameters=parameters):
                self._request.abort()
                return self._several(invoke, methods, parameters)
            case ActionRequestWithPblock(block=block):
                return self._progress(self._request.take(invoke, block), invoke, block)
            case _:
                block = request.block
                return self._progress(self._request.begin(request, invoke, block), invoke, block)

    # Parameters.

    def _progress(self, progress: Progress, invoke: int, block: DataBlock) -> Answer:
        if progress is Progress.MORE:
            return Answer(ActionResponseNextPblock(invoke, block.number).encode())
        if progress is Progress.WHOLE:
            return self._whole(invoke)
        return self._refuse(invoke, _WHY[progress])

    def _whole(self, invoke: int) -> Answer:
        request, octets = self._request.request, self._request.octets
        self._request.end()
        try:
            if isinstance(request, ActionRequestWithListAndFirstPblock):
                parameters = decode_values(octets)
                if len(parameters) != len(request.methods):
                    raise DecodeError(f"{len(parameters)} for {len(request.methods)} methods")
                return self._several(invoke, request.methods, parameters)
            assert request is not None
            return self._one(invoke, self._terms.invoke(request.method, decode_one(octets)))
        except DecodeError:
            return self._refuse(invoke, ActionResult.TYPE_UNMATCHED)

    # Answers.

    def _several(
        self, invoke: int, methods: Sequence[MethodDescriptor], parameters: Sequence[Data]
    ) -> Answer:
        given = [None if one.tag is Tag.NULL_DATA else one for one in parameters]
        answers = tuple(map(self._terms.invoke, methods, given))
        return self._fit(invoke, ActionResponseWithList(invoke, answers).encode())

    def _one(self, invoke: int, answer: ActionAnswer) -> Answer:
        whole = ActionResponseNormal(invoke, answer).encode()
        if self._terms.has(Quirk.SHORT_ACTION) and self._terms.fits(whole):
            whole = without_presence(whole)
        return self._fit(invoke, whole)

    def _refuse(self, invoke: int, why: ActionResult) -> Answer:
        self._answer = None
        return Answer(ActionResponseNormal(invoke, ActionAnswer(why)).encode())

    def _fit(self, invoke: int, whole: bytes) -> Answer:
        """The response in one piece, or the first block of what is behind its head."""
        self._answer = None
        if self._terms.fits(whole):
            return Answer(whole)
        if not self._terms.offers(Conformance.BLOCK_TRANSFER_WITH_ACTION):
            return too_long()
        self._answer = LongAnswer(invoke, whole, _HEAD, self._terms.limit - _BLOCK_HEAD)
        return self._block(self._answer)

    def _next(self, request: ActionRequestNextPblock) -> Answer:
        long = self._answer
        if long is None:
            return self._refuse(request.invoke, ActionResult.NO_LONG_ACTION_IN_PROGRESS)
        if request.block_number != long.number or request.invoke != long.invoke:
            return self._refuse(request.invoke, ActionResult.DATA_BLOCK_UNAVAILABLE)
        return self._block(long)

    def _block(self, long: LongAnswer) -> Answer:
        block = long.next()
        if block.last:
            self._answer = None
        return Answer(ActionResponseWithPblock(long.invoke, block).encode())
