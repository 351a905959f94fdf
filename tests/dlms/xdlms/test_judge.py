"""dlms-cosem 21.3.2 as independent judge of the xDLMS APDUs.

What it cannot judge, and why:

* quality-of-service, and response-allowed false: it writes neither and misreads the former
* the bits read, write, unconfirmed-write, information-report, parameterized-access and the
  reserved ones: it has no names for them
* the highest byte of a proposed conformance block, read by it: it drops it
* a vaa-name other than 7: it refuses it
* selective access in our requests: its decoder calls a class that it does not have; ours is
  judged the other way round, with its range descriptor
* null-data, boolean and arrays, written by it: its encoder has no code for them
* lists of more than 127: it takes the first byte of a longer count for the count
* GetResponseNormal with data, written by it: its encoder fails
* a block with a data-access-result that is not the last one: it refuses it
* unknown access results, states, services, classes and negative attributes: it refuses them
* the invocation counter, written by it: it writes one byte instead of four
* ConfirmedServiceError of a service other than initiate, written by it: it always writes
  initiate; read by it: the service is not kept, and of task-errors it reads only "other"
"""

from __future__ import annotations

from datetime import UTC, datetime

from dlms_cosem import cosem, enumerations
from dlms_cosem.cosem import selective_access
from dlms_cosem.dlms_data import DlmsDataParser
from dlms_cosem.protocol import xdlms
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.axdr.data import Tag
from dlmsd.dlms.axdr.data import encode as encode_data
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.apdu import decode_apdu
from dlmsd.dlms.xdlms.conformance import Conformance
from dlmsd.dlms.xdlms.exception_response import ExceptionResponse, ServiceError, StateError
from dlmsd.dlms.xdlms.get import (
    GetRequestNext,
    GetRequestNormal,
    GetRequestWithList,
    GetResponseNormal,
    GetResponseWithBlock,
    GetResponseWithList,
)
from dlmsd.dlms.xdlms.initiate import InitiateRequest, InitiateResponse
from dlmsd.dlms.xdlms.invoke import encode_invoke
from dlmsd.dlms.xdlms.service_error import ERRORS, ConfirmedService, ConfirmedServiceError
from tests.dlms.xdlms.test_get import DATA
from tests.vectors import apdu as vectors

NAMED_BY_JUDGE = {
    name: Conformance[
        {"priority_management_supported": "PRIORITY_MGMT_SUPPORTED"}.get(
            name, name.upper().replace("ATTRIBUTE_0", "ATTRIBUTE0")
        )
    ]
    for name in xdlms.Conformance.conformance_bit_position
}

BLOCKS = st.sets(st.sampled_from(sorted(NAMED_BY_JUDGE)))
INVOKES = st.tuples(st.integers(0, 15), st.booleans(), st.booleans())
PLACES = st.tuples(
    st.sampled_from(enumerations.CosemInterface),
    st.binary(min_size=6, max_size=6),
    st.integers(0, 127),
)
WRITABLE = DATA.filter(lambda data: data.tag not in (Tag.NULL_DATA, Tag.BOOLEAN, Tag.ARRAY))
ACCESS_RESULTS = st.sampled_from(sorted(DataAccessResult))


def our_block(names: set[str]) -> Conformance:
    block = Conformance(0)
    for name in names:
        block |= NAMED_BY_JUDGE[name]
    return block


def our_invoke(invoke: tuple[int, bool, bool]) -> int:
    return encode_invoke(invoke[0], confirmed=invoke[1], high_priority=invoke[2])


def our_attribute(place: tuple[int, bytes, int]) -> AttributeDescriptor:
    return AttributeDescriptor(int(place[0]), Obis(place[1]), place[2])


def their_attribute(place: tuple[int, bytes, int]) -> cosem.CosemAttribute:
    return cosem.CosemAttribute(place[0], cosem.Obis.from_bytes(place[1]), place[2])


def their_result(result: object) -> object:
    if isinstance(result, DataAccessResult):
        return enumerations.DataAccessResult(int(result))
    return DlmsDataParser().parse(encode_data(result), limit=1)[0]


class JudgeTestCase(SynchronousTestCase):
    def assert_agree(self, ours: object, theirs: object) -> None:
        """Both write the same bytes, and each reads those of the other."""
        octets = bytes(theirs.to_bytes())
        self.assertEqual(ours.encode().hex(), octets.hex())
        self.assertEqual(decode_apdu(octets), ours)
        self.assertEqual(type(theirs).from_bytes(ours.encode()), theirs)


class InitiateTests(JudgeTestCase):
    def test_it_has_seventeen_names(self) -> None:
        self.assertEqual(len(set(NAMED_BY_JUDGE.values())), 17)

    @given(BLOCKS, st.integers(0, 0xFFFF), st.none() | st.binary(min_size=16, max_size=16))
    def test_request(self, names: set[str], size: int, key: bytes | None) -> None:
        theirs = xdlms.InitiateRequest(
            xdlms.Conformance(**dict.fromkeys(names, True)),
            client_max_receive_pdu_size=size,
            dedicated_key=key,
            proposed_quality_of_service=0,
        )
        ours = InitiateRequest(our_block(names), size, key)
        self.assertEqual(ours.encode(), theirs.to_bytes())
        self.assertEqual(InitiateRequest.decode(theirs.to_bytes()), ours)
        read = xdlms.InitiateRequest.from_bytes(ours.encode())
        low = {name for name in names if NAMED_BY_JUDGE[name].value < 1 << 16}
        self.assertEqual(read.proposed_conformance, xdlms.Conformance(**dict.fromkeys(low, True)))
        self.assertEqual(read.client_max_receive_pdu_size, size)
        self.assertEqual(read.dedicated_key, key)
        self.assertEqual(read.proposed_dlms_version_number, 6)

    @given(BLOCKS, st.integers(0, 0xFFFF))
    def test_response(self, names: set[str], size: int) -> None:
        theirs = xdlms.InitiateResponse(xdlms.Conformance(**dict.fromkeys(names, True)), size)
        self.assert_agree(InitiateResponse(our_block(names), size), theirs)


class GetRequestTests(JudgeTestCase):
    @given(INVOKES, PLACES)
    def test_normal(self, invoke: tuple[int, bool, bool], place: tuple[int, bytes, int]) -> None:
        theirs = xdlms.GetRequestNormal(their_attribute(place), xdlms.InvokeIdAndPriority(*invoke))
        self.assert_agree(GetRequestNormal(our_invoke(invoke), our_attribute(place)), theirs)

    def test_the_published_ones(self) -> None:
        for octets in (vectors.GET_CLOCK, vectors.GET_LIST):
            theirs = xdlms.GetRequestFactory.from_bytes(octets)
            self.assert_agree(decode_apdu(octets), theirs)

    def test_normal_with_its_range_descriptor(self) -> None:
        profile = (enumerations.CosemInterface.PROFILE_GENERIC, bytes((1, 0, 99, 1, 0, 255)), 2)
        clock = (enumerations.CosemInterface.CLOCK, bytes((0, 0, 1, 0, 0, 255)), 2)
        theirs = xdlms.GetRequestNormal(
            their_attribute(profile),
            xdlms.InvokeIdAndPriority(),
            selective_access.RangeDescriptor(
                selective_access.CaptureObject(their_attribute(clock)),
                datetime(2026, 1, 1, tzinfo=UTC),
                datetime(2026, 1, 2, tzinfo=UTC),
            ),
        )
        ours = GetRequestNormal.decode(theirs.to_bytes())
        self.assertEqual(ours.attribute, our_attribute(profile))
        assert ours.access is not None
        selector, parameters = ours.access
        self.assertEqual(selector, 1)
        self.assertEqual(len(parameters.value), 4)
        self.assertEqual(ours.encode(), theirs.to_bytes())

    @given(INVOKES, st.integers(0, 2**32 - 1))
    def test_next(self, invoke: tuple[int, bool, bool], number: int) -> None:
        theirs = xdlms.GetRequestNext(number, xdlms.InvokeIdAndPriority(*invoke))
        self.assert_agree(GetRequestNext(our_invoke(invoke), number), theirs)

    @given(INVOKES, st.lists(PLACES, min_size=1, max_size=127))
    def test_with_list(
        self, invoke: tuple[int, bool, bool], places: list[tuple[int, bytes, int]]
    ) -> None:
        theirs = xdlms.GetRequestWithList(
            [cosem.CosemAttributeWithSelection(their_attribute(place), None) for place in places],
            xdlms.InvokeIdAndPriority(*invoke),
        )
        ours = GetRequestWithList(our_invoke(invoke), tuple(map(our_attribute, places)))
        self.assert_agree(ours, theirs)


class GetResponseTests(JudgeTestCase):
    @given(INVOKES, DATA)
    def test_normal(self, invoke: tuple[int, bool, bool], result: object) -> None:
        ours = GetResponseNormal(our_invoke(invoke), result)
        theirs = xdlms.GetResponseFactory.from_bytes(ours.encode())
        self.assertIsInstance(theirs, xdlms.GetResponseNormal)
        self.assertEqual(theirs.data, encode_data(result))
        self.assertEqual(theirs.invoke_id_and_priority, xdlms.InvokeIdAndPriority(*invoke))

    @given(INVOKES, ACCESS_RESULTS)
    def test_normal_with_a_reason(
        self, invoke: tuple[int, bool, bool], result: DataAccessResult
    ) -> None:
        theirs = xdlms.GetResponseNormalWithError(
            enumerations.DataAccessResult(int(result)), xdlms.InvokeIdAndPriority(*invoke)
        )
        self.assert_agree(GetResponseNormal(our_invoke(invoke), result), theirs)

    def test_the_names_of_the_reasons(self) -> None:
        self.assertEqual(
            {result.name: int(result) for result in DataAccessResult},
            {result.name: int(result) for result in enumerations.DataAccessResult},
        )

    @given(INVOKES, st.integers(0, 2**32 - 1), st.binary(max_size=400))
    def test_blocks(self, invoke: tuple[int, bool, bool], number: int, raw: bytes) -> None:
        for last, kind in (
            (False, xdlms.GetResponseWithBlock),
            (True, xdlms.GetResponseLastBlock),
        ):
            theirs = kind(raw, number, xdlms.InvokeIdAndPriority(*invoke))
            ours = GetResponseWithBlock(our_invoke(invoke), last, number, raw)
            self.assert_agree(ours, theirs)

    @given(INVOKES, st.integers(0, 2**32 - 1), ACCESS_RESULTS)
    def test_last_block_with_a_reason(
        self, invoke: tuple[int, bool, bool], number: int, result: DataAccessResult
    ) -> None:
        theirs = xdlms.GetResponseLastBlockWithError(
            enumerations.DataAccessResult(int(result)),
            number,
            xdlms.InvokeIdAndPriority(*invoke),
        )
        self.assert_agree(GetResponseWithBlock(our_invoke(invoke), True, number, result), theirs)

    @given(INVOKES, st.lists(WRITABLE | ACCESS_RESULTS, max_size=127))
    def test_with_list(self, invoke: tuple[int, bool, bool], results: list[object]) -> None:
        response = [their_result(result) for result in results]
        theirs = xdlms.GetResponseWithList(response, xdlms.InvokeIdAndPriority(*invoke))
        self.assert_agree(GetResponseWithList(our_invoke(invoke), tuple(results)), theirs)

    @given(INVOKES, st.lists(DATA | ACCESS_RESULTS, max_size=127))
    def test_with_list_read_by_it(
        self, invoke: tuple[int, bool, bool], results: list[object]
    ) -> None:
        ours = GetResponseWithList(our_invoke(invoke), tuple(results))
        theirs = xdlms.GetResponseFactory.from_bytes(ours.encode())
        self.assertEqual(theirs.response_data, [their_result(result) for result in results])


class ErrorTests(JudgeTestCase):
    def test_exception_response(self) -> None:
        for state in StateError:
            for service in ServiceError:
                if service is ServiceError.INVOCATION_COUNTER_ERROR:
                    continue
                theirs = xdlms.ExceptionResponse(
                    enumerations.StateException[state.name],
                    enumerations.ServiceException[service.name],
                )
                self.assert_agree(ExceptionResponse(state, service), theirs)

    def test_exception_response_with_a_counter(self) -> None:
        ours = ExceptionResponse(
            StateError.SERVICE_NOT_ALLOWED, ServiceError.INVOCATION_COUNTER_ERROR, 0x12345678
        )
        theirs = xdlms.ExceptionResponse.from_bytes(ours.encode())
        self.assertEqual(theirs.invocation_counter_data, 0x12345678)

    def test_confirmed_service_error(self) -> None:
        for choice, kind in ERRORS.items():
            for error in kind:
                if choice == 9 and error:
                    continue
                ours = ConfirmedServiceError(ConfirmedService.INITIATE_ERROR, error)
                theirs = xdlms.ConfirmedServiceError.from_bytes(ours.encode())
                self.assertEqual(int(theirs.error), int(error))
                if choice not in (8, 9):
                    name = error.name.replace("_THE_", "_").replace("_", "")
                    self.assertEqual(theirs.error.name.replace("_", ""), name)
                    self.assertEqual(theirs.to_bytes(), ours.encode())
                    self.assertEqual(decode_apdu(theirs.to_bytes()), ours)
