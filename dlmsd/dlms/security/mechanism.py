"""High level security: each end proves that it knows the secret (IEC 62056-5-3 5.7.4).

====  ========  =================================================================
id    name      what answers the peer's challenge
====  ========  =================================================================
2     own       the manufacturer's function of the challenge
3     MD5       MD5(peer's challenge, secret)
4     SHA-1     SHA-1(peer's challenge, secret)
5     GMAC      SC, IC, GMAC over SC, AK, peer's challenge
6     SHA-256   SHA-256(secret, own title, peer's title, peer's and own challenge)
7     ECDSA     signature of own title, peer's title, peer's and own challenge
====  ========  =================================================================

The answer travels in method reply_to_HLS_authentication of the association object, and the
peer's own answer comes back in its result. Both ends use the same classes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from attrs import field, frozen
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.constant_time import bytes_eq

from dlmsd.dlms.security.challenge import Challenges
from dlmsd.dlms.security.counter import CounterName, ReceivedCounters, TransmitCounter, key_id
from dlmsd.dlms.security.errors import (
    AuthenticationError,
    PolicyError,
    SignatureError,
    SuiteError,
    TagError,
)
from dlmsd.dlms.security.gcm import TAG_SIZE, Gcm
from dlmsd.dlms.security.signature import sign, verify
from dlmsd.dlms.security.suite import SecurityControl, SecuritySuite, check_title
from dlmsd.secret import Secret

# Security control and invocation counter stand before the tag.
_GMAC_SIZE: Final = 1 + 4 + TAG_SIZE


class Handshake(Protocol):
    """A mechanism with its secret. A manufacturer's own is any object with these methods."""

    def answer(self, challenges: Challenges) -> bytes:
        """What proves us to the peer: f(StoC) at the client, f(CtoS) at the meter."""

    def check(self, challenges: Challenges, answer: bytes) -> None:
        """AuthenticationError, or another SecurityError, unless ``answer`` proves the peer."""


def _turned(challenges: Challenges) -> Challenges:
    """As the peer sees them."""
    return Challenges(challenges.peer, challenges.own, challenges.peer_title, challenges.own_title)


def _compare(answer: bytes, good: bytes, name: str) -> None:
    if not bytes_eq(answer, good):
        raise AuthenticationError(f"its answer of {len(answer)} bytes to our {name} challenge")


@frozen
class Transform:
    """Mechanism 2 where it is a secret function of the challenge alone."""

    function: Callable[[bytes], bytes] = field(repr=False)

    def answer(self, challenges: Challenges) -> bytes:
        """The function of the peer's challenge."""
        return self.function(challenges.peer)

    def check(self, challenges: Challenges, answer: bytes) -> None:
        """AuthenticationError unless it is the function of ours."""
        _compare(answer, self.function(challenges.own), "manufacturer's")


@frozen
class Digest:
    """Mechanisms 3 and 4, and 6, whose digest covers the titles and both challenges too."""

    algorithm: hashes.HashAlgorithm
    secret: Secret
    titled: bool

    def answer(self, challenges: Challenges) -> bytes:
        """The digest."""
        digest = hashes.Hash(self.algorithm)
        if self.titled:
            digest.update(self.secret.reveal() + _titled(challenges))
        else:
            digest.update(challenges.peer + self.secret.reveal())
        return digest.finalize()

    def check(self, challenges: Challenges, answer: bytes) -> None:
        """AuthenticationError unless it is the digest that the peer should have made."""
        _compare(answer, self.answer(_turned(challenges)), self.algorithm.name.upper())


def _titled(challenges: Challenges) -> bytes:
    return b"".join(
        (
            check_title(challenges.own_title, "our system title"),
            check_title(challenges.peer_title, "the meter's system title"),
            challenges.peer,
            challenges.own,
        )
    )


def md5(secret: Secret) -> Digest:
    """Mechanism 3: as weak as MD5, and all that some meters have."""
    return Digest(hashes.MD5(), secret, titled=False)  # noqa: S303


def sha1(secret: Secret) -> Digest:
    """Mechanism 4: as weak as SHA-1, and all that some meters have."""
    return Digest(hashes.SHA1(), secret, titled=False)  # noqa: S303


def sha256(secret: Secret) -> Digest:
    """Mechanism 6."""
    return Digest(hashes.SHA256(), secret, titled=True)


@frozen
class Gmac:
    """Mechanism 5, under the global encryption key and its counters."""

    suite: SecuritySuite
    encryption: Secret
    authentication: Secret | None
    transmit: TransmitCounter = field(repr=False)
    received: ReceivedCounters = field(repr=False)
    _gcm: Gcm = field(init=False, repr=False)

    @_gcm.default
    def _make_gcm(self) -> Gcm:
        return Gcm(self.suite, self.encryption, self.authentication)

    def answer(self, challenges: Challenges) -> bytes:
        """Security control, a fresh invocation counter, and the tag."""
        control = SecurityControl(self.suite.number, authenticated=True)
        title = check_title(challenges.own_title, "our system title")
        counter = self.transmit.draw()
        tag = self._gcm.protect(control, title, counter, challenges.peer)[-TAG_SIZE:]
        return bytes((int(control),)) + counter.to_bytes(4, "big") + tag

    def check(self, challenges: Challenges, answer: bytes) -> None:
        """PolicyError, SuiteError, CounterError or AuthenticationError unless it is good.

        A good one's counter is remembered.
        """
        if len(answer) != _GMAC_SIZE:
            raise AuthenticationError(f"its answer to our GMAC challenge has {len(answer)} bytes")
        control = SecurityControl.of(answer[0])
        if control.suite != self.suite.number:
            raise SuiteError(f"it answers our challenge under suite {control.suite}")
        if control != SecurityControl(self.suite.number, authenticated=True):
            raise PolicyError(f"its answer to our challenge has security control {answer[0]:02X}")
        title = check_title(challenges.peer_title, "the meter's system title")
        counter = int.from_bytes(answer[1:5], "big")
        name = CounterName(title, key_id(self.encryption))
        self.received.check(name, counter)
        try:
            self._gcm.open(control, title, counter, challenges.own + answer[5:])
        except TagError:
            raise AuthenticationError("its answer to our GMAC challenge has a wrong tag") from None
        self.received.accept(name, counter)


@frozen
class Ecdsa:
    """Mechanism 7, on the curve of the suite. ``private`` is ours, ``public`` the peer's."""

    suite: SecuritySuite
    private: ec.EllipticCurvePrivateKey = field(repr=False)
    public: ec.EllipticCurvePublicKey = field(repr=False)

    def answer(self, challenges: Challenges) -> bytes:
        """The signature, r and s."""
        return sign(self.suite, self.private, _titled(challenges))

    def check(self, challenges: Challenges, answer: bytes) -> None:
        """AuthenticationError unless the peer signed it."""
        try:
            verify(self.suite, self.public, _titled(_turned(challenges)), answer)
        except SignatureError as error:
            raise AuthenticationError(f"its answer to our ECDSA challenge: {error}") from None
