"""What a virtual meter answers."""

from __future__ import annotations

from typing import TypeAlias

from attrs import frozen

from dlmsd.dlms.axdr.data import Data
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.exception_response import ExceptionResponse, ServiceError, StateError

Result: TypeAlias = Data | DataAccessResult
Answered: TypeAlias = tuple[AttributeDescriptor, Result]


@frozen
class Answer:
    """An APDU, those right behind it, and the attributes whose reading they complete.

    An empty one is no answer: the request wanted none. With ``closes`` there is none
    either: the meter ends the connection.
    """

    apdu: bytes
    results: tuple[Answered, ...] = ()
    closes: bool = False
    more: tuple[bytes, ...] = ()

    @property
    def apdus(self) -> tuple[bytes, ...]:
        """All of them, in order."""
        return (self.apdu, *self.more) if self.apdu else ()


SILENCE = Answer(b"")


def exception(state: StateError, service: ServiceError) -> Answer:
    """An exception-response."""
    return Answer(ExceptionResponse(state, service).encode())


def unsupported() -> Answer:
    """The exception-response to a service that this association does not have."""
    return exception(StateError.SERVICE_UNKNOWN, ServiceError.SERVICE_NOT_SUPPORTED)


def too_long() -> Answer:
    """The exception-response in place of an answer that is too long for the client."""
    return exception(StateError.SERVICE_NOT_ALLOWED, ServiceError.PDU_TOO_LONG)
