"""The security of one association, at the meter's end (IEC 62056-5-3 clauses 5.2 and 5.7)."""

from __future__ import annotations

from typing import Final

from attrs import evolve, frozen

from dlmsd.dlms.acse.context import Mechanism
from dlmsd.dlms.security.challenge import (
    ECDSA_CHALLENGE,
    USUAL_CHALLENGE,
    Challenges,
    draw_challenge,
)
from dlmsd.dlms.security.context import UNCIPHERED, SecurityContext
from dlmsd.dlms.security.errors import PolicyError
from dlmsd.dlms.security.form import SERVICE, Form
from dlmsd.dlms.security.mechanism import Ecdsa, Gmac, Handshake, md5, sha1, sha256
from dlmsd.dlms.security.one_time import KeyKind
from dlmsd.dlms.security.suite import SecurityPolicy
from dlmsd.dlms.xdlms.ciphered import DEDICATED_TAGS, SERVICE_TAGS, GeneralCiphered
from dlmsd.dlms.xdlms.general_ciphering import AgreedKey, GeneralCiphering, KeyInfo, WrappedKey
from dlmsd.dlms.xdlms.general_signing import GeneralSigning
from dlmsd.dlms.xdlms.initiate import InitiateRequest
from dlmsd.dlms.xdlms.protected import PROTECTED_TAGS, decode_protected
from dlmsd.errors import DecodeError, LocalError
from dlmsd.secret import Secret
from dlmsd.simulator.personality import Client
from dlmsd.simulator.security import MeterSecurity

_DEDICATED: Final = frozenset(DEDICATED_TAGS.values())
_GENERAL: Final = PROTECTED_TAGS - SERVICE_TAGS
# Tag, length, system title with its own, security control, counter and tag.
_CIPHERED: Final = 1 + 3 + 9 + 5 + 12
# A transaction without its id: five lengths and two titles.
_HEAD: Final = 5 + 2 * 8
# The presence of key-info, its choice, its parameters and the length of what is ciphered.
_KEY_INFO: Final = 1 + 1 + 2 + 2
# Tag, and the lengths of content and signature.
_SIGNED: Final = 1 + 3 + 2
_KINDS: Final = {
    AgreedKey.ONE_PASS: KeyKind.EPHEMERAL,
    AgreedKey.STATIC: KeyKind.STATIC,
}


@frozen
class _Found:
    """The form that a request had, and the transaction that it belongs to."""

    form: Form = SERVICE
    dedicated: bool = False
    transaction_id: bytes = b""


def _found(apdu: bytes) -> _Found:
    """Of a protected APDU that was opened, layer by layer."""
    found = _Found()
    while apdu and apdu[0] in PROTECTED_TAGS:
        layer = decode_protected(apdu)
        if isinstance(layer, GeneralSigning):
            form = evolve(found.form, signed=True)
            found = evolve(found, form=form, transaction_id=layer.transaction.transaction_id)
            apdu = layer.content
            continue
        if isinstance(layer, GeneralCiphering):
            form = evolve(found.form, kind=_kind(layer.key))
            return evolve(found, form=form, transaction_id=layer.transaction.transaction_id)
        if isinstance(layer, GeneralCiphered):
            form = evolve(found.form, general=True)
            return evolve(found, form=form, dedicated=layer.dedicated)
        return evolve(found, dedicated=layer.tag in _DEDICATED)
    return found


def _kind(info: KeyInfo | None) -> KeyKind:
    if isinstance(info, WrappedKey):
        return KeyKind.WRAPPED
    if isinstance(info, AgreedKey):
        return _KINDS[info.parameters]
    return KeyKind.IDENTIFIED


def _check(wanted: Form, found: Form) -> None:
    """PolicyError if a request has not the form that the meter wants."""
    if wanted.kind not in (None, found.kind):
        raise PolicyError(f"no general-ciphering under {wanted.kind.value}")
    if wanted.general and not found.general:
        raise PolicyError("no general-glo- or general-ded-ciphering")
    if wanted.signed and not found.signed:
        raise PolicyError("no signature")


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
        self._opener = meter.context(title, None, SERVICE)
        self._dedicated: Secret | None = None
        self.general = True
        """Whether general forms are taken; until that is agreed upon they are."""
        self._protectors: dict[tuple[bool, bool], SecurityContext] = {}
        self._last = _Found()
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
        if not self.general and apdu[:1] and apdu[0] in _GENERAL:
            raise DecodeError("a general form of protection, which was not agreed upon")
        plain = self._opener.open(apdu)
        found = _found(apdu)
        if plain[0] != InitiateRequest.TAG:
            _check(self._meter.security.form, found.form)
        self._last = found
        return plain

    def protect(self, apdu: bytes) -> bytes:
        """By policy, in the form of the last request that was opened."""
        if apdu[0] in UNCIPHERED:
            return apdu
        form = self._last.form
        protector = self._protector(form.general, self._last.dedicated)
        if form.kind is None and not form.signed:
            return protector.protect(apdu)
        transaction = protector.answer_to(self._last.transaction_id)
        if form.kind is None:
            apdu = protector.protect(apdu)
        else:
            apdu = protector.protect_general(apdu, transaction, form.kind)
        return protector.sign(apdu, transaction) if form.signed else apdu

    @property
    def overhead(self) -> int:
        """How many octets :meth:`protect` adds at most."""
        if self._meter.security.policy is SecurityPolicy.NONE:
            return 0
        suite, form = self._meter.security.suite, self._last.form
        field = suite.field_size if suite.curve is not None else 0
        added = _CIPHERED
        if form.kind is not None or form.signed:
            head = _HEAD + len(self._last.transaction_id)
            if form.kind is not None:
                added += head + _KEY_INFO + max(suite.key_size + 8, 4 * field)
            if form.signed:
                added += head + _SIGNED + 2 * field
        return added

    def _protector(self, general: bool, dedicated: bool) -> SecurityContext:
        found = self._protectors.get((general, dedicated))
        if found is None:
            key = self._dedicated if dedicated else None
            found = self._meter.context(self._title, key, Form(general=general))
            self._protectors[general, dedicated] = found
        return found

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
            case Mechanism.HIGH_MANUFACTURER if self._client.manufacturer is not None:
                return self._client.manufacturer.transform(secret)
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
