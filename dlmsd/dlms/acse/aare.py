"""AARE: the meter opens the association, or refuses it (IEC 62056-53 clause 8.4)."""

from __future__ import annotations

from typing import ClassVar, Final, Self

from attrs import field, frozen

from dlmsd.dlms.acse import ber
from dlmsd.dlms.acse.context import ApplicationContext, Mechanism
from dlmsd.dlms.acse.diagnostic import (
    DIAGNOSTICS,
    AssociationResult,
    Diagnostic,
    DiagnosticSource,
    ProviderDiagnostic,
    UserDiagnostic,
)
from dlmsd.dlms.acse.field import (
    AUTHENTICATION_UNIT,
    USER_INFORMATION,
    decode_authentication_value,
    decode_context,
    decode_mechanism,
    decode_octets,
    encode_authentication_value,
    encode_context,
    encode_octets,
    put_field,
)
from dlmsd.dlms.xdlms.cursor import Cursor
from dlmsd.errors import DecodeError, LocalError

_RESULT: Final = 0xA2
_RESULT_SOURCE_DIAGNOSTIC: Final = 0xA3
_RESPONDING_AP_TITLE: Final = 0xA4
_RESPONDER_ACSE_REQUIREMENTS: Final = 0x88
_MECHANISM_NAME: Final = 0x89
_RESPONDING_AUTHENTICATION_VALUE: Final = 0xAA
# The CHOICE of Associate-source-diagnostic: [1] and [2], explicit.
_SOURCE_TAG: Final = 0xA0


@frozen
class Aare:
    """``diagnostic`` is of the class that belongs to its source; LocalError otherwise.

    ``user_information`` is an encoded InitiateResponse or ConfirmedServiceError, plain
    or ciphered, or empty: meters that refuse often send none.
    ``responding_authentication_value`` is the meter's challenge, empty without one;
    ``responding_ap_title`` its system title.
    """

    TAG: ClassVar = 0x61

    context: ApplicationContext
    result: AssociationResult
    diagnostic_source: DiagnosticSource
    diagnostic: Diagnostic = field()
    mechanism: Mechanism = Mechanism.NONE
    responding_authentication_value: bytes = field(default=b"", repr=False)
    user_information: bytes = b""
    responding_ap_title: bytes | None = None

    @diagnostic.validator
    def _of_its_source(self, _: object, diagnostic: Diagnostic) -> None:
        if type(diagnostic) is not DIAGNOSTICS.get(self.diagnostic_source):
            raise LocalError(f"{diagnostic!r} is no diagnostic of {self.diagnostic_source!r}")

    @property
    def accepted(self) -> bool:
        """Whether the association is open, or will be after the HLS exchange."""
        return self.result is AssociationResult.ACCEPTED

    @property
    def postponed(self) -> bool:
        """Whether it refuses for now, and for nothing that we are or know.

        With a diagnostic, "no reason given" too, meters were seen to say so of passwords, and
        few of those are allowed before they lock.
        """
        transient = self.result is AssociationResult.REJECTED_TRANSIENT
        return transient and self.diagnostic in (UserDiagnostic.NULL, ProviderDiagnostic.NULL)

    @property
    def authentication_pending(self) -> bool:
        """Whether the meter accepted and now waits for the proof of high level security."""
        return self.accepted and self.diagnostic is UserDiagnostic.AUTHENTICATION_REQUIRED

    def __str__(self) -> str:
        """Result and diagnostic for the operator."""
        if self.authentication_pending:
            return "accepted: the meter now waits for the proof of high level security"
        return f"{self.result.words}; {self.diagnostic.words}"

    def encode(self) -> bytes:
        """The APDU. Protocol-version is left out: version 1 is the default."""
        diagnostic = ber.encode_element(ber.INTEGER, ber.encode_integer(self.diagnostic))
        result = ber.encode_element(ber.INTEGER, ber.encode_integer(self.result))
        source = ber.encode_element(_SOURCE_TAG | self.diagnostic_source, diagnostic)
        fields = [
            encode_context(self.context),
            ber.encode_element(_RESULT, result),
            ber.encode_element(_RESULT_SOURCE_DIAGNOSTIC, source),
            encode_octets(_RESPONDING_AP_TITLE, self.responding_ap_title),
        ]
        if self.mechanism is not Mechanism.NONE:
            fields += [
                ber.encode_element(_RESPONDER_ACSE_REQUIREMENTS, AUTHENTICATION_UNIT),
                ber.encode_element(_MECHANISM_NAME, self.mechanism.encode()),
            ]
        if self.responding_authentication_value:
            fields.append(
                encode_authentication_value(
                    _RESPONDING_AUTHENTICATION_VALUE, self.responding_authentication_value
                )
            )
        fields.append(encode_octets(USER_INFORMATION, self.user_information or None))
        return ber.encode_element(0x61, b"".join(fields))

    @classmethod
    def decode(cls, apdu: bytes) -> Self:
        """From a whole APDU; DecodeError if it is none.

        Meters that refuse send garbled user-information, and protocol-version is filled in
        at will: the latter is not judged, and of a refusal with garbled optional fields
        result and diagnostic are kept, for the operator needs them.
        """
        content = ber.decode_apdu("aare", 0x61, apdu)
        fields, spoiled = _collect(content)
        context = decode_context(fields, content)
        result = AssociationResult(
            ber.decode_integer(
                ber.decode_only(_required(fields, _RESULT, content), ber.INTEGER, "result"),
                "result",
            )
        )
        source, diagnostic = _decode_diagnostic(
            _required(fields, _RESULT_SOURCE_DIAGNOSTIC, content)
        )
        try:
            if spoiled is not None:
                raise spoiled
            return cls(context, result, source, diagnostic, *_decode_rest(fields))
        except DecodeError:
            if result is AssociationResult.ACCEPTED:
                raise
            return cls(context, result, source, diagnostic)


def _collect(content: Cursor) -> tuple[dict[int, Cursor], DecodeError | None]:
    """The fields up to the first that does not decode, and what is wrong with that."""
    fields: dict[int, Cursor] = {}
    try:
        for tag, found in ber.decode_elements(content):
            put_field(fields, tag, found)
    except DecodeError as error:
        return fields, error
    return fields, None


def _required(fields: dict[int, Cursor], tag: int, content: Cursor) -> Cursor:
    if tag not in fields:
        raise content.error(f"field {tag:02x} is missing")
    return fields[tag]


def _decode_diagnostic(choice: Cursor) -> tuple[DiagnosticSource, Diagnostic]:
    start = choice.offset
    tag, content = ber.decode_element(choice)
    choice.finish()
    source = DiagnosticSource(tag - _SOURCE_TAG) if tag > _SOURCE_TAG else None
    if source not in DIAGNOSTICS:
        raise choice.error(f"unknown source of a diagnostic {tag:02x}", start)
    number = ber.decode_integer(ber.decode_only(content, ber.INTEGER, "diagnostic"), "diagnostic")
    return source, DIAGNOSTICS[source](number)


def _decode_rest(fields: dict[int, Cursor]) -> tuple[Mechanism, bytes, bytes, bytes | None]:
    value = decode_authentication_value(
        fields, _RESPONDING_AUTHENTICATION_VALUE, "responding-authentication-value"
    )
    return (
        decode_mechanism(fields, _MECHANISM_NAME),
        value or b"",
        decode_octets(fields, USER_INFORMATION, "user-information") or b"",
        decode_octets(fields, _RESPONDING_AP_TITLE, "responding-AP-title"),
    )
