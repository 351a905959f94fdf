"""Why a broker cannot be used, each cause a class whose docstring advises the operator.

Codes are those of MQTT 5 (2.4 Reason Code) and MQTT 3.1.1 (3.2.2.3 Connect Return code).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final, Self, TypeVar

from twisted.internet import error
from twisted.python.failure import Failure

from dlmsd import tls
from dlmsd.errors import BrokerError
from dlmsd.network import crowded

_T = TypeVar("_T", bound="Trouble")


class Trouble(BrokerError):
    """The broker ended the conversation; its log says more."""

    patient: ClassVar[bool] = False
    """Whether trying again soon can only do harm, such as a lock-out."""
    suspicious: ClassVar[bool] = False
    """Whether one of the messages in flight may be the cause."""
    reason: int | None = None
    """The reason code of MQTT 5, where the broker gave one."""

    @classmethod
    def of(cls, error: Trouble) -> Self:
        """The same trouble, better advised."""
        return _coded(cls(str(error)), error.reason)


class UnresolvedTrouble(Trouble):
    """The broker's name cannot be resolved; check the sink's url and the name server."""


class UnreachableTrouble(Trouble):
    """The broker cannot be reached; check the sink's url, the network, and that it runs."""


class CrowdedTrouble(Trouble):
    """This process may open no more files and connections; raise its limit, LimitNOFILE= in
    dlmsd.service, or ulimit -n."""

    culprit = "operator"


class TLSTrouble(Trouble):
    """TLS failed; check ca_file, the certificate's dates and names, cert_file and key_file."""


class SilentTrouble(Trouble):
    """The broker does not answer; check that an MQTT broker listens at url and is not stuck."""


class ClosedTrouble(Trouble):
    """The broker closed without a reason; its log tells, and another client with the same
    client id or token has this effect."""

    suspicious = True


class VersionTrouble(Trouble):
    """The broker refuses this MQTT version; set protocol = "auto" or the one it speaks."""


class CredentialsTrouble(Trouble):
    """The broker refused the credentials; correct username, password or token, or allow them
    at the broker."""

    patient = True


class ClientIdTrouble(Trouble):
    """The broker refused the client id; set client_id, or a username or token."""

    patient = True


class BannedTrouble(Trouble):
    """The broker has banned this client; lift the ban at the broker."""

    patient = True


class UnavailableTrouble(Trouble):
    """The broker cannot take connections now; it is tried again by itself."""


class TakenOverTrouble(Trouble):
    """Another client connected with the same client id or token; stop it, or give it its own."""

    patient = True


class UnacknowledgedTrouble(Trouble):
    """The broker takes messages without acknowledging them; check its load and its log."""


class PublishTrouble(Trouble):
    """The broker refused a message, which is kept; check this client's rights to the topic,
    and rate limits."""


class RateTrouble(Trouble):
    """The broker closes when messages come too fast; raise its rate limit, or read the meters
    less often."""


class PoisonTrouble(Trouble):
    """The broker refuses this message for good; it is put aside (see `dlmsd outbox status`), and
    the rest goes on."""

    suspicious = True


class RetainTrouble(Trouble):
    """The broker keeps no retained messages, by which others see that dlmsd is there; it is tried
    without them, and mosquitto keeps them with retain_available true."""


class QualityTrouble(Trouble):
    """The broker takes no messages of QoS 1, without which nothing tells that a reading arrived;
    allow them at the broker."""


class MovedTrouble(Trouble):
    """The broker names another server, which is not followed by itself; put it into url if it is
    the right one."""


class ProtocolTrouble(Trouble):
    """What answered is no correct MQTT; check that url names an MQTT broker's port."""

    suspicious = True


REASONS: Final[Mapping[int, str]] = {
    0x00: "normal disconnection",
    0x80: "unspecified error",
    0x81: "malformed packet",
    0x82: "protocol error",
    0x83: "implementation specific error",
    0x84: "unsupported protocol version",
    0x85: "client identifier not valid",
    0x86: "bad user name or password",
    0x87: "not authorised",
    0x88: "server unavailable",
    0x89: "server busy",
    0x8A: "banned",
    0x8B: "server shutting down",
    0x8C: "bad authentication method",
    0x8D: "keep alive timeout",
    0x8E: "session taken over",
    0x90: "topic name invalid",
    0x91: "packet identifier in use",
    0x93: "receive maximum exceeded",
    0x94: "topic alias invalid",
    0x95: "packet too large",
    0x96: "message rate too high",
    0x97: "quota exceeded",
    0x98: "administrative action",
    0x99: "payload format invalid",
    0x9A: "retain not supported",
    0x9B: "QoS not supported",
    0x9C: "use another server",
    0x9D: "server moved",
    0x9F: "connection rate exceeded",
    0xA0: "maximum connect time",
}

# The return codes of 3.1.1 as the reason codes that MQTT 5 has for them.
_RETURN_CODES: Final = {1: 0x84, 2: 0x85, 3: 0x88, 4: 0x86, 5: 0x87}

_CLASSES: Final[Mapping[int, type[Trouble]]] = {
    0x81: ProtocolTrouble,
    0x82: ProtocolTrouble,
    0x84: VersionTrouble,
    0x85: ClientIdTrouble,
    0x86: CredentialsTrouble,
    0x87: CredentialsTrouble,
    0x88: UnavailableTrouble,
    0x89: UnavailableTrouble,
    0x8A: BannedTrouble,
    0x8B: UnavailableTrouble,
    0x8C: CredentialsTrouble,
    0x8E: TakenOverTrouble,
    0x95: PoisonTrouble,
    0x96: PublishTrouble,
    0x97: PublishTrouble,
    0x99: PoisonTrouble,
    0x9A: RetainTrouble,
    0x9B: QualityTrouble,
    0x9C: MovedTrouble,
    0x9D: MovedTrouble,
    0x9F: UnavailableTrouble,
}


# A PUBACK with one of these depends on nothing but the message.
_FOR_GOOD: Final = (0x95, 0x99)

TOPIC_NAME_INVALID: Final = 0x90


def refused(code: int, who: str) -> Trouble:
    """A CONNACK with ``code``; ``who`` tells whose credentials, without a secret."""
    reason = _RETURN_CODES.get(code, code)
    trouble = _CLASSES.get(reason, Trouble)
    whose = f" from {who}" if trouble is CredentialsTrouble else ""
    return _coded(
        trouble(f"connection{whose} refused: {_named(reason)} (CONNACK 0x{code:02X})"), reason
    )


def disconnected(code: int) -> Trouble:
    """A DISCONNECT of MQTT 5 from the broker with ``code``."""
    words = f"the broker disconnected: {_named(code)} (DISCONNECT 0x{code:02X})"
    return _coded(_CLASSES.get(code, Trouble)(words), code)


def unpublished(code: int, topic: str) -> Trouble:
    """A PUBACK with ``code`` of 0x80 or above for a message to ``topic``."""
    trouble = PoisonTrouble if code in _FOR_GOOD else PublishTrouble
    words = f"the broker refused a message to {topic}: {_named(code)} (PUBACK 0x{code:02X})"
    return _coded(trouble(words), code)


def oversized(size: int, largest: int, topic: str) -> Trouble:
    """A message of ``size`` bytes that a broker which takes ``largest`` must not be sent."""
    return PoisonTrouble(
        f"a message to {topic} has {size} bytes, and the broker takes at most {largest}"
    )


def closing(ids: int) -> Trouble:
    """What closed the connection is found: so many messages."""
    what = "a message" if ids == 1 else f"each of {ids} messages"
    return PoisonTrouble(f"the broker closes the connection on {what}, and on no other")


def broken(failure: Failure) -> Trouble:
    """Why a connection could not be made, or why it ended without a word of MQTT."""
    value = failure.value
    if isinstance(value, Trouble):
        return value
    if crowded(value):
        return CrowdedTrouble("too many open files")
    if isinstance(value, error.DNSLookupError):
        return UnresolvedTrouble(f"no address for the broker's name: {_detail(value)}")
    if isinstance(value, error.ConnectionRefusedError):
        return UnreachableTrouble("connection refused: nothing listens at this address and port")
    if isinstance(value, error.TimeoutError):
        return UnreachableTrouble("no answer to the connection attempt")
    if isinstance(value, error.ConnectError):
        return UnreachableTrouble(_detail(value))
    if (words := tls.explain(value, "broker")) is not None:
        return TLSTrouble(words)
    if isinstance(value, error.ConnectionDone):
        return ClosedTrouble("the broker closed the connection without a reason")
    if isinstance(value, error.ConnectionLost):
        return ClosedTrouble("the connection broke off")
    return UnreachableTrouble(f"{type(value).__name__}: {_detail(value)}")


def _coded(trouble: _T, reason: int | None) -> _T:
    trouble.reason = reason
    return trouble


def _named(code: int) -> str:
    return REASONS.get(code, "unknown reason")


def _detail(value: BaseException | None) -> str:
    return " ".join(str(value).split()) or type(value).__name__
