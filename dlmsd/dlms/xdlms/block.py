"""General block transfer: any APDU in blocks, in streams of several (Green Book, GBT).

Each party counts the blocks it sends from 1 (block-number, BN) and tells in each the last
one that it has received without a gap (block-number-acknowledged, BNA). A stream is a run
of blocks that the receiver leaves uncommented: streaming is set in all but its last. It is
at most as long as the window that the receiver offers in its own blocks, whose data may be
empty: then they only acknowledge. A window of 0 makes the transfer unconfirmed.

A lost block is recovered by its number. The receiver keeps what came behind the gap and
acknowledges up to the gap, and the sender goes on from there, with a stream or with the
missing block alone: what comes twice is dropped. Lost as well may be the end of a stream
or its acknowledgement; then time passes, and whoever waits repeats what he sent last.

===========  ==============================================  ==============================
receiver     event                                           then
===========  ==============================================  ==============================
RECEIVING    a block due, or within a window of it           kept
RECEIVING    a block already kept, or too far ahead          dropped
RECEIVING    the last, and no gap before it                  COMPLETE, with the APDU
RECEIVING    the end of a stream, APDU not complete          acknowledged
RECEIVING    timeout, confirmed                              acknowledged again
RECEIVING    timeout, unconfirmed; or too often              FAILED
RECEIVING    two ends, or more than a limit                  FAILED
COMPLETE     the end of a stream: a repeat                   acknowledged again
COMPLETE     anything else                                   dropped
FAILED       any                                             dropped
===========  ==============================================  ==============================

===========  ==============================================  ==============================
sender       event                                           then
===========  ==============================================  ==============================
IDLE         start, confirmed                                SENDING, first stream
IDLE         start, unconfirmed                              COMPLETE, all blocks
SENDING      all acknowledged                                COMPLETE
SENDING      some acknowledged                               the stream behind them
SENDING      the same acknowledged again                     the same stream again
SENDING      that too often                                  dropped
SENDING      less acknowledged than before                   dropped: it is late
SENDING      a block acknowledged that was never sent        FAILED
SENDING      timeout                                         the same stream again
SENDING      that too often                                  FAILED
others       any                                             dropped
===========  ==============================================  ==============================

Too often is more than :data:`MAX_REPEATS` times without progress. A repeated
acknowledgement alone fails nothing: a network that doubles datagrams makes them, and each
stream that they cause makes one more, so they are only kept from multiplying.

Both machines are one-way: when the answer is sent in blocks too, its first block continues
the count of the acknowledgements before it, so each machine is told how many blocks went
which way already.
"""

from __future__ import annotations

import enum
from typing import ClassVar, Final, Self, TypeAlias

from attrs import frozen

from dlmsd.dlms.axdr.length import encode_length
from dlmsd.dlms.xdlms.cursor import Cursor
from dlmsd.errors import DlmsdError, LocalError, MeterError

MAX_WINDOW: Final = 63
# The same as for the blocks of a GET: a load profile of a year stays far below; more is a
# peer that never ends.
MAX_BLOCKS: Final = 4096
MAX_OCTETS: Final = 4 << 20
# Twice is bad luck, even on a power line at night; a peer that hears nothing five times in
# a row is not there.
MAX_REPEATS: Final = 5

_LAST: Final = 0x80
_STREAMING: Final = 0x40


@frozen
class GeneralBlockTransfer:
    """One block, or with empty ``data`` an acknowledgement.

    ``window`` is how many blocks its sender takes in one stream, 0 to 63.
    """

    TAG: ClassVar = 0xE0

    last: bool
    streaming: bool
    window: int
    block_number: int
    acknowledged: int
    data: bytes

    def encode(self) -> bytes:
        """The APDU."""
        if not 0 <= self.window <= MAX_WINDOW:
            raise LocalError(f"no window has {self.window} blocks")
        control = self.window | self.last * _LAST | self.streaming * _STREAMING
        numbers = self.block_number.to_bytes(2, "big") + self.acknowledged.to_bytes(2, "big")
        return b"\xe0%c%b%b%b" % (control, numbers, encode_length(len(self.data)), self.data)

    @classmethod
    def decode(cls, apdu: bytes) -> Self:
        """From a whole APDU; DecodeError if it is none."""
        cursor = Cursor("general-block-transfer", apdu)
        cursor.expect(b"\xe0", "the tag")
        control = cursor.unsigned(1, "block-control")
        block_number = cursor.unsigned(2, "block-number")
        acknowledged = cursor.unsigned(2, "block-number-acknowledged")
        data = cursor.octet_string("block-data")
        cursor.finish()
        return cls(
            bool(control & _LAST),
            bool(control & _STREAMING),
            control & MAX_WINDOW,
            block_number,
            acknowledged,
            data,
        )


@frozen
class SendBlocks:
    """Send these, in this order."""

    blocks: tuple[GeneralBlockTransfer, ...]


@frozen
class ApduReceived:
    """All blocks came; this is the APDU that they carried."""

    apdu: bytes


@frozen
class ApduSent:
    """The peer has all blocks; of an unconfirmed transfer, all are sent."""


@frozen
class TransferFailed:
    """The transfer is over without success."""

    error: DlmsdError


ReceiverEvent: TypeAlias = SendBlocks | ApduReceived | TransferFailed
SenderEvent: TypeAlias = SendBlocks | ApduSent | TransferFailed


class TransferState(enum.Enum):
    """Where a transfer stands."""

    IDLE = "idle"
    SENDING = "sending"
    RECEIVING = "receiving"
    COMPLETE = "complete"
    FAILED = "failed"


class BlockReceiver:
    """Joins the blocks of one APDU.

    ``window`` is offered to the sender, 0 for an unconfirmed transfer such as a push.
    ``sent`` and ``received`` are the blocks of this exchange that went either way before.
    ``more_to_send`` is set on the side that will answer, so that its acknowledgements do
    not claim to be its last block.
    """

    def __init__(
        self, window: int = 1, *, sent: int = 0, received: int = 0, more_to_send: bool = False
    ) -> None:
        self.state = TransferState.RECEIVING
        self._window = window
        self._sent = sent
        self._contiguous = received
        self._more_to_send = more_to_send
        self._first = received + 1
        self._end: int | None = None
        self._joined = bytearray()
        self._ahead: dict[int, bytes] = {}
        self._ahead_octets = 0
        self._repeats = 0

    @property
    def sent(self) -> int:
        """The number of the last block sent: the next that this side sends is one more."""
        return self._sent

    @property
    def received(self) -> int:
        """The number of the last block received without a gap."""
        return self._contiguous

    @property
    def buffered(self) -> int:
        """How many octets are held."""
        return len(self._joined) + self._ahead_octets

    def receive(self, block: GeneralBlockTransfer) -> list[ReceiverEvent]:
        """Take one block from the peer."""
        if self.state is TransferState.COMPLETE:
            return [] if block.streaming else self._acknowledge()
        if self.state is not TransferState.RECEIVING:
            return []
        if (error := self._contradiction(block)) is not None:
            return self._fail(error)
        if self._due(block.block_number):
            self._keep(block)
        if self._contiguous == self._end:
            self.state = TransferState.COMPLETE
            apdu, self._joined = bytes(self._joined), bytearray()
            return [ApduReceived(apdu)]
        return [] if block.streaming else self._acknowledge()

    def timeout(self) -> list[ReceiverEvent]:
        """Nothing has come for a while."""
        if self.state is not TransferState.RECEIVING:
            return []
        missing = f"block {self._contiguous + 1} of a general block transfer did not come"
        if not self._window:
            return self._fail(MeterError(missing))
        self._repeats += 1
        if self._repeats > MAX_REPEATS:
            return self._fail(MeterError(f"{missing} in {MAX_REPEATS} repeats"))
        return self._acknowledge()

    def _contradiction(self, block: GeneralBlockTransfer) -> DlmsdError | None:
        number = block.block_number
        if block.last and self._due(number):
            behind = max(self._ahead, default=self._contiguous)
            if number < behind or self._end not in (None, number):
                return MeterError(f"block {number} came as the last with {behind} before it")
        elif self._end is not None and number > self._end:
            return MeterError(f"block {number} came behind the last, {self._end}")
        if self._due(number) and (
            number - self._first >= MAX_BLOCKS or self.buffered + len(block.data) > MAX_OCTETS
        ):
            return MeterError(f"an APDU of more than {number - self._first} blocks")
        return None

    def _due(self, number: int) -> bool:
        ahead = number - self._contiguous
        return 0 < ahead <= MAX_WINDOW and number not in self._ahead

    def _keep(self, block: GeneralBlockTransfer) -> None:
        if block.last:
            self._end = block.block_number
        self._ahead[block.block_number] = block.data
        self._ahead_octets += len(block.data)
        while (data := self._ahead.pop(self._contiguous + 1, None)) is not None:
            self._contiguous += 1
            self._repeats = 0
            self._ahead_octets -= len(data)
            self._joined += data

    def _acknowledge(self) -> list[ReceiverEvent]:
        if not self._window:
            return []
        self._sent += 1
        acknowledgement = GeneralBlockTransfer(
            last=not self._more_to_send,
            streaming=False,
            window=self._window,
            block_number=self._sent,
            acknowledged=self._contiguous,
            data=b"",
        )
        return [SendBlocks((acknowledgement,))]

    def _fail(self, error: DlmsdError) -> list[ReceiverEvent]:
        self.state = TransferState.FAILED
        self._joined.clear()
        self._ahead.clear()
        self._ahead_octets = 0
        return [TransferFailed(error)]


class BlockSender:
    """Sends one APDU in blocks of ``size`` octets.

    ``window`` is the peer's, as far as it is known before its first acknowledgement; 0 for
    an unconfirmed transfer. ``offer`` is the window that this side takes in return.
    ``sent`` and ``received`` are the blocks of this exchange that went either way before.
    LocalError for an APDU that does not fit into the limits.
    """

    def __init__(
        self,
        apdu: bytes,
        size: int,
        window: int = 1,
        *,
        offer: int = 1,
        sent: int = 0,
        received: int = 0,
    ) -> None:
        if size < 1 or len(apdu) > min(MAX_OCTETS, MAX_BLOCKS * size):
            raise LocalError(f"{len(apdu)} octets are no transfer in blocks of {size}")
        self.state = TransferState.IDLE
        self._apdu = apdu
        self._size = size
        self._window = window
        self._confirmed = window > 0
        self._offer = offer
        self._first = sent + 1
        self._last = sent + max(1, -(-len(apdu) // size))
        self._acknowledged = sent
        self._highest = sent
        self._received = received
        self._repeats = 0
        self._asked = 0

    @property
    def sent(self) -> int:
        """The number of the last block sent."""
        return self._highest

    @property
    def received(self) -> int:
        """The number of the last block that came from the peer."""
        return self._received

    def start(self) -> list[SenderEvent]:
        """The first stream."""
        if self.state is not TransferState.IDLE:
            raise LocalError("a transfer starts once")
        if self._confirmed:
            self.state = TransferState.SENDING
            return self._stream()
        self.state = TransferState.COMPLETE
        self._highest = self._last
        blocks = [self._block(number, True) for number in range(self._first, self._last + 1)]
        return [SendBlocks(tuple(blocks)), ApduSent()]

    def receive(self, block: GeneralBlockTransfer) -> list[SenderEvent]:
        """Take a block from the peer, for what it acknowledges."""
        self._received = max(self._received, block.block_number)
        if self.state is not TransferState.SENDING or block.acknowledged < self._acknowledged:
            return []
        if block.acknowledged > self._highest:
            return self._fail(
                MeterError(f"block {block.acknowledged} was acknowledged, sent {self._highest}")
            )
        # A window of 0 here would end the transfer; one block is what any peer takes.
        self._window = max(1, block.window)
        if block.acknowledged == self._acknowledged:
            self._asked += 1
            return self._stream() if self._asked <= MAX_REPEATS else []
        self._repeats = self._asked = 0
        self._acknowledged = block.acknowledged
        if self._acknowledged == self._last:
            self.state = TransferState.COMPLETE
            return [ApduSent()]
        return self._stream()

    def timeout(self) -> list[SenderEvent]:
        """Nothing has come for a while."""
        if self.state is not TransferState.SENDING:
            return []
        self._repeats += 1
        if self._repeats > MAX_REPEATS:
            missing = f"block {self._acknowledged + 1} was not acknowledged"
            return self._fail(MeterError(f"{missing} in {MAX_REPEATS} repeats"))
        return self._stream()

    def _stream(self) -> list[SenderEvent]:
        first = self._acknowledged + 1
        last = min(self._acknowledged + self._window, self._last)
        self._highest = max(self._highest, last)
        blocks = [self._block(number, number < last) for number in range(first, last + 1)]
        return [SendBlocks(tuple(blocks))]

    def _block(self, number: int, streaming: bool) -> GeneralBlockTransfer:
        start = (number - self._first) * self._size
        return GeneralBlockTransfer(
            last=number == self._last,
            streaming=streaming,
            window=self._offer if self._confirmed else 0,
            block_number=number,
            acknowledged=self._received,
            data=self._apdu[start : start + self._size],
        )

    def _fail(self, error: DlmsdError) -> list[SenderEvent]:
        self.state = TransferState.FAILED
        return [TransferFailed(error)]
