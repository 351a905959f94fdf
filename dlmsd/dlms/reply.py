"""How our proof reaches the meter, and the meter's comes back (passes 3 and 4 of HLS).

It is method reply_to_HLS_authentication of the association object: by logical names an
ACTION on Association LN; by short names a ReadRequest of the method's name with
parameterised access, because a WriteResponse could return nothing (Blue Book, Association
SN: ``data`` is the parameter of the ReadRequest, the meter's proof that of the ReadResponse).
"""

from __future__ import annotations

from typing import Any, ClassVar, Final, Protocol

from dlmsd.dlms.axdr.data import Data
from dlmsd.dlms.cosem.method import MethodDescriptor
from dlmsd.dlms.cosem.object_list import (
    ASSOCIATION_LN,
    CURRENT_ASSOCIATION,
    NUMBERED_ASSOCIATIONS,
)
from dlmsd.dlms.cosem.short_names import REPLY_TO_HLS_SN
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.action import ActionAnswer, ActionRequestNormal, ActionResponseNormal
from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.dlms.xdlms.conformance import Conformance
from dlmsd.dlms.xdlms.short_name import ReadRequest, ReadResponse, VariableName
from dlmsd.errors import DecodeError

# reply_to_HLS_authentication of Association LN (Blue Book 4.4.4).
_REPLY: Final = 1
_ASSOCIATIONS: Final = (CURRENT_ASSOCIATION, *NUMBERED_ASSOCIATIONS)
# The books give methods no selector of their own. 0 selects nothing; who wants another
# refuses it by one of these, and a wrong proof by read-write-denied.
_SELECTORS: Final = (0, 1)
_OTHER_SELECTOR: Final = frozenset(
    {
        ActionResult.OBJECT_UNDEFINED,
        ActionResult.OBJECT_UNAVAILABLE,
        ActionResult.TYPE_UNMATCHED,
        ActionResult.SCOPE_OF_ACCESS_VIOLATED,
        ActionResult.OTHER_REASON,
    }
)


class Reply(Protocol):
    """One of the two ways; a meter may want the request in one of several shapes."""

    @property
    def service(self) -> Conformance:
        """What the meter must offer for it."""

    @property
    def answers(self) -> type:
        """What the response decodes to."""

    @property
    def attempts(self) -> int:
        """How many shapes there are."""

    def request(self, attempt: int, invoke: int, proof: Data) -> bytes:
        """The APDU with our proof, in the shape of this number."""

    def answer(self, response: Any) -> ActionAnswer:
        """What the meter says; DecodeError if that is no answer to one method."""

    def elsewhere(self, result: ActionResult) -> bool:
        """Whether the meter may only have wanted another shape."""


class ReplyByAction:
    """By logical names; the association object of some meters is a numbered one (quirk 41)."""

    service: ClassVar = Conformance.ACTION
    answers: ClassVar = ActionResponseNormal
    attempts: ClassVar = len(_ASSOCIATIONS)

    def request(self, attempt: int, invoke: int, proof: Data) -> bytes:
        """The ACTION."""
        reply = MethodDescriptor(ASSOCIATION_LN, _ASSOCIATIONS[attempt], _REPLY)
        return ActionRequestNormal(invoke, reply, proof).encode()

    def answer(self, response: ActionResponseNormal) -> ActionAnswer:
        """As it stands there."""
        return response.answer

    def elsewhere(self, result: ActionResult) -> bool:
        """There is no such object."""
        return result in (ActionResult.OBJECT_UNDEFINED, ActionResult.OBJECT_UNAVAILABLE)


class ReplyByRead:
    """By short names: the current association always has the same one."""

    service: ClassVar = Conformance.READ | Conformance.PARAMETERIZED_ACCESS
    answers: ClassVar = ReadResponse
    attempts: ClassVar = len(_SELECTORS)

    def request(self, attempt: int, invoke: int, proof: Data) -> bytes:
        """The ReadRequest; there is no invoke-id in it."""
        method = VariableName(REPLY_TO_HLS_SN, (_SELECTORS[attempt], proof))
        return ReadRequest((method,)).encode()

    def answer(self, response: ReadResponse) -> ActionAnswer:
        """Its one result."""
        match response.results:
            case (Data() as proof,):
                return ActionAnswer(ActionResult.SUCCESS, proof)
            case (DataAccessResult() as refusal,):
                return ActionAnswer(ActionResult(refusal))
        raise DecodeError("a read-response with no one result to our proof")

    def elsewhere(self, result: ActionResult) -> bool:
        """Not a word on the proof itself."""
        return result in _OTHER_SELECTOR
