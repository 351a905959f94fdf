"""How a meter answers an AARQ: the result, and the diagnostic behind it."""

from __future__ import annotations

from typing import Final, TypeAlias

from dlmsd.dlms.xdlms.code import Code


class AssociationResult(Code):
    """Association-result (IEC 62056-53 clause 8.4)."""

    ACCEPTED = 0, "the association is open"
    REJECTED_PERMANENT = 1, "the meter refuses, and will again unless something changes"
    REJECTED_TRANSIENT = 2, "the meter refuses for now; it is tried again"


class DiagnosticSource(Code):
    """Associate-source-diagnostic: which part of the meter speaks."""

    ACSE_SERVICE_USER = 1, "the meter's application"
    ACSE_SERVICE_PROVIDER = 2, "the meter's protocol stack"


class UserDiagnostic(Code):
    """Acse-service-user."""

    NULL = 0, "nothing to say"
    NO_REASON_GIVEN = 1, "the meter gives no reason; check client, password and keys"
    APPLICATION_CONTEXT_NAME_NOT_SUPPORTED = (
        2,
        "the meter does not offer this application context; check security",
    )
    CALLING_AP_TITLE_NOT_RECOGNIZED = 3, "the meter does not know the client; check system_title"
    CALLING_AP_INVOCATION_IDENTIFIER_NOT_RECOGNIZED = 4, "please report this"
    CALLING_AE_QUALIFIER_NOT_RECOGNIZED = 5, "the meter does not know the client's certificate"
    CALLING_AE_INVOCATION_IDENTIFIER_NOT_RECOGNIZED = 6, "the meter does not know the user"
    CALLED_AP_TITLE_NOT_RECOGNIZED = 7, "please report this"
    CALLED_AP_INVOCATION_IDENTIFIER_NOT_RECOGNIZED = 8, "please report this"
    CALLED_AE_QUALIFIER_NOT_RECOGNIZED = 9, "please report this"
    CALLED_AE_INVOCATION_IDENTIFIER_NOT_RECOGNIZED = 10, "please report this"
    AUTHENTICATION_MECHANISM_NAME_NOT_RECOGNIZED = (
        11,
        "the meter does not offer this mechanism; check authentication",
    )
    AUTHENTICATION_MECHANISM_NAME_REQUIRED = (
        12,
        "the meter wants a mechanism for this client; check client and authentication",
    )
    AUTHENTICATION_FAILURE = 13, "the password is wrong for this client; check client and password"
    AUTHENTICATION_REQUIRED = 14, "the meter wants authentication; check authentication"
    CALLING_AP_TITLE_TOO_SHORT = 15, "check system_title: it has 8 bytes"
    CALLING_AP_TITLE_TOO_LONG = 16, "check system_title: it has 8 bytes"


class ProviderDiagnostic(Code):
    """Acse-service-provider."""

    NULL = 0, "nothing to say"
    NO_REASON_GIVEN = 1, "the meter gives no reason; check client and authentication"
    NO_COMMON_ACSE_VERSION = 2, "the meter speaks another version of ACSE; please report this"


Diagnostic: TypeAlias = UserDiagnostic | ProviderDiagnostic

DIAGNOSTICS: Final[dict[DiagnosticSource, type[UserDiagnostic] | type[ProviderDiagnostic]]] = {
    DiagnosticSource.ACSE_SERVICE_USER: UserDiagnostic,
    DiagnosticSource.ACSE_SERVICE_PROVIDER: ProviderDiagnostic,
}
