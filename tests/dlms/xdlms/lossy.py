"""A channel that loses, doubles and reorders general blocks, from a seed."""

from __future__ import annotations

from random import Random
from typing import Any

from dlmsd.dlms.xdlms.block import (
    ApduReceived,
    ApduSent,
    BlockReceiver,
    BlockSender,
    GeneralBlockTransfer,
    SendBlocks,
    TransferFailed,
)


class Channel:
    """Runs a sender and a receiver against each other until both are through.

    ``loss`` and ``double`` are probabilities. ``sender_waits`` is false for a sender
    without a clock, that only answers, as meters do.
    """

    def __init__(
        self,
        seed: int,
        sender: BlockSender,
        receiver: BlockReceiver,
        *,
        loss: float,
        double: float = 0.0,
        reorder: bool = False,
        sender_waits: bool = True,
    ) -> None:
        self._random = Random(seed)
        self._loss, self._double, self._reorder = loss, double, reorder
        self._sender, self._receiver = sender, receiver
        self._sender_waits = sender_waits
        self._ways: dict[str, list[bytes]] = {"to receiver": [], "to sender": []}
        self.apdu: bytes | None = None
        self.sent = False
        self.failed: list[TransferFailed] = []
        self.carried = 0
        self.most_buffered = 0

    def run(self, most: int = 100_000) -> None:
        """Until nothing is under way and nobody waits; AssertionError if that never comes."""
        self._take("to receiver", self._sender.start())
        for _ in range(most):
            if not self._step():
                return
        raise AssertionError("the transfer does not end")

    def _step(self) -> bool:
        ways = [way for way, blocks in self._ways.items() if blocks]
        if ways:
            way = self._random.choice(ways)
            blocks = self._ways[way]
            place = self._random.randrange(min(3, len(blocks))) if self._reorder else 0
            block = GeneralBlockTransfer.decode(blocks.pop(place))
            self._deliver(way, block)
            return True
        return self._timeouts()

    def _deliver(self, way: str, block: GeneralBlockTransfer) -> None:
        self.carried += 1
        if way == "to receiver":
            self._take("to sender", self._receiver.receive(block))
            self.most_buffered = max(self.most_buffered, self._receiver.buffered)
        else:
            self._take("to receiver", self._sender.receive(block))

    def _timeouts(self) -> bool:
        """Nothing is under way: whoever waits loses patience, in no order."""
        waiting: list[tuple[str, Any]] = [("to sender", self._receiver)]
        if self._sender_waits:
            waiting.append(("to receiver", self._sender))
        self._random.shuffle(waiting)
        for way, machine in waiting:
            events = machine.timeout()
            if events:
                self._take(way, events)
                return True
        return False

    def _take(self, way: str, events: list[Any]) -> None:
        for event in events:
            if isinstance(event, SendBlocks):
                for block in event.blocks:
                    self._send(way, block.encode())
            elif isinstance(event, ApduReceived):
                assert self.apdu is None, "an APDU came twice"
                self.apdu = event.apdu
            elif isinstance(event, ApduSent):
                assert not self.sent, "an APDU was sent twice"
                self.sent = True
            else:
                self.failed.append(event)

    def _send(self, way: str, block: bytes) -> None:
        if self._random.random() >= self._loss:
            self._ways[way].append(block)
            if self._random.random() < self._double:
                self._ways[way].append(block)
