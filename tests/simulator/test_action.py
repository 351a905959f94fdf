"""ACTION at the meter's end."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.axdr.data import Data, Tag, encode
from dlmsd.dlms.xdlms.action import (
    ActionAnswer,
    ActionRequestNextPblock,
    ActionRequestNormal,
    ActionRequestWithFirstPblock,
    ActionRequestWithList,
    ActionRequestWithListAndFirstPblock,
    ActionRequestWithPblock,
    ActionResponseNextPblock,
    ActionResponseNormal,
    ActionResponseWithList,
    ActionResponseWithPblock,
    decode_answer,
    decode_answers,
)
from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.dlms.xdlms.conformance import Conformance
from dlmsd.dlms.xdlms.datablock import DataBlock
from dlmsd.dlms.xdlms.exception_response import ServiceError
from dlmsd.dlms.xdlms.get import GetRequestNormal
from dlmsd.dlms.xdlms.parts import encode_values
from dlmsd.simulator.personality import WRAPPER
from tests.simulator.plain import EVERYTHING, Talk
from tests.simulator.shelf import ECHO, LONG_VALUE, NO_METHOD, VALUE, VOLTAGE
from tests.simulator.test_set import UNSUPPORTED

NOTHING = Data(Tag.NULL_DATA, None)
ECHOED = ActionAnswer(ActionResult.SUCCESS, LONG_VALUE)
UNDEFINED = ActionAnswer(ActionResult.OBJECT_UNDEFINED)


class ActionTests(SynchronousTestCase):
    def test_normal(self) -> None:
        talk = Talk().open()
        found = talk.ask(ActionRequestNormal(0xC5, ECHO, LONG_VALUE))
        self.assertEqual(found, ActionResponseNormal(0xC5, ECHOED))
        found = talk.ask(ActionRequestNormal(0xC5, ECHO))
        self.assertEqual(found.answer, ActionAnswer(ActionResult.SUCCESS))
        self.assertEqual(talk.ask(ActionRequestNormal(0xC5, NO_METHOD, VALUE)).answer, UNDEFINED)
        self.assertEqual(talk.shelf.invoked, [LONG_VALUE, None])

    def test_list(self) -> None:
        talk = Talk().open()
        request = ActionRequestWithList(0xC1, (ECHO, NO_METHOD, ECHO), (VALUE, VALUE, NOTHING))
        answers = (
            ActionAnswer(ActionResult.SUCCESS, VALUE),
            UNDEFINED,
            ActionAnswer(ActionResult.SUCCESS),
        )
        self.assertEqual(talk.ask(request), ActionResponseWithList(0xC1, answers))

    def test_unconfirmed(self) -> None:
        talk = Talk().open()
        self.assertIsNone(talk.ask(ActionRequestNormal(0x81, ECHO, VALUE)))
        self.assertEqual(talk.shelf.invoked, [VALUE])

    def test_what_was_not_agreed_upon(self) -> None:
        request = ActionRequestNormal(0xC1, ECHO, VALUE)
        listed = ActionRequestWithList(0xC1, (ECHO,), (VALUE,))
        blocks = ActionRequestWithFirstPblock(0xC1, ECHO, DataBlock(True, 1, encode(VALUE)))
        for without, refused in (
            (Conformance.ACTION, (request, listed, blocks)),
            (Conformance.MULTIPLE_REFERENCES, (listed,)),
            (Conformance.BLOCK_TRANSFER_WITH_ACTION, (blocks,)),
        ):
            talk = Talk().open(EVERYTHING & ~without)
            for one in refused:
                self.assertEqual(talk.ask(one), UNSUPPORTED)
            self.assertEqual(talk.shelf.invoked, [])
        talk = Talk().open(EVERYTHING & ~Conformance.BLOCK_TRANSFER_WITH_ACTION, max_pdu=100)
        found = talk.ask(ActionRequestNormal(0xC1, ECHO, LONG_VALUE))
        self.assertIs(found.service_error, ServiceError.PDU_TOO_LONG)


class BlocksTests(SynchronousTestCase):
    def answer(self, talk: Talk, found: object, limit: int) -> bytes:
        """The octets of an answer in blocks, each asked for."""
        octets = b""
        for number in range(1, 300):
            assert isinstance(found, ActionResponseWithPblock)
            self.assertEqual((found.invoke, found.block.number), (0xC2, number))
            self.assertLessEqual(len(talk.answer.apdu), limit)
            octets += found.block.raw
            if found.block.last:
                return octets
            found = talk.ask(ActionRequestNextPblock(0xC2, number))
        raise AssertionError("no end of blocks")

    def test_answers(self) -> None:
        for limit in (13, 64, 204):
            talk = Talk().open(max_pdu=limit)
            found = talk.ask(ActionRequestNormal(0xC2, ECHO, LONG_VALUE))
            self.assertEqual(decode_answer(self.answer(talk, found, limit)), ECHOED)
            found = talk.ask(ActionRequestWithList(0xC2, (NO_METHOD, ECHO), (VALUE, LONG_VALUE)))
            answers = decode_answers(self.answer(talk, found, limit))
            self.assertEqual(answers, (UNDEFINED, ECHOED))

    def test_parameters_and_answers(self) -> None:
        talk = Talk(evolve(WRAPPER, max_response=64)).open()
        first, *rest = DataBlock.cut(encode(LONG_VALUE), 50)
        found = talk.ask(ActionRequestWithFirstPblock(0xC2, ECHO, first))
        for number, block in enumerate(rest, start=1):
            self.assertEqual(found, ActionResponseNextPblock(0xC2, number))
            self.assertEqual(talk.shelf.invoked, [])
            found = talk.ask(ActionRequestWithPblock(0xC2, block))
        self.assertEqual(decode_answer(self.answer(talk, found, 64)), ECHOED)

    def test_list(self) -> None:
        talk = Talk().open()
        first, last = DataBlock.cut(encode_values((LONG_VALUE, NOTHING)), 150)
        talk.ask(ActionRequestWithListAndFirstPblock(0xC2, (ECHO, ECHO), first))
        found = talk.ask(ActionRequestWithPblock(0xC2, last))
        answers = (ECHOED, ActionAnswer(ActionResult.SUCCESS))
        self.assertEqual(found, ActionResponseWithList(0xC2, answers))

    def test_parameters_out_of_order(self) -> None:
        first = ActionRequestWithFirstPblock(0xC2, ECHO, DataBlock(False, 1, b"\x12"))
        for invoke, number in ((0xC2, 3), (0xC3, 2)):
            talk = Talk().open()
            talk.ask(first)
            for why in ("DATA_BLOCK_UNAVAILABLE", "NO_LONG_ACTION_IN_PROGRESS"):
                block = DataBlock(True, number, b"\x00\x01")
                found = talk.ask(ActionRequestWithPblock(invoke, block))
                self.assertEqual(found.answer.result.name, why)
        talk = Talk().open()
        talk.ask(first)
        talk.ask(GetRequestNormal(0xC1, VOLTAGE))
        found = talk.ask(ActionRequestWithPblock(0xC2, DataBlock(True, 2, b"\x00\x01")))
        self.assertIs(found.answer.result, ActionResult.LONG_ACTION_ABORTED)
        self.assertEqual(talk.shelf.invoked, [])

    def test_blocks_of_an_answer_out_of_order(self) -> None:
        for invoke, number in ((0xC2, 2), (0xC3, 1)):
            talk = Talk().open(max_pdu=64)
            talk.ask(ActionRequestNormal(0xC2, ECHO, LONG_VALUE))
            for why in ("DATA_BLOCK_UNAVAILABLE", "NO_LONG_ACTION_IN_PROGRESS"):
                found = talk.ask(ActionRequestNextPblock(invoke, number))
                self.assertEqual(found.answer.result.name, why)

    def test_what_are_no_parameters(self) -> None:
        for octets in (b"", b"\xfe", encode(VALUE) + b"\x00"):
            block = DataBlock(True, 1, octets)
            for request in (
                ActionRequestWithFirstPblock(0xC1, ECHO, block),
                ActionRequestWithListAndFirstPblock(0xC1, (ECHO, ECHO), block),
            ):
                found = Talk().open().ask(request)
                self.assertIs(found.answer.result, ActionResult.TYPE_UNMATCHED)
