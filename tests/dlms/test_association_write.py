"""SET, ACTION and ACCESS through the association: whole, in blocks, and answered wrongly."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from dlmsd.dlms.acse.context import Mechanism
from dlmsd.dlms.association import Association
from dlmsd.dlms.axdr.data import Data, Tag, decode, encode
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.method import MethodDescriptor
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.outcome import AssociationEvent, Results, SendApdu
from dlmsd.dlms.proposal import WRITING
from dlmsd.dlms.xdlms.access import (
    AccessAction,
    AccessGet,
    AccessRequest,
    AccessResponse,
    AccessSet,
    ActionDone,
    GetDone,
    SetDone,
)
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.action import (
    ActionAnswer,
    ActionRequestNextPblock,
    ActionRequestWithFirstPblock,
    ActionRequestWithList,
    ActionRequestWithListAndFirstPblock,
    ActionRequestWithPblock,
    ActionResponseNextPblock,
    ActionResponseNormal,
    ActionResponseWithList,
    ActionResponseWithPblock,
    encode_answers,
)
from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.dlms.xdlms.conformance import Conformance
from dlmsd.dlms.xdlms.datablock import DataBlock
from dlmsd.dlms.xdlms.initiate import InitiateResponse
from dlmsd.dlms.xdlms.long_invoke import long_invoke_id
from dlmsd.dlms.xdlms.parts import decode_values
from dlmsd.dlms.xdlms.set import (
    SetRequestNormal,
    SetRequestWithBlock,
    SetRequestWithFirstBlock,
    SetRequestWithList,
    SetRequestWithListAndFirstBlock,
    SetResponseBlock,
    SetResponseLastBlock,
    SetResponseLastBlockWithList,
    SetResponseNormal,
    SetResponseWithList,
)
from dlmsd.errors import LocalError, MeterError, ServiceError
from tests.dlms.associations import CLOCK, AssociationTestCase

OTHER = AttributeDescriptor(3, Obis.parse("1-1:32.7.0"), 2)
SHIFT = MethodDescriptor(8, Obis.parse("0-0:1.0.0"), 6)
PRESET = MethodDescriptor(8, Obis.parse("0-0:1.0.0"), 5)
VALUE = Data(Tag.LONG_UNSIGNED, 235)
LONG = Data(Tag.OCTET_STRING, bytes(range(200)))
DONE, DENIED = DataAccessResult.SUCCESS, DataAccessResult.READ_WRITE_DENIED
INVOKED = ActionAnswer(ActionResult.SUCCESS)


class WriteTestCase(AssociationTestCase):
    def writer(self, max_pdu: int = 0, granted: Conformance = WRITING) -> Association:
        """An association with a meter that takes requests of ``max_pdu`` octets."""
        association = Association(Mechanism.NONE, proposed=WRITING)
        association.associate()
        association.receive(self.aare(InitiateResponse(granted, max_pdu).encode()))
        self.assertTrue(association.associated)
        return association

    def sent(self, events: list[AssociationEvent]) -> bytes:
        (event,) = events
        assert isinstance(event, SendApdu), events
        return event.apdu


class SetTests(WriteTestCase):
    def test_one(self) -> None:
        association = self.writer()
        request = SetRequestNormal.decode(self.sent(association.set([CLOCK], [VALUE])))
        self.assertEqual((request.attribute, request.value), (CLOCK, VALUE))
        answer = SetResponseNormal(request.invoke, DENIED).encode()
        self.assertEqual(association.receive(answer), [Results((DENIED,))])

    def test_a_part_of_one(self) -> None:
        association = self.writer()
        access = (2, VALUE)
        request = SetRequestNormal.decode(self.sent(association.set([CLOCK], [VALUE], [access])))
        self.assertEqual(request.access, access)

    def test_a_list(self) -> None:
        association = self.writer()
        apdu = self.sent(association.set([CLOCK, OTHER], [VALUE, LONG]))
        request = SetRequestWithList.decode(apdu)
        self.assertEqual(request.values, (VALUE, LONG))
        answer = SetResponseWithList(request.invoke, (DONE, DENIED)).encode()
        self.assertEqual(association.receive(answer), [Results((DONE, DENIED))])

    def take(self, association: Association, apdu: bytes, listed: bool, most: int) -> bytes:
        """Confirm block after block; the joined octets."""
        first = SetRequestWithListAndFirstBlock if listed else SetRequestWithFirstBlock
        block = first.decode(apdu).block
        octets = block.raw
        while not block.last:
            self.assertLessEqual(len(apdu), most)
            confirmed = SetResponseBlock(0xC1, block.number).encode()
            apdu = self.sent(association.receive(confirmed))
            block = SetRequestWithBlock.decode(apdu).block
            octets += block.raw
        self.number = block.number
        return octets

    def test_in_blocks_that_fit(self) -> None:
        for most in (24, 30, 64, 127, 128, 200):
            association = self.writer(most)
            octets = self.take(
                association, self.sent(association.set([CLOCK], [LONG])), False, most
            )
            self.assertEqual(decode(octets)[0], LONG)
            last = SetResponseLastBlock(0xC1, DONE, self.number).encode()
            self.assertEqual(association.receive(last), [Results((DONE,))])

    def test_a_list_in_blocks(self) -> None:
        association = self.writer(40)
        apdu = self.sent(association.set([CLOCK, OTHER], [VALUE, LONG]))
        octets = self.take(association, apdu, True, 40)
        self.assertEqual(decode_values(octets), (VALUE, LONG))
        last = SetResponseLastBlockWithList(0xC1, (DONE, DENIED), self.number).encode()
        self.assertEqual(association.receive(last), [Results((DONE, DENIED))])

    def test_a_meter_too_small_for_a_block(self) -> None:
        association = self.writer(12)
        with self.assertRaises(ServiceError):
            association.set([CLOCK], [LONG])
        self.assertIsInstance(association.get([CLOCK])[0], SendApdu)

    def test_refused_in_the_middle(self) -> None:
        for wrong in (SetResponseNormal(0xC1, DENIED), SetResponseLastBlock(0xC1, DENIED, 1)):
            association = self.writer(64)
            association.set([CLOCK], [LONG])
            self.assertEqual(association.receive(wrong.encode()), [Results((DENIED,))])

    def test_wrong_answers(self) -> None:
        for words, wrong in (
            ("before it had all", SetResponseNormal(0xC1, DONE)),
            ("before it had all", SetResponseLastBlock(0xC1, DONE, 1)),
            ("block 2 was confirmed", SetResponseBlock(0xC1, 2)),
            ("block 0 was confirmed", SetResponseBlock(0xC1, 0)),
            ("3 results", SetResponseWithList(0xC1, (DENIED,) * 3)),
        ):
            association = self.writer(64)
            association.set([CLOCK], [LONG])
            self.assert_failed(association.receive(wrong.encode()), MeterError, words)
            self.assertIsInstance(association.get([CLOCK])[0], SendApdu)

    def test_a_block_confirmed_where_none_was_sent(self) -> None:
        association = self.writer()
        association.set([CLOCK], [VALUE])
        confirmed = SetResponseBlock(0xC1, 1).encode()
        self.assert_failed(association.receive(confirmed), MeterError, "none was sent")

    def test_more_asked_for_than_there_is(self) -> None:
        association = self.writer(64)
        self.take(association, self.sent(association.set([CLOCK], [LONG])), False, 64)
        more = SetResponseBlock(0xC1, self.number).encode()
        self.assert_failed(association.receive(more), MeterError, "more than")

    def test_a_list_refused_by_one_result(self) -> None:
        association = self.writer()
        association.set([CLOCK, OTHER], [VALUE, VALUE])
        wrong = SetResponseNormal(0xC1, DENIED).encode()
        self.assert_failed(association.receive(wrong), ServiceError, "refused the list")


class ActionTests(WriteTestCase):
    def test_one_without_and_with_parameters(self) -> None:
        for parameters in (None, VALUE):
            association = self.writer()
            self.sent(association.action([SHIFT], [parameters]))
            answer = ActionAnswer(ActionResult.SUCCESS, VALUE)
            events = association.receive(ActionResponseNormal(0xC1, answer).encode())
            self.assertEqual(events, [Results((answer,))])

    def test_a_list(self) -> None:
        association = self.writer()
        apdu = self.sent(association.action([SHIFT, PRESET], [VALUE, None]))
        request = ActionRequestWithList.decode(apdu)
        self.assertEqual(request.parameters, (VALUE, Data(Tag.NULL_DATA, None)))
        answers = (INVOKED, ActionAnswer(ActionResult.TYPE_UNMATCHED))
        events = association.receive(ActionResponseWithList(0xC1, answers).encode())
        self.assertEqual(events, [Results(answers)])

    def send(self, association: Association, apdu: bytes, listed: bool, most: int) -> bytes:
        first = ActionRequestWithListAndFirstPblock if listed else ActionRequestWithFirstPblock
        block = first.decode(apdu).block
        octets = block.raw
        while not block.last:
            self.assertLessEqual(len(apdu), most)
            more = ActionResponseNextPblock(0xC1, block.number).encode()
            apdu = self.sent(association.receive(more))
            block = ActionRequestWithPblock.decode(apdu).block
            octets += block.raw
        return octets

    def answer(self, association: Association, octets: bytes, size: int) -> list[AssociationEvent]:
        """Answer in blocks; what the last of them led to."""
        blocks = DataBlock.cut(octets, size)
        for block in blocks:
            events = association.receive(ActionResponseWithPblock(0xC1, block).encode())
            if not block.last:
                wanted = ActionRequestNextPblock(0xC1, block.number).encode()
                self.assertEqual(self.sent(events), wanted)
        return events

    def test_parameters_and_answer_in_blocks(self) -> None:
        association = self.writer(64)
        octets = self.send(association, self.sent(association.action([SHIFT], [LONG])), False, 64)
        self.assertEqual(octets, encode(LONG))
        answer = ActionAnswer(ActionResult.SUCCESS, LONG)
        self.assertEqual(self.answer(association, answer.encode(), 50), [Results((answer,))])

    def test_a_list_in_blocks_both_ways(self) -> None:
        association = self.writer(64)
        apdu = self.sent(association.action([SHIFT, PRESET], [LONG, VALUE]))
        self.assertEqual(decode_values(self.send(association, apdu, True, 64)), (LONG, VALUE))
        answers = (ActionAnswer(ActionResult.SUCCESS, LONG), INVOKED)
        events = self.answer(association, encode_answers(answers), 30)
        self.assertEqual(events, [Results(answers)])

    def test_wrong_answers(self) -> None:
        for words, wrong in (
            ("before it had all", ActionResponseNormal(0xC1, INVOKED)),
            ("before it had all", ActionResponseWithPblock(0xC1, DataBlock(False, 1, b"\x00"))),
            ("block 3 was confirmed", ActionResponseNextPblock(0xC1, 3)),
            ("2 answers", ActionResponseWithList(0xC1, (ActionAnswer(ActionResult(250)),) * 2)),
        ):
            association = self.writer(64)
            association.action([SHIFT], [LONG])
            self.assert_failed(association.receive(wrong.encode()), MeterError, words)

    def test_answers_in_wrong_blocks(self) -> None:
        for words, block in (
            ("block 2 came", DataBlock(False, 2, b"\x00")),
            ("empty", DataBlock(False, 1, b"")),
            ("cut short", DataBlock(True, 1, b"\x00\x01")),
        ):
            association = self.writer()
            association.action([SHIFT], [None])
            wrong = ActionResponseWithPblock(0xC1, block).encode()
            events = association.receive(wrong)
            self.assertIn(words, str(getattr(events[0], "error", events)))


class AccessTests(WriteTestCase):
    ITEMS = (AccessGet(CLOCK), AccessSet(OTHER), AccessAction(SHIFT))

    def ask(self, association: Association, **more: bool) -> AccessRequest:
        apdu = self.sent(association.access(self.ITEMS, (None, VALUE, VALUE), **more))
        return AccessRequest.decode(apdu)

    def test_all_three(self) -> None:
        association = self.writer()
        request = self.ask(association)
        nothing = Data(Tag.NULL_DATA, None)
        self.assertEqual(request.values, (nothing, VALUE, VALUE))
        outcomes = (GetDone(DONE), SetDone(DENIED), ActionDone(ActionResult.SUCCESS))
        answer = AccessResponse(request.invoke, (LONG, nothing, nothing), outcomes)
        (event,) = association.receive(answer.encode())
        assert isinstance(event, Results)
        self.assertEqual(event.results[0], (LONG, outcomes[0]))
        self.assertEqual([outcome for _, outcome in event.results], list(outcomes))

    def test_long_invoke_ids_count_on(self) -> None:
        association = self.writer()
        seen = []
        for _ in range(20):
            request = self.ask(association, break_on_error=True)
            seen.append(long_invoke_id(request.invoke))
            association.receive(AccessResponse(request.invoke, (), ()).encode())
        self.assertEqual(seen, list(range(1, 21)))

    def test_wrong_answers(self) -> None:
        nothing = Data(Tag.NULL_DATA, None)
        done = (GetDone(DONE), SetDone(DONE), ActionDone(ActionResult.SUCCESS))
        wrong: list[tuple[str, Callable[[int], AccessResponse]]] = [
            ("2 results", lambda invoke: AccessResponse(invoke, (nothing,) * 2, done[:2])),
            ("4 results", lambda invoke: AccessResponse(invoke, (nothing,) * 4, (*done, done[0]))),
            ("another service", lambda invoke: AccessResponse(invoke, (nothing,) * 3, done[::-1])),
        ]
        for words, make in wrong:
            association = self.writer()
            request = self.ask(association)
            self.assert_failed(
                association.receive(make(request.invoke).encode()), MeterError, words
            )

    def test_another_invoke_id(self) -> None:
        association = self.writer()
        request = self.ask(association)
        stray = AccessResponse(request.invoke ^ 1, (), ()).encode()
        self.assert_discarded(association.receive(stray))
        self.assert_failed(association.receive(stray), MeterError, "another invoke-id")

    def test_too_long_for_the_meter(self) -> None:
        association = self.writer(30)
        with self.assertRaises(ServiceError):
            self.ask(association)


class LegalityTests(WriteTestCase):
    def test_one_request_at_a_time_and_none_for_nothing(self) -> None:
        association = self.writer()
        with self.assertRaises(LocalError):
            association.set([], [])
        association.set([CLOCK], [VALUE])
        for ask in (
            lambda: association.get([CLOCK]),
            lambda: association.set([CLOCK], [VALUE]),
            lambda: association.action([SHIFT], [None]),
            lambda: association.access((AccessGet(CLOCK),), (None,)),
        ):
            with self.assertRaises(LocalError):
                ask()

    @given(st.binary(max_size=40))
    def test_whatever_comes_ends_in_an_event(self, octets: bytes) -> None:
        association = self.writer(64)
        association.set([CLOCK], [LONG])
        for head in (b"", b"\xc5\x01\xc1", b"\xc5\x02\xc1", b"\xc5\x03\xc1", b"\xc5\x05\xc1"):
            association.receive(head + octets)
