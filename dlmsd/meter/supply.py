"""A meter's breaker (Blue Book, Disconnect control, class 70): opened, closed, looked at."""

from __future__ import annotations

from typing import Any, Final

from attrs import frozen

from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.method import MethodDescriptor
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.meter.session import Session

_CLASS: Final = 70
OBJECT: Final = Obis.parse("0-0:96.3.10")
DISCONNECT: Final = MethodDescriptor(_CLASS, OBJECT, 1)
RECONNECT: Final = MethodDescriptor(_CLASS, OBJECT, 2)
_OUTPUT_STATE: Final = AttributeDescriptor(_CLASS, OBJECT, 2)
_CONTROL_STATE: Final = AttributeDescriptor(_CLASS, OBJECT, 3)
_WORDS: Final = ("disconnected", "connected", "ready for reconnection")


@frozen
class Supply:
    """What the meter says after it was switched; None for what it does not tell.

    One that is ready for reconnection waits for a person at the meter.
    """

    connected: bool | None
    state: str | None


async def switch(session: Session, *, on: bool) -> Supply:
    """Close or open the breaker; ServiceError says why the meter did not."""
    await session.action(RECONNECT if on else DISCONNECT, Data(Tag.INTEGER, 0))
    output, control = (
        None if isinstance(told, DataAccessResult) else told.value
        for told in await session.get_many((_OUTPUT_STATE, _CONTROL_STATE))
    )
    return Supply(output if isinstance(output, bool) else None, _word(control))


def _word(control: Any) -> str | None:
    known = type(control) is int and 0 <= control < len(_WORDS)
    return _WORDS[control] if known else None
