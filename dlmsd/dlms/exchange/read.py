"""READ: attributes by short name, and answers in blocks (IEC 62056-53 clause 8.4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from dlmsd.dlms.exchange.blocks import IncomingBlocks
from dlmsd.dlms.exchange.exchange import Exchange, failed
from dlmsd.dlms.outcome import AssociationEvent, BlockReceived, Results, SendApdu
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.get import Access
from dlmsd.dlms.xdlms.short_name import (
    BlockNumber,
    BlockNumberAccess,
    DataBlockResult,
    ReadRequest,
    ReadResponse,
    VariableName,
    decode_read_results,
)
from dlmsd.errors import DecodeError, MeterError, ServiceError

# What a list of one result has before its Data: the count, and the choice.
_ONE_RESULT = b"\x01\x00"


class ReadExchange(Exchange):
    """Reads ``names``; a name that is None has no object, which needs no asking.

    ``accesses`` and ``stream`` are as for GET. Answers bear no invoke-id, so that whatever
    comes is taken for ours.
    """

    ANSWERS: ClassVar = (ReadResponse,)

    def __init__(
        self,
        names: Sequence[int | None],
        accesses: Sequence[Access | None] = (),
        *,
        stream: bool = False,
    ) -> None:
        super().__init__(0)
        each = accesses or (None,) * len(names)
        self._variables = tuple(
            VariableName(name, access)
            for name, access in zip(names, each, strict=True)
            if name is not None
        )
        self._names = names
        self._stream = stream
        self._begun = False
        self._blocks = IncomingBlocks(streamed=stream)

    @property
    def nothing(self) -> Results | None:
        """The results, if no name has an object."""
        return None if self._variables else Results(self._placed(()))

    def request(self) -> bytes:
        """The APDU that begins it."""
        return ReadRequest(self._variables).encode()

    def _told(self, of: Any) -> int:
        return 0

    def _answered(self, response: ReadResponse) -> Sequence[AssociationEvent]:
        results = response.results
        if len(results) == 1 and isinstance(results[0], DataBlockResult):
            return self._block(results[0])
        refused = all(isinstance(result, DataAccessResult) for result in results)
        if self._blocks.count and not refused:
            return failed(MeterError(f"results came where block {self._blocks.number + 1} was due"))
        return self._results(results)

    def _block(self, block: DataBlockResult) -> Sequence[AssociationEvent]:
        error = self._blocks.take(block.block_number, block.raw, last=block.last)
        if error is not None:
            return failed(error)
        told: list[AssociationEvent] = []
        if self._stream:
            octets = block.raw
            if not self._begun:
                if not octets.startswith(_ONE_RESULT):
                    return failed(DecodeError("the blocks hold no list of one value"))
                octets, self._begun = octets[len(_ONE_RESULT) :], True
            told.append(BlockReceived(octets))
        if not block.last:
            following = ReadRequest((BlockNumberAccess(block.block_number),))
            return [*told, SendApdu(following.encode())]
        if self._stream:
            return [*told, Results((None,))]
        try:
            return self._results(decode_read_results(self._blocks.join()))
        except DecodeError as wrong:
            return failed(wrong)

    def _results(self, results: Sequence[object]) -> Sequence[AssociationEvent]:
        wanted, got = len(self._variables), len(results)
        if any(isinstance(result, DataBlockResult | BlockNumber) for result in results):
            return failed(MeterError("a block among results"))
        if got == wanted:
            return [Results(self._placed(results))]
        if got == 1 and isinstance(results[0], DataAccessResult):
            return failed(ServiceError(f"the meter refused the list: {results[0].words}"))
        return failed(MeterError(f"{got} results came for {wanted} names"))

    def _placed(self, results: Sequence[object]) -> tuple[object, ...]:
        told = iter(results)
        undefined = DataAccessResult.OBJECT_UNDEFINED
        return tuple(undefined if name is None else next(told) for name in self._names)
