"""SET at the meter's end."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.axdr.data import Data, Tag, encode
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.conformance import Conformance
from dlmsd.dlms.xdlms.datablock import DataBlock
from dlmsd.dlms.xdlms.exception_response import ExceptionResponse, ServiceError, StateError
from dlmsd.dlms.xdlms.get import GetRequestNormal
from dlmsd.dlms.xdlms.parts import encode_values
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
from dlmsd.simulator.blocks import MAX_OCTETS
from dlmsd.simulator.personality import NO_LISTS, WRAPPER
from tests.simulator.plain import EVERYTHING, Talk
from tests.simulator.shelf import LONG, LONG_VALUE, MISSING, VALUE, VOLTAGE

NEW = Data(Tag.LONG_UNSIGNED, 4711)
NEW_LONG = Data(Tag.OCTET_STRING, bytes(300))
UNSUPPORTED = ExceptionResponse(StateError.SERVICE_UNKNOWN, ServiceError.SERVICE_NOT_SUPPORTED)
OK = DataAccessResult.SUCCESS


class SetTests(SynchronousTestCase):
    def test_normal(self) -> None:
        talk = Talk().open()
        found = talk.ask(SetRequestNormal(0xC5, VOLTAGE, NEW))
        self.assertEqual(found, SetResponseNormal(0xC5, OK))
        self.assertEqual(talk.ask(GetRequestNormal(0xC1, VOLTAGE)).result, NEW)
        for attribute, value, why in (
            (MISSING, NEW, DataAccessResult.OBJECT_UNDEFINED),
            (VOLTAGE, LONG_VALUE, DataAccessResult.TYPE_UNMATCHED),
        ):
            self.assertIs(talk.ask(SetRequestNormal(0xC1, attribute, value)).result, why)

    def test_a_part(self) -> None:
        request = SetRequestNormal(0xC1, LONG, NEW_LONG, (2, VALUE))
        talk = Talk().open()
        self.assertIs(talk.ask(request).result, OK)
        self.assertEqual(talk.shelf.parts, [(LONG, NEW_LONG, (2, VALUE))])
        talk = Talk().open(EVERYTHING & ~Conformance.SELECTIVE_ACCESS)
        self.assertIs(talk.ask(request).result, DataAccessResult.SCOPE_OF_ACCESS_VIOLATED)

    def test_list(self) -> None:
        talk = Talk().open()
        request = SetRequestWithList(0xC1, (VOLTAGE, MISSING, LONG), (NEW, NEW, NEW_LONG))
        found = talk.ask(request)
        results = (OK, DataAccessResult.OBJECT_UNDEFINED, OK)
        self.assertEqual(found, SetResponseWithList(0xC1, results))
        self.assertEqual(talk.shelf.values, {VOLTAGE: NEW, LONG: NEW_LONG})

    def test_unconfirmed(self) -> None:
        talk = Talk().open()
        self.assertIsNone(talk.ask(SetRequestNormal(0x81, VOLTAGE, NEW)))
        self.assertFalse(talk.answer.closes)
        self.assertEqual(talk.shelf.values[VOLTAGE], NEW)

    def test_what_was_not_agreed_upon(self) -> None:
        request = SetRequestNormal(0xC1, VOLTAGE, NEW)
        listed = SetRequestWithList(0xC1, (VOLTAGE,), (NEW,))
        blocks = SetRequestWithFirstBlock(0xC1, VOLTAGE, DataBlock(True, 1, encode(NEW)))
        for without, refused in (
            (Conformance.SET, (request, listed, blocks)),
            (Conformance.MULTIPLE_REFERENCES, (listed,)),
            (Conformance.BLOCK_TRANSFER_WITH_SET_OR_WRITE, (blocks,)),
        ):
            talk = Talk().open(EVERYTHING & ~without)
            for one in refused:
                self.assertEqual(talk.ask(one), UNSUPPORTED)
            self.assertEqual(talk.shelf.values[VOLTAGE], VALUE)
        self.assertEqual(Talk(evolve(NO_LISTS)).open().ask(listed), UNSUPPORTED)


class BlocksTests(SynchronousTestCase):
    def test_one_value(self) -> None:
        for size in (1, 100, 1000):
            talk = Talk().open()
            first, *rest = DataBlock.cut(encode(NEW_LONG), size)
            found = talk.ask(SetRequestWithFirstBlock(0xC2, LONG, first))
            for number, block in enumerate(rest, start=1):
                self.assertEqual(found, SetResponseBlock(0xC2, number))
                self.assertEqual(talk.shelf.values[LONG], LONG_VALUE)
                found = talk.ask(SetRequestWithBlock(0xC2, block))
            self.assertEqual(found, SetResponseLastBlock(0xC2, OK, 1 + len(rest)))
            self.assertEqual(talk.shelf.values[LONG], NEW_LONG)

    def test_list(self) -> None:
        talk = Talk().open()
        octets = encode_values((NEW, NEW, NEW_LONG))
        first, *rest = DataBlock.cut(octets, 120)
        attributes = (VOLTAGE, MISSING, LONG)
        found = talk.ask(SetRequestWithListAndFirstBlock(0xC2, attributes, first))
        for block in rest:
            self.assertIsInstance(found, SetResponseBlock)
            found = talk.ask(SetRequestWithBlock(0xC2, block))
        results = (OK, DataAccessResult.OBJECT_UNDEFINED, OK)
        self.assertEqual(found, SetResponseLastBlockWithList(0xC2, results, 3))
        self.assertEqual(talk.shelf.values, {VOLTAGE: NEW, LONG: NEW_LONG})

    def first(self, talk: Talk, number: int = 1) -> object:
        block = DataBlock(False, number, encode(NEW_LONG)[:100])
        return talk.ask(SetRequestWithFirstBlock(0xC2, LONG, block))

    def test_out_of_order(self) -> None:
        wrong = DataAccessResult.DATA_BLOCK_NUMBER_INVALID
        for invoke, number in ((0xC2, 3), (0xC2, 1), (0xC2, 0), (0xC3, 2)):
            talk = Talk().open()
            self.first(talk)
            block = DataBlock(False, number, b"more")
            found = talk.ask(SetRequestWithBlock(invoke, block))
            self.assertEqual(found, SetResponseLastBlock(invoke, wrong, number))
            # That is the end of it.
            found = talk.ask(SetRequestWithBlock(0xC2, DataBlock(True, 2, b"")))
            self.assertIs(found.result, DataAccessResult.NO_LONG_SET_IN_PROGRESS)
            self.assertEqual(talk.shelf.values[LONG], LONG_VALUE)
        self.assertIs(self.first(Talk().open(), number=2).result, wrong)

    def test_nothing_under_way(self) -> None:
        talk = Talk().open()
        found = talk.ask(SetRequestWithBlock(0xC1, DataBlock(True, 2, b"")))
        expected = SetResponseLastBlock(0xC1, DataAccessResult.NO_LONG_SET_IN_PROGRESS, 2)
        self.assertEqual(found, expected)

    def test_another_request_in_between(self) -> None:
        for request in (GetRequestNormal(0xC1, VOLTAGE), SetRequestNormal(0xC1, VOLTAGE, NEW)):
            talk = Talk().open()
            self.first(talk)
            talk.ask(request)
            for why in ("LONG_SET_ABORTED", "NO_LONG_SET_IN_PROGRESS"):
                found = talk.ask(SetRequestWithBlock(0xC2, DataBlock(True, 2, b"")))
                self.assertEqual(found.result.name, why)
            self.assertEqual(talk.shelf.values[LONG], LONG_VALUE)

    def test_begun_again(self) -> None:
        talk = Talk().open()
        self.first(talk)
        block = DataBlock(True, 1, encode(NEW_LONG))
        self.assertIs(talk.ask(SetRequestWithFirstBlock(0xC3, LONG, block)).result, OK)

    def test_too_much(self) -> None:
        talk = Talk(evolve(WRAPPER, max_pdu=0)).open()
        self.first(talk)
        block = DataBlock(False, 2, bytes(MAX_OCTETS))
        found = talk.ask(SetRequestWithBlock(0xC2, block))
        self.assertIs(found.result, DataAccessResult.LONG_SET_ABORTED)

    def test_what_is_no_value(self) -> None:
        for octets in (b"", b"\xfe", encode(NEW_LONG)[:-1], encode(NEW_LONG) + b"\x00"):
            block = DataBlock(True, 1, octets)
            for request in (
                SetRequestWithFirstBlock(0xC1, LONG, block),
                SetRequestWithListAndFirstBlock(0xC1, (LONG, VOLTAGE), block),
            ):
                talk = Talk().open()
                self.assertIs(talk.ask(request).result, DataAccessResult.TYPE_UNMATCHED)
        # One value for two attributes.
        block = DataBlock(True, 1, encode_values((NEW_LONG,)))
        found = Talk().open().ask(SetRequestWithListAndFirstBlock(0xC1, (LONG, VOLTAGE), block))
        self.assertIs(found.result, DataAccessResult.TYPE_UNMATCHED)
