"""The meter's end of an application association (IEC 62056-53 clauses 6 and 7).

APDUs in, answers out. What may arrive when, once it is deciphered:

==========  ========================  ================================================
state       APDU                      answer
==========  ========================  ================================================
any         AARQ                      AARE: accepted and ASSOCIATED, accepted but for a
                                      proof and PENDING, or refused and IDLE
IDLE        any other                 exception-response, service-not-allowed
PENDING     ACTION, a good proof      the meter's own: ASSOCIATED
PENDING     ACTION, a wrong proof     read-write-denied, and IDLE
PENDING     any other but RLRQ        exception-response, service-not-allowed
ASSOCIATED  GET normal, with-list     GET response, or the first block of it
ASSOCIATED  GET next                  the next block; else why there is none
ASSOCIATED  any other, or no APDU     exception-response, service-unknown
not IDLE    RLRQ                      RLRE, and IDLE
==========  ========================  ================================================

What security does not let through changes nothing: less protection than the policy asks
for is answered by exception-response, service-not-allowed, what cannot be deciphered by
deciphering-error. A counter that was seen before is answered by nothing at all: the meter
closes the connection, as meters in the field do (OSGP).
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from functools import partial
from typing import Final

from attrs import evolve

from dlmsd.dlms.acse.aare import Aare
from dlmsd.dlms.acse.aarq import Aarq
from dlmsd.dlms.acse.diagnostic import AssociationResult, DiagnosticSource, UserDiagnostic
from dlmsd.dlms.acse.release import Rlre, Rlrq
from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.method import MethodDescriptor
from dlmsd.dlms.cosem.object_list import ASSOCIATION_LN, CURRENT_ASSOCIATION
from dlmsd.dlms.security.context import UNCIPHERED
from dlmsd.dlms.security.errors import (
    CounterError,
    CounterExhaustedError,
    KeyLengthError,
    PlainTextError,
    PolicyError,
    SecurityError,
)
from dlmsd.dlms.security.suite import SecurityPolicy
from dlmsd.dlms.xdlms.action import ActionAnswer, ActionRequestNormal, ActionResponseNormal
from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.dlms.xdlms.apdu import Apdu, decode_apdu
from dlmsd.dlms.xdlms.conformance import Conformance
from dlmsd.dlms.xdlms.exception_response import ServiceError, StateError
from dlmsd.dlms.xdlms.get import GetRequestNext, GetRequestNormal, GetRequestWithList
from dlmsd.dlms.xdlms.initiate import DLMS_VERSION, InitiateRequest, InitiateResponse
from dlmsd.dlms.xdlms.service_error import InitiateError
from dlmsd.errors import DecodeError
from dlmsd.secret import Secret
from dlmsd.simulator.acceptance import context_of, judge, refused
from dlmsd.simulator.answer import Answer, Result, exception
from dlmsd.simulator.get import GetService
from dlmsd.simulator.personality import Client, Personality
from dlmsd.simulator.protection import Protection
from dlmsd.simulator.security import MeterSecurity

REPLY_TO_HLS: Final = MethodDescriptor(ASSOCIATION_LN, CURRENT_ASSOCIATION, 1)
_UNCIPHERED: Final = frozenset(bytes((tag,)) for tag in UNCIPHERED)
# With less than this a client could not take a block of one octet (IEC 62056-53 clause 7).
_MIN_PDU: Final = 12
# Tag, length, system title with its own, security control, counter and tag: the most that
# ciphering adds to a response.
_CIPHERING: Final = 1 + 3 + 9 + 5 + 12


class State(enum.Enum):
    """Where the association stands."""

    IDLE = "idle"
    PENDING = "accepted but for the client's proof"
    ASSOCIATED = "associated"


class ServerAssociation:
    """One client's association with one meter.

    ``read`` gives an attribute's value to a client, or why there is none.
    """

    def __init__(
        self,
        personality: Personality,
        read: Callable[[Client, AttributeDescriptor], Result],
        security: MeterSecurity,
    ) -> None:
        self.state = State.IDLE
        self._personality = personality
        self._read = read
        self._security = security
        self._protection: Protection | None = None
        self._granted = InitiateResponse(Conformance(0), 0)
        self._get: GetService | None = None

    @property
    def associated(self) -> bool:
        """Whether services are offered."""
        return self.state is State.ASSOCIATED

    def abort(self) -> None:
        """The link is gone, and the association with it."""
        self.state = State.IDLE
        self._protection = None

    def receive(self, client: int, apdu: bytes, *, refuse: bool = False) -> Answer:
        """Answer one APDU of ``client``; ``refuse`` takes any password for a wrong one."""
        try:
            return self._receive(client, apdu, refuse)
        except (CounterError, CounterExhaustedError):
            self.abort()
            return Answer(b"", closes=True)

    def _receive(self, client: int, apdu: bytes, refuse: bool) -> Answer:
        protection = self._protection
        request: Apdu | None = None
        try:
            if protection is None or apdu[:1] in _UNCIPHERED:
                request = decode_apdu(apdu)
            else:
                request = decode_apdu(protection.open(apdu))
            if isinstance(request, Rlrq) and protection and request.user_information:
                protection.open(request.user_information)
        except CounterError:
            raise
        except (PlainTextError, PolicyError):
            return _not_allowed(ServiceError.OPERATION_NOT_POSSIBLE)
        except SecurityError:
            return _not_allowed(ServiceError.DECIPHERING_ERROR)
        except DecodeError:
            pass
        if isinstance(request, Aarq):
            self.abort()
            return Answer(self._associate(client, request, refuse).encode())
        answer = self._serve(request, len(apdu))
        return (
            answer if protection is None else evolve(answer, apdu=protection.protect(answer.apdu))
        )

    def _serve(self, request: Apdu | None, size: int) -> Answer:
        if self.state is State.IDLE:
            return _not_allowed(ServiceError.OPERATION_NOT_POSSIBLE)
        limit = self._personality.max_pdu
        if limit and size > limit:
            return _not_allowed(ServiceError.PDU_TOO_LONG)
        if isinstance(request, Rlrq):
            return Answer(self._release(request).encode())
        if self.state is State.PENDING:
            if isinstance(request, ActionRequestNormal) and request.method == REPLY_TO_HLS:
                return Answer(self._prove(request).encode())
            return _not_allowed(ServiceError.OPERATION_NOT_POSSIBLE)
        assert self._get is not None
        match request:
            case GetRequestNormal():
                return self._get.normal(request)
            case GetRequestNext():
                return self._get.next(request)
            case GetRequestWithList() if self._personality.lists and self._offers(
                Conformance.MULTIPLE_REFERENCES
            ):
                return self._get.with_list(request)
        return exception(StateError.SERVICE_UNKNOWN, ServiceError.SERVICE_NOT_SUPPORTED)

    def _offers(self, service: Conformance) -> bool:
        return service in self._granted.conformance

    def _release(self, request: Rlrq) -> Rlre:
        information = b""
        if self._protection is not None and request.user_information:
            information = self._protection.protect(self._granted.encode())
        self.abort()
        return Rlre(user_information=information)

    # AARQ.

    def _associate(self, number: int, aarq: Aarq, refuse: bool) -> Aare:
        client = {one.number: one for one in self._personality.clients}.get(number)
        policy = SecurityPolicy.NONE if client is None else self._personality.policy(client)
        diagnostic = judge(client, policy, aarq, self._security.title)
        if client is None or diagnostic is not UserDiagnostic.NULL:
            return refused(diagnostic)
        if refuse:
            return refused(UserDiagnostic.AUTHENTICATION_FAILURE)
        protection = None
        information = aarq.user_information
        if client.high:
            title, challenge = aarq.calling_ap_title or b"", aarq.calling_authentication_value
            try:
                protection = Protection(self._security, client, title, challenge)
                information = protection.open(information)
            except CounterError:
                raise
            except (SecurityError, DecodeError):
                error = InitiateError.REFUSED_BY_THE_VDE_HANDLER
                return refused(UserDiagnostic.NO_REASON_GIVEN, error)
        granted = self._initiate(client, information, policy, protection)
        if isinstance(granted, InitiateError):
            return refused(UserDiagnostic.NO_REASON_GIVEN, granted)
        self._granted = granted
        if protection is None:
            self.state = State.ASSOCIATED
            return _accepted(policy, granted.encode())
        self.state, self._protection = State.PENDING, protection
        protection.await_proof()
        return evolve(
            _accepted(policy, protection.protect(granted.encode())),
            diagnostic=UserDiagnostic.AUTHENTICATION_REQUIRED,
            mechanism=client.mechanism,
            responding_authentication_value=protection.challenge,
            responding_ap_title=self._security.title if aarq.calling_ap_title else None,
        )

    def _initiate(
        self,
        client: Client,
        information: bytes,
        policy: SecurityPolicy,
        protection: Protection | None,
    ) -> InitiateResponse | InitiateError:
        try:
            proposed = InitiateRequest.decode(information)
        except DecodeError:
            return InitiateError.OTHER
        if proposed.dlms_version < DLMS_VERSION:
            return InitiateError.DLMS_VERSION_TOO_LOW
        conformance = proposed.conformance & self._personality.conformance
        if Conformance.GET not in conformance:
            return InitiateError.INCOMPATIBLE_CONFORMANCE
        if 0 < proposed.max_pdu_size < _MIN_PDU:
            return InitiateError.PDU_SIZE_TOO_SHORT
        ciphering = 0 if policy is SecurityPolicy.NONE else _CIPHERING
        if ciphering and protection is not None and proposed.dedicated_key is not None:
            try:
                protection.use_dedicated(Secret(proposed.dedicated_key))
            except KeyLengthError:
                return InitiateError.OTHER
        limits = (proposed.max_pdu_size, self._personality.max_response)
        limit = min((limit for limit in limits if limit), default=0)
        self._get = GetService(
            partial(self._read, client),
            limit=max(1, limit - ciphering) if limit else 0,
            blocks=Conformance.BLOCK_TRANSFER_WITH_GET_OR_READ in conformance,
        )
        return InitiateResponse(conformance, self._personality.max_pdu)

    # The proof.

    def _prove(self, request: ActionRequestNormal) -> ActionResponseNormal:
        assert self._protection is not None
        proof = request.parameters.value if request.parameters is not None else None
        try:
            if not isinstance(proof, bytes):
                raise DecodeError("a proof that is no octet-string")
            answer = Data(Tag.OCTET_STRING, self._protection.prove(proof))
        except CounterError:
            raise
        except (SecurityError, DecodeError):
            self.abort()
            wrong = ActionAnswer(ActionResult.READ_WRITE_DENIED)
            return ActionResponseNormal(request.invoke, wrong)
        self.state = State.ASSOCIATED
        return ActionResponseNormal(request.invoke, ActionAnswer(ActionResult.SUCCESS, answer))


def _accepted(policy: SecurityPolicy, information: bytes) -> Aare:
    return Aare(
        context=context_of(policy),
        result=AssociationResult.ACCEPTED,
        diagnostic_source=DiagnosticSource.ACSE_SERVICE_USER,
        diagnostic=UserDiagnostic.NULL,
        user_information=information,
    )


def _not_allowed(error: ServiceError) -> Answer:
    return exception(StateError.SERVICE_NOT_ALLOWED, error)
