"""What a message can fail in, before a byte of it is believed.

Whoever sits on the line can provoke each of the meter's errors here at will. They change
nothing: no counter moves, and the next genuine message is accepted.
"""

from __future__ import annotations

from dlmsd.errors import Cause, DlmsdError, MeterError


class SecurityError(MeterError):
    """A message is not what the meter's security promises; compare keys with the meter's."""

    cause: Cause = "security"


class PlainTextError(SecurityError):
    """The meter answered in plain text where `security` asks for more; check the client's \
rights in the meter, and lower `security` only if the line is safe."""


class PolicyError(SecurityError):
    """The meter protects less than `security` asks for; raise the meter's security policy, \
or lower `security` if you accept that."""


class SuiteError(SecurityError):
    """The meter uses another security suite; set `security_suite` to that of the meter."""


class CompressionError(SecurityError):
    """The meter compresses its answers, which dlmsd cannot undo; switch compression off \
in the meter's security setup."""


class SystemTitleError(SecurityError):
    """The system title is not that of this meter; if the meter was exchanged, change
    meter_system_title, otherwise somebody else answers."""


class CounterError(SecurityError):
    """The invocation counter is not above the last one: a repeated or recorded message; if \
the meter was reset, give it new keys."""


class TagError(SecurityError):
    """The authentication tag is wrong; check encryption_key and authentication_key, or \
somebody tampers with the line."""


class MissingKeyError(SecurityError):
    """A key is needed that is not configured; the meter's manufacturer or owner has it."""


class SignatureError(SecurityError):
    """The digital signature is wrong; check that the certificate is this meter's."""


class KeyAgreementError(SecurityError):
    """The meter offered a public key that is no point of the curve; compare its \
security suite."""


class TransactionError(SecurityError):
    """A message under a key of one use answers no question of ours; it is an old one, or \
somebody sends it."""


class ChallengeError(SecurityError):
    """The meter's challenge is too short, too long or our own; it is not safe to answer."""


class AuthenticationError(SecurityError):
    """The meter did not prove that it knows the secret; check the password or keys, and \
that this is your meter."""


class CounterJumpError(SecurityError):
    """The meter tells an invocation counter so high that half of all are used up; give it \
a new encryption_key."""


class CounterExhaustedError(DlmsdError):
    """The invocation counter has come to its end; give the meter a new encryption_key."""

    culprit = "operator"


class KeyLengthError(DlmsdError):
    """A key has the wrong length; suites 0 and 1 take keys of 16 bytes, suite 2 of 32."""

    culprit = "operator"
