"""Long answers and long requests at the meter's end, block by block (IEC 62056-53)."""

from __future__ import annotations

import enum
from typing import Final, Generic, TypeVar

from attrs import define, field

from dlmsd.dlms.axdr.data import Data, decode
from dlmsd.dlms.xdlms.datablock import DataBlock
from dlmsd.errors import DecodeError
from dlmsd.simulator.answer import Answered

# An image of new firmware goes in pieces of its own; no value of a meter is as long as this.
MAX_OCTETS: Final = 1 << 20

RequestT = TypeVar("RequestT")


@define
class LongAnswer:
    """An answer that goes out in blocks of ``size`` octets, and what it completes.

    ``sent`` octets are not sent any more: at first the head of the APDU, which blocks have
    not. ``number`` is that of the block sent last; before the first, one less than its own.
    """

    invoke: int
    octets: bytes = field(repr=False)
    sent: int
    size: int
    results: tuple[Answered, ...] = ()
    number: int = 0

    def next(self) -> DataBlock:
        """The next block."""
        start, self.sent = self.sent, self.sent + max(1, self.size)
        self.number += 1
        last = self.sent >= len(self.octets)
        return DataBlock(last, self.number, self.octets[start : self.sent])


class Progress(enum.Enum):
    """What a block means for the long request that it belongs to."""

    MORE = "the next block is due"
    WHOLE = "it was the last"
    WRONG_NUMBER = "another block was due"
    ABORTED = "its request was given up"
    NOTHING = "no long request is under way"


class LongRequest(Generic[RequestT]):
    """The blocks of one request at a time, joined until the last has come.

    A block out of order ends the request, and so does another request or too many octets;
    of the latter two the client hears with its next block.
    """

    def __init__(self) -> None:
        self.request: RequestT | None = None
        self._invoke = 0
        self._number = 0
        self._joined = bytearray()
        self._aborted = False

    @property
    def octets(self) -> bytes:
        """All that came."""
        return bytes(self._joined)

    def begin(self, request: RequestT, invoke: int, block: DataBlock) -> Progress:
        """The first block, in the request that says what it is about."""
        self.request, self._invoke = request, invoke
        self._number = 0
        self._joined.clear()
        self._aborted = False
        return self.take(invoke, block)

    def abort(self) -> None:
        """Give up what is under way."""
        self._aborted = self._aborted or self.request is not None
        self.request = None

    def take(self, invoke: int, block: DataBlock) -> Progress:
        """A block; with WHOLE, :attr:`octets` are those of :attr:`request`."""
        if self.request is None:
            aborted, self._aborted = self._aborted, False
            return Progress.ABORTED if aborted else Progress.NOTHING
        if invoke != self._invoke or block.number != self._number + 1:
            self.request = None
            return Progress.WRONG_NUMBER
        self._number = block.number
        self._joined += block.raw
        if len(self._joined) > MAX_OCTETS:
            self.request = None
            return Progress.ABORTED
        return Progress.WHOLE if block.last else Progress.MORE

    def end(self) -> None:
        """The whole request was taken care of."""
        self.request = None
        self._joined.clear()


def decode_one(octets: bytes) -> Data:
    """The value in the joined blocks of a request; DecodeError if it is none."""
    data, end = decode(octets)
    if end != len(octets):
        raise DecodeError(f"{len(octets) - end} octets behind the value")
    return data
