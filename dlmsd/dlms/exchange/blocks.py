"""Answers that come, and requests that go, block by block (IEC 62056-53 clause 7.4)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

from dlmsd.dlms.xdlms.datablock import DataBlock
from dlmsd.errors import DlmsdError, MeterError, ServiceError

# A load profile of a year stays far below; more is a meter that never ends.
MAX_BLOCKS: Final = 4096
MAX_OCTETS: Final = 4 << 20
# What is handed on as it comes costs no memory, so that it may be a profile of many years
# in the smallest blocks there are; its end is the consumer's to judge.
MAX_STREAMED: Final = 1 << 20


class IncomingBlocks:
    """Counts and joins the blocks of one answer; what is ``streamed`` is only counted.

    Blocks count from 1. Some meters count from 0 (Actaris SL7000), which leaves no doubt; with
    ``going_on`` they count from wherever the last answer ended.
    """

    def __init__(self, *, streamed: bool = False, going_on: bool = False) -> None:
        self._going_on = going_on
        self.number = 0
        self.count = 0
        self._streamed = streamed
        self._joined = bytearray()

    def take(self, number: int, octets: bytes, *, last: bool) -> DlmsdError | None:
        """One block; what is wrong with it, if anything."""
        wanted = self.number + 1
        if number != wanted and not (self.count == 0 and (number == 0 or self._going_on)):
            return MeterError(f"block {number} came where block {wanted} was due")
        if not octets and not last:
            return MeterError(f"block {number} is empty")
        self.number = number
        self.count += 1
        most = MAX_STREAMED if self._streamed else MAX_BLOCKS
        if not self._streamed:
            self._joined += octets
        if self.count > most or len(self._joined) > MAX_OCTETS:
            return MeterError(f"an answer of more than {self.count - 1} blocks")
        return None

    def join(self) -> bytes:
        """All octets; none of what was streamed."""
        return bytes(self._joined)


class OutgoingBlocks:
    """The blocks of one request; each goes when the one before was confirmed."""

    def __init__(self, octets: bytes, size: int) -> None:
        if size < 1:
            raise ServiceError("the meter takes no APDU that could hold a block of the request")
        self._left = deque(DataBlock.cut(octets, size))
        self.number = 0

    @property
    def all_sent(self) -> bool:
        """Whether nothing is left."""
        return not self._left

    def next(self) -> DataBlock:
        """The next block."""
        block = self._left.popleft()
        self.number = block.number
        return block

    def confirmed(self, number: int) -> DlmsdError | None:
        """The meter asks for the block behind ``number``; what is wrong, if anything."""
        if number != self.number:
            return MeterError(f"block {number} was confirmed, sent was {self.number}")
        if self.all_sent:
            return MeterError(f"the meter asks for more than {number} blocks")
        return None


def room(limit: int, heads: Iterable[bytes]) -> int:
    """How many octets a block may have in APDUs of ``limit`` octets with these heads.

    A head is its APDU with an empty block, whose length then takes up to two octets more.
    """
    return limit - max(map(len, heads)) - 2
