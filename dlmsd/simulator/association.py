"""The meter's end of an application association (IEC 62056-53 clauses 6 and 7).

APDUs in, answers out. What may arrive when, once it is deciphered:

==========  ========================  ================================================
state       APDU                      answer
==========  ========================  ================================================
any         AARQ                      AARE: accepted and ASSOCIATED, accepted but for a
                                      proof and PENDING, or refused and IDLE
IDLE        any other                 exception-response, service-not-allowed
PENDING     a good proof              the meter's own: ASSOCIATED
PENDING     a wrong proof             read-write-denied, and IDLE
PENDING     any other but RLRQ        exception-response, service-not-allowed
ASSOCIATED  a service's request       its response, or a block, or why there is none
not IDLE    general block transfer    the next blocks, or the APDU inside is served
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
from collections.abc import Sequence
from typing import Final

from attrs import evolve

from dlmsd.dlms.acse.aare import Aare
from dlmsd.dlms.acse.aarq import Aarq
from dlmsd.dlms.acse.context import ApplicationContext
from dlmsd.dlms.acse.diagnostic import AssociationResult, DiagnosticSource, UserDiagnostic
from dlmsd.dlms.acse.release import Rlre, Rlrq
from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.security.context import UNCIPHERED
from dlmsd.dlms.security.errors import (
    CounterError,
    CounterExhaustedError,
    PlainTextError,
    PolicyError,
    SecurityError,
)
from dlmsd.dlms.xdlms.action import ActionAnswer
from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.dlms.xdlms.apdu import Apdu, decode_apdu
from dlmsd.dlms.xdlms.block import GeneralBlockTransfer
from dlmsd.dlms.xdlms.conformance import Conformance
from dlmsd.dlms.xdlms.exception_response import ServiceError, StateError
from dlmsd.dlms.xdlms.service_error import InitiateError
from dlmsd.errors import DecodeError, LocalError
from dlmsd.simulator.acceptance import agree, context_of, judge, refused, standing
from dlmsd.simulator.answer import SILENCE, Answer, exception, too_long, unsupported
from dlmsd.simulator.personality import Client, Personality
from dlmsd.simulator.protection import Protection
from dlmsd.simulator.quirks import Quirk
from dlmsd.simulator.reply import invocation, reply_to_hls
from dlmsd.simulator.security import MeterSecurity
from dlmsd.simulator.services import Services
from dlmsd.simulator.short_names import ShortNameServices
from dlmsd.simulator.terms import CosemObjects, Terms
from dlmsd.simulator.transfer import MeterTransfer

_BLOCK: Final = bytes((GeneralBlockTransfer.TAG,))
_UNCIPHERED: Final = frozenset(bytes((tag,)) for tag in UNCIPHERED)


class State(enum.Enum):
    """Where the association stands."""

    IDLE = "idle"
    PENDING = "accepted but for the client's proof"
    ASSOCIATED = "associated"


class ServerAssociation:
    """One client's association with one meter."""

    def __init__(
        self,
        personality: Personality,
        objects: CosemObjects,
        security: MeterSecurity,
    ) -> None:
        self.state = State.IDLE
        self._personality = personality
        self._objects = objects
        self._security = security
        self._protection: Protection | None = None
        self._granted = b""
        self._services: Services | ShortNameServices | None = None
        self._transfer: MeterTransfer | None = None

    @property
    def associated(self) -> bool:
        """Whether services are offered."""
        return self.state is State.ASSOCIATED

    def abort(self) -> None:
        """The link is gone, and the association with it."""
        self.state = State.IDLE
        self._protection = None
        self._transfer = None

    def report(self, attributes: Sequence[AttributeDescriptor], *, confirmed: bool) -> list[Answer]:
        """APDUs with values that the client has not asked for; none without an association."""
        if not self.associated or self._services is None:
            return []
        told = [
            self._protected(answer, self._protection)
            for answer in self._services.report(attributes, confirmed=confirmed)
        ]
        return told if self._transfer is None else [self._transfer.news(each) for each in told]

    def receive(self, client: int, apdu: bytes, *, refuse: bool = False) -> Answer:
        """Answer one APDU of ``client``; ``refuse`` takes any password for a wrong one."""
        if self._has(Quirk.PRE_ESTABLISHED):
            self._stand(client)
        try:
            if self._transfer is None:
                return self._receive(client, apdu, len(apdu), refuse)
            return self._transferred(self._transfer, client, apdu, refuse)
        except (CounterError, CounterExhaustedError):
            self.abort()
            return Answer(b"", closes=True)

    def _transferred(
        self, transfer: MeterTransfer, client: int, apdu: bytes, refuse: bool
    ) -> Answer:
        """An APDU that may be a block, and an answer that may have to be cut in blocks."""
        size, in_blocks = len(apdu), apdu.startswith(_BLOCK)
        if in_blocks:
            try:
                apdu, answer = transfer.receive(GeneralBlockTransfer.decode(apdu))
            except DecodeError:
                return unsupported()
            if not apdu:
                return answer
        answer = self._receive(client, apdu, size, refuse)
        return transfer.answer(answer, in_blocks=in_blocks)

    def _receive(self, client: int, apdu: bytes, size: int, refuse: bool) -> Answer:
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
            aare = self._associate(client, request, refuse)
            if self._has(Quirk.NO_USER_INFORMATION) and not aare.accepted:
                aare = evolve(aare, user_information=b"")
            return Answer(aare.encode())
        return self._protected(self._serve(request, size), protection)

    def _protected(self, answer: Answer, protection: Protection | None) -> Answer:
        if protection is None or not answer.apdu:
            return answer
        return evolve(answer, apdu=protection.protect(answer.apdu))

    def _stand(self, number: int) -> None:
        """A pre-established association is there as soon as its client speaks."""
        client = self._client(number)
        if self.state is State.IDLE and client is not None and not client.high:
            self._services = self._make_services(standing(self._objects, client, self._personality))
            self.state = State.ASSOCIATED

    def _has(self, quirk: Quirk) -> bool:
        return quirk in self._personality.quirks

    def _client(self, number: int) -> Client | None:
        return {one.number: one for one in self._personality.clients}.get(number)

    def _make_services(self, terms: Terms) -> Services | ShortNameServices:
        short = self._personality.referencing == "sn"
        return ShortNameServices(terms) if short else Services(terms)

    def _serve(self, request: Apdu | None, size: int) -> Answer:
        if self.state is State.IDLE:
            return _not_allowed(ServiceError.OPERATION_NOT_POSSIBLE)
        if 0 < self._personality.max_pdu < size:
            return too_long()
        if isinstance(request, Rlrq):
            if self._has(Quirk.NO_RELEASE):
                return SILENCE
            return Answer(self._release(request).encode())
        if self.state is State.PENDING:
            invoked = invocation(request)
            if invoked is not None and invoked.method == reply_to_hls(self._personality):
                return Answer(invoked.respond(self._prove(invoked.parameter)))
            if invoked is not None and self._has(Quirk.OTHER_ASSOCIATION):
                return Answer(invoked.respond(ActionAnswer(ActionResult.OBJECT_UNDEFINED)))
            return _not_allowed(ServiceError.OPERATION_NOT_POSSIBLE)
        assert self._services is not None
        return self._services.answer(request)

    def _release(self, request: Rlrq) -> Rlre:
        information = b""
        if self._protection is not None and request.user_information:
            information = self._protection.protect(self._granted)
        self.abort()
        return Rlre(user_information=information)

    # AARQ.

    def _associate(self, number: int, aarq: Aarq, refuse: bool) -> Aare:
        client = self._client(number)
        diagnostic = judge(client, self._personality, aarq, self._security.title)
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
                if not self._has(Quirk.CLEAR_AARQ):
                    information = protection.open(information)
            except CounterError:
                raise
            except (SecurityError, DecodeError):
                error = InitiateError.REFUSED_BY_THE_VDE_HANDLER
                return refused(UserDiagnostic.NO_REASON_GIVEN, error)
        terms = agree(self._objects, client, self._personality, information, protection)
        if isinstance(terms, InitiateError):
            return refused(UserDiagnostic.NO_REASON_GIVEN, terms)
        self._services = self._make_services(terms)
        if terms.offers(Conformance.GENERAL_BLOCK_TRANSFER):
            self._transfer = MeterTransfer(self._personality.transfer_window, terms.sent)
        self._granted = granted = terms.granted.encode()
        context = context_of(self._personality.policy(client), self._personality.referencing)
        if protection is None:
            self.state = State.ASSOCIATED
            return _accepted(context, granted)
        self.state, self._protection = State.PENDING, protection
        protection.await_proof()
        return evolve(
            _accepted(context, protection.protect(granted)),
            diagnostic=UserDiagnostic.AUTHENTICATION_REQUIRED,
            mechanism=client.mechanism,
            responding_authentication_value=protection.challenge,
            responding_ap_title=self._security.title if aarq.calling_ap_title else None,
        )

    # The proof.

    def _prove(self, parameter: Data | None) -> ActionAnswer:
        assert self._protection is not None
        proof = None if parameter is None else parameter.value
        try:
            if not isinstance(proof, bytes):
                raise DecodeError("a proof that is no octet-string")
            answer = Data(Tag.OCTET_STRING, self._protection.prove(proof))
            own = None if self._has(Quirk.UNPROVED_METER) else answer
        except CounterError:
            raise
        except (SecurityError, DecodeError, LocalError):
            # The last: a manufacturer's function cannot take every challenge.
            self.abort()
            return ActionAnswer(ActionResult.READ_WRITE_DENIED)
        self.state = State.ASSOCIATED
        return ActionAnswer(ActionResult.SUCCESS, own)


def _accepted(context: ApplicationContext, information: bytes) -> Aare:
    return Aare(
        context=context,
        result=AssociationResult.ACCEPTED,
        diagnostic_source=DiagnosticSource.ACSE_SERVICE_USER,
        diagnostic=UserDiagnostic.NULL,
        user_information=information,
    )


def _not_allowed(error: ServiceError) -> Answer:
    return exception(StateError.SERVICE_NOT_ALLOWED, error)
