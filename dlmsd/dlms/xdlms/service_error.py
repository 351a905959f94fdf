"""Confirmed-Service-Error: the meter refuses a proposed context, or a service with short names."""

from __future__ import annotations

from typing import ClassVar, Final, Self

from attrs import frozen

from dlmsd.dlms.xdlms.code import Code
from dlmsd.dlms.xdlms.cursor import Cursor


class ConfirmedService(Code):
    """Which service failed: the CHOICE of ConfirmedServiceError (IEC 61334-4-41)."""

    INITIATE_ERROR = 1, "the meter refuses the proposed context"
    GET_STATUS = 2, "get-status failed"
    GET_NAME_LIST = 3, "get-name-list failed"
    GET_VARIABLE_ATTRIBUTE = 4, "get-variable-attribute failed"
    READ = 5, "a read failed"
    WRITE = 6, "a write failed"
    GET_DATA_SET_ATTRIBUTE = 7, "get-data-set-attribute failed"
    GET_TI_ATTRIBUTE = 8, "get-ti-attribute failed"
    CHANGE_SCOPE = 9, "change-scope failed"
    START = 10, "start failed"
    STOP = 11, "stop failed"
    RESUME = 12, "resume failed"
    MAKE_USABLE = 13, "make-usable failed"
    INITIATE_LOAD = 14, "initiate-load failed"
    LOAD_SEGMENT = 15, "load-segment failed"
    TERMINATE_LOAD = 16, "terminate-load failed"
    INITIATE_UP_LOAD = 17, "initiate-up-load failed"
    UP_LOAD_SEGMENT = 18, "up-load-segment failed"
    TERMINATE_UP_LOAD = 19, "terminate-up-load failed"


_MANUAL: Final = "compare with the meter's manual"
_OTHER: Final = f"the meter gives no reason; {_MANUAL}"


class ApplicationReferenceError(Code):
    """The peer as a whole."""

    OTHER = 0, _OTHER
    TIME_ELAPSED = 1, "the meter waited too long; it is tried again"
    APPLICATION_UNREACHABLE = 2, "the logical device does not answer; check logical_device"
    APPLICATION_REFERENCE_INVALID = 3, "check client, logical_device and physical_device"
    APPLICATION_CONTEXT_UNSUPPORTED = 4, "the meter does not offer this context; check security"
    PROVIDER_COMMUNICATION_ERROR = 5, "the meter's communication failed; it is tried again"
    DECIPHERING_ERROR = 6, "the meter cannot decipher; check keys and system_title"


class HardwareResourceError(Code):
    """What the meter ran out of."""

    OTHER = 0, _OTHER
    MEMORY_UNAVAILABLE = 1, "the meter has no memory left; ask for less at once"
    PROCESSOR_RESOURCE_UNAVAILABLE = 2, "the meter is too busy; read it less often"
    MASS_STORAGE_UNAVAILABLE = 3, "the meter's storage failed; have it inspected"
    OTHER_RESOURCE_UNAVAILABLE = 4, "the meter lacks a resource; read it less often"


class VdeStateError(Code):
    """The state of the virtual distribution equipment: the meter."""

    OTHER = 0, _OTHER
    NO_DLMS_CONTEXT = 1, "the association is gone; associate again"
    LOADING_DATA_SET = 2, "the meter is loading data; wait"
    STATUS_NOCHANGE = 3, f"the meter refuses changes; {_MANUAL}"
    STATUS_INOPERABLE = 4, "the meter is out of order; have it inspected"


class ServiceFault(Code):
    """The service itself."""

    OTHER = 0, _OTHER
    PDU_SIZE = 1, "the APDU is too long for the meter; ask for less at once"
    SERVICE_UNSUPPORTED = 2, "the meter does not offer the service"


class DefinitionError(Code):
    """The object that was asked for."""

    OTHER = 0, _OTHER
    OBJECT_UNDEFINED = 1, "the meter has no such object; check the OBIS code"
    OBJECT_CLASS_INCONSISTENT = 2, "the object is of another class; set the measurement's class"
    OBJECT_ATTRIBUTE_INCONSISTENT = 3, "the object has no such attribute; check its number"


class AccessError(Code):
    """The right to the object."""

    OTHER = 0, _OTHER
    SCOPE_OF_ACCESS_VIOLATED = 1, "this client may not do that; use another client"
    OBJECT_ACCESS_VIOLATED = 2, "the attribute does not allow it; use another client"
    HARDWARE_FAULT = 3, "the meter has a hardware fault; have it inspected"
    OBJECT_UNAVAILABLE = 4, "the object exists but holds nothing"


class InitiateError(Code):
    """The proposed context."""

    OTHER = 0, _OTHER
    DLMS_VERSION_TOO_LOW = 1, "the meter wants another DLMS version; please report this"
    INCOMPATIBLE_CONFORMANCE = 2, f"the meter offers none of the proposed services; {_MANUAL}"
    PDU_SIZE_TOO_SHORT = 3, "the meter wants longer APDUs than the client takes; please report this"
    REFUSED_BY_THE_VDE_HANDLER = 4, "the meter refuses; check client and security"


class LoadDataSetError(Code):
    """Loading a data set."""

    OTHER = 0, _OTHER
    PRIMITIVE_OUT_OF_SEQUENCE = 1, _MANUAL
    NOT_LOADABLE = 2, _MANUAL
    DATASET_SIZE_TOO_LARGE = 3, _MANUAL
    NOT_AWAITED_SEGMENT = 4, _MANUAL
    INTERPRETATION_FAILURE = 5, _MANUAL
    STORAGE_FAILURE = 6, _MANUAL
    DATA_SET_NOT_READY = 7, _MANUAL


class ChangeScopeError(Code):
    """Changing the scope."""

    OTHER = 0, _OTHER


class TaskError(Code):
    """Task invocations."""

    OTHER = 0, _OTHER
    NO_REMOTE_CONTROL = 1, _MANUAL
    TI_STOPPED = 2, _MANUAL
    TI_RUNNING = 3, _MANUAL
    TI_UNUSABLE = 4, _MANUAL


class OtherError(Code):
    """Anything else."""

    OTHER = 0, _OTHER


# The CHOICE of ServiceError: the tag tells what the number means.
ERRORS: Final[dict[int, type[Code]]] = {
    0: ApplicationReferenceError,
    1: HardwareResourceError,
    2: VdeStateError,
    3: ServiceFault,
    4: DefinitionError,
    5: AccessError,
    6: InitiateError,
    7: LoadDataSetError,
    8: ChangeScopeError,
    9: TaskError,
    10: OtherError,
}
_CHOICES: Final = {kind: choice for choice, kind in ERRORS.items()}


@frozen
class ConfirmedServiceError:
    """``error`` is a member of one of the classes in :data:`ERRORS`."""

    TAG: ClassVar = 0x0E

    service: ConfirmedService
    error: Code

    def __str__(self) -> str:
        """For the operator."""
        return f"{self.service.words}; {self.error.words}"

    def encode(self) -> bytes:
        """The APDU."""
        return bytes((0x0E, self.service, _CHOICES[type(self.error)], self.error))

    @classmethod
    def decode(cls, apdu: bytes) -> Self:
        """From a whole APDU; DecodeError if it is none."""
        cursor = Cursor("confirmed-service-error", apdu)
        cursor.expect(b"\x0e", "the tag")
        service = ConfirmedService(cursor.unsigned(1, "the service"))
        choice = cursor.unsigned(1, "the kind of error")
        kind = ERRORS.get(choice)
        if kind is None:
            raise cursor.error(f"unknown kind of error {choice}", cursor.offset - 1)
        error = kind(cursor.unsigned(1, "the error"))
        cursor.finish()
        return cls(service, error)
