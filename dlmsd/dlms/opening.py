"""How an association begins: AARQ, AARE, and the proofs of high level security.

High level security takes four passes: AARQ with our challenge, AARE with the meter's, then
our answer to a method of the association object, and in its response the meter's.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import Any, Final

from attrs import evolve, frozen

from dlmsd.dlms.acse.aare import Aare
from dlmsd.dlms.acse.aarq import Aarq
from dlmsd.dlms.acse.context import ApplicationContext, Mechanism
from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.dlms.quirks import CLEAR_AARQ, NO_ACCESS, UNPROVED_METER, Quirk
from dlmsd.dlms.reply import Reply
from dlmsd.dlms.security.challenge import Challenges
from dlmsd.dlms.security.context import SecurityContext
from dlmsd.dlms.security.mechanism import Handshake
from dlmsd.dlms.security.suite import check_peer
from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.dlms.xdlms.apdu import decode_apdu
from dlmsd.dlms.xdlms.conformance import Conformance
from dlmsd.dlms.xdlms.initiate import InitiateRequest, InitiateResponse
from dlmsd.dlms.xdlms.service_error import ConfirmedServiceError
from dlmsd.errors import DecodeError, PostponedError, RefusedError
from dlmsd.secret import Secret

# As much as the length field of a PDU size can say; the meter's own limit is smaller.
MAX_PDU: Final = 0xFFFF


@frozen
class HighLevel:
    """What proves both ends to each other: our mechanism, and our challenge, used once.

    ``title`` is our system title, where the mechanism uses it, and ``peer_title`` the meter's,
    if it is known before it tells.
    """

    handshake: Handshake
    challenge: bytes
    title: bytes = b""
    peer_title: bytes | None = None

    def check_peer(self, title: bytes) -> None:
        """SystemTitleError if the meter tells ours, or another than is known."""
        if self.title or self.peer_title:
            check_peer(title, self.title, self.peer_title)


@frozen
class Agreement:
    """What the meter grants: its services, and the most octets of a request (0 for any)."""

    conformance: Conformance
    max_pdu: int


class Opening:
    """Asks for one association; see :class:`~dlmsd.dlms.association.Association`.

    What the meter answers wrongly is raised as a DlmsdError.
    """

    def __init__(
        self,
        context: ApplicationContext,
        reply: Reply,
        mechanism: Mechanism,
        password: Secret | None,
        high: HighLevel | None,
        security: SecurityContext | None,
        dedicated: Secret | None,
        quirks: Container[Quirk] = (),
    ) -> None:
        self._context = context
        self._reply = reply
        self._mechanism = mechanism
        self._password = password
        self._high = high
        self._security = security
        self._dedicated = dedicated
        self._challenges: Challenges | None = None
        self._attempt = 0
        self._initiate = b""
        # What was ciphered in AARE.
        self.opened: bytes | None = None
        self._quirks = quirks
        self.proves = high is not None
        """Whether both ends have to prove themselves after AARE."""

    @property
    def ciphered(self) -> bool:
        """Whether APDUs are to be ciphered."""
        return self._context in (ApplicationContext.LN_CIPHERED, ApplicationContext.SN_CIPHERED)

    def proof_in(self, response: object) -> bool:
        """Whether this may be the meter's answer to our proof."""
        return isinstance(response, self._reply.answers)

    @property
    def password(self) -> bytes:
        """What must not be shown of this conversation."""
        return self._password.reveal() if self._password else b""

    def _may_be_general(self) -> bool:
        """Not for a meter that takes no bit of later editions, unless all is to be general."""
        assert self._security is not None
        return NO_ACCESS not in self._quirks or self._security.general

    def aarq(self, proposed: Conformance) -> bytes:
        """The request, with what we propose to use."""
        if self._high is not None:
            proposed |= self._reply.service
        if self.ciphered and self._may_be_general():
            proposed |= Conformance.GENERAL_PROTECTION
        dedicated = self._dedicated.reveal() if self._dedicated else None
        self._initiate = InitiateRequest(proposed, MAX_PDU, dedicated_key=dedicated).encode()
        return Aarq(
            context=self._context,
            mechanism=self._mechanism,
            calling_authentication_value=self._authentication_value(),
            user_information=self._initiate
            if CLEAR_AARQ in self._quirks
            else self._protect(self._initiate),
            calling_ap_title=self._title(),
        ).encode()

    def shown(self, aarq: bytes) -> Iterator[tuple[bytes, bytes | None]]:
        """``aarq`` as others may see it, and what is ciphered in it with what that holds.

        A password and a dedicated key are stars.
        """
        asked = Aarq.decode(aarq)
        initiate = InitiateRequest.decode(self._initiate)
        if initiate.dedicated_key is not None:
            initiate = evolve(initiate, dedicated_key=b"*" * len(initiate.dedicated_key))
        inner = asked.user_information
        if inner == self._initiate:
            asked = evolve(asked, user_information=initiate.encode())
        if self._mechanism is Mechanism.LOW:
            asked = evolve(asked, calling_authentication_value=b"*" * len(self.password))
        yield asked.encode(), None
        if inner != self._initiate:
            yield inner, initiate.encode()

    def agree(self, aare: Aare) -> Agreement | None:
        """What the meter grants, None if it accepts without a word on that.

        RefusedError or another DlmsdError if it does not accept.
        """
        # To accept without a proof where one is wanted is no less a refusal: of security.
        pending = aare.authentication_pending
        excused = UNPROVED_METER in self._quirks and self.proves
        if aare.postponed:
            raise PostponedError(str(aare))
        if not aare.accepted or (pending is not self.proves and not excused):
            raise RefusedError(str(aare))
        self.proves = pending
        if aare.context is not self._context:
            raise RefusedError(f"the meter wants {aare.context.words}")
        information, title = aare.user_information, aare.responding_ap_title
        if self._high is not None and title:
            self._high.check_peer(title)
        if self._security is not None:
            if title:
                self._security.pin(title)
            if information or self.ciphered:
                information = self.opened = self._security.open(information)
        if not information:
            return None
        initiate = decode_apdu(information)
        if isinstance(initiate, ConfirmedServiceError):
            raise RefusedError(str(initiate))
        if not isinstance(initiate, InitiateResponse):
            raise DecodeError(f"AARE with {type(initiate).__name__} for an InitiateResponse")
        granted = initiate.conformance
        if self.ciphered and Conformance.GENERAL_PROTECTION not in granted:
            # It has no ciphered form of its own, only the general ones.
            granted &= ~Conformance.ACCESS
        return Agreement(granted, initiate.max_pdu_size)

    def prove(self, aare: Aare, invoke: int) -> bytes:
        """The request with our answer to the meter's challenge, not protected yet."""
        assert self._high is not None
        title = aare.responding_ap_title or b""
        challenge = aare.responding_authentication_value
        self._challenges = Challenges(self._high.challenge, challenge, self._title() or b"", title)
        return self.prove_again(invoke)

    def prove_again(self, invoke: int) -> bytes:
        """The same, after :meth:`check` gave False: in the next shape that may be meant."""
        assert self._high is not None
        assert self._challenges is not None
        answer = Data(Tag.OCTET_STRING, self._high.handshake.answer(self._challenges))
        return self._reply.request(self._attempt, invoke, answer)

    def check(self, response: Any) -> bool:
        """True if the meter took our answer and gave a good one to our challenge; False if it
        may want ours in another shape.
        """
        assert self._high is not None
        assert self._challenges is not None
        answer = self._reply.answer(response)
        if self._reply.elsewhere(answer.result) and self._attempt + 1 < self._reply.attempts:
            self._attempt += 1
            return False
        if answer.result is not ActionResult.SUCCESS:
            raise RefusedError(f"our proof: {answer.result.words}")
        proof = answer.data.value if isinstance(answer.data, Data) else None
        if proof is None and UNPROVED_METER in self._quirks:
            return True
        if not isinstance(proof, bytes):
            raise RefusedError("the meter did not prove itself")
        self._high.handshake.check(self._challenges, proof)
        return True

    def _protect(self, apdu: bytes) -> bytes:
        return apdu if self._security is None else self._security.protect(apdu)

    def _authentication_value(self) -> bytes:
        if self._high is not None:
            return self._high.challenge
        return b"" if self._mechanism is Mechanism.NONE else self.password

    def _title(self) -> bytes | None:
        if self._security is not None:
            return self._security.title
        return (self._high.title or None) if self._high else None
