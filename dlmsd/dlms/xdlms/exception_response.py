"""Exception-Response: the meter could not process an APDU at all (IEC 62056-53)."""

from __future__ import annotations

from typing import ClassVar, Self

from attrs import field, frozen

from dlmsd.dlms.xdlms.code import Code
from dlmsd.dlms.xdlms.cursor import Cursor
from dlmsd.errors import LocalError


class StateError(Code):
    """What the state of the association has to do with it."""

    SERVICE_NOT_ALLOWED = 1, "not in this association; associate again"
    SERVICE_UNKNOWN = 2, "the meter does not know the service"


class ServiceError(Code):
    """What is wrong with the service."""

    OPERATION_NOT_POSSIBLE = 1, "the meter cannot do it; associate again, then ask for less"
    SERVICE_NOT_SUPPORTED = 2, "the meter does not offer the service"
    OTHER_REASON = 3, "the meter gives no reason; compare with its manual"
    PDU_TOO_LONG = 4, "the request is too long for the meter; ask for less at once"
    DECIPHERING_ERROR = 5, "the meter cannot decipher; check keys and system_title"
    INVOCATION_COUNTER_ERROR = 6, "the invocation counter is too low; the meter tells its own"


@frozen
class ExceptionResponse:
    """``invocation_counter`` is what the meter expects.

    An invocation-counter-error has one, the other errors have none; LocalError otherwise.
    """

    TAG: ClassVar = 0xD8

    state_error: StateError
    service_error: ServiceError
    invocation_counter: int | None = field(default=None)

    @invocation_counter.validator
    def _only_with_its_error(self, _: object, counter: int | None) -> None:
        wanted = self.service_error is ServiceError.INVOCATION_COUNTER_ERROR
        if wanted != (counter is not None):
            raise LocalError("an invocation-counter-error and nothing else has a counter")

    def __str__(self) -> str:
        """For the operator."""
        words = f"{self.state_error.words}; {self.service_error.words}"
        if self.invocation_counter is not None:
            words += f" ({self.invocation_counter})"
        return words

    def encode(self) -> bytes:
        """The APDU."""
        apdu = bytes((0xD8, self.state_error, self.service_error))
        if self.invocation_counter is not None:
            apdu += self.invocation_counter.to_bytes(4, "big")
        return apdu

    @classmethod
    def decode(cls, apdu: bytes) -> Self:
        """From a whole APDU; DecodeError if it is none."""
        cursor = Cursor("exception-response", apdu)
        cursor.expect(b"\xd8", "the tag")
        state = StateError(cursor.unsigned(1, "state-error"))
        service = ServiceError(cursor.unsigned(1, "service-error"))
        counter = None
        if service is ServiceError.INVOCATION_COUNTER_ERROR:
            counter = cursor.unsigned(4, "the invocation counter")
        cursor.finish()
        return cls(state, service, counter)
