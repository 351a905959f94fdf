"""Any APDU: its tag tells which (IEC 62056-53 clause 8.5, ACSE-APDU and XDLMS-APDU)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from dlmsd.dlms.acse.aare import Aare
from dlmsd.dlms.acse.aarq import Aarq
from dlmsd.dlms.acse.release import Rlre, Rlrq
from dlmsd.dlms.xdlms.access import AccessRequest, AccessResponse
from dlmsd.dlms.xdlms.action import (
    ActionRequestNextPblock,
    ActionRequestNormal,
    ActionRequestWithFirstPblock,
    ActionRequestWithList,
    ActionRequestWithListAndFirstPblock,
    ActionRequestWithPblock,
    ActionResponseNextPblock,
    ActionResponseNormal,
    ActionResponseWithList,
    ActionResponseWithPblock,
)
from dlmsd.dlms.xdlms.block import GeneralBlockTransfer
from dlmsd.dlms.xdlms.described import DescribedNotification, decode_data_notification
from dlmsd.dlms.xdlms.exception_response import ExceptionResponse
from dlmsd.dlms.xdlms.get import (
    GetRequestNext,
    GetRequestNormal,
    GetRequestWithList,
    GetResponseNormal,
    GetResponseWithBlock,
    GetResponseWithList,
)
from dlmsd.dlms.xdlms.initiate import InitiateRequest, InitiateResponse
from dlmsd.dlms.xdlms.notification import (
    DataNotification,
    DataNotificationConfirm,
    EventNotificationRequest,
)
from dlmsd.dlms.xdlms.service_error import ConfirmedServiceError
from dlmsd.dlms.xdlms.set import (
    SetRequestNormal,
    SetRequestWithBlock,
    SetRequestWithFirstBlock,
    SetRequestWithList,
    SetRequestWithListAndFirstBlock,
    SetResponseBlock,
    SetResponseLastBlock,
    SetResponseLastBlockWithList,
    SetResponseNormal,
    SetResponseWithList,
)
from dlmsd.dlms.xdlms.short_name import (
    InformationReport,
    ReadRequest,
    ReadResponse,
    UnconfirmedWriteRequest,
    WriteRequest,
    WriteResponse,
)
from dlmsd.errors import DecodeError

GetRequest: TypeAlias = GetRequestNormal | GetRequestNext | GetRequestWithList
GetResponse: TypeAlias = GetResponseNormal | GetResponseWithBlock | GetResponseWithList
SetRequest: TypeAlias = (
    SetRequestNormal
    | SetRequestWithFirstBlock
    | SetRequestWithBlock
    | SetRequestWithList
    | SetRequestWithListAndFirstBlock
)
SetResponse: TypeAlias = (
    SetResponseNormal
    | SetResponseBlock
    | SetResponseLastBlock
    | SetResponseLastBlockWithList
    | SetResponseWithList
)
ActionRequest: TypeAlias = (
    ActionRequestNormal
    | ActionRequestNextPblock
    | ActionRequestWithList
    | ActionRequestWithFirstPblock
    | ActionRequestWithListAndFirstPblock
    | ActionRequestWithPblock
)
ActionResponse: TypeAlias = (
    ActionResponseNormal
    | ActionResponseWithPblock
    | ActionResponseWithList
    | ActionResponseNextPblock
)
ShortName: TypeAlias = (
    ReadRequest
    | ReadResponse
    | WriteRequest
    | WriteResponse
    | UnconfirmedWriteRequest
    | InformationReport
)
Notification: TypeAlias = (
    DataNotification | DescribedNotification | DataNotificationConfirm | EventNotificationRequest
)
Apdu: TypeAlias = (
    Aarq
    | Aare
    | Rlrq
    | Rlre
    | InitiateRequest
    | InitiateResponse
    | ConfirmedServiceError
    | GetRequest
    | GetResponse
    | SetRequest
    | SetResponse
    | ActionRequest
    | ActionResponse
    | AccessRequest
    | AccessResponse
    | ShortName
    | Notification
    | GeneralBlockTransfer
    | ExceptionResponse
)

_BY_TAG: Final[dict[bytes, Callable[[bytes], Apdu]]] = {
    b"\x01": InitiateRequest.decode,
    b"\x05": ReadRequest.decode,
    b"\x06": WriteRequest.decode,
    b"\x08": InitiateResponse.decode,
    b"\x0c": ReadResponse.decode,
    b"\x0d": WriteResponse.decode,
    b"\x0e": ConfirmedServiceError.decode,
    b"\x0f": decode_data_notification,
    b"\x10": DataNotificationConfirm.decode,
    b"\x16": UnconfirmedWriteRequest.decode,
    b"\x18": InformationReport.decode,
    b"\x60": Aarq.decode,
    b"\x61": Aare.decode,
    b"\x62": Rlrq.decode,
    b"\x63": Rlre.decode,
    b"\xc2": EventNotificationRequest.decode,
    b"\xd8": ExceptionResponse.decode,
    b"\xd9": AccessRequest.decode,
    b"\xda": AccessResponse.decode,
    b"\xe0": GeneralBlockTransfer.decode,
}
_BY_TYPE: Final[dict[bytes, Callable[[bytes], Apdu]]] = {
    b"\xc0\x01": GetRequestNormal.decode,
    b"\xc0\x02": GetRequestNext.decode,
    b"\xc0\x03": GetRequestWithList.decode,
    b"\xc4\x01": GetResponseNormal.decode,
    b"\xc4\x02": GetResponseWithBlock.decode,
    b"\xc4\x03": GetResponseWithList.decode,
    b"\xc1\x01": SetRequestNormal.decode,
    b"\xc1\x02": SetRequestWithFirstBlock.decode,
    b"\xc1\x03": SetRequestWithBlock.decode,
    b"\xc1\x04": SetRequestWithList.decode,
    b"\xc1\x05": SetRequestWithListAndFirstBlock.decode,
    b"\xc3\x01": ActionRequestNormal.decode,
    b"\xc3\x02": ActionRequestNextPblock.decode,
    b"\xc3\x03": ActionRequestWithList.decode,
    b"\xc3\x04": ActionRequestWithFirstPblock.decode,
    b"\xc3\x05": ActionRequestWithListAndFirstPblock.decode,
    b"\xc3\x06": ActionRequestWithPblock.decode,
    b"\xc5\x01": SetResponseNormal.decode,
    b"\xc5\x02": SetResponseBlock.decode,
    b"\xc5\x03": SetResponseLastBlock.decode,
    b"\xc5\x04": SetResponseLastBlockWithList.decode,
    b"\xc5\x05": SetResponseWithList.decode,
    b"\xc7\x01": ActionResponseNormal.decode,
    b"\xc7\x02": ActionResponseWithPblock.decode,
    b"\xc7\x03": ActionResponseWithList.decode,
    b"\xc7\x04": ActionResponseNextPblock.decode,
}

# What else the standard has; so that the log says what a meter sent.
_NAMES: Final = {
    0x05: "read-request",
    0x06: "write-request",
    0x0C: "read-response",
    0x0D: "write-response",
    0x0F: "data-notification",
    0x10: "data-notification-confirm",
    0x16: "unconfirmed-write-request",
    0x18: "information-report-request",
    0x21: "glo-initiate-request",
    0x25: "glo-read-request",
    0x26: "glo-write-request",
    0x28: "glo-initiate-response",
    0x2C: "glo-read-response",
    0x2D: "glo-write-response",
    0x2E: "glo-confirmed-service-error",
    0x36: "glo-unconfirmed-write-request",
    0x38: "glo-information-report-request",
    0x41: "ded-initiate-request",
    0x45: "ded-read-request",
    0x46: "ded-write-request",
    0x48: "ded-initiate-response",
    0x4C: "ded-read-response",
    0x4D: "ded-write-response",
    0x4E: "ded-confirmed-service-error",
    0x56: "ded-unconfirmed-write-request",
    0x58: "ded-information-report-request",
    0xC0: "get-request",
    0xC1: "set-request",
    0xC2: "event-notification-request",
    0xC3: "action-request",
    0xC4: "get-response",
    0xC5: "set-response",
    0xC7: "action-response",
    0xC8: "glo-get-request",
    0xC9: "glo-set-request",
    0xCA: "glo-event-notification-request",
    0xCB: "glo-action-request",
    0xCC: "glo-get-response",
    0xCD: "glo-set-response",
    0xCF: "glo-action-response",
    0xD0: "ded-get-request",
    0xD1: "ded-set-request",
    0xD2: "ded-event-notification-request",
    0xD3: "ded-action-request",
    0xD4: "ded-get-response",
    0xD5: "ded-set-response",
    0xD7: "ded-action-response",
    0xD9: "access-request",
    0xDA: "access-response",
    0xDB: "general-glo-ciphering",
    0xDC: "general-ded-ciphering",
    0xDD: "general-ciphering",
    0xDF: "general-signing",
    0xE0: "general-block-transfer",
    0xE6: "gateway-request",
    0xE7: "gateway-response",
}
_CIPHERED: Final = ("glo-", "ded-", "general-glo-", "general-ded-", "general-ciphering")


def decode_apdu(apdu: bytes) -> Apdu:
    """The APDU that these bytes are; DecodeError if none, or if it is of an unknown kind."""
    decode = _BY_TYPE.get(apdu[:2]) or _BY_TAG.get(apdu[:1])
    if decode is None:
        raise DecodeError(_unknown(apdu))
    return decode(apdu)


def _unknown(apdu: bytes) -> str:
    if not apdu:
        return "an APDU without a byte"
    tag = apdu[0]
    name = _NAMES.get(tag)
    if name is None:
        return f"unknown APDU with tag 0x{tag:02X} at byte 0"
    if tag in (0xC0, 0xC1, 0xC3, 0xC4, 0xC5, 0xC7):
        kind = f"0x{apdu[1]:02X}" if len(apdu) > 1 else "missing"
        return f"{name} (tag 0x{tag:02X}) of unknown kind: the choice at byte 1 is {kind}"
    if name.startswith(_CIPHERED):
        return f"{name} (tag 0x{tag:02X}): ciphered; the meter uses security"
    return f"{name} (tag 0x{tag:02X}) is not expected here"
