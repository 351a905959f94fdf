"""Short names: requests and responses. No published APDU is known: the bytes are our own."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.short_name import (
    BlockNumber,
    BlockNumberAccess,
    DataBlockResult,
    InformationReport,
    ReadDataBlockAccess,
    ReadRequest,
    ReadResponse,
    UnconfirmedWriteRequest,
    VariableName,
    WriteDataBlockAccess,
    WriteRequest,
    WriteResponse,
    decode_read_results,
    encode_read_results,
)
from dlmsd.errors import DecodeError, LocalError
from tests.dlms.xdlms.test_get import ACCESSES, DATA, data
from tests.dlms.xdlms.three_ways import ApduTestCase

NUMBERS = st.integers(0, 0xFFFF)
VARIABLES = st.one_of(
    st.builds(VariableName, NUMBERS, ACCESSES),
    st.builds(BlockNumberAccess, NUMBERS),
    st.builds(ReadDataBlockAccess, st.booleans(), NUMBERS, st.binary(max_size=200)),
    st.builds(WriteDataBlockAccess, st.booleans(), NUMBERS),
)
CODES = st.integers(0, 255).map(DataAccessResult)
READ_RESULTS = st.one_of(
    DATA,
    CODES,
    st.builds(DataBlockResult, st.booleans(), NUMBERS, st.binary(max_size=200)),
    st.builds(BlockNumber, NUMBERS),
)
PAIRS = st.lists(st.tuples(VARIABLES, DATA), max_size=5)


def halves(pairs: list[tuple[Any, Any]]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    variables, values = zip(*pairs, strict=True) if pairs else ((), ())
    return variables, values


class ReadTests(ApduTestCase):
    def test_request(self) -> None:
        for octets, variable in (
            ("02 FA08", VariableName(0xFA08)),
            ("04 FA08 01 0F05", VariableName(0xFA08, (1, data("0F05")))),
            ("05 0102", BlockNumberAccess(258)),
            ("06 01 0102 02 AABB", ReadDataBlockAccess(True, 258, b"\xaa\xbb")),
            ("07 00 0102", WriteDataBlockAccess(False, 258)),
        ):
            apdu = bytes.fromhex("05 01" + octets)
            self.assert_three_ways(apdu, ReadRequest((variable,)))

    def test_response(self) -> None:
        for octets, result in (
            ("00 0A03303030", data("0A03303030")),
            ("01 03", DataAccessResult.READ_WRITE_DENIED),
            ("02 01 0102 02 AABB", DataBlockResult(True, 258, b"\xaa\xbb")),
            ("03 0102", BlockNumber(258)),
        ):
            self.assert_three_ways(bytes.fromhex("0C 01" + octets), ReadResponse((result,)))

    def test_what_is_wrong_is_named(self) -> None:
        for kind, octets, words in (
            (ReadRequest, "05 01 03 0000", "no variable is of choice 3, at byte 2"),
            (ReadResponse, "0C 01 04", "no result is of choice 4, at byte 2"),
            (ReadResponse, "0C 84FFFFFFFF", "choice of a result is cut short"),
            (WriteResponse, "0D 01 03", "no result is of choice 3, at byte 2"),
            (WriteRequest, "06 00 01 00", "1 values for 0 items"),
        ):
            self.assert_refused(kind, bytes.fromhex(octets), words)

    @given(st.lists(VARIABLES, max_size=6), st.lists(READ_RESULTS, max_size=6))
    def test_round_trip(self, variables: list[Any], results: list[Any]) -> None:
        request, response = ReadRequest(tuple(variables)), ReadResponse(tuple(results))
        self.assertEqual(ReadRequest.decode(request.encode()), request)
        self.assertEqual(ReadResponse.decode(response.encode()), response)
        octets = encode_read_results(results)
        self.assertEqual(decode_read_results(octets), tuple(results))
        self.assertRaises(DecodeError, decode_read_results, octets + b"\x00")


class WriteTests(ApduTestCase):
    def test_requests(self) -> None:
        pair = (VariableName(0xFA08),), (data("0F05"),)
        for octets, request in (
            ("06 01 02 FA08 01 0F05", WriteRequest(*pair)),
            ("16 01 02 FA08 01 0F05", UnconfirmedWriteRequest(*pair)),
            ("18 00 01 02 FA08 01 0F05", InformationReport(None, *pair)),
            ("18 01 03 303132 01 02 FA08 01 0F05", InformationReport(b"012", *pair)),
        ):
            self.assert_three_ways(bytes.fromhex(octets), request)

    def test_response(self) -> None:
        results = (DataAccessResult.SUCCESS, DataAccessResult.TYPE_UNMATCHED, BlockNumber(258))
        self.assert_three_ways(bytes.fromhex("0D 03 00 01 0C 02 0102"), WriteResponse(results))

    def test_one_each(self) -> None:
        for kind in (WriteRequest, UnconfirmedWriteRequest):
            self.assertRaises(LocalError, kind, (VariableName(8),), ())
        self.assertRaises(LocalError, InformationReport, None, (VariableName(8),), ())

    @given(PAIRS, st.lists(CODES | st.builds(BlockNumber, NUMBERS), max_size=6))
    def test_round_trip(self, pairs: list[Any], results: list[Any]) -> None:
        for apdu in (
            WriteRequest(*halves(pairs)),
            UnconfirmedWriteRequest(*halves(pairs)),
            InformationReport(None, *halves(pairs)),
            WriteResponse(tuple(results)),
        ):
            self.assertEqual(type(apdu).decode(apdu.encode()), apdu)
