"""Requests and answers by general block transfer, against the sender and receiver of a meter."""

from __future__ import annotations

from random import Random

from dlmsd.dlms.acse.context import Mechanism
from dlmsd.dlms.association import Association
from dlmsd.dlms.axdr.data import Data, Tag, encode
from dlmsd.dlms.outcome import (
    AssociationEvent,
    AwaitMore,
    Confirm,
    Notified,
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
from dlmsd.dlms.xdlms.notification import DataNotification
from dlmsd.dlms.xdlms.set import SetRequestNormal, SetResponseNormal
from tests.dlms.associations import CLOCK, AssociationTestCase, associated

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


class UnaskedTests(AssociationTestCase):
    """What comes in blocks while no request is open."""

    PUSH = bytes.fromhex("0F00000007000202") + 2 * encode(Data(Tag.OCTET_STRING, bytes(60)))

    def setUp(self) -> None:
        self.association = TransferTests.associated(self, 5)  # type: ignore[arg-type]

    def blocks(self, window: int, apdu: bytes = PUSH, size: int = 50) -> list[bytes]:
        """In one stream."""
        parts = [apdu[start : start + size] for start in range(0, len(apdu), size)]
        return [
            GeneralBlockTransfer(
                number == len(parts), number < len(parts), window, number, 0, part
            ).encode()
            for number, part in enumerate(parts, start=1)
        ]

    def fed(self, blocks: list[bytes]) -> list[AssociationEvent]:
        return [event for block in blocks for event in self.association.receive(block)]

    def told(self) -> Notified:
        return Notified(DataNotification.decode(self.PUSH))

    def test_without_a_window(self) -> None:
        for size in (50, 500):
            for _ in range(2):
                self.assertEqual(self.fed(self.blocks(0, size=size)), [self.told()])

    def test_acknowledged_where_a_window_is_offered(self) -> None:
        confirm, told = self.fed(self.blocks(5))
        self.assertEqual(told, self.told())
        assert isinstance(confirm, Confirm)
        acknowledgement = GeneralBlockTransfer.decode(confirm.apdu)
        self.assertEqual((acknowledgement.acknowledged, acknowledgement.data), (3, b""))
        # The acknowledgement was lost: all comes again, and tells nothing new.
        (again,) = self.fed(self.blocks(5))
        self.assertEqual(again, confirm)

    def test_a_gap_is_asked_for(self) -> None:
        first, second, third = self.blocks(5)
        (event,) = self.fed([first, third])
        assert isinstance(event, Confirm)
        self.assertEqual(GeneralBlockTransfer.decode(event.apdu).acknowledged, 1)
        self.assertIn(self.told(), self.fed([second]))

    def test_a_request_in_the_middle(self) -> None:
        first, second, third = self.blocks(0)
        self.assertEqual(self.fed([first]), [])
        (sent,) = self.association.get([CLOCK])
        assert isinstance(sent, SendApdu)
        self.assertEqual(self.fed([second, third]), [self.told()])
        answer = GetResponseNormal(GetRequestNormal.decode(sent.apdu).invoke, LONG).encode()
        self.assertIn(Results((LONG,)), self.fed(self.blocks(0, answer, 500)))

    def test_what_is_left_unfinished_is_given_up(self) -> None:
        self.fed(self.blocks(0)[:2])
        self.assertEqual(self.fed(self.blocks(0)), [self.told()])
        self.fed(self.blocks(0)[:2])
        self.association.abort()
        self.setUp()
        self.assert_discarded(self.fed(self.blocks(0)[2:]))

    def test_what_is_no_news(self) -> None:
        answer = GetResponseNormal(0xC1, LONG).encode()
        for block in (*self.blocks(0, answer, 500), *self.blocks(5, b"", 1), b"\xe0"):
            self.assert_discarded(self.association.receive(block))
        wrong = self.blocks(0, b"\x0f\x00\x00")
        self.assert_discarded(self.fed(wrong))

    def test_more_than_the_limit(self) -> None:
        events: list[AssociationEvent] = []
        for number in range(1, 70_000_000 // 60_000):
            part = b"\x0f" + bytes(60_000)
            block = GeneralBlockTransfer(False, True, 0, number, 0, part).encode()
            events += self.association.receive(block)
            if events:
                break
        self.assert_discarded(events)
        self.assertEqual(self.fed(self.blocks(0)), [self.told()])

    def test_where_nothing_was_agreed_upon(self) -> None:
        self.association = associated()
        self.assert_discarded(self.association.receive(self.blocks(0)[0]))
