"""The client's end of an application association (IEC 62056-53 clauses 6 and 7).

APDUs in, events out. One request at a time:

===========  =============================  =============================================
state        APDU                           then
===========  =============================  =============================================
IDLE         any                            ignored: residue of an earlier association
PENDING      AARE                           ASSOCIATED, or refused and IDLE
PENDING      exception, service error       refused and IDLE
ASSOCIATED   GET response, our invoke-id    results; or the next block is asked for
ASSOCIATED   GET response, another id       discarded; two in a row fail the request
ASSOCIATED   exception, service error       the request fails
RELEASING    RLRE, or any refusal of it     IDLE
any          what meters send unasked       discarded
===========  =============================  =============================================
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Final, TypeAlias

from attrs import define, field, frozen

from dlmsd.dlms.acse.aare import Aare
from dlmsd.dlms.acse.aarq import Aarq
from dlmsd.dlms.acse.context import ApplicationContext, Mechanism
from dlmsd.dlms.acse.release import Rlre, Rlrq
from dlmsd.dlms.axdr.data import decode
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.apdu import Apdu, decode_apdu
from dlmsd.dlms.xdlms.conformance import Conformance
from dlmsd.dlms.xdlms.exception_response import ExceptionResponse
from dlmsd.dlms.xdlms.get import (
    GetRequestNext,
    GetRequestNormal,
    GetRequestWithList,
    GetResponseNormal,
    GetResponseWithBlock,
    GetResponseWithList,
    Result,
    decode_results,
)
from dlmsd.dlms.xdlms.initiate import InitiateRequest, InitiateResponse
from dlmsd.dlms.xdlms.invoke import INVOKE_ID, encode_invoke, invoke_id
from dlmsd.dlms.xdlms.service_error import ConfirmedServiceError
from dlmsd.errors import DecodeError, DlmsdError, LocalError, MeterError, RefusedError, ServiceError
from dlmsd.secret import Secret

PROPOSED: Final = (
    Conformance.GET | Conformance.BLOCK_TRANSFER_WITH_GET_OR_READ | Conformance.MULTIPLE_REFERENCES
)
# As much as the length field of a PDU size can say; the meter's own limit is smaller.
MAX_PDU: Final = 0xFFFF
# A load profile of a year stays far below; more is a meter that never ends.
_MAX_BLOCKS: Final = 4096
_MAX_BLOCK_OCTETS: Final = 4 << 20
_MAX_STRAY: Final = 2
# information-report, data-notification and event-notification: a push may come in the
# middle of a request, and is no answer to it.
_UNASKED: Final = frozenset((0x18, 0x0F, 0xC2))

GetResult: TypeAlias = Result


@frozen
class SendApdu:
    """Give this APDU to the link."""

    apdu: bytes


@frozen
class Associated:
    """The meter accepted; its limits are in the association's attributes."""


@frozen
class Refused:
    """The meter did not accept the association."""

    error: DlmsdError


@frozen
class Results:
    """The answer to a GET: one result for each attribute asked for, in order."""

    results: tuple[GetResult, ...]


@frozen
class RequestFailed:
    """The request has no answer, and the association stands."""

    error: DlmsdError


@frozen
class Released:
    """The association has ended as asked."""


@frozen
class Discarded:
    """An APDU that answers nothing; ``reason`` in words."""

    reason: str


AssociationEvent: TypeAlias = (
    SendApdu | Associated | Refused | Results | RequestFailed | Released | Discarded
)


class State(enum.Enum):
    """Where the association stands."""

    IDLE = "idle"
    PENDING = "pending"
    ASSOCIATED = "associated"
    RELEASING = "releasing"


@define
class _Request:
    """The GET that waits for its answer, and the blocks of it that came."""

    invoke: int
    count: int
    blocks: list[bytes] = field(factory=list)
    octets: int = 0
    stray: int = 0


class Association:
    """A client's association by logical names, without ciphering.

    ``conformance`` and ``max_pdu`` (octets of a request) are the meter's, from its
    InitiateResponse; 0 for a PDU size that the meter does not limit.
    """

    def __init__(self, mechanism: Mechanism, password: Secret | None = None) -> None:
        self.state = State.IDLE
        self.conformance = Conformance(0)
        self.max_pdu = 0
        self._mechanism = mechanism
        self._password = password
        self._invoke = 0
        self._request: _Request | None = None

    @property
    def associated(self) -> bool:
        """Whether requests may be sent."""
        return self.state is State.ASSOCIATED

    def associate(self) -> list[AssociationEvent]:
        """Ask for the association; the link must be connected."""
        self._request = None
        self.state = State.PENDING
        initiate = InitiateRequest(conformance=PROPOSED, max_pdu_size=MAX_PDU)
        aarq = Aarq(
            context=ApplicationContext.LN,
            mechanism=self._mechanism,
            calling_authentication_value=self._authentication_value(),
            user_information=initiate.encode(),
        )
        return [SendApdu(aarq.encode())]

    def _authentication_value(self) -> bytes:
        if self._password is None or self._mechanism is Mechanism.NONE:
            return b""
        return self._password.reveal()

    def get(self, attributes: Sequence[AttributeDescriptor]) -> list[AssociationEvent]:
        """Ask for one attribute, or for several in one with-list request."""
        if self.state is not State.ASSOCIATED or self._request is not None:
            raise LocalError("a GET needs an association with no request under way")
        if not attributes:
            raise LocalError("a GET needs an attribute")
        self._invoke = (self._invoke + 1) & INVOKE_ID
        invoke = encode_invoke(self._invoke)
        self._request = _Request(invoke, len(attributes))
        if len(attributes) == 1:
            return [SendApdu(GetRequestNormal(invoke, attributes[0]).encode())]
        return [SendApdu(GetRequestWithList(invoke, tuple(attributes)).encode())]

    def release(self) -> list[AssociationEvent]:
        """Ask for the end; meters without RLRQ leave this unanswered."""
        self._request = None
        self.state = State.RELEASING
        return [SendApdu(Rlrq().encode())]

    def abort(self) -> None:
        """The link is gone, and the association with it."""
        self._request = None
        self.state = State.IDLE

    def receive(self, apdu: bytes) -> list[AssociationEvent]:
        """Take one whole APDU from the meter."""
        if self.state is State.IDLE:
            return [Discarded("APDU without an association")]
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
        if self.state is State.PENDING:
            if isinstance(decoded, Aare):
                return self._answered(decoded)
            return [Discarded(f"{type(decoded).__name__} while associating")]
        return self._response(decoded)

    def _fail(self, error: DlmsdError) -> list[AssociationEvent]:
        if self.state is State.PENDING:
            self.state = State.IDLE
            return [Refused(error)]
        if self._request is None:
            return [Discarded(str(error))]
        self._request = None
        return [RequestFailed(error)]

    def _answered(self, aare: Aare) -> list[AssociationEvent]:
        # Accepted but for a proof of high level security is refused: none was offered.
        if not aare.accepted or aare.authentication_pending:
            return self._fail(RefusedError(str(aare)))
        if aare.context is not ApplicationContext.LN:
            return self._fail(RefusedError(f"the meter wants {aare.context.words}"))
        self.conformance, self.max_pdu = Conformance.GET, 0
        if aare.user_information:
            try:
                initiate = decode_apdu(aare.user_information)
            except DecodeError as error:
                return self._fail(error)
            if isinstance(initiate, ConfirmedServiceError):
                return self._fail(RefusedError(str(initiate)))
            if not isinstance(initiate, InitiateResponse):
                name = type(initiate).__name__
                return self._fail(DecodeError(f"AARE with {name} for an InitiateResponse"))
            self.conformance = initiate.conformance
            self.max_pdu = initiate.max_pdu_size
        self.state = State.ASSOCIATED
        return [Associated()]

    def _response(self, response: Apdu) -> list[AssociationEvent]:
        request = self._request
        name = type(response).__name__
        if request is None or not isinstance(
            response, GetResponseNormal | GetResponseWithList | GetResponseWithBlock
        ):
            return [Discarded(f"{name} answers nothing")]
        if invoke_id(response.invoke) != invoke_id(request.invoke):
            request.stray += 1
            if request.stray >= _MAX_STRAY:
                return self._fail(MeterError("the meter answers with another invoke-id"))
            return [Discarded(f"{name} with invoke-id {invoke_id(response.invoke)}")]
        if isinstance(response, GetResponseWithBlock):
            return self._block(request, response)
        if isinstance(response, GetResponseNormal):
            results: tuple[GetResult, ...] = (response.result,)
        else:
            results = response.results
        # A meter may refuse a whole list, or the next block, by one result.
        refused = all(isinstance(result, DataAccessResult) for result in results)
        if request.blocks and not refused:
            wanted = len(request.blocks) + 1
            return self._fail(MeterError(f"{name} came where block {wanted} was due"))
        return self._results(request, results)

    def _block(self, request: _Request, block: GetResponseWithBlock) -> list[AssociationEvent]:
        if isinstance(block.result, DataAccessResult):
            return self._results(request, (block.result,))
        wanted = len(request.blocks) + 1
        if block.block_number != wanted:
            got = block.block_number
            return self._fail(MeterError(f"block {got} came where block {wanted} was due"))
        if not block.result and not block.last:
            return self._fail(MeterError(f"block {wanted} is empty"))
        request.blocks.append(block.result)
        request.octets += len(block.result)
        if len(request.blocks) > _MAX_BLOCKS or request.octets > _MAX_BLOCK_OCTETS:
            return self._fail(MeterError(f"an answer of more than {wanted - 1} blocks"))
        if not block.last:
            return [SendApdu(GetRequestNext(request.invoke, wanted).encode())]
        octets = b"".join(request.blocks)
        try:
            if request.count > 1:
                return self._results(request, decode_results(octets))
            data, end = decode(octets)
        except DecodeError as error:
            return self._fail(error)
        if end != len(octets):
            return self._fail(DecodeError(f"{len(octets) - end} octets behind the data"))
        return self._results(request, (data,))

    def _results(self, request: _Request, results: tuple[GetResult, ...]) -> list[AssociationEvent]:
        if len(results) != request.count:
            if len(results) == 1 and isinstance(results[0], DataAccessResult):
                return self._fail(ServiceError(f"the meter refused the list: {results[0].words}"))
            got = len(results)
            return self._fail(MeterError(f"{got} results came for {request.count} attributes"))
        self._request = None
        return [Results(results)]
