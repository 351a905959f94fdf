"""How a client's proof reaches the meter's end, and the meter's own goes back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from attrs import frozen

from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.dlms.cosem.method import MethodDescriptor
from dlmsd.dlms.cosem.object_list import ASSOCIATION_LN, CURRENT_ASSOCIATION
from dlmsd.dlms.cosem.short_names import (
    ASSOCIATION_SN,
    CURRENT_ASSOCIATION_SN,
    REPLY_TO_HLS_SN,
)
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.action import ActionAnswer, ActionRequestNormal, ActionResponseNormal
from dlmsd.dlms.xdlms.apdu import Apdu
from dlmsd.dlms.xdlms.short_name import ReadRequest, ReadResponse, VariableName
from dlmsd.simulator.personality import Personality
from dlmsd.simulator.quirks import OTHER_ASSOCIATION, Quirk

REPLY_TO_HLS: Final = MethodDescriptor(ASSOCIATION_LN, CURRENT_ASSOCIATION, 1)
_REPLY_OF_2: Final = MethodDescriptor(ASSOCIATION_LN, OTHER_ASSOCIATION, 1)
_REPLY_SN: Final = MethodDescriptor(ASSOCIATION_SN, CURRENT_ASSOCIATION_SN, 8)


@frozen
class Invocation:
    """One method, its parameter, and what makes a response of its answer."""

    method: MethodDescriptor
    parameter: Data | None
    respond: Callable[[ActionAnswer], bytes]


def invocation(request: Apdu | None) -> Invocation | None:
    """Of a request that may bring a proof; None for any other."""
    match request:
        case ActionRequestNormal(invoke=invoke, method=method, parameters=parameter):
            return Invocation(
                method, parameter, lambda answer: ActionResponseNormal(invoke, answer).encode()
            )
        # Whatever the selector: a method has none.
        case ReadRequest(variables=(VariableName(name=name, access=access),)) if (
            name == REPLY_TO_HLS_SN and access is not None
        ):
            return Invocation(_REPLY_SN, access[1], _read)
    return None


def reply_to_hls(personality: Personality) -> MethodDescriptor:
    """The method that takes the proof."""
    if personality.referencing == "sn":
        return _REPLY_SN
    other = Quirk.OTHER_ASSOCIATION in personality.quirks
    return _REPLY_OF_2 if other else REPLY_TO_HLS


def _read(answer: ActionAnswer) -> bytes:
    if answer.result:
        return ReadResponse((DataAccessResult(answer.result),)).encode()
    data = answer.data if isinstance(answer.data, Data) else Data(Tag.NULL_DATA, None)
    return ReadResponse((data,)).encode()
