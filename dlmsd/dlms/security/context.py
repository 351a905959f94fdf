"""The security of one association: what goes out protected, what comes in opened.

An incoming APDU is believed in this order, and nothing of it is used before the end:

1. policy: the security control is at least the floor, the suite is ours, not compressed
2. system title: that of the pinned peer
3. invocation counter: above the last under this key; for a key of one use, the
   transaction is one that may still be answered, or, of what comes unasked, the counter is
   above the last under the lasting key that brings the others
4. tag, and signature
5. the counter is remembered
6. the plain APDU goes to its decoder

Every failure is a :class:`~dlmsd.dlms.security.errors.SecurityError` or DecodeError and
changes nothing. Whoever waits for an answer goes on waiting: the line may carry forgeries
before the genuine one.

A message that is only encrypted has no tag, and proves nothing. Where the floor allows
it, it must at least decode, and its counter counts among its like only, so that no
forgery blocks what has a tag.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from attrs import frozen

from dlmsd.dlms.security.agreement import ALGORITHMS
from dlmsd.dlms.security.channel import Channel, Proof
from dlmsd.dlms.security.counter import (
    CounterName,
    ReceivedCounters,
    TransmitCounter,
    key_id,
)
from dlmsd.dlms.security.errors import (
    CompressionError,
    MissingKeyError,
    PlainTextError,
    PolicyError,
    SuiteError,
    SystemTitleError,
)
from dlmsd.dlms.security.form import SERVICE, Form
from dlmsd.dlms.security.keys import Keys
from dlmsd.dlms.security.one_time import KeyKind, OneTimeKeys
from dlmsd.dlms.security.signature import sign, verify
from dlmsd.dlms.security.suite import (
    SecurityControl,
    SecurityPolicy,
    SecuritySuite,
    check_peer,
    check_title,
)
from dlmsd.dlms.security.transactions import OwnTransactions, TakenTransactions
from dlmsd.dlms.xdlms.apdu import decode_apdu
from dlmsd.dlms.xdlms.ciphered import DEDICATED_TAGS, GLOBAL_TAGS, Ciphered, GeneralCiphered
from dlmsd.dlms.xdlms.general_ciphering import GeneralCiphering, IdentifiedKey, KeyId, KeyInfo
from dlmsd.dlms.xdlms.general_signing import GeneralSigning
from dlmsd.dlms.xdlms.protected import PROTECTED_TAGS, decode_protected
from dlmsd.dlms.xdlms.transaction import Transaction
from dlmsd.errors import DecodeError
from dlmsd.secret import Secret

# AARQ, AARE, RLRQ, RLRE and exception-response have no ciphered form. What the first four
# carry in user-information has one.
UNCIPHERED: Final = frozenset((0x60, 0x61, 0x62, 0x63, 0xD8))
# What an association may look at without :meth:`SecurityContext.open`: those, and the
# confirmed-service-error of a meter that cannot decipher us, and so cannot cipher it.
# Nothing proves them: they may end a request or an association, and grant nothing.
UNPROVED: Final = UNCIPHERED | {0x0E}
# Initiate-request and -response: the dedicated key travels in the former.
_INITIATES: Final = frozenset((0x01, 0x08))


@frozen
class _Opened:
    """What one layer held; ``once`` is its transaction if the key was of one use."""

    plain: bytes
    tagged: bool
    proof: Proof | None = None
    once: bytes | None = None


class SecurityContext:
    """Protects by policy, opens by policy; one for each association.

    ``title`` is our system title, ``peer_title`` that of the other end if it is known
    before it tells; ``transmit`` counts for all keys alike. ``form`` is what
    :meth:`protect` makes. ``server`` is the meter's end. ``random`` gives so many
    unpredictable bytes; ``decode`` tells with DecodeError what is no APDU. ``unasked``: it
    opens what answers nothing, so that no transaction of ours tells a recording from news.
    """

    def __init__(
        self,
        *,
        suite: SecuritySuite,
        policy: SecurityPolicy,
        keys: Keys,
        title: bytes,
        transmit: TransmitCounter,
        received: ReceivedCounters,
        random: Callable[[int], bytes],
        peer_title: bytes | None = None,
        form: Form = SERVICE,
        server: bool = False,
        unasked: bool = False,
        algorithms: bytes = ALGORITHMS,
        decode: Callable[[bytes], object] = decode_apdu,
    ) -> None:
        self.suite = suite
        self.policy = policy
        self.title = check_title(title, "our system title")
        self._transmit = transmit
        self._keys = keys
        self._form = form
        self.general = form != SERVICE
        """Whether requests go out in another form than that of their service."""
        self._decode = decode
        self._peer: bytes | None = None
        self._proved = False
        keys.check(suite)
        self._one_time = OneTimeKeys(suite, keys, random, algorithms)
        self._received = received
        self._unasked = unasked
        self._own = OwnTransactions(random)
        self._transactions = TakenTransactions() if server else self._own
        self._control = policy.control(suite)
        self._global = self._channel(keys.encryption, received)
        self._broadcast = self._channel(keys.broadcast, received)
        self._dedicated = self._channel(keys.dedicated, received)
        if peer_title is not None:
            self.pin(peer_title)

    def _channel(self, key: Secret | None, received: ReceivedCounters) -> Channel | None:
        if key is None:
            return None
        return Channel.of(self.suite, key, self._keys.authentication, received)

    @property
    def peer_title(self) -> bytes | None:
        """The other end's system title, None until known."""
        return self._peer

    @property
    def peer_proved(self) -> bool:
        """Whether a tag has proved that title: only then is it worth storing."""
        return self._proved

    def pin(self, title: bytes) -> None:
        """The other end tells its title (AARE, AARQ); SystemTitleError if not the pinned one.

        The first one told is taken: under a false one no tag is right.
        """
        self._peer = check_peer(title, self.title, self._peer)

    def use_dedicated(self, key: Secret) -> None:
        """From now on this dedicated key, drawn for this association alone."""
        self._dedicated = self._channel(key, ReceivedCounters())

    # Out.

    def protect(self, plain: bytes) -> bytes:
        """``plain`` as the policy wants it sent, in our form.

        The initiate services go under the global key and unsigned, whatever the form.
        MissingKeyError, CounterExhaustedError or LocalError if it cannot be protected.
        """
        tag = plain[0]
        if tag in UNCIPHERED:
            return plain
        kind, signed = self._form.kind, self._form.signed
        if tag in _INITIATES or (kind is None and not signed):
            return self._protect(plain)
        transaction = self.begin()
        if kind is None:
            apdu = self._protect(plain)
        else:
            apdu = self.protect_general(plain, transaction, kind)
        return self.sign(apdu, transaction) if signed else apdu

    @property
    def counted(self) -> bool:
        """Whether the other end knows a copy of what is protected by its counter: it keeps none
        of a key of one use.
        """
        lasting = self._form.kind in (None, KeyKind.IDENTIFIED)
        return lasting and self.policy is not SecurityPolicy.NONE

    def room(self, tag: int, limit: int) -> int:
        """How many octets an APDU with this tag may have, to have ``limit`` when protected."""
        # What is shorter may have shorter lengths before it, but never more around it.
        around = self._form.size(self.suite, self.policy, tag, limit) - limit
        return max(1, limit - around)

    def _protect(self, plain: bytes) -> bytes:
        """In glo- or ded-ciphering; with the dedicated key where there is one."""
        tag = plain[0]
        if self.policy is SecurityPolicy.NONE:
            return plain
        dedicated = self._dedicated is not None and tag not in _INITIATES
        channel = _need(self._dedicated if dedicated else self._global, "encryption")
        counter = self._transmit.draw()
        content = channel.gcm.protect(self._control, self.title, counter, plain)
        ciphered = (DEDICATED_TAGS if dedicated else GLOBAL_TAGS).get(tag)
        if ciphered is None or self._form.general:
            general = GeneralCiphered(dedicated, self.title, self._control, counter, content)
            return general.encode()
        return Ciphered(ciphered, self._control, counter, content).encode()

    def begin(self) -> Transaction:
        """A transaction of our own; one answer in it may come under a key of one use."""
        return Transaction(self._own.begin(), self.title, self._need_peer())

    def answer_to(self, transaction_id: bytes) -> Transaction:
        """The head of our answer in the peer's transaction."""
        return Transaction(transaction_id, self.title, self._need_peer())

    def protect_general(self, plain: bytes, transaction: Transaction, kind: KeyKind) -> bytes:
        """``plain`` in general-ciphering, under a key of this kind.

        Without a policy it is authenticated and encrypted.
        """
        control = self._control
        if self.policy is SecurityPolicy.NONE:
            control = SecurityPolicy.AUTHENTICATED_ENCRYPTED.control(self.suite)
        if kind is KeyKind.IDENTIFIED:
            info: KeyInfo = IdentifiedKey(KeyId.GLOBAL_UNICAST)
            gcm = _need(self._global, "encryption").gcm
        else:
            info, gcm = self._one_time.make(kind, transaction)
        counter = self._transmit.draw()
        content = gcm.protect(control, self.title, counter, plain, transaction.encode())
        return GeneralCiphering(transaction, info, control, counter, content).encode()

    def sign(self, apdu: bytes, transaction: Transaction) -> bytes:
        """``apdu``, plain or protected, in general-signing."""
        bare = GeneralSigning(transaction, apdu)
        key = self._keys.private(self.suite, "signing")
        return GeneralSigning(transaction, apdu, sign(self.suite, key, bare.signed)).encode()

    # In.

    def open(self, apdu: bytes) -> bytes:
        """The plain APDU inside; SecurityError or DecodeError if it is not to be believed.

        There may be one layer of ciphering and one of signing. Under a policy no plain text
        passes; :data:`UNPROVED` APDUs go to their decoder without coming here.
        """
        opened: _Opened | None = None
        signed = False
        while apdu and apdu[0] in PROTECTED_TAGS:
            layer = decode_protected(apdu)
            if signed if isinstance(layer, GeneralSigning) else opened is not None:
                raise DecodeError(f"{layer.name} a second time in one APDU")
            if isinstance(layer, GeneralSigning):
                apdu, signed = self._verified(layer), True
            else:
                opened = self._opened(layer)
                apdu = opened.plain
        if not apdu:
            raise DecodeError("an APDU without a byte")
        if self._form.signed and not signed and apdu[0] not in _INITIATES:
            raise PolicyError("an APDU without a signature")
        if opened is not None:
            self._believe(opened, apdu)
        elif self.policy is not SecurityPolicy.NONE:
            raise PlainTextError(f"an APDU with tag {apdu[0]:02X}")
        return apdu

    def _believe(self, opened: _Opened, apdu: bytes) -> None:
        """All is good but for what has no tag: that must decode. Remember it."""
        if not opened.tagged:
            self._decode(apdu)
        self._proved = self._proved or opened.tagged
        if opened.proof is not None:
            opened.proof.accept()
        if opened.once is not None:
            self._transactions.end(opened.once)

    def _verified(self, layer: GeneralSigning) -> bytes:
        self._check_parties(layer.transaction)
        key = self._keys.public(self.suite, "peer_signing")
        verify(self.suite, key, layer.signed, layer.signature)
        return layer.content

    def _opened(self, layer: Ciphered | GeneralCiphered | GeneralCiphering) -> _Opened:
        control = layer.control
        self._check_policy(control)
        if isinstance(layer, GeneralCiphering):
            return self._opened_general(layer)
        told = b"" if isinstance(layer, Ciphered) else layer.title
        title = self._check_peer(told)
        channel = self._unicast_or_broadcast(control.broadcast, layer.dedicated)
        plain, proof = channel.open(control, title, layer.counter, layer.content)
        if isinstance(layer, Ciphered) and plain[:1] != bytes((layer.plain_tag,)):
            raise DecodeError(f"{layer.name} with another APDU inside")
        return _Opened(plain, control.authenticated, proof)

    def _opened_general(self, layer: GeneralCiphering) -> _Opened:
        control, transaction, info = layer.control, layer.transaction, layer.key
        title = self._check_parties(transaction)
        header = transaction.encode()
        if info is None or isinstance(info, IdentifiedKey):
            channel = self._identified(info, control.broadcast)
            plain, proof = channel.open(control, title, layer.counter, layer.content, header)
            return _Opened(plain, control.authenticated, proof)
        if not (transaction.originator and transaction.recipient):
            raise SystemTitleError("a key of one use belongs to two titles, and one is missing")
        if self._unasked:
            lasting = key_id(self._one_time.lasting(info))
            self._received.check(CounterName(title, lasting), layer.counter)
            once = Channel(self._one_time.resolve(info, transaction), lasting, self._received)
            plain, proof = once.open(control, title, layer.counter, layer.content, header)
            return _Opened(plain, control.authenticated, proof)
        self._transactions.check(transaction.transaction_id)
        gcm = self._one_time.resolve(info, transaction)
        plain = gcm.open(control, title, layer.counter, layer.content, header)
        return _Opened(plain, control.authenticated, once=transaction.transaction_id)

    def _identified(self, info: IdentifiedKey | None, broadcast: bool) -> Channel:
        """The key named; none named is the global unicast key."""
        if info is None or info.key is KeyId.GLOBAL_UNICAST:
            return self._unicast_or_broadcast(broadcast, False)
        if info.key is KeyId.GLOBAL_BROADCAST:
            return self._unicast_or_broadcast(True, False)
        raise MissingKeyError(f"key-id {int(info.key)}, which the standard does not name")

    def _unicast_or_broadcast(self, broadcast: bool, dedicated: bool) -> Channel:
        if broadcast:
            return _need(None if dedicated else self._broadcast, "broadcast")
        if dedicated:
            return _need(self._dedicated, "dedicated")
        return _need(self._global, "encryption")

    def _check_policy(self, control: SecurityControl) -> None:
        if control.compressed:
            raise CompressionError("compressed APDUs (V.44) are not supported")
        if not (control.authenticated or control.encrypted) or not self.policy.allows(control):
            raise PolicyError(f"{control.words}, the floor is {self.policy.value}")
        if control.suite != self.suite.number:
            raise SuiteError(f"security suite {control.suite}, ours is {self.suite.number}")

    def _check_parties(self, transaction: Transaction) -> bytes:
        if transaction.recipient not in (b"", self.title):
            raise SystemTitleError(f"for {transaction.recipient.hex().upper()}, not for us")
        return self._check_peer(transaction.originator)

    def _check_peer(self, told: bytes) -> bytes:
        """The pinned title; ``told`` must equal it unless it was left out."""
        peer = self._need_peer()
        if told not in (b"", peer):
            raise SystemTitleError(f"{told.hex().upper()} is not the pinned one")
        return peer

    def _need_peer(self) -> bytes:
        if self._peer is None:
            raise SystemTitleError("the other end has not told its own yet")
        return self._peer


def _need(channel: Channel | None, name: str) -> Channel:
    if channel is None:
        raise MissingKeyError(f"no {name} key is configured")
    return channel
