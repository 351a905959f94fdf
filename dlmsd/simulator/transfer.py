"""General block transfer at the meter's end: requests that come, answers that go (Green Book).

Either may be whole: a request that comes in blocks is answered in blocks, and so is a whole
one whose answer is too long for the client. The answer's blocks continue the count of the
acknowledgements before them.

The meter waits for nothing: a block that was lost comes again because the client, who keeps
time, acknowledges up to the gap or repeats its stream.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from attrs import evolve

from dlmsd.dlms.xdlms.block import (
    ApduReceived,
    BlockReceiver,
    BlockSender,
    GeneralBlockTransfer,
    ReceiverEvent,
    SendBlocks,
    SenderEvent,
    TransferState,
)
from dlmsd.errors import LocalError
from dlmsd.simulator.answer import SILENCE, Answer, Answered, too_long

# Tag, block-control, both numbers, and a length of three octets.
_HEAD: Final = 1 + 1 + 2 + 2 + 3
# For clients that take APDUs of any length.
_ANY: Final = 0xFFFF


class MeterTransfer:
    """For one association.

    ``window`` is how many blocks the meter takes in one stream, 1 to 63; ``limit`` the most
    octets of an APDU for the client, 0 for any.
    """

    def __init__(self, window: int, limit: int) -> None:
        self._window = window
        self._limit = limit
        self._size = max(1, (limit or _ANY) - _HEAD)
        self._first: GeneralBlockTransfer | None = None
        self._receiver: BlockReceiver | None = None
        self._sender: BlockSender | None = None
        self._offered = 1
        self._results: tuple[Answered, ...] = ()

    def receive(self, block: GeneralBlockTransfer) -> tuple[bytes, Answer]:
        """Take a block: the whole request, once it is there; else what to answer."""
        if self._begins(block):
            self._first, self._sender = block, None
            self._receiver = BlockReceiver(self._window, more_to_send=True)
        if self._sender is not None:
            return b"", self._told(self._sender.receive(block))
        if self._receiver is None:
            return b"", SILENCE
        self._offered = block.window
        told = self._receiver.receive(block)
        for event in told:
            if isinstance(event, ApduReceived):
                return event.apdu, SILENCE
        return b"", self._told(told)

    def _begins(self, block: GeneralBlockTransfer) -> bool:
        """Whether it is the first of a request, and no repetition of the last one's first."""
        if block.block_number != 1 or not block.data:
            return False
        sender = self._sender
        over = sender is not None and sender.state is not TransferState.SENDING
        return over or block != self._first

    def answer(self, answer: Answer, *, in_blocks: bool) -> Answer:
        """The answer to a request that came ``in_blocks`` or whole, cut if that is due."""
        fits = not self._limit or len(answer.apdu) <= self._limit
        receiver, self._receiver = self._receiver if in_blocks else None, None
        self._sender = None
        if not answer.apdu or (fits and not in_blocks):
            self._first = None
            return answer
        sent, received = (receiver.sent, receiver.received) if receiver else (0, 0)
        try:
            sender = BlockSender(
                answer.apdu,
                self._size,
                self._offered if in_blocks else 1,
                offer=self._window,
                sent=sent,
                received=received,
            )
        except LocalError:
            return too_long()
        self._sender, self._results = sender, answer.results
        return self._told(sender.start())

    def news(self, answer: Answer) -> Answer:
        """What nobody asked for: cut too, and not to be acknowledged."""
        if not self._limit or len(answer.apdu) <= self._limit:
            return answer
        (sent, _) = BlockSender(answer.apdu, self._size, 0).start()
        assert isinstance(sent, SendBlocks)
        apdu, *more = [block.encode() for block in sent.blocks]
        return evolve(answer, apdu=apdu, more=tuple(more))

    def _told(self, events: Sequence[ReceiverEvent] | Sequence[SenderEvent]) -> Answer:
        blocks = [
            block for event in events if isinstance(event, SendBlocks) for block in event.blocks
        ]
        if not blocks:
            return SILENCE
        apdu, *more = [block.encode() for block in blocks]
        ends = any(block.last and block.data for block in blocks)
        return Answer(apdu, self._results if ends else (), more=tuple(more))
