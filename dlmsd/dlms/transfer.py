"""One request and its answer by general block transfer, at the client's end (Green Book, GBT).

The request goes in blocks if it is too long for the meter, the answer comes in blocks if it
is too long for us, and either may be whole. The two transfers share one count: the meter's
acknowledgements of the request are blocks before the first of its answer.
"""

from __future__ import annotations

from typing import Final

from dlmsd.dlms.outcome import AssociationEvent, AwaitMore, Discarded, RequestFailed, SendStream
from dlmsd.dlms.xdlms.block import (
    ApduReceived,
    BlockReceiver,
    BlockSender,
    GeneralBlockTransfer,
    ReceiverEvent,
    SendBlocks,
    SenderEvent,
    TransferFailed,
    TransferState,
)

# Tag, block-control, both numbers, and a length of three octets.
_HEAD: Final = 1 + 1 + 2 + 2 + 3


class BlockTransfer:
    """``window`` is how many blocks we take in one stream, 1 to 63; ``limit`` the most
    octets of one of our APDUs.
    """

    def __init__(self, window: int, limit: int) -> None:
        self._window = window
        self._limit = limit
        self._sender: BlockSender | None = None
        self._receiver: BlockReceiver | None = None

    def send(self, apdu: bytes) -> list[AssociationEvent]:
        """The first blocks of a request."""
        size = max(1, self._limit - _HEAD)
        self._sender = BlockSender(apdu, size, offer=self._window)
        return self._told(self._sender.start())

    def receive(self, block: GeneralBlockTransfer) -> tuple[bytes, list[AssociationEvent]]:
        """Take a block: the whole answer, once it is there, and what follows."""
        sender = self._sender
        if self._receiver is None and sender is not None:
            events = self._told(sender.receive(block))
            if sender.state is not TransferState.COMPLETE:
                return b"", events
            # The acknowledgement of the last block may be the answer's first.
            heard = block.block_number - bool(block.data)
            self._receiver = BlockReceiver(self._window, sent=sender.sent, received=heard)
            if not block.data:
                return b"", [AwaitMore()]
        elif self._receiver is None:
            self._receiver = BlockReceiver(self._window)
        receiver = self._receiver
        if receiver.state is not TransferState.RECEIVING:
            return b"", [Discarded("a block behind the whole answer")]
        told = receiver.receive(block)
        for event in told:
            if isinstance(event, ApduReceived):
                return event.apdu, []
        return b"", self._told(told) or [AwaitMore()]

    def timeout(self) -> list[AssociationEvent]:
        """Nothing has come for a while: what to send again; nothing if no block is due."""
        waiting = self._receiver or self._sender
        return [] if waiting is None else self._told(waiting.timeout())

    def _told(self, events: list[SenderEvent] | list[ReceiverEvent]) -> list[AssociationEvent]:
        told: list[AssociationEvent] = []
        for event in events:
            if isinstance(event, SendBlocks):
                told.append(SendStream(tuple(block.encode() for block in event.blocks)))
            elif isinstance(event, TransferFailed):
                told.append(RequestFailed(event.error))
        return told
