"""GET: requests and responses, whole, cut and spoiled."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dlmsd.dlms.axdr.data import Data
from dlmsd.dlms.axdr.data import decode as decode_data
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.get import (
    GetRequestNext,
    GetRequestNormal,
    GetRequestWithList,
    GetResponseNormal,
    GetResponseWithBlock,
    GetResponseWithList,
    decode_results,
    encode_results,
)
from dlmsd.errors import DecodeError, LocalError
from tests.dlms.xdlms.three_ways import ApduTestCase
from tests.vectors import apdu as vectors


def data(octets: str) -> Data:
    """From encoded Data."""
    return decode_data(bytes.fromhex(octets))[0]


CLOCK = AttributeDescriptor(8, Obis.parse("0-0:1.0.0"), 2)
VOLTAGE = AttributeDescriptor(3, Obis.parse("1-1:32.7.0"), 2)
# Entry selector of a load profile: structure of two double-long-unsigned, two long-unsigned.
ENTRIES = (2, data("0204 0600000001 0600000005 120001 120000"))

INVOKES = st.integers(0, 255)
ATTRIBUTES = st.builds(
    AttributeDescriptor,
    st.integers(0, 0xFFFF),
    st.binary(min_size=6, max_size=6).map(Obis),
    st.integers(-128, 127),
)
# null, boolean, double-long-unsigned, octet-string, integer, structure, array of structures.
DATA = st.sampled_from(
    ("00", "0301", "060000FFFF", "0903010203", "0FFF", "02020FFF1623", "010202010F0102010F02")
).map(data)
ACCESSES = st.none() | st.tuples(st.integers(0, 255), DATA)
RESULTS = DATA | st.integers(0, 255).map(DataAccessResult)


class RequestTests(ApduTestCase):
    def test_normal(self) -> None:
        self.assert_three_ways(vectors.GET_CLOCK, GetRequestNormal(0, CLOCK))

    def test_normal_with_selective_access(self) -> None:
        profile = AttributeDescriptor(7, Obis.parse("1-0:99.1.0"), 2)
        octets = "C001C1 0007 0100630100FF 02 01 02 0204 0600000001 0600000005 120001 120000"
        self.assert_three_ways(bytes.fromhex(octets), GetRequestNormal(0xC1, profile, ENTRIES))

    def test_next(self) -> None:
        self.assert_three_ways(bytes.fromhex("C002C100000102"), GetRequestNext(0xC1, 258))

    def test_with_list(self) -> None:
        attributes = (
            AttributeDescriptor(1, Obis.parse("0-0:128.0.0"), 2),
            AttributeDescriptor(1, Obis.parse("0-0:128.1.0"), 2),
        )
        self.assert_three_ways(vectors.GET_LIST, GetRequestWithList(0xC1, attributes))

    def test_with_list_and_selective_access(self) -> None:
        request = GetRequestWithList(0xC1, (CLOCK, VOLTAGE), (None, (1, data("00"))))
        octets = "C003C102 0008 0000010000FF 02 00 0003 0101200700FF 02 01 01 00"
        self.assert_three_ways(bytes.fromhex(octets), request)

    def test_a_long_list_has_a_long_count(self) -> None:
        request = GetRequestWithList(0xC1, (VOLTAGE,) * 200)
        self.assertEqual(request.encode()[:5].hex(), "c003c181c8")
        self.assertEqual(len(request.encode()), 5 + 200 * 10)
        self.assertEqual(GetRequestWithList.decode(request.encode()), request)

    def test_one_access_for_each_attribute(self) -> None:
        self.assertRaises(LocalError, GetRequestWithList, 0xC1, (CLOCK, VOLTAGE), (None,))

    def test_what_is_wrong_is_named(self) -> None:
        good = vectors.GET_CLOCK
        self.assert_refused(GetRequestNormal, b"\xc0\x02" + good[2:], "c002, not c001", "byte 0")
        self.assert_refused(GetRequestNormal, good[:8], "attribute descriptor", "at byte 3")
        self.assert_refused(GetRequestNormal, good[:12] + b"\x01\x01\xee", "get-request-normal")

    @given(INVOKES, ATTRIBUTES, ACCESSES)
    def test_normal_round_trip(
        self, invoke: int, attribute: AttributeDescriptor, access: tuple[int, Data] | None
    ) -> None:
        request = GetRequestNormal(invoke, attribute, access)
        self.assertEqual(GetRequestNormal.decode(request.encode()), request)

    @given(INVOKES, st.lists(st.tuples(ATTRIBUTES, ACCESSES), max_size=5))
    def test_list_round_trip(
        self,
        invoke: int,
        items: list[tuple[AttributeDescriptor, tuple[int, Data] | None]],
    ) -> None:
        accesses = tuple(access for _, access in items)
        request = GetRequestWithList(
            invoke,
            tuple(attribute for attribute, _ in items),
            accesses if any(accesses) else (),
        )
        self.assertEqual(GetRequestWithList.decode(request.encode()), request)


class ResponseTests(ApduTestCase):
    def test_normal(self) -> None:
        octets = bytes.fromhex("C401C100 0600000555")
        self.assert_three_ways(octets, GetResponseNormal(0xC1, data("0600000555")))
        self.assertEqual(GetResponseNormal.decode(octets).result, data("0600000555"))

    def test_normal_with_a_reason(self) -> None:
        response = GetResponseNormal(0xC1, DataAccessResult.READ_WRITE_DENIED)
        self.assert_three_ways(bytes.fromhex("C401C10103"), response)

    def test_an_unknown_reason(self) -> None:
        response = GetResponseNormal.decode(bytes.fromhex("C401C10163"))
        assert isinstance(response.result, DataAccessResult)
        self.assertIn("code 99", response.result.words)
        self.assertEqual(response.encode().hex(), "c401c10163")

    def test_a_block(self) -> None:
        self.assert_three_ways(
            bytes.fromhex("C402C1 00 00000001 00 03 010203"),
            GetResponseWithBlock(0xC1, False, 1, b"\x01\x02\x03"),
        )

    def test_the_last_block(self) -> None:
        self.assert_three_ways(
            bytes.fromhex("C402C1 01 FFFFFFFF 00 00"),
            GetResponseWithBlock(0xC1, True, 0xFFFFFFFF, b""),
        )

    def test_a_block_with_a_reason(self) -> None:
        self.assert_three_ways(
            bytes.fromhex("C402C1 01 00000002 01 0F"),
            GetResponseWithBlock(0xC1, True, 2, DataAccessResult.LONG_GET_ABORTED),
        )

    def test_a_long_block(self) -> None:
        response = GetResponseWithBlock(0xC1, False, 1, b"\xaa" * 300)
        self.assertEqual(response.encode()[8:12].hex(), "0082012c")
        self.assertEqual(GetResponseWithBlock.decode(response.encode()), response)

    def test_with_list(self) -> None:
        response = GetResponseWithList(0xC1, (data("090401020304"), data("0A03303030")))
        self.assert_three_ways(vectors.GET_LIST_ANSWER, response)

    def test_with_list_of_data_and_reasons(self) -> None:
        results = (DataAccessResult.OBJECT_UNDEFINED, data("120005"), DataAccessResult(77))
        octets = bytes.fromhex("C403C103 0104 00120005 014D")
        self.assert_three_ways(octets, GetResponseWithList(0xC1, results))

    def test_a_list_that_comes_in_blocks(self) -> None:
        results = (data("090401020304"), DataAccessResult.OTHER_REASON)
        octets = bytes.fromhex("020009040102030401FA")
        self.assertEqual(encode_results(results), octets)
        self.assertEqual(decode_results(octets), results)
        for end in range(len(octets)):
            self.assertRaises(DecodeError, decode_results, octets[:end])
        error = self.assertRaises(DecodeError, decode_results, octets + b"\x00")
        self.assertIn("trailing", str(error))

    def test_a_malformed_list_says_which_result(self) -> None:
        self.assert_refused(
            GetResponseWithList, vectors.GET_LIST_MALFORMED, "result 1,", "but 2 at byte 6"
        )

    def test_a_huge_count_costs_nothing(self) -> None:
        octets = bytes.fromhex("C403C184FFFFFFFF0000")
        self.assert_refused(GetResponseWithList, octets, "cut short at byte 10")

    def test_what_is_wrong_is_named(self) -> None:
        self.assert_refused(GetResponseNormal, bytes.fromhex("C401C1"), "cut short at byte 3")
        self.assert_refused(GetResponseNormal, bytes.fromhex("C401C102"), "but 2 at byte 3")
        self.assert_refused(GetResponseNormal, bytes.fromhex("C403C100"), "c403, not c401")
        self.assert_refused(GetResponseNormal, bytes.fromhex("C401C10000AABB"), "2 trailing", "5")
        self.assert_refused(GetResponseNormal, bytes.fromhex("C401C100EE"), "get-response-normal")
        self.assert_refused(GetResponseWithList, bytes.fromhex("C401C100"), "c401, not c403")
        self.assert_refused(
            GetResponseWithBlock, bytes.fromhex("C402C1010000000205"), "but 5 at byte 8"
        )

    @given(INVOKES, RESULTS)
    def test_normal_round_trip(self, invoke: int, result: Data | DataAccessResult) -> None:
        response = GetResponseNormal(invoke, result)
        again = GetResponseNormal.decode(response.encode())
        self.assertEqual(again, response)
        self.assertIs(type(again.result), type(result))

    @given(INVOKES, st.lists(RESULTS, max_size=140))
    def test_list_round_trip(self, invoke: int, results: list[Data | DataAccessResult]) -> None:
        response = GetResponseWithList(invoke, tuple(results))
        self.assertEqual(GetResponseWithList.decode(response.encode()), response)

    @given(
        INVOKES,
        st.booleans(),
        st.integers(0, 2**32 - 1),
        st.binary(max_size=300) | st.integers(0, 255).map(DataAccessResult),
    )
    def test_block_round_trip(
        self, invoke: int, last: bool, number: int, result: bytes | DataAccessResult
    ) -> None:
        response = GetResponseWithBlock(invoke, last, number, result)
        again = GetResponseWithBlock.decode(response.encode())
        self.assertEqual(again, response)
        self.assertIs(type(again.result), type(result))
