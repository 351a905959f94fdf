"""The meter's end of an application association (IEC 62056-53 clauses 6 and 7).

APDUs in, answers out; without ciphering. What may arrive when:

==========  ========================  ================================================
state       APDU                      answer
==========  ========================  ================================================
any         AARQ                      AARE: accepted and ASSOCIATED, or refused and IDLE
IDLE        any other                 exception-response, service-not-allowed
ASSOCIATED  GET normal, with-list     GET response, or the first block of it
ASSOCIATED  GET next                  the next block; else why there is none
ASSOCIATED  RLRQ                      RLRE, and IDLE
ASSOCIATED  any other, or no APDU     exception-response, service-unknown
==========  ========================  ================================================
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from attrs import define, frozen

from dlmsd.dlms.acse.aare import Aare
from dlmsd.dlms.acse.aarq import Aarq
from dlmsd.dlms.acse.context import ApplicationContext, Mechanism
from dlmsd.dlms.acse.diagnostic import AssociationResult, DiagnosticSource, UserDiagnostic
from dlmsd.dlms.acse.release import Rlre, Rlrq
from dlmsd.dlms.axdr.data import Data
from dlmsd.dlms.axdr.data import encode as encode_data
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.apdu import Apdu, decode_apdu
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
from dlmsd.dlms.xdlms.initiate import DLMS_VERSION, InitiateRequest, InitiateResponse
from dlmsd.dlms.xdlms.service_error import (
    ConfirmedService,
    ConfirmedServiceError,
    InitiateError,
)
from dlmsd.errors import DecodeError
from dlmsd.simulator.personality import Client, Personality

Result: TypeAlias = Data | DataAccessResult
Answered: TypeAlias = tuple[AttributeDescriptor, Result]

# With less than this a client could not take a block of one octet (IEC 62056-53 clause 7).
_MIN_PDU: Final = 12
# Tag, choice, invoke-id, last-block, block number, choice, and a length of two octets.
_BLOCK_HEAD: Final = 12
# Tag, choice and invoke-id of a response; what follows is what blocks are cut from.
_HEAD: Final = 3


@frozen
class Answer:
    """An APDU, and the attributes whose reading it completes."""

    apdu: bytes
    results: tuple[Answered, ...] = ()


@define
class _Blocks:
    """An answer that goes out block by block."""

    invoke: int
    octets: bytes
    results: tuple[Answered, ...]
    number: int = 0


class ServerAssociation:
    """One client's association with one meter.

    ``read`` gives an attribute's value, or why there is none.
    """

    def __init__(
        self, personality: Personality, read: Callable[[AttributeDescriptor], Result]
    ) -> None:
        self.associated = False
        self._personality = personality
        self._read = read
        self._conformance = Conformance(0)
        self._max_response = 0
        self._blocks: _Blocks | None = None

    def abort(self) -> None:
        """The link is gone, and the association with it."""
        self.associated = False
        self._blocks = None

    def receive(self, client: int, apdu: bytes, *, refuse: bool = False) -> Answer:
        """Answer one APDU of ``client``; ``refuse`` takes any password for a wrong one."""
        try:
            request: Apdu | None = decode_apdu(apdu)
        except DecodeError:
            request = None
        if isinstance(request, Aarq):
            self.abort()
            return Answer(self._associate(client, request, refuse).encode())
        if not self.associated:
            return _exception(StateError.SERVICE_NOT_ALLOWED, ServiceError.OPERATION_NOT_POSSIBLE)
        limit = self._personality.max_pdu
        if limit and len(apdu) > limit:
            return _exception(StateError.SERVICE_NOT_ALLOWED, ServiceError.PDU_TOO_LONG)
        match request:
            case GetRequestNormal():
                return self._normal(request)
            case GetRequestNext():
                return self._next(request)
            case GetRequestWithList() if self._personality.lists and self._offers(
                Conformance.MULTIPLE_REFERENCES
            ):
                return self._list(request)
            case Rlrq():
                self.abort()
                return Answer(Rlre().encode())
        return _exception(StateError.SERVICE_UNKNOWN, ServiceError.SERVICE_NOT_SUPPORTED)

    def _offers(self, service: Conformance) -> bool:
        return service in self._conformance

    # AARQ.

    def _associate(self, client: int, aarq: Aarq, refuse: bool) -> Aare:
        known = {one.number: one for one in self._personality.clients}.get(client)
        diagnostic = _diagnostic(known, aarq, refuse)
        if diagnostic is not UserDiagnostic.NULL:
            return _refused(diagnostic)
        answer = self._initiate(aarq.user_information)
        if isinstance(answer, ConfirmedServiceError):
            return _refused(UserDiagnostic.NO_REASON_GIVEN, answer.encode())
        self.associated = True
        return Aare(
            context=ApplicationContext.LN,
            result=AssociationResult.ACCEPTED,
            diagnostic_source=DiagnosticSource.ACSE_SERVICE_USER,
            diagnostic=UserDiagnostic.NULL,
            user_information=answer.encode(),
        )

    def _initiate(self, information: bytes) -> InitiateResponse | ConfirmedServiceError:
        try:
            proposed = InitiateRequest.decode(information)
        except DecodeError:
            return _initiate_error(InitiateError.OTHER)
        if proposed.dlms_version < DLMS_VERSION:
            return _initiate_error(InitiateError.DLMS_VERSION_TOO_LOW)
        self._conformance = proposed.conformance & self._personality.conformance
        if Conformance.GET not in self._conformance:
            return _initiate_error(InitiateError.INCOMPATIBLE_CONFORMANCE)
        if 0 < proposed.max_pdu_size < _MIN_PDU:
            return _initiate_error(InitiateError.PDU_SIZE_TOO_SHORT)
        limits = (proposed.max_pdu_size, self._personality.max_response)
        self._max_response = min((limit for limit in limits if limit), default=0)
        return InitiateResponse(self._conformance, self._personality.max_pdu)

    # GET.

    def _normal(self, request: GetRequestNormal) -> Answer:
        if request.access is not None:
            result: Result = DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
        else:
            result = self._read(request.attribute)
        whole = GetResponseNormal(request.invoke, result).encode()
        octets = b"" if isinstance(result, DataAccessResult) else encode_data(result)
        return self._fit(request.invoke, whole, octets, ((request.attribute, result),))

    def _list(self, request: GetRequestWithList) -> Answer:
        accesses: Sequence[object] = request.accesses or (None,) * len(request.attributes)
        results = tuple(
            self._read(attribute) if access is None else DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
            for attribute, access in zip(request.attributes, accesses, strict=True)
        )
        whole = GetResponseWithList(request.invoke, results).encode()
        answered = tuple(zip(request.attributes, results, strict=True))
        return self._fit(request.invoke, whole, whole[_HEAD:], answered)

    def _fit(
        self, invoke: int, whole: bytes, octets: bytes, results: tuple[Answered, ...]
    ) -> Answer:
        """The response in one piece, or the first block of ``octets``."""
        self._blocks = None
        if not self._max_response or len(whole) <= self._max_response:
            return Answer(whole, results)
        if not self._offers(Conformance.BLOCK_TRANSFER_WITH_GET_OR_READ):
            return _exception(StateError.SERVICE_NOT_ALLOWED, ServiceError.PDU_TOO_LONG)
        self._blocks = _Blocks(invoke, octets, results)
        return self._block(self._blocks)

    def _next(self, request: GetRequestNext) -> Answer:
        blocks = self._blocks
        if blocks is None:
            return self._no_block(request, DataAccessResult.NO_LONG_GET_IN_PROGRESS)
        if request.block_number != blocks.number or request.invoke != blocks.invoke:
            return self._no_block(request, DataAccessResult.DATA_BLOCK_NUMBER_INVALID)
        return self._block(blocks)

    def _no_block(self, request: GetRequestNext, why: DataAccessResult) -> Answer:
        self._blocks = None
        number = request.block_number
        return Answer(GetResponseWithBlock(request.invoke, True, number, why).encode())

    def _block(self, blocks: _Blocks) -> Answer:
        size = max(1, self._max_response - _BLOCK_HEAD)
        octets, blocks.octets = blocks.octets[:size], blocks.octets[size:]
        blocks.number += 1
        last = not blocks.octets
        if last:
            self._blocks = None
        block = GetResponseWithBlock(blocks.invoke, last, blocks.number, octets)
        return Answer(block.encode(), blocks.results if last else ())


def _diagnostic(client: Client | None, aarq: Aarq, refuse: bool) -> UserDiagnostic:
    """What is wrong with who asks and how; NULL for nothing."""
    if aarq.context is not ApplicationContext.LN:
        return UserDiagnostic.APPLICATION_CONTEXT_NAME_NOT_SUPPORTED
    if client is None:
        return UserDiagnostic.NO_REASON_GIVEN
    if refuse:
        return UserDiagnostic.AUTHENTICATION_FAILURE
    if client.password is None:
        if aarq.mechanism is Mechanism.NONE:
            return UserDiagnostic.NULL
        return UserDiagnostic.AUTHENTICATION_MECHANISM_NAME_NOT_RECOGNIZED
    if aarq.mechanism is Mechanism.NONE:
        return UserDiagnostic.AUTHENTICATION_REQUIRED
    if aarq.mechanism is not Mechanism.LOW:
        return UserDiagnostic.AUTHENTICATION_MECHANISM_NAME_NOT_RECOGNIZED
    if aarq.calling_authentication_value != client.password.reveal():
        return UserDiagnostic.AUTHENTICATION_FAILURE
    return UserDiagnostic.NULL


def _refused(diagnostic: UserDiagnostic, information: bytes = b"") -> Aare:
    return Aare(
        context=ApplicationContext.LN,
        result=AssociationResult.REJECTED_PERMANENT,
        diagnostic_source=DiagnosticSource.ACSE_SERVICE_USER,
        diagnostic=diagnostic,
        user_information=information,
    )


def _initiate_error(error: InitiateError) -> ConfirmedServiceError:
    return ConfirmedServiceError(ConfirmedService.INITIATE_ERROR, error)


def _exception(state: StateError, service: ServiceError) -> Answer:
    return Answer(ExceptionResponse(state, service).encode())
