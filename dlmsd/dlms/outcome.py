"""What an association tells its owner."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from attrs import frozen

from dlmsd.dlms.xdlms.described import DescribedNotification
from dlmsd.dlms.xdlms.get import Result
from dlmsd.dlms.xdlms.notification import DataNotification, EventNotificationRequest
from dlmsd.dlms.xdlms.short_name import InformationReport
from dlmsd.errors import DlmsdError

GetResult: TypeAlias = Result
Unasked: TypeAlias = (
    DataNotification | DescribedNotification | EventNotificationRequest | InformationReport
)

UNASKED_TAGS: Final = frozenset(
    (DataNotification.TAG, EventNotificationRequest.TAG, InformationReport.TAG)
)
"""An APDU under one of these may come in the middle of a request, and is no answer to it."""


@frozen
class SendApdu:
    """Give this APDU to the link."""

    apdu: bytes


@frozen
class SendStream:
    """Give these APDUs to the link; the meter answers only the last of them."""

    apdus: tuple[bytes, ...]


@frozen
class AwaitMore:
    """The meter has more to send before it is our turn."""


@frozen
class Associated:
    """The meter accepted; its limits are in the association's attributes."""


@frozen
class Refused:
    """The meter did not accept the association."""

    error: DlmsdError


@frozen
class BlockReceived:
    """The next octets of a streamed attribute, encoded as Data."""

    octets: bytes


@frozen
class Results:
    """The answer to a request: one result for each item asked for, in order.

    Of GET Data or DataAccessResult, of SET DataAccessResult, of ACTION ActionAnswer, of
    ACCESS pairs of Data and outcome; None of an attribute that was streamed.
    """

    results: tuple[Any, ...]


@frozen
class RequestFailed:
    """The request has no answer, and the association stands."""

    error: DlmsdError


@frozen
class Notified:
    """The meter told something unasked."""

    apdu: Unasked


@frozen
class Confirm:
    """When it is our turn, give the link what :meth:`Association.confirmation` makes of this
    APDU; it answers what was told, and nobody answers it.
    """

    apdu: bytes


@frozen
class Released:
    """The association has ended as asked."""


@frozen
class Discarded:
    """An APDU that answers nothing; ``reason`` in words."""

    reason: str


AssociationEvent: TypeAlias = (
    SendApdu
    | SendStream
    | AwaitMore
    | Associated
    | Refused
    | BlockReceived
    | Results
    | RequestFailed
    | Notified
    | Confirm
    | Released
    | Discarded
)
