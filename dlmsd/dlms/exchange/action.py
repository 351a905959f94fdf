"""ACTION: parameters and answers, each in one piece or in blocks (IEC 62056-53 clause 7.4.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final, TypeAlias

from dlmsd.dlms.axdr.data import Data, Tag, encode
from dlmsd.dlms.cosem.method import MethodDescriptor
from dlmsd.dlms.exchange.blocks import IncomingBlocks, OutgoingBlocks, room
from dlmsd.dlms.exchange.exchange import Exchange, failed
from dlmsd.dlms.outcome import AssociationEvent, Results, SendApdu
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
    decode_answer,
    decode_answers,
)
from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.dlms.xdlms.datablock import DataBlock
from dlmsd.dlms.xdlms.parts import encode_values
from dlmsd.errors import DecodeError, MeterError, ServiceError

ActionResponse: TypeAlias = (
    ActionResponseNormal
    | ActionResponseWithList
    | ActionResponseWithPblock
    | ActionResponseNextPblock
)

_NOTHING: Final = Data(Tag.NULL_DATA, None)


class ActionExchange(Exchange):
    """Invokes ``methods``, with ``parameters`` for each, None where it has none.

    ``limit`` is the most octets of a request, 0 for any; what is longer goes in blocks.
    The Results are ActionAnswers, one for each method.
    """

    changes = True
    ANSWERS: ClassVar = (
        ActionResponseNormal,
        ActionResponseWithList,
        ActionResponseWithPblock,
        ActionResponseNextPblock,
    )

    def __init__(
        self,
        invoke: int,
        methods: Sequence[MethodDescriptor],
        parameters: Sequence[Data | None],
        *,
        limit: int = 0,
    ) -> None:
        super().__init__(invoke)
        self._methods = tuple(methods)
        self._parameters = tuple(parameters)
        self._limit = limit
        self._outgoing: OutgoingBlocks | None = None
        self._incoming = IncomingBlocks()

    def request(self) -> bytes:
        """The APDU that begins it."""
        whole = self._whole()
        if not self._limit or len(whole) <= self._limit:
            return whole
        following = ActionRequestWithPblock(self._invoke, DataBlock(False, 1, b"")).encode()
        size = room(self._limit, (self._first(DataBlock(False, 1, b"")), following))
        self._outgoing = OutgoingBlocks(self._octets(), size)
        return self._first(self._outgoing.next())

    @property
    def _listed(self) -> bool:
        return len(self._methods) > 1

    def _whole(self) -> bytes:
        if self._listed:
            return ActionRequestWithList(self._invoke, self._methods, self._values()).encode()
        return ActionRequestNormal(self._invoke, self._methods[0], self._parameters[0]).encode()

    def _first(self, block: DataBlock) -> bytes:
        if self._listed:
            return ActionRequestWithListAndFirstPblock(self._invoke, self._methods, block).encode()
        return ActionRequestWithFirstPblock(self._invoke, self._methods[0], block).encode()

    def _values(self) -> tuple[Data, ...]:
        return tuple(one or _NOTHING for one in self._parameters)

    def _octets(self) -> bytes:
        return encode_values(self._values()) if self._listed else encode(self._values()[0])

    def _answered(self, response: ActionResponse) -> Sequence[AssociationEvent]:
        match response:
            case ActionResponseNextPblock(block_number=number):
                return self._confirmed(number)
            case ActionResponseWithPblock(block=block):
                return self._block(block)
            case ActionResponseNormal(answer=answer):
                return self._answers((answer,))
            case ActionResponseWithList(answers=answers):
                return self._answers(answers)

    def _confirmed(self, number: int) -> Sequence[AssociationEvent]:
        if self._outgoing is None:
            return failed(MeterError("a block was confirmed where none was sent"))
        error = self._outgoing.confirmed(number)
        if error is not None:
            return failed(error)
        return [SendApdu(ActionRequestWithPblock(self._invoke, self._outgoing.next()).encode())]

    def _block(self, block: DataBlock) -> Sequence[AssociationEvent]:
        if self._outgoing is not None and not self._outgoing.all_sent:
            return failed(MeterError("the meter answered before it had all parameters"))
        error = self._incoming.take(block.number, block.raw, last=block.last)
        if error is not None:
            return failed(error)
        if not block.last:
            return [SendApdu(ActionRequestNextPblock(self._invoke, block.number).encode())]
        octets = self._incoming.join()
        try:
            answers = decode_answers(octets) if self._listed else (decode_answer(octets),)
        except DecodeError as wrong:
            return failed(wrong)
        return self._answers(answers)

    def _answers(self, answers: tuple[ActionAnswer, ...]) -> Sequence[AssociationEvent]:
        refused = all(answer.result is not ActionResult.SUCCESS for answer in answers)
        if self._outgoing is not None and not self._outgoing.all_sent and not refused:
            return failed(MeterError("the meter answered before it had all parameters"))
        wanted, got = len(self._methods), len(answers)
        if got == wanted:
            return [Results(answers)]
        if got == 1 and refused:
            return failed(ServiceError(f"the meter refused the list: {answers[0].result.words}"))
        return failed(MeterError(f"{got} answers came for {wanted} methods"))
