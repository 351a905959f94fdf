"""Requests and answers by general block transfer, against the sender and receiver of a meter."""

from __future__ import annotations

from random import Random

from dlmsd.dlms.acse.context import Mechanism
from dlmsd.dlms.association import Association
from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.dlms.outcome import (
    AssociationEvent,
    AwaitMore,
    RequestFailed,
    Results,
    SendApdu,
    SendStream,
)
from dlmsd.dlms.proposal import WRITING
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.block import (
    ApduReceived,
    BlockReceiver,
    BlockSender,
    GeneralBlockTransfer,
    SendBlocks,
    TransferState,
)
from dlmsd.dlms.xdlms.conformance import Conformance
from dlmsd.dlms.xdlms.get import GetRequestNormal, GetResponseNormal
from dlmsd.dlms.xdlms.initiate import InitiateResponse
from dlmsd.dlms.xdlms.set import SetRequestNormal, SetResponseNormal
from tests.dlms.associations import CLOCK, AssociationTestCase

GRANTED = (WRITING | Conformance.GENERAL_BLOCK_TRANSFER) & ~(
    Conformance.BLOCK_TRANSFER_WITH_GET_OR_READ | Conformance.BLOCK_TRANSFER_WITH_SET_OR_WRITE
)
LONG = Data(Tag.OCTET_STRING, bytes(range(256)) * 4)


class Meter:
    """The other end: joins what comes in blocks, and answers in blocks of ``size``."""

    def __init__(self, size: int, window: int, lose: float = 0.0, seed: int = 0) -> None:
        self._size, self._window, self._lose = size, window, lose
        self._random = Random(seed)
        self._receiver = BlockReceiver(window, more_to_send=True)
        self._sender: BlockSender | None = None
        self.requests: list[bytes] = []

    def answer(self, request: bytes) -> bytes:
        self.requests.append(request)
        if request[0] == SetRequestNormal.TAG:
            return SetResponseNormal(request[2], DataAccessResult.SUCCESS).encode()
        return GetResponseNormal(request[2], LONG).encode()

    def receive(self, apdus: tuple[bytes, ...]) -> list[bytes]:
        """What comes back of it, less what the line loses."""
        replies: list[bytes] = []
        for apdu in apdus:
            if self._random.random() >= self._lose:
                replies += self._take(apdu)
        return [reply for reply in replies if self._random.random() >= self._lose]

    def _take(self, apdu: bytes) -> list[bytes]:
        if apdu[0] != GeneralBlockTransfer.TAG:
            return self._send(self.answer(apdu), 0, 0)
        block = GeneralBlockTransfer.decode(apdu)
        if self._sender is not None:
            return self._blocks(self._sender.receive(block))
        events = self._receiver.receive(block)
        for event in events:
            if isinstance(event, ApduReceived):
                # Acknowledged blocks and the answer are one count.
                return self._send(self.answer(event.apdu), self._receiver.sent, block.block_number)
        return self._blocks(events)

    def _send(self, answer: bytes, sent: int, received: int) -> list[bytes]:
        self._sender = BlockSender(
            answer, self._size, self._window, offer=self._window, sent=sent, received=received
        )
        return self._blocks(self._sender.start())

    def _blocks(self, events: object) -> list[bytes]:
        assert isinstance(events, list)
        return [
            block.encode()
            for event in events
            if isinstance(event, SendBlocks)
            for block in event.blocks
        ]


class TransferTests(AssociationTestCase):
    def associated(self, window: int, max_pdu: int = 100) -> Association:
        association = Association(Mechanism.NONE, proposed=WRITING, window=window)
        association.associate()
        association.receive(self.aare(InitiateResponse(GRANTED, max_pdu).encode()))
        return association

    def run_against(
        self, meter: Meter, association: Association, events: list[AssociationEvent]
    ) -> AssociationEvent:
        """Carry octets to and fro, with silence where nothing comes, up to the last event.

        AwaitMore is the last if no block came at all: then there is nothing to recover.
        """
        for _ in range(2000):
            replies: list[bytes] = []
            for event in events:
                match event:
                    case SendApdu(apdu):
                        replies += meter.receive((apdu,))
                    case SendStream(apdus):
                        replies += meter.receive(apdus)
                    case AwaitMore():
                        pass
                    case _:
                        return event
            events = [told for reply in replies for told in association.receive(reply)]
            if not events:
                events = association.timeout()
                if not events:
                    return AwaitMore()
        raise AssertionError("the transfer does not end")

    def test_an_answer_in_blocks(self) -> None:
        for window in (1, 2, 5, 63):
            association = self.associated(window)
            last = self.run_against(Meter(50, window), association, association.get([CLOCK]))
            self.assertEqual(last, Results((LONG,)))
            again = self.run_against(Meter(50, window), association, association.get([CLOCK]))
            self.assertEqual(again, Results((LONG,)))

    def test_a_request_in_blocks(self) -> None:
        for window in (1, 3):
            meter, association = Meter(50, window), self.associated(window)
            last = self.run_against(meter, association, association.set([CLOCK], [LONG]))
            self.assertEqual(last, Results((DataAccessResult.SUCCESS,)))
            self.assertEqual(SetRequestNormal.decode(meter.requests[0]).value, LONG)

    def test_a_short_request_and_answer_are_whole(self) -> None:
        association = self.associated(5)
        (event,) = association.get([CLOCK])
        assert isinstance(event, SendApdu)
        request = GetRequestNormal.decode(event.apdu)
        answer = GetResponseNormal(request.invoke, DataAccessResult.SUCCESS).encode()
        self.assertEqual(association.receive(answer), [Results((DataAccessResult.SUCCESS,))])

    def test_lost_blocks_are_recovered(self) -> None:
        whole = 0
        for seed in range(40):
            association = self.associated(6)
            meter = Meter(40, 6, lose=0.1, seed=seed)
            last = self.run_against(meter, association, association.get([CLOCK]))
            if isinstance(last, Results):
                self.assertEqual(last, Results((LONG,)), seed)
                whole += 1
        self.assertGreaterEqual(whole, 30)

    def test_a_meter_that_falls_silent(self) -> None:
        association = self.associated(2)
        association.get([CLOCK])
        first = GeneralBlockTransfer(False, False, 1, 1, 0, b"\xc4").encode()
        self.assertIsInstance(association.receive(first)[0], SendStream)
        for _ in range(5):
            self.assertIsInstance(association.timeout()[0], SendStream)
        (event,) = association.timeout()
        assert isinstance(event, RequestFailed)
        self.assertIn("block 2", str(event.error))
        self.assertEqual(association.timeout(), [])
        self.assertIsInstance(association.get([CLOCK])[0], SendApdu)

    def test_blocks_that_nobody_agreed_upon(self) -> None:
        block = GeneralBlockTransfer(True, False, 1, 1, 0, b"\xc4").encode()
        association = Association(Mechanism.NONE)
        association.associate()
        association.receive(self.aare(InitiateResponse(GRANTED, 100).encode()))
        association.get([CLOCK])
        self.assert_discarded(association.receive(block))
        idle = self.associated(3)
        self.assert_discarded(idle.receive(block))

    def test_damaged_blocks_are_dropped(self) -> None:
        association = self.associated(3)
        association.get([CLOCK])
        self.assert_discarded(association.receive(b"\xe0\x81\x00"))

    def test_the_meters_state(self) -> None:
        """The oracle itself: a meter that has sent all is complete."""
        sender = BlockSender(b"abc", 1, 3)
        sender.start()
        sender.receive(GeneralBlockTransfer(True, False, 1, 1, 3, b""))
        self.assertIs(sender.state, TransferState.COMPLETE)
