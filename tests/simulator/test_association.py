"""The meter's end of an association, row by row of its table."""

from __future__ import annotations

from random import Random

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.acse.aare import Aare
from dlmsd.dlms.acse.aarq import Aarq
from dlmsd.dlms.acse.context import ApplicationContext, Mechanism
from dlmsd.dlms.acse.diagnostic import AssociationResult, UserDiagnostic
from dlmsd.dlms.acse.release import Rlre, Rlrq
from dlmsd.dlms.axdr.data import decode, encode
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
from dlmsd.dlms.xdlms.service_error import ConfirmedServiceError, InitiateError
from dlmsd.simulator.association import ServerAssociation
from dlmsd.simulator.personality import MICROSTAR, NO_LISTS, PLAIN, Personality
from dlmsd.simulator.security import MeterSecurity
from tests.simulator.shelf import LONG, LONG_VALUE, MISSING, VALUE, VOLTAGE, Shelf

PROPOSED = (
    Conformance.GET
    | Conformance.ACCESS
    | Conformance.MULTIPLE_REFERENCES
    | Conformance.BLOCK_TRANSFER_WITH_GET_OR_READ
)


def server(personality: Personality) -> ServerAssociation:
    security = MeterSecurity(personality.security, b"DLS00001", Random(1).randbytes)
    return ServerAssociation(personality, Shelf(), security)


def aarq(
    password: bytes = b"22222222",
    mechanism: Mechanism = Mechanism.LOW,
    context: ApplicationContext = ApplicationContext.LN,
    max_pdu: int = 0xFFFF,
    **initiate: object,
) -> bytes:
    request = InitiateRequest(**{"conformance": PROPOSED, "max_pdu_size": max_pdu, **initiate})
    return Aarq(context, mechanism, password, request.encode()).encode()


class ServerAssociationTests(SynchronousTestCase):
    def associate(
        self, personality: Personality = MICROSTAR, request: bytes = b"", client: int = 1
    ) -> Aare:
        self.association = server(personality)
        answer = decode_apdu(self.association.receive(client, request or aarq()).apdu)
        self.assertIsInstance(answer, Aare)
        return answer

    def ask(self, request: object) -> object:
        self.answer = self.association.receive(1, request.encode())
        return decode_apdu(self.answer.apdu)

    def test_accepted(self) -> None:
        aare = self.associate()
        self.assertTrue(aare.accepted)
        self.assertIs(aare.diagnostic, UserDiagnostic.NULL)
        initiate = InitiateResponse.decode(aare.user_information)
        self.assertEqual(initiate.conformance, PROPOSED & ~Conformance.ACCESS)
        self.assertEqual((initiate.max_pdu_size, initiate.vaa_name), (0x1900, 7))

    def test_accepted_without_authentication(self) -> None:
        aare = self.associate(PLAIN, aarq(b"", Mechanism.NONE), client=16)
        self.assertTrue(aare.accepted)

    def test_refused(self) -> None:
        cases = (
            (aarq(b"11111111"), 1, UserDiagnostic.AUTHENTICATION_FAILURE),
            (aarq(b""), 1, UserDiagnostic.AUTHENTICATION_FAILURE),
            (aarq(b"", Mechanism.NONE), 1, UserDiagnostic.AUTHENTICATION_REQUIRED),
            (
                aarq(b"12345678", Mechanism.HIGH_GMAC),
                1,
                UserDiagnostic.AUTHENTICATION_MECHANISM_NAME_NOT_RECOGNIZED,
            ),
            (
                aarq(context=ApplicationContext.LN_CIPHERED),
                1,
                UserDiagnostic.APPLICATION_CONTEXT_NAME_NOT_SUPPORTED,
            ),
            (aarq(), 2, UserDiagnostic.NO_REASON_GIVEN),
        )
        for request, client, diagnostic in cases:
            aare = self.associate(MICROSTAR, request, client)
            self.assertIs(aare.result, AssociationResult.REJECTED_PERMANENT)
            self.assertIs(aare.diagnostic, diagnostic)
            self.assertFalse(self.association.associated)

    def test_context_refused(self) -> None:
        cases = (
            (aarq(dlms_version=5), InitiateError.DLMS_VERSION_TOO_LOW),
            (aarq(conformance=Conformance.READ), InitiateError.INCOMPATIBLE_CONFORMANCE),
            (aarq(max_pdu=11), InitiateError.PDU_SIZE_TOO_SHORT),
            (
                Aarq(ApplicationContext.LN, Mechanism.LOW, b"22222222", b"\x01\x02").encode(),
                InitiateError.OTHER,
            ),
        )
        for request, error in cases:
            aare = self.associate(MICROSTAR, request)
            self.assertFalse(aare.accepted)
            found = decode_apdu(aare.user_information)
            self.assertIsInstance(found, ConfirmedServiceError)
            self.assertEqual(found.error, error)

    def test_not_associated(self) -> None:
        self.association = server(MICROSTAR)
        for request in (GetRequestNormal(0xC1, VOLTAGE), Rlrq()):
            self.assertEqual(
                self.ask(request),
                ExceptionResponse(
                    StateError.SERVICE_NOT_ALLOWED, ServiceError.OPERATION_NOT_POSSIBLE
                ),
            )

    def test_get(self) -> None:
        self.associate()
        self.assertEqual(self.ask(GetRequestNormal(0xC3, VOLTAGE)), GetResponseNormal(0xC3, VALUE))
        self.assertEqual(self.answer.results, ((VOLTAGE, VALUE),))
        self.assertEqual(
            self.ask(GetRequestNormal(0x44, MISSING)),
            GetResponseNormal(0x44, DataAccessResult.OBJECT_UNDEFINED),
        )
        selective = GetRequestNormal(0xC1, VOLTAGE, (1, VALUE))
        self.assertEqual(self.ask(selective).result, DataAccessResult.SCOPE_OF_ACCESS_VIOLATED)

    def test_list(self) -> None:
        self.associate()
        found = self.ask(GetRequestWithList(0xC1, (VOLTAGE, MISSING)))
        results = (VALUE, DataAccessResult.OBJECT_UNDEFINED)
        self.assertEqual(found, GetResponseWithList(0xC1, results))
        self.assertEqual(self.answer.results, tuple(zip((VOLTAGE, MISSING), results, strict=True)))

    def test_lists_refused_though_claimed(self) -> None:
        aare = self.associate(NO_LISTS)
        claimed = InitiateResponse.decode(aare.user_information).conformance
        self.assertIn(Conformance.MULTIPLE_REFERENCES, claimed)
        found = self.ask(GetRequestWithList(0xC1, (VOLTAGE, VOLTAGE)))
        self.assertEqual(found.service_error, ServiceError.SERVICE_NOT_SUPPORTED)
        self.assertEqual(self.ask(GetRequestNormal(0xC1, VOLTAGE)).result, VALUE)

    def test_lists_that_were_not_agreed_upon(self) -> None:
        self.associate(request=aarq(conformance=Conformance.GET))
        found = self.ask(GetRequestWithList(0xC1, (VOLTAGE, VOLTAGE)))
        self.assertIsInstance(found, ExceptionResponse)

    def blocks(self, request: GetRequestNormal | GetRequestWithList, limit: int) -> bytes:
        """The raw data of all blocks, each checked."""
        octets = b""
        block = self.ask(request)
        for number in range(1, 200):
            self.assertIsInstance(block, GetResponseWithBlock)
            self.assertEqual((block.block_number, block.invoke), (number, request.invoke))
            self.assertLessEqual(len(self.answer.apdu), limit)
            octets += block.result
            self.assertEqual(bool(self.answer.results), block.last)
            if block.last:
                return octets
            block = self.ask(GetRequestNext(request.invoke, number))
        self.fail("no end of blocks")

    def test_blocks_for_a_small_client(self) -> None:
        for limit in (14, 64, 150, 204):
            self.associate(request=aarq(max_pdu=limit))
            octets = self.blocks(GetRequestNormal(0xC1, LONG), limit)
            self.assertEqual(decode(octets), (LONG_VALUE, len(octets)))

    def test_blocks_of_a_small_meter(self) -> None:
        self.associate(evolve(MICROSTAR, max_response=40))
        octets = self.blocks(GetRequestWithList(0xC1, (VOLTAGE, LONG, MISSING)), 40)
        self.assertEqual(
            octets, b"\x03\x00" + encode(VALUE) + b"\x00" + encode(LONG_VALUE) + b"\x01\x04"
        )

    def test_what_fits_has_no_blocks(self) -> None:
        whole = len(GetResponseNormal(0xC1, LONG_VALUE).encode())
        self.associate(request=aarq(max_pdu=whole))
        self.assertIsInstance(self.ask(GetRequestNormal(0xC1, LONG)), GetResponseNormal)
        self.associate(request=aarq(max_pdu=0))
        self.assertIsInstance(self.ask(GetRequestNormal(0xC1, LONG)), GetResponseNormal)

    def test_too_long_without_blocks(self) -> None:
        self.associate(request=aarq(max_pdu=64, conformance=Conformance.GET))
        found = self.ask(GetRequestNormal(0xC1, LONG))
        self.assertEqual(found.service_error, ServiceError.PDU_TOO_LONG)

    def test_wrong_block(self) -> None:
        self.associate(request=aarq(max_pdu=64))
        self.assertEqual(
            self.ask(GetRequestNext(0xC1, 1)).result, DataAccessResult.NO_LONG_GET_IN_PROGRESS
        )
        self.ask(GetRequestNormal(0xC1, LONG))
        self.assertEqual(
            self.ask(GetRequestNext(0xC1, 2)).result, DataAccessResult.DATA_BLOCK_NUMBER_INVALID
        )
        self.assertEqual(
            self.ask(GetRequestNext(0xC1, 1)).result, DataAccessResult.NO_LONG_GET_IN_PROGRESS
        )
        self.ask(GetRequestNormal(0xC1, LONG))
        self.assertEqual(
            self.ask(GetRequestNext(0xC2, 1)).result, DataAccessResult.DATA_BLOCK_NUMBER_INVALID
        )

    def test_request_too_long(self) -> None:
        self.associate(evolve(MICROSTAR, max_pdu=30))
        found = self.ask(GetRequestWithList(0xC1, (VOLTAGE, VOLTAGE, VOLTAGE)))
        self.assertEqual(found.service_error, ServiceError.PDU_TOO_LONG)
        self.assertIsInstance(
            self.ask(GetRequestWithList(0xC1, (VOLTAGE, VOLTAGE))), GetResponseWithList
        )

    def test_release(self) -> None:
        self.associate()
        self.assertEqual(self.ask(Rlrq()), Rlre())
        self.assertIsInstance(self.ask(GetRequestNormal(0xC1, VOLTAGE)), ExceptionResponse)

    def test_nonsense(self) -> None:
        self.associate()
        for apdu in (b"", b"\xc0", b"\xc1\x01\xc1", b"\xff", Rlre().encode()):
            found = decode_apdu(self.association.receive(1, apdu).apdu)
            self.assertEqual(
                found,
                ExceptionResponse(StateError.SERVICE_UNKNOWN, ServiceError.SERVICE_NOT_SUPPORTED),
            )
        self.assertEqual(self.ask(GetRequestNormal(0xC1, VOLTAGE)).result, VALUE)

    def test_refusal_on_demand(self) -> None:
        self.association = server(MICROSTAR)
        refused = Aare.decode(self.association.receive(1, aarq(), refuse=True).apdu)
        self.assertIs(refused.diagnostic, UserDiagnostic.AUTHENTICATION_FAILURE)
        self.assertTrue(Aare.decode(self.association.receive(1, aarq()).apdu).accepted)
