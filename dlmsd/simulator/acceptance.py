"""Whether a meter accepts an AARQ: who asks, how, and for what."""

from __future__ import annotations

from typing import Final

from dlmsd.config.values import Referencing
from dlmsd.dlms.acse.aare import Aare
from dlmsd.dlms.acse.aarq import Aarq
from dlmsd.dlms.acse.context import ApplicationContext, Mechanism
from dlmsd.dlms.acse.diagnostic import AssociationResult, DiagnosticSource, UserDiagnostic
from dlmsd.dlms.security.challenge import ECDSA_CHALLENGE, MAX_CHALLENGE, MIN_CHALLENGE
from dlmsd.dlms.security.errors import KeyLengthError
from dlmsd.dlms.security.suite import SYSTEM_TITLE_SIZE, SecurityPolicy
from dlmsd.dlms.xdlms.conformance import Conformance
from dlmsd.dlms.xdlms.initiate import DLMS_VERSION, InitiateRequest
from dlmsd.dlms.xdlms.service_error import ConfirmedService, ConfirmedServiceError, InitiateError
from dlmsd.errors import DecodeError
from dlmsd.secret import Secret
from dlmsd.simulator.personality import Client, Personality
from dlmsd.simulator.protection import Protection
from dlmsd.simulator.quirks import EXCESS, Quirk
from dlmsd.simulator.terms import CosemObjects, Terms

# With less than this a client could not take a block of one octet (IEC 62056-53 clause 7).
_MIN_PDU: Final = 12
# One of these at least: without them there is nothing to ask for.
_BASIC: Final = {
    "ln": Conformance.GET | Conformance.SET | Conformance.ACTION | Conformance.ACCESS,
    "sn": Conformance.READ | Conformance.WRITE | Conformance.UNCONFIRMED_WRITE,
}

_TITLED: Final = frozenset({Mechanism.HIGH_GMAC, Mechanism.HIGH_SHA256, Mechanism.HIGH_ECDSA})


def context_of(policy: SecurityPolicy, referencing: Referencing = "ln") -> ApplicationContext:
    """The application context of an association with this policy."""
    if policy is SecurityPolicy.NONE:
        return ApplicationContext.LN if referencing == "ln" else ApplicationContext.SN
    if referencing == "ln":
        return ApplicationContext.LN_CIPHERED
    return ApplicationContext.SN_CIPHERED


def judge(
    client: Client | None, personality: Personality, aarq: Aarq, own: bytes
) -> UserDiagnostic:
    """What is wrong with who asks and how; NULL for nothing. ``own`` is the meter's title."""
    if client is None:
        return UserDiagnostic.NO_REASON_GIVEN
    policy = personality.policy(client)
    if aarq.context is not context_of(policy, personality.referencing):
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


def agree(
    objects: CosemObjects,
    client: Client,
    personality: Personality,
    information: bytes,
    protection: Protection | None,
) -> Terms | InitiateError:
    """What is agreed upon with the plain initiate-request; else what is wrong with it.

    Its dedicated key goes to ``protection``, and whether general forms are taken.
    """
    try:
        proposed = InitiateRequest.decode(information)
    except DecodeError:
        return InitiateError.OTHER
    if proposed.dlms_version < DLMS_VERSION:
        return InitiateError.DLMS_VERSION_TOO_LOW
    conformance = proposed.conformance & personality.conformance
    if not conformance & _BASIC[personality.referencing]:
        return InitiateError.INCOMPATIBLE_CONFORMANCE
    if 0 < proposed.max_pdu_size < _MIN_PDU:
        return InitiateError.PDU_SIZE_TOO_SHORT
    ciphered = personality.policy(client) is not SecurityPolicy.NONE
    if protection is not None and ciphered and proposed.dedicated_key is not None:
        try:
            protection.use_dedicated(Secret(proposed.dedicated_key))
        except KeyLengthError:
            return InitiateError.OTHER
    if protection is not None:
        protection.general = Conformance.GENERAL_PROTECTION in conformance
    limits = (proposed.max_pdu_size, personality.max_response)
    sent = min((limit for limit in limits if limit), default=0)
    if sent and Quirk.LONG_ANSWERS in personality.quirks:
        sent += EXCESS
    return Terms(objects, client, personality, conformance, sent, protection)


def standing(objects: CosemObjects, client: Client, personality: Personality) -> Terms:
    """What a pre-established association agrees upon: all that the meter has."""
    return Terms(objects, client, personality, personality.conformance, personality.max_response)


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
