"""The client's end of an application association (IEC 62056-53 clauses 6 and 7).

APDUs in, events out. One request at a time:

===========  =============================  =============================================
state        APDU                           then
===========  =============================  =============================================
IDLE         any                            ignored: residue of an earlier association
PENDING      AARE                           ASSOCIATED; PROVING; or refused and IDLE
PENDING      exception, service error       refused and IDLE
PROVING      response to our proof          the meter's own: ASSOCIATED, or refused
ASSOCIATED   an answer, our invoke-id       results; or the next block is asked for, or sent
ASSOCIATED   an answer, another id          discarded; two in a row fail the request
ASSOCIATED   general block transfer         joined to the APDU that it carries, asked or not
ASSOCIATED   exception, service error       the request fails
RELEASING    RLRE, or any refusal of it     IDLE
not IDLE     what meters send unasked       told, and confirmed where that is wanted
any          what security does not believe discarded: the genuine answer may follow
===========  =============================  =============================================

Which answers a request has, and what follows from each, is its exchange's to tell.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Container, Sequence
from typing import ClassVar, TypeAlias

from dlmsd.dlms.acse.aare import Aare
from dlmsd.dlms.acse.context import ApplicationContext, Mechanism
from dlmsd.dlms.acse.release import Rlre, Rlrq
from dlmsd.dlms.axdr.data import Data
from dlmsd.dlms.capacity import Capacity
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.method import MethodDescriptor
from dlmsd.dlms.exchange.access import AccessExchange
from dlmsd.dlms.exchange.action import ActionExchange
from dlmsd.dlms.exchange.exchange import Exchange
from dlmsd.dlms.exchange.get import GetExchange
from dlmsd.dlms.exchange.set import SetExchange
from dlmsd.dlms.opening import Agreement, HighLevel, Opening
from dlmsd.dlms.outcome import (
    UNASKED_TAGS,
    Associated,
    AssociationEvent,
    Confirm,
    Discarded,
    Notified,
    Refused,
    Released,
    RequestFailed,
    Results,
    SendApdu,
    Unasked,
)
from dlmsd.dlms.proposal import READING
from dlmsd.dlms.quirks import BLOCKS_GO_ON, CONSTANT_INVOKE_ID, PRE_ESTABLISHED, Quirk
from dlmsd.dlms.reply import Reply, ReplyByAction
from dlmsd.dlms.security.context import UNPROVED, SecurityContext
from dlmsd.dlms.security.errors import SecurityError
from dlmsd.dlms.security.suite import SecurityPolicy
from dlmsd.dlms.transfer import BlockTransfer, UnaskedTransfer
from dlmsd.dlms.xdlms.access import AccessRequest, AccessSpecification
from dlmsd.dlms.xdlms.action import ActionRequestNormal
from dlmsd.dlms.xdlms.apdu import Apdu, decode_apdu
from dlmsd.dlms.xdlms.block import GeneralBlockTransfer
from dlmsd.dlms.xdlms.conformance import Conformance
from dlmsd.dlms.xdlms.described import DescribedNotification
from dlmsd.dlms.xdlms.exception_response import ExceptionResponse
from dlmsd.dlms.xdlms.get import Access, GetRequestNormal
from dlmsd.dlms.xdlms.invoke import INVOKE_ID, encode_invoke
from dlmsd.dlms.xdlms.long_invoke import LONG_INVOKE_ID, encode_long_invoke
from dlmsd.dlms.xdlms.notification import DataNotification
from dlmsd.dlms.xdlms.service_error import ConfirmedServiceError
from dlmsd.dlms.xdlms.set import SetRequestNormal
from dlmsd.errors import DecodeError, DlmsdError, LocalError, UnservedError
from dlmsd.secret import Secret

Witness: TypeAlias = Callable[[str, bytes, bytes | None], None]
"""``sent`` or ``received``, the APDU as it travels, and what is in it if that was opened."""


class State(enum.Enum):
    """Where the association stands."""

    IDLE = "idle"
    PENDING = "pending"
    PROVING = "proving"
    ASSOCIATED = "associated"
    RELEASING = "releasing"


class Association:
    """A client's association by logical names.

    ``password`` belongs to low level security, ``high`` to the other mechanisms;
    ``security`` protects what goes out and opens what comes in, under the ``dedicated``
    key, which it knows too, if one is offered to the meter. ``proposed`` are the services
    that we should like to use; with a ``window``, 1 to 63, general block transfer is one.
    ``quirks`` are what the meter does unlike the standard.
    ``witness`` sees every APDU, without the password and the dedicated key in an AARQ.
    """

    REFERENCING: ClassVar = (ApplicationContext.LN, ApplicationContext.LN_CIPHERED)
    REPLY: ClassVar[Reply] = ReplyByAction()
    # What a meter grants that accepts and says no more.
    LEAST: ClassVar = Conformance.GET

    def __init__(
        self,
        mechanism: Mechanism,
        password: Secret | None = None,
        *,
        high: HighLevel | None = None,
        security: SecurityContext | None = None,
        dedicated: Secret | None = None,
        proposed: Conformance = READING,
        window: int = 0,
        quirks: Container[Quirk] = (),
    ) -> None:
        self.state = State.IDLE
        self.witness: Witness | None = None
        ciphered = security is not None and security.policy is not SecurityPolicy.NONE
        context = self.REFERENCING[ciphered]
        self._opening = Opening(
            context, self.REPLY, mechanism, password, high, security, dedicated, quirks
        )
        self._quirks = quirks
        self._security = security
        blocks = Conformance.GENERAL_BLOCK_TRANSFER if window else Conformance(0)
        self._proposed = proposed | blocks
        self._capacity = Capacity(window, security)
        self._invoke = 0
        self._long_invoke = 0
        self._exchange: Exchange | None = None
        self._transfer: BlockTransfer | None = None
        self._news = UnaskedTransfer(window)

    @property
    def conformance(self) -> Conformance:
        """What the meter grants."""
        return self._capacity.conformance

    @property
    def max_pdu(self) -> int:
        """The most octets of a request by the meter, 0 for any."""
        return self._capacity.room(GetRequestNormal.TAG)

    @property
    def once(self) -> bool:
        """Whether what is asked would be done twice if it came twice: no counter tells a copy."""
        counted = self._security is not None and self._security.counted
        return self._exchange is not None and self._exchange.changes and not counted

    @property
    def associated(self) -> bool:
        """Whether requests may be sent."""
        return self.state is State.ASSOCIATED

    @property
    def password(self) -> bytes:
        """What must not be shown of this conversation."""
        return self._opening.password

    def associate(self) -> list[AssociationEvent]:
        """Ask for the association, unless it is there; the link must be connected."""
        self._exchange = None
        self._news = UnaskedTransfer(self._capacity.window)
        if PRE_ESTABLISHED in self._quirks:
            self._capacity = self._capacity.granted(self.LEAST, 0)
            self.state = State.ASSOCIATED
            return [Associated()]
        self.state = State.PENDING
        aarq = self._opening.aarq(self._proposed)
        if self.witness is not None:
            for apdu, plain in self._opening.shown(aarq):
                self._seen("sent", apdu, plain)
        return [SendApdu(aarq)]

    # Requests.

    def get(
        self,
        attributes: Sequence[AttributeDescriptor],
        accesses: Sequence[Access | None] = (),
        *,
        stream: bool = False,
    ) -> list[AssociationEvent]:
        """Ask for one attribute, or for several in one with-list request.

        ``accesses`` select parts of them; ``stream`` tells the blocks of one as they come.
        """
        invoke, on = self._next_invoke(), BLOCKS_GO_ON in self._quirks
        exchange = GetExchange(invoke, attributes, accesses, stream=stream, going_on=on)
        return self._begin(exchange, attributes)

    def set(
        self,
        attributes: Sequence[AttributeDescriptor],
        values: Sequence[Data],
        accesses: Sequence[Access | None] = (),
    ) -> list[AssociationEvent]:
        """Write one attribute, or several in one with-list request."""
        limit = self._capacity.whole(SetRequestNormal.TAG)
        invoke = self._next_invoke()
        exchange = SetExchange(invoke, attributes, values, accesses, limit=limit)
        return self._begin(exchange, attributes)

    def action(
        self, methods: Sequence[MethodDescriptor], parameters: Sequence[Data | None]
    ) -> list[AssociationEvent]:
        """Invoke one method, or several in one with-list request."""
        limit = self._capacity.whole(ActionRequestNormal.TAG)
        exchange = ActionExchange(self._next_invoke(), methods, parameters, limit=limit)
        return self._begin(exchange, methods)

    def access(
        self,
        items: Sequence[AccessSpecification],
        values: Sequence[Data | None],
        *,
        break_on_error: bool = False,
    ) -> list[AssociationEvent]:
        """Read, write and invoke in one request; with ``break_on_error`` up to a failure."""
        self._long_invoke = (self._long_invoke + 1) & LONG_INVOKE_ID
        invoke = encode_long_invoke(self._long_invoke, break_on_error=break_on_error)
        return self._begin(AccessExchange(invoke, items, values, limit=self.most), items)

    def _begin(self, exchange: Exchange, asked: Sequence[object]) -> list[AssociationEvent]:
        if self.state is not State.ASSOCIATED or self._exchange is not None:
            raise LocalError("a request needs an association with no request under way")
        if not asked:
            raise LocalError("a request needs something to ask for")
        apdu = exchange.request()
        self._exchange = exchange
        return self._send(apdu)

    @property
    def most(self) -> int:
        """The most octets of a request whose service has no blocks of its own, 0 for any."""
        return self._capacity.whole(AccessRequest.TAG)

    def release(self) -> list[AssociationEvent]:
        """Ask for the end; meters without RLRQ leave this unanswered."""
        self._exchange = None
        self.state = State.RELEASING
        return [SendApdu(Rlrq().encode())]

    def abort(self) -> None:
        """The link is gone, and the association with it."""
        self._exchange = None
        self.state = State.IDLE

    def timeout(self) -> list[AssociationEvent]:
        """Nothing has come for a while: blocks to send again, if any are due."""
        if self._exchange is None or self._transfer is None:
            return []
        return self._ended(self._transfer.timeout())

    # What the meter sends.

    def receive(self, apdu: bytes) -> list[AssociationEvent]:
        """Take one whole APDU from the meter."""
        if self.state is State.IDLE:
            return [Discarded("APDU without an association")]
        travelling = apdu
        before: list[AssociationEvent] = []
        try:
            if apdu[:1] == bytes((GeneralBlockTransfer.TAG,)):
                self._seen("received", apdu, None)
                apdu, before = self._joined(apdu)
                if not apdu:
                    return before
                travelling = apdu
            if self._security is not None and apdu[:1] and apdu[0] not in UNPROVED:
                apdu = self._security.open(apdu)
        except (SecurityError, DecodeError) as error:
            self._seen("received", travelling, None)
            return [*before, Discarded(f"{error} {error.advice}")]
        self._seen("received", travelling, apdu)
        try:
            return [*before, *self._expected(decode_apdu(apdu))]
        except DlmsdError as error:
            # It does not decode, or there is no counter for what has to follow.
            if apdu[:1] and apdu[0] in UNASKED_TAGS:
                return [*before, Discarded(str(error))]
            return [*before, *self._fail(error)]

    def _joined(self, apdu: bytes) -> tuple[bytes, list[AssociationEvent]]:
        """The APDU that this block completes, if it does, and what is to be done."""
        if not self.associated or not self._capacity.transfers:
            return b"", [Discarded("a block that was not agreed upon")]
        block = GeneralBlockTransfer.decode(apdu)
        if self._exchange is None or (self._transfer is None and self._news.goes_on(block)):
            return self._news.receive(block)
        if self._transfer is None:
            self._transfer = BlockTransfer(self._capacity.window, self._capacity.limit)
        whole, events = self._transfer.receive(block)
        return whole, self._ended(events)

    def _expected(self, decoded: Apdu) -> list[AssociationEvent]:
        name = type(decoded).__name__
        if isinstance(decoded, Unasked):
            return [Notified(decoded), *self._confirmed(decoded)]
        refused = isinstance(decoded, ExceptionResponse | ConfirmedServiceError)
        if self.state is State.RELEASING:
            if refused or isinstance(decoded, Rlre):
                self.state = State.IDLE
                return [Released()]
            return [Discarded(f"{name} while releasing")]
        if refused:
            return self._fail(UnservedError(str(decoded)))
        if self.state is State.PENDING and isinstance(decoded, Aare):
            return self._answered(decoded)
        if self.state is State.PROVING and self._opening.proof_in(decoded):
            return self._proved(decoded)
        if self._exchange is None:
            return [Discarded(f"{name} answers nothing")]
        return self._ended(self._exchange.receive(decoded))

    def _confirmed(self, told: Unasked) -> list[AssociationEvent]:
        kinds = DataNotification, DescribedNotification
        wanted = told.confirmation if isinstance(told, kinds) else None
        return [Confirm(wanted.encode())] if wanted and self.associated else []

    def confirmation(self, apdu: bytes) -> bytes:
        """What is sent for a Confirm, protected not before: an answer that is still awaited
        belongs to the transaction of its request.
        """
        block = apdu[:1] == bytes((GeneralBlockTransfer.TAG,))
        return apdu if block else self._protect(apdu)

    def _ended(self, events: Sequence[AssociationEvent]) -> list[AssociationEvent]:
        """What an exchange told; its requests are sent, and with its end it is forgotten."""
        told: list[AssociationEvent] = []
        for event in events:
            if isinstance(event, SendApdu):
                told += self._send(event.apdu)
                continue
            if isinstance(event, Results | RequestFailed):
                self._exchange = None
            told.append(event)
        return told

    def _fail(self, error: DlmsdError) -> list[AssociationEvent]:
        if self.state in (State.PENDING, State.PROVING):
            self.state = State.IDLE
            return [Refused(error)]
        if self._exchange is None:
            return [Discarded(str(error))]
        self._exchange = None
        return [RequestFailed(error)]

    def _answered(self, aare: Aare) -> list[AssociationEvent]:
        try:
            agreed = self._opening.agree(aare) or Agreement(self.LEAST, 0)
            if self._opening.opened is not None:
                self._seen("received", aare.user_information, self._opening.opened)
            self._capacity = self._capacity.granted(agreed.conformance, agreed.max_pdu)
            if not self._opening.proves:
                self.state = State.ASSOCIATED
                return [Associated()]
            proof = self._opening.prove(aare, self._next_invoke())
        except DlmsdError as error:
            return self._fail(error)
        self.state = State.PROVING
        return [SendApdu(self._protect(proof))]

    def _proved(self, response: Apdu) -> list[AssociationEvent]:
        try:
            if not self._opening.check(response):
                return [SendApdu(self._protect(self._opening.prove_again(self._next_invoke())))]
        except DlmsdError as error:
            return self._fail(error)
        self.state = State.ASSOCIATED
        return [Associated()]

    def _next_invoke(self) -> int:
        if CONSTANT_INVOKE_ID not in self._quirks or not self._invoke:
            self._invoke = (self._invoke + 1) & INVOKE_ID
        return encode_invoke(self._invoke)

    def _send(self, plain: bytes) -> list[AssociationEvent]:
        apdu = self._protect(plain)
        self._transfer = None
        capacity = self._capacity
        if capacity.transfers and 0 < capacity.limit < len(apdu):
            self._transfer = BlockTransfer(capacity.window, capacity.limit)
            return self._transfer.send(apdu)
        return [SendApdu(apdu)]

    def _protect(self, plain: bytes) -> bytes:
        apdu = plain if self._security is None else self._security.protect(plain)
        self._seen("sent", apdu, plain)
        return apdu

    def _seen(self, direction: str, apdu: bytes, plain: bytes | None) -> None:
        if self.witness is not None:
            self.witness(direction, apdu, None if plain == apdu else plain)
