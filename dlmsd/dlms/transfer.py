"""General block transfer at the client's end: a request and its answer, or news (Green Book, GBT).

The request goes in blocks if it is too long for the meter, the answer comes in blocks if it
is too long for us, and either may be whole. The two transfers share one count: the meter's
acknowledgements of the request are blocks before the first of its answer.
"""

from __future__ import annotations

from typing import Final

from dlmsd.dlms.outcome import (
    UNASKED_TAGS,
    AssociationEvent,
    AwaitMore,
    Confirm,
    Discarded,
    RequestFailed,
    SendStream,
)
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
from dlmsd.dlms.xdlms.ciphered import DEDICATED_TAGS, GLOBAL_TAGS, SERVICE_TAGS
from dlmsd.dlms.xdlms.protected import PROTECTED_TAGS

# Tag, block-control, both numbers, and a length of three octets.
_HEAD: Final = 1 + 1 + 2 + 2 + 3
# With what news begins, plain or protected: what else comes late from an answer is none.
_NEWS: Final = frozenset(
    (
        *UNASKED_TAGS,
        *(
            tags[tag]
            for tags in (GLOBAL_TAGS, DEDICATED_TAGS)
            for tag in UNASKED_TAGS & tags.keys()
        ),
        *(PROTECTED_TAGS - SERVICE_TAGS),
    )
)


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


class UnaskedTransfer:
    """What a meter tells in blocks of its own accord, one thing at a time.

    A first block begins anew, whatever was unfinished. Where the meter offers a window its
    blocks are acknowledged, as what was told is confirmed: when it is our turn. It may then
    repeat all of them, which tells nothing again.
    """

    def __init__(self, window: int) -> None:
        self._window = window
        self._receiver: BlockReceiver | None = None
        self._last = b""

    def goes_on(self, block: GeneralBlockTransfer) -> bool:
        """Whether this is the very next of an unfinished one."""
        receiver = self._receiver
        return (
            receiver is not None
            and receiver.state is TransferState.RECEIVING
            and block.block_number == receiver.received + 1 > 1
        )

    def receive(self, block: GeneralBlockTransfer) -> tuple[bytes, list[AssociationEvent]]:
        """Take a block: the whole APDU, once it is there, and what follows."""
        if block.block_number == 1 and block.data and block.data[0] in _NEWS:
            self._receiver = BlockReceiver(self._window if block.window else 0)
        elif self._receiver is None or block.block_number == 1:
            return b"", [Discarded("a block that answers nothing, and of no news")]
        receiver = self._receiver
        told = receiver.receive(block)
        if receiver.state is TransferState.COMPLETE and block.window:
            # No answer of ours follows that would acknowledge the last one.
            told += receiver.receive(block)
        apdu = b""
        events: list[AssociationEvent] = []
        for event in told:
            match event:
                case ApduReceived(whole):
                    apdu = b"" if block.window and whole == self._last else whole
                    self._last = whole
                case SendBlocks(blocks):
                    events += [Confirm(each.encode()) for each in blocks]
                case TransferFailed(error):
                    events.append(Discarded(str(error)))
        return apdu, events
