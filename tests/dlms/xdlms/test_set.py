"""SET: requests and responses, whole, cut and spoiled."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dlmsd.dlms.axdr.data import Data
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.datablock import DataBlock
from dlmsd.dlms.xdlms.parts import decode_values, encode_values
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
from dlmsd.errors import DecodeError, LocalError
from tests.dlms.xdlms.test_get import ACCESSES, ATTRIBUTES, CLOCK, DATA, ENTRIES, INVOKES, data
from tests.dlms.xdlms.three_ways import ApduTestCase
from tests.vectors import services as vectors

DATE = AttributeDescriptor(1, Obis.parse("0-0:0.9.2"), 2)
RESULTS = st.integers(0, 255).map(DataAccessResult)
NUMBERS = st.integers(0, 2**32 - 1)
BLOCKS = st.builds(DataBlock, st.booleans(), NUMBERS, st.binary(max_size=300))
LISTS = st.lists(st.tuples(ATTRIBUTES, DATA, ACCESSES), max_size=5)


def columns(items: list[tuple[Any, Any, Any]]) -> tuple[tuple[Any, ...], ...]:
    """Attributes, values and accesses, these empty where all are None."""
    attributes, values, accesses = zip(*items, strict=True) if items else ((), (), ())
    return attributes, values, accesses if any(accesses) else ()


class RequestTests(ApduTestCase):
    def test_normal(self) -> None:
        value = data("090C07E50118FF0E303950FFC400")
        self.assert_three_ways(vectors.SET_CLOCK, SetRequestNormal(0xC1, CLOCK, value))

    def test_normal_with_selective_access(self) -> None:
        octets = "C101C1 0008 0000010000FF 02 01 02 0204 0600000001 0600000005 120001 120000 0301"
        request = SetRequestNormal(0xC1, CLOCK, data("0301"), ENTRIES)
        self.assert_three_ways(bytes.fromhex(octets), request)

    def test_first_block(self) -> None:
        octets = "C102C1 0008 0000010000FF 02 00 00 00000001 03 010203"
        block = DataBlock(False, 1, b"\x01\x02\x03")
        self.assert_three_ways(bytes.fromhex(octets), SetRequestWithFirstBlock(0xC1, CLOCK, block))

    def test_first_block_with_selective_access(self) -> None:
        octets = "C102C1 0008 0000010000FF 02 01 01 00 01 00000001 00"
        request = SetRequestWithFirstBlock(0xC1, CLOCK, DataBlock(True, 1, b""), (1, data("00")))
        self.assert_three_ways(bytes.fromhex(octets), request)

    def test_block(self) -> None:
        block = DataBlock(True, 0x01020304, b"\xaa")
        octets = bytes.fromhex("C103C1 01 01020304 01 AA")
        self.assert_three_ways(octets, SetRequestWithBlock(0xC1, block))

    def test_list(self) -> None:
        octets = "C104C102 0008 0000010000FF 02 00 0001 0000000902FF 02 01 01 00 02 0301 1105"
        request = SetRequestWithList(
            0xC1, (CLOCK, DATE), (data("0301"), data("1105")), (None, (1, data("00")))
        )
        self.assert_three_ways(bytes.fromhex(octets), request)

    def test_list_and_first_block(self) -> None:
        octets = "C105C102 0008 0000010000FF 02 00 0001 0000000902FF 02 00 00 00000001 02 0203"
        request = SetRequestWithListAndFirstBlock(
            0xC1, (CLOCK, DATE), DataBlock(False, 1, b"\x02\x03")
        )
        self.assert_three_ways(bytes.fromhex(octets), request)

    def test_one_each(self) -> None:
        one, two = (data("00"),), (CLOCK, DATE)
        self.assertRaises(LocalError, SetRequestWithList, 0xC1, two, one)
        self.assertRaises(LocalError, SetRequestWithList, 0xC1, two, one * 2, (None,))
        block = DataBlock(True, 1, b"")
        self.assertRaises(LocalError, SetRequestWithListAndFirstBlock, 0xC1, two, block, (None,))

    def test_lists_of_two_lengths_are_the_senders_fault(self) -> None:
        octets = bytes.fromhex("C104C101 0008 0000010000FF 02 00 02 0301 1105")
        self.assert_refused(SetRequestWithList, octets, "2 values for 1 items", "at byte")

    def test_what_is_wrong_is_named(self) -> None:
        head = bytes.fromhex("C101C1 0008 0000010000FF 02 00")
        self.assert_refused(SetRequestNormal, head + b"\xee", "set-request-normal", "the value")
        self.assert_refused(SetRequestNormal, b"\xc5" + head[1:], "c501, not c101", "byte 0")
        huge = bytes.fromhex("C104C184FFFFFFFF")
        self.assert_refused(SetRequestWithList, huge, "attribute descriptor", "at byte 8")
        huge = bytes.fromhex("C104C10084FFFFFFFF")
        self.assert_refused(SetRequestWithList, huge, "value 0", "at byte 9")

    @given(INVOKES, ATTRIBUTES, DATA, ACCESSES, BLOCKS)
    def test_round_trip(
        self, invoke: int, attribute: Any, value: Data, access: Any, block: DataBlock
    ) -> None:
        for request in (
            SetRequestNormal(invoke, attribute, value, access),
            SetRequestWithFirstBlock(invoke, attribute, block, access),
            SetRequestWithBlock(invoke, block),
        ):
            self.assertEqual(type(request).decode(request.encode()), request)

    @given(INVOKES, LISTS, BLOCKS)
    def test_list_round_trip(self, invoke: int, items: list[Any], block: DataBlock) -> None:
        attributes, values, accesses = columns(items)
        for request in (
            SetRequestWithList(invoke, attributes, values, accesses),
            SetRequestWithListAndFirstBlock(invoke, attributes, block, accesses),
        ):
            self.assertEqual(type(request).decode(request.encode()), request)


class ResponseTests(ApduTestCase):
    def test_each(self) -> None:
        done, denied = DataAccessResult.SUCCESS, DataAccessResult.READ_WRITE_DENIED
        self.assert_three_ways(vectors.SET_CLOCK_ANSWER, SetResponseNormal(0xC1, done))
        for octets, response in (
            ("C501C103", SetResponseNormal(0xC1, denied)),
            ("C502C100000102", SetResponseBlock(0xC1, 258)),
            ("C503C10300000102", SetResponseLastBlock(0xC1, denied, 258)),
            ("C504C102000300000102", SetResponseLastBlockWithList(0xC1, (done, denied), 258)),
            ("C505C1020003", SetResponseWithList(0xC1, (done, denied))),
            ("C505C10163", SetResponseWithList(0xC1, (DataAccessResult(99),))),
        ):
            self.assert_three_ways(bytes.fromhex(octets), response)

    def test_results_are_results(self) -> None:
        response = SetResponseWithList.decode(bytes.fromhex("C505C1020003"))
        self.assertIs(response.results[1], DataAccessResult.READ_WRITE_DENIED)

    @given(INVOKES, st.lists(RESULTS, max_size=140), NUMBERS)
    def test_round_trip(self, invoke: int, results: list[DataAccessResult], number: int) -> None:
        for response in (
            SetResponseBlock(invoke, number),
            SetResponseLastBlockWithList(invoke, tuple(results), number),
            SetResponseWithList(invoke, tuple(results)),
        ):
            self.assertEqual(type(response).decode(response.encode()), response)


class BlockTests(ApduTestCase):
    def test_cut(self) -> None:
        self.assertEqual(
            DataBlock.cut(b"abcde", 2),
            (DataBlock(False, 1, b"ab"), DataBlock(False, 2, b"cd"), DataBlock(True, 3, b"e")),
        )
        self.assertEqual(DataBlock.cut(b"", 2), (DataBlock(True, 1, b""),))
        self.assertRaises(LocalError, DataBlock.cut, b"a", 0)

    @given(st.binary(max_size=300), st.integers(1, 40))
    def test_cut_and_join(self, octets: bytes, size: int) -> None:
        blocks = DataBlock.cut(octets, size)
        self.assertEqual(b"".join(block.raw for block in blocks), octets)
        self.assertEqual([block.number for block in blocks], list(range(1, len(blocks) + 1)))
        self.assertEqual([block.last for block in blocks].index(True), len(blocks) - 1)
        self.assertLessEqual(max(len(block.raw) for block in blocks), size)

    @given(st.lists(DATA, max_size=8))
    def test_values_in_blocks(self, values: list[Data]) -> None:
        octets = encode_values(values)
        self.assertEqual(decode_values(octets), tuple(values))
        self.assertRaises(DecodeError, decode_values, octets[:-1])
        self.assertRaises(DecodeError, decode_values, octets + b"\x00")
