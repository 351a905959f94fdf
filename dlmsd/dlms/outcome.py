"""What an association tells its owner."""

from __future__ import annotations

from typing import TypeAlias

from attrs import frozen

from dlmsd.dlms.xdlms.get import Result
from dlmsd.errors import DlmsdError

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
