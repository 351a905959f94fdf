"""The security of one association, at the meter's end (IEC 62056-5-3 clauses 5.2 and 5.7)."""

from __future__ import annotations

from typing import Final

from dlmsd.dlms.acse.context import Mechanism
from dlmsd.dlms.security.challenge import (
    ECDSA_CHALLENGE,
    USUAL_CHALLENGE,
    Challenges,
    draw_challenge,
)
from dlmsd.dlms.security.context import SecurityContext
from dlmsd.dlms.security.mechanism import Ecdsa, Gmac, Handshake, md5, sha1, sha256
from dlmsd.dlms.xdlms.ciphered import DEDICATED_TAGS, GeneralCiphered
from dlmsd.errors import LocalError
from dlmsd.secret import Secret
from dlmsd.simulator.personality import Client
from dlmsd.simulator.security import MeterSecurity

_DEDICATED: Final = frozenset({*DEDICATED_TAGS.values(), GeneralCiphered.DEDICATED})
_GENERAL: Final = frozenset({GeneralCiphered.GLOBAL, GeneralCiphered.DEDICATED})


class Protection:
    """Opens requests, and protects responses in the form in which the request came.

    ``title`` is the client's system title, empty if it told none; ``challenge`` is CtoS.
    SystemTitleError for a title that is none or our own, ChallengeError for a challenge
    that is too short or too long.
    """

    def __init__(self, meter: MeterSecurity, client: Client, title: bytes, challenge: bytes):
        self._meter = meter
        self._client = client
        self._title = title
        self._opener = meter.context(title, None, general=False)
        self._dedicated: Secret | None = None
        self._protectors: dict[tuple[bool, bool], SecurityContext] = {}
        self._form = (False, False)
        ecdsa = client.mechanism is Mechanism.HIGH_ECDSA
        length = ECDSA_CHALLENGE if ecdsa else USUAL_CHALLENGE
        self._challenges = Challenges(
            draw_challenge(meter.random, length), challenge, meter.title, title
        )
        self._handshake: Handshake | None = None

    @property
    def challenge(self) -> bytes:
        """StoC."""
        return self._challenges.own

    def use_dedicated(self, key: Secret) -> None:
        """The key of the initiate-request; KeyLengthError if it is none of the suite."""
        self._opener.use_dedicated(key)
        self._dedicated = key
        self._protectors.clear()

    def open(self, apdu: bytes) -> bytes:
        """The plain APDU; SecurityError or DecodeError if it is not to be believed."""
        plain = self._opener.open(apdu)
        tag = apdu[0]
        self._form = tag in _DEDICATED, tag in _GENERAL
        return plain

    def protect(self, apdu: bytes) -> bytes:
        """By policy, in the form of the last request that was opened."""
        protector = self._protectors.get(self._form)
        if protector is None:
            dedicated, general = self._form
            key = self._dedicated if dedicated else None
            protector = self._meter.context(self._title, key, general=general)
            self._protectors[self._form] = protector
        return protector.protect(apdu)

    def await_proof(self) -> None:
        """From now on the client may prove itself."""
        self._handshake = self._make_handshake()

    def prove(self, answer: bytes) -> bytes:
        """f(CtoS) for a client whose f(StoC) is good; SecurityError otherwise."""
        if self._handshake is None:
            raise LocalError("a proof before it was waited for")
        self._handshake.check(self._challenges, answer)
        return self._handshake.answer(self._challenges)

    def _make_handshake(self) -> Handshake:
        security = self._meter.security
        suite, keys = security.suite, security.meter
        secret = self._client.password or Secret("")
        match self._client.mechanism:
            case Mechanism.HIGH_MD5:
                return md5(secret)
            case Mechanism.HIGH_SHA1:
                return sha1(secret)
            case Mechanism.HIGH_SHA256:
                return sha256(secret)
            case Mechanism.HIGH_GMAC:
                return Gmac(
                    suite,
                    keys.need("encryption"),
                    keys.authentication,
                    self._meter.transmit,
                    self._meter.counters_of_proof(),
                )
            case Mechanism.HIGH_ECDSA:
                return Ecdsa(
                    suite, keys.private(suite, "signing"), keys.public(suite, "peer_signing")
                )
        raise LocalError(f"no virtual meter knows {self._client.mechanism.words}")
