"""The client's end of an application association (IEC 62056-53 clauses 6 and 7).

APDUs in, events out. One request at a time:

===========  =============================  =============================================
state        APDU                           then
===========  =============================  =============================================
IDLE         any                            ignored: residue of an earlier association
PENDING      AARE                           ASSOCIATED; PROVING; or refused and IDLE
PENDING      exception, service error       refused and IDLE
PROVING      ACTION response                the meter's proof: ASSOCIATED, or refused
ASSOCIATED   GET response, our invoke-id    results; or the next block is asked for
ASSOCIATED   GET response, another id       discarded; two in a row fail the request
ASSOCIATED   exception, service error       the request fails
RELEASING    RLRE, or any refusal of it     IDLE
any          what meters send unasked       discarded
any          what security does not believe discarded: the genuine answer may follow
===========  =============================  =============================================

High level security takes four passes: AARQ with our challenge, AARE with the meter's, then
an ACTION on the association object with our answer, and in its response the meter's.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Final

from attrs import frozen

from dlmsd.dlms.acse.aare import Aare
from dlmsd.dlms.acse.aarq import Aarq
from dlmsd.dlms.acse.context import ApplicationContext, Mechanism
from dlmsd.dlms.acse.release import Rlre, Rlrq
from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.method import MethodDescriptor
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.exchange import GetExchange
from dlmsd.dlms.outcome import (
    Associated,
    AssociationEvent,
    Discarded,
    Refused,
    Released,
    RequestFailed,
    SendApdu,
)
from dlmsd.dlms.security.challenge import Challenges
from dlmsd.dlms.security.context import UNPROVED, SecurityContext
from dlmsd.dlms.security.errors import SecurityError
from dlmsd.dlms.security.mechanism import Handshake
from dlmsd.dlms.security.suite import SecurityPolicy
from dlmsd.dlms.xdlms.action import ActionRequestNormal, ActionResponseNormal
from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.dlms.xdlms.apdu import Apdu, decode_apdu
from dlmsd.dlms.xdlms.conformance import Conformance
from dlmsd.dlms.xdlms.exception_response import ExceptionResponse
from dlmsd.dlms.xdlms.initiate import InitiateRequest, InitiateResponse
from dlmsd.dlms.xdlms.invoke import INVOKE_ID, encode_invoke
from dlmsd.dlms.xdlms.service_error import ConfirmedServiceError
from dlmsd.errors import DecodeError, DlmsdError, LocalError, RefusedError, ServiceError
from dlmsd.secret import Secret

PROPOSED: Final = (
    Conformance.GET | Conformance.BLOCK_TRANSFER_WITH_GET_OR_READ | Conformance.MULTIPLE_REFERENCES
)
# As much as the length field of a PDU size can say; the meter's own limit is smaller.
MAX_PDU: Final = 0xFFFF
# information-report, data-notification and event-notification: a push may come in the
# middle of a request, and is no answer to it.
_UNASKED: Final = frozenset((0x18, 0x0F, 0xC2))
# reply_to_HLS_authentication of the current association (Blue Book 4.4.4).
_REPLY: Final = MethodDescriptor(15, Obis.parse("0-0:40.0.0"), 1)
# Tag, length, security control, counter and authentication tag around a request.
_CIPHERING: Final = 1 + 3 + 5 + 12


class State(enum.Enum):
    """Where the association stands."""

    IDLE = "idle"
    PENDING = "pending"
    PROVING = "proving"
    ASSOCIATED = "associated"
    RELEASING = "releasing"


@frozen
class HighLevel:
    """What proves both ends to each other: our mechanism, and our challenge, used once.

    ``title`` is our system title, where the mechanism uses it.
    """

    handshake: Handshake
    challenge: bytes
    title: bytes = b""


class Association:
    """A client's association by logical names.

    ``password`` belongs to low level security, ``high`` to the other mechanisms;
    ``security`` protects what goes out and opens what comes in, under the ``dedicated``
    key, which it knows too, if one is offered to the meter. ``conformance`` and
    ``max_pdu`` (octets of a request, 0 for no limit) are the meter's.
    """

    def __init__(
        self,
        mechanism: Mechanism,
        password: Secret | None = None,
        *,
        high: HighLevel | None = None,
        security: SecurityContext | None = None,
        dedicated: Secret | None = None,
    ) -> None:
        self.state = State.IDLE
        self.conformance = Conformance(0)
        self.max_pdu = 0
        self._mechanism = mechanism
        self._password = password
        self._high = high
        self._challenges: Challenges | None = None
        self._security = security
        self._dedicated = dedicated
        self._context = ApplicationContext.LN
        if security is not None and security.policy is not SecurityPolicy.NONE:
            self._context = ApplicationContext.LN_CIPHERED
        self._invoke = 0
        self._exchange: GetExchange | None = None

    @property
    def associated(self) -> bool:
        """Whether requests may be sent."""
        return self.state is State.ASSOCIATED

    @property
    def password(self) -> bytes:
        """What must not be shown of this conversation."""
        return self._password.reveal() if self._password else b""

    def associate(self) -> list[AssociationEvent]:
        """Ask for the association; the link must be connected."""
        self._exchange = None
        self.state = State.PENDING
        # The proof of high level security travels in an ACTION.
        proposed = PROPOSED | (Conformance.ACTION if self._high else Conformance(0))
        dedicated = self._dedicated.reveal() if self._dedicated else None
        initiate = InitiateRequest(proposed, MAX_PDU, dedicated_key=dedicated)
        aarq = Aarq(
            context=self._context,
            mechanism=self._mechanism,
            calling_authentication_value=self._authentication_value(),
            user_information=self._protect(initiate.encode()),
            calling_ap_title=self._title(),
        )
        return [SendApdu(aarq.encode())]

    def _authentication_value(self) -> bytes:
        if self._high is not None:
            return self._high.challenge
        return b"" if self._mechanism is Mechanism.NONE else self.password

    def _title(self) -> bytes | None:
        if self._security is not None:
            return self._security.title
        return (self._high.title or None) if self._high else None

    def get(self, attributes: Sequence[AttributeDescriptor]) -> list[AssociationEvent]:
        """Ask for one attribute, or for several in one with-list request."""
        if self.state is not State.ASSOCIATED or self._exchange is not None:
            raise LocalError("a GET needs an association with no request under way")
        if not attributes:
            raise LocalError("a GET needs an attribute")
        self._exchange = GetExchange(self._next_invoke(), attributes)
        return [SendApdu(self._protect(self._exchange.request()))]

    def release(self) -> list[AssociationEvent]:
        """Ask for the end; meters without RLRQ leave this unanswered."""
        self._exchange = None
        self.state = State.RELEASING
        return [SendApdu(Rlrq().encode())]

    def abort(self) -> None:
        """The link is gone, and the association with it."""
        self._exchange = None
        self.state = State.IDLE

    def receive(self, apdu: bytes) -> list[AssociationEvent]:
        """Take one whole APDU from the meter."""
        if self.state is State.IDLE:
            return [Discarded("APDU without an association")]
        if self._security is not None and apdu[:1] and apdu[0] not in UNPROVED:
            try:
                apdu = self._security.open(apdu)
            except (SecurityError, DecodeError) as error:
                return [Discarded(f"{error} {error.advice}")]
        if apdu and apdu[0] in _UNASKED:
            return [Discarded(f"APDU 0x{apdu[0]:02x}, which nobody asked for")]
        try:
            decoded = decode_apdu(apdu)
        except DecodeError as error:
            return self._fail(error)
        if self.state is State.RELEASING:
            if isinstance(decoded, Rlre | ExceptionResponse | ConfirmedServiceError):
                self.state = State.IDLE
                return [Released()]
            return [Discarded(f"{type(decoded).__name__} while releasing")]
        if isinstance(decoded, ExceptionResponse | ConfirmedServiceError):
            return self._fail(ServiceError(str(decoded)))
        return self._expected(decoded)

    def _expected(self, decoded: Apdu) -> list[AssociationEvent]:
        if self.state is State.PENDING and isinstance(decoded, Aare):
            return self._answered(decoded)
        if self.state is State.PROVING and isinstance(decoded, ActionResponseNormal):
            return self._proved(decoded)
        if self._exchange is None:
            return [Discarded(f"{type(decoded).__name__} answers nothing")]
        events = self._exchange.receive(decoded)
        last = events[-1]
        if isinstance(last, SendApdu):
            return [SendApdu(self._protect(last.apdu))]
        if not isinstance(last, Discarded):
            self._exchange = None
        return events

    def _fail(self, error: DlmsdError) -> list[AssociationEvent]:
        if self.state in (State.PENDING, State.PROVING):
            self.state = State.IDLE
            return [Refused(error)]
        if self._exchange is None:
            return [Discarded(str(error))]
        self._exchange = None
        return [RequestFailed(error)]

    def _answered(self, aare: Aare) -> list[AssociationEvent]:
        # To accept without a proof where one is wanted is no less a refusal: of security.
        if not aare.accepted or aare.authentication_pending is not (self._high is not None):
            return self._fail(RefusedError(str(aare)))
        if aare.context is not self._context:
            return self._fail(RefusedError(f"the meter wants {aare.context.words}"))
        try:
            self._agree(aare)
            if self._high is None:
                self.state = State.ASSOCIATED
                return [Associated()]
            return self._prove(self._high, aare)
        except DlmsdError as error:
            return self._fail(error)

    def _agree(self, aare: Aare) -> None:
        """The meter's title and limits, or what is wrong with them."""
        information = aare.user_information
        self.conformance, self.max_pdu = Conformance.GET, 0
        if self._security is not None:
            if aare.responding_ap_title:
                self._security.pin(aare.responding_ap_title)
            if information or self._context is ApplicationContext.LN_CIPHERED:
                information = self._security.open(information)
        if not information:
            return
        initiate = decode_apdu(information)
        if isinstance(initiate, ConfirmedServiceError):
            raise RefusedError(str(initiate))
        if not isinstance(initiate, InitiateResponse):
            raise DecodeError(f"AARE with {type(initiate).__name__} for an InitiateResponse")
        self.conformance = initiate.conformance
        self.max_pdu = initiate.max_pdu_size
        if self._context is ApplicationContext.LN_CIPHERED and self.max_pdu:
            self.max_pdu = max(1, self.max_pdu - _CIPHERING)

    def _prove(self, high: HighLevel, aare: Aare) -> list[AssociationEvent]:
        title = aare.responding_ap_title or b""
        challenge = aare.responding_authentication_value
        self._challenges = Challenges(high.challenge, challenge, self._title() or b"", title)
        answer = Data(Tag.OCTET_STRING, high.handshake.answer(self._challenges))
        request = ActionRequestNormal(self._next_invoke(), _REPLY, answer)
        self.state = State.PROVING
        return [SendApdu(self._protect(request.encode()))]

    def _proved(self, response: ActionResponseNormal) -> list[AssociationEvent]:
        assert self._high is not None
        assert self._challenges is not None
        answer = response.answer
        if answer.result is not ActionResult.SUCCESS:
            return self._fail(RefusedError(f"our proof: {answer.result.words}"))
        proof = answer.data.value if isinstance(answer.data, Data) else None
        if not isinstance(proof, bytes):
            return self._fail(RefusedError("the meter did not prove itself"))
        try:
            self._high.handshake.check(self._challenges, proof)
        except SecurityError as error:
            return self._fail(error)
        self.state = State.ASSOCIATED
        return [Associated()]

    def _next_invoke(self) -> int:
        self._invoke = (self._invoke + 1) & INVOKE_ID
        return encode_invoke(self._invoke)

    def _protect(self, apdu: bytes) -> bytes:
        return apdu if self._security is None else self._security.protect(apdu)
