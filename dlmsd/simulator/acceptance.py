"""Whether a meter accepts an AARQ: who asks, how, and for what."""

from __future__ import annotations

from typing import Final

from dlmsd.dlms.acse.aare import Aare
from dlmsd.dlms.acse.aarq import Aarq
from dlmsd.dlms.acse.context import ApplicationContext, Mechanism
from dlmsd.dlms.acse.diagnostic import AssociationResult, DiagnosticSource, UserDiagnostic
from dlmsd.dlms.security.challenge import ECDSA_CHALLENGE, MAX_CHALLENGE, MIN_CHALLENGE
from dlmsd.dlms.security.suite import SYSTEM_TITLE_SIZE, SecurityPolicy
from dlmsd.dlms.xdlms.service_error import ConfirmedService, ConfirmedServiceError, InitiateError
from dlmsd.simulator.personality import Client

_TITLED: Final = frozenset({Mechanism.HIGH_GMAC, Mechanism.HIGH_SHA256, Mechanism.HIGH_ECDSA})


def context_of(policy: SecurityPolicy) -> ApplicationContext:
    """The application context of an association with this policy."""
    if policy is SecurityPolicy.NONE:
        return ApplicationContext.LN
    return ApplicationContext.LN_CIPHERED


def judge(client: Client | None, policy: SecurityPolicy, aarq: Aarq, own: bytes) -> UserDiagnostic:
    """What is wrong with who asks and how; NULL for nothing. ``own`` is the meter's title."""
    if client is None:
        return UserDiagnostic.NO_REASON_GIVEN
    if aarq.context is not context_of(policy):
        return UserDiagnostic.APPLICATION_CONTEXT_NAME_NOT_SUPPORTED
    if aarq.mechanism is not client.mechanism:
        if aarq.mechanism is Mechanism.NONE:
            return UserDiagnostic.AUTHENTICATION_REQUIRED
        return UserDiagnostic.AUTHENTICATION_MECHANISM_NAME_NOT_RECOGNIZED
    if client.high:
        return _judge_high(client, policy, aarq, own)
    if client.password is None:
        return UserDiagnostic.NULL
    if aarq.calling_authentication_value != client.password.reveal():
        return UserDiagnostic.AUTHENTICATION_FAILURE
    return UserDiagnostic.NULL


def _judge_high(client: Client, policy: SecurityPolicy, aarq: Aarq, own: bytes) -> UserDiagnostic:
    title = aarq.calling_ap_title or b""
    if title or policy is not SecurityPolicy.NONE or client.mechanism in _TITLED:
        if len(title) < SYSTEM_TITLE_SIZE:
            return UserDiagnostic.CALLING_AP_TITLE_TOO_SHORT
        if len(title) > SYSTEM_TITLE_SIZE:
            return UserDiagnostic.CALLING_AP_TITLE_TOO_LONG
        if title == own:
            return UserDiagnostic.CALLING_AP_TITLE_NOT_RECOGNIZED
    ecdsa = client.mechanism is Mechanism.HIGH_ECDSA
    least = ECDSA_CHALLENGE if ecdsa else MIN_CHALLENGE
    if not least <= len(aarq.calling_authentication_value) <= MAX_CHALLENGE:
        return UserDiagnostic.AUTHENTICATION_FAILURE
    return UserDiagnostic.NULL


def refused(diagnostic: UserDiagnostic, error: InitiateError | None = None) -> Aare:
    """The AARE, with the reason if the initiate-request is it."""
    information = b""
    if error is not None:
        information = ConfirmedServiceError(ConfirmedService.INITIATE_ERROR, error).encode()
    return Aare(
        context=ApplicationContext.LN,
        result=AssociationResult.REJECTED_PERMANENT,
        diagnostic_source=DiagnosticSource.ACSE_SERVICE_USER,
        diagnostic=diagnostic,
        user_information=information,
    )
