"""AARQ: the client asks for an association (IEC 62056-53 clause 8.4)."""

from __future__ import annotations

from typing import ClassVar, Final, Self

from attrs import field, frozen

from dlmsd.dlms.acse import ber
from dlmsd.dlms.acse.context import ApplicationContext, Mechanism
from dlmsd.dlms.acse.field import (
    AUTHENTICATION_UNIT,
    USER_INFORMATION,
    collect_fields,
    decode_authentication_value,
    decode_context,
    decode_mechanism,
    decode_octets,
    encode_authentication_value,
    encode_context,
    encode_octets,
)
from dlmsd.errors import LocalError

_CALLING_AP_TITLE: Final = 0xA6
_SENDER_ACSE_REQUIREMENTS: Final = 0x8A
_MECHANISM_NAME: Final = 0x8B
_CALLING_AUTHENTICATION_VALUE: Final = 0xAC


@frozen
class Aarq:
    """``calling_authentication_value`` is the password or the client's challenge.

    With mechanism NONE it is empty; LocalError otherwise. ``user_information`` is an
    encoded InitiateRequest, plain or ciphered. ``calling_ap_title`` is the client's
    system title, wherever ciphering or the mechanism needs it.
    """

    TAG: ClassVar = 0x60

    context: ApplicationContext
    mechanism: Mechanism
    calling_authentication_value: bytes = field(repr=False)
    user_information: bytes = field(repr=False)
    calling_ap_title: bytes | None = None

    @calling_authentication_value.validator
    def _none_without_mechanism(self, _: object, value: bytes) -> None:
        if value and self.mechanism is Mechanism.NONE:
            raise LocalError("an authentication value without a mechanism")

    def encode(self) -> bytes:
        """The APDU. Protocol-version is left out: version 1 is the default."""
        fields = [
            encode_context(self.context),
            encode_octets(_CALLING_AP_TITLE, self.calling_ap_title),
        ]
        if self.mechanism is not Mechanism.NONE:
            fields += [
                ber.encode_element(_SENDER_ACSE_REQUIREMENTS, AUTHENTICATION_UNIT),
                ber.encode_element(_MECHANISM_NAME, self.mechanism.encode()),
                encode_authentication_value(
                    _CALLING_AUTHENTICATION_VALUE, self.calling_authentication_value
                ),
            ]
        fields.append(encode_octets(USER_INFORMATION, self.user_information or None))
        return ber.encode_element(0x60, b"".join(fields))

    @classmethod
    def decode(cls, apdu: bytes) -> Self:
        """From a whole APDU; DecodeError if it is none.

        Fields that DLMS does not use are skipped; protocol-version is not judged.
        """
        content = ber.decode_apdu("aarq", 0x60, apdu)
        fields = collect_fields(content)
        context = decode_context(fields, content)
        title = decode_octets(fields, _CALLING_AP_TITLE, "calling-AP-title")
        mechanism = decode_mechanism(fields, _MECHANISM_NAME)
        value = decode_authentication_value(
            fields, _CALLING_AUTHENTICATION_VALUE, "calling-authentication-value"
        )
        if value and mechanism is Mechanism.NONE:
            raise fields[_CALLING_AUTHENTICATION_VALUE].error(
                "calling-authentication-value without mechanism-name"
            )
        information = decode_octets(fields, USER_INFORMATION, "user-information")
        return cls(context, mechanism, value or b"", information or b"", title)
