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
    """An APDU, and the attributes whose reading it completes.

    With ``closes`` there is no APDU: the meter ends the connection.
    """

    apdu: bytes
    results: tuple[Answered, ...] = ()
    closes: bool = False


def exception(state: StateError, service: ServiceError) -> Answer:
    """An exception-response."""
    return Answer(ExceptionResponse(state, service).encode())
