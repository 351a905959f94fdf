"""One meter's keys and counters: what makes each new association secure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol

from attrs import frozen
from twisted.internet.defer import Deferred, DeferredLock

from dlmsd.config.values import MeterOptions
from dlmsd.dlms.acse.context import Mechanism
from dlmsd.dlms.association import Association
from dlmsd.dlms.association_sn import READING_SN, WRITING_SN, AssociationSN
from dlmsd.dlms.cosem.short_names import ShortNames
from dlmsd.dlms.opening import HighLevel
from dlmsd.dlms.proposal import READING, WRITING
from dlmsd.dlms.quirks import NO_ACCESS
from dlmsd.dlms.security.challenge import ECDSA_CHALLENGE, USUAL_CHALLENGE, draw_challenge
from dlmsd.dlms.security.context import SecurityContext
from dlmsd.dlms.security.counter import (
    CounterBlock,
    CounterName,
    ReceivedCounters,
    TransmitCounter,
    above_meters,
    key_id,
)
from dlmsd.dlms.security.form import Form
from dlmsd.dlms.security.keys import Keys
from dlmsd.dlms.security.mechanism import Ecdsa, Gmac, Handshake, md5, sha1, sha256
from dlmsd.dlms.security.one_time import KeyKind
from dlmsd.dlms.security.signature import load_private, load_public
from dlmsd.dlms.security.suite import SUITES, SecurityPolicy
from dlmsd.dlms.xdlms.conformance import Conformance
from dlmsd.errors import DlmsdError, LocalError
from dlmsd.secret import Secret

# How many invocation counters a reservation takes: a crash wastes at most so many of four
# thousand million, and a meter read each second needs a new block every quarter of an hour.
BLOCK: Final = 1000
# Below this the next block is reserved, so that drawing never has to wait for the disk.
LOW: Final = 500

_MECHANISMS: Final = {
    "high-manufacturer": Mechanism.HIGH_MANUFACTURER,
    "high-md5": Mechanism.HIGH_MD5,
    "high-sha1": Mechanism.HIGH_SHA1,
    "high-gmac": Mechanism.HIGH_GMAC,
    "high-sha256": Mechanism.HIGH_SHA256,
    "high-ecdsa": Mechanism.HIGH_ECDSA,
    "low": Mechanism.LOW,
    "none": Mechanism.NONE,
}
_KINDS: Final = {
    "wrapped": KeyKind.WRAPPED,
    "one-pass": KeyKind.EPHEMERAL,
    "static": KeyKind.STATIC,
}
_DIGESTS: Final = {"high-md5": md5, "high-sha1": sha1, "high-sha256": sha256}


class CounterStore(Protocol):
    """Where counters outlive the process; names are ``<system title>/<key id>``."""

    def reserve_counters(self, name: str, above: int, count: int) -> Awaitable[tuple[int, int]]:
        """First of ``count`` numbers that nobody had, and the one behind them, on disk."""

    async def received_counters(self) -> Mapping[str, int]:
        """The highest counter accepted of each name."""

    def keep_received(self, name: str, counter: int) -> None:
        """Keep one, soon."""


@frozen
class Counters:
    """Where the counters under one key stand.

    ``next`` is ours, and ``reserved`` are so many from there on; ``accepted`` is the
    highest one believed of each system title that was heard.
    """

    next: int
    reserved: int
    accepted: Mapping[bytes, int]


class MeterSecurity:
    """Makes associations with high level security, ciphering or both.

    ``random`` gives so many unpredictable bytes.
    """

    def __init__(
        self, meter: MeterOptions, store: CounterStore, random: Callable[[int], bytes]
    ) -> None:
        self._meter = meter
        self._store = store
        self._random = random
        self._suite = SUITES[meter.security_suite]
        self._policy = SecurityPolicy(meter.security)
        self._transmit: TransmitCounter | None = None
        self._reserving = DeferredLock()
        self._received: ReceivedCounters | None = None
        self._last: dict[CounterName, int] = {}

    async def association(self, names: ShortNames) -> Association:
        """A new one, with a challenge and a dedicated key of its own.

        ``names`` are those of a meter with short names, as far as they are known.
        """
        meter = self._meter
        await self.refill()
        if self._received is None:
            self._last = parsed(await self._store.received_counters())
            self._received = ReceivedCounters(self._last, self._keep)
        dedicated = None
        if meter.dedicated_key and self._policy is not SecurityPolicy.NONE:
            dedicated = Secret(self._random(self._suite.key_size))
        return make_association(
            meter,
            names,
            high=self._high(),
            security=self._context(dedicated),
            dedicated=dedicated,
        )

    def public(self) -> Association:
        """Of whoever may ask the meter for its counter; what it names in plain text is not kept."""
        if self._meter.referencing == "sn":
            return AssociationSN(Mechanism.NONE, proposed=READING_SN)
        return Association(Mechanism.NONE)

    @property
    def counts(self) -> bool:
        """Whether invocation counters are used, which the meter may want higher."""
        return self._transmit is not None

    @property
    def counters(self) -> Counters | None:
        """Where they stand, None before the first association and where none are used."""
        key, transmit = self._meter.encryption_key, self._transmit
        if key is None or transmit is None:
            return None
        heard = {name.title: last for name, last in self._last.items() if name.key == key_id(key)}
        return Counters(transmit.next, transmit.remaining, heard)

    @property
    def fresh(self) -> bool:
        """Whether the first counter of all is next: the store may be new, the key not."""
        return self._transmit is not None and self._transmit.next == 0

    async def rise_above(self, told: int) -> bool:
        """Go on above the counter that the meter tells; False if ours is higher already.

        CounterJumpError if it tells one that nobody has reached: that would spend the key.
        """
        key, title = self._meter.encryption_key, self._meter.system_title
        if self._transmit is None or key is None or title is None or self._transmit.next > told:
            return False
        above = above_meters(told)
        async with self._reserving:
            block = await self._store.reserve_counters(counter_name(title, key), above, BLOCK)
            self._transmit.jump(CounterBlock(*block))
        return True

    async def refill(self) -> None:
        """Reserve more counters when few are left; nothing where none are needed."""
        key, title = self._meter.encryption_key, self._meter.system_title
        if key is None or title is None or not needs_counters(self._meter) or not self._low:
            return
        async with self._reserving:
            if not self._low:
                return
            block = await self._store.reserve_counters(counter_name(title, key), 0, BLOCK)
            if self._transmit is None:
                self._transmit = TransmitCounter(CounterBlock(*block), self._drawn)
            else:
                self._transmit.extend(CounterBlock(*block))

    @property
    def _low(self) -> bool:
        return self._transmit is None or self._transmit.remaining < LOW

    def _drawn(self) -> None:
        """Reserve in the middle of a long answer too; nobody waits for it."""
        if self._low and not self._reserving.locked:
            # Whoever asks next hears why it failed.
            Deferred.fromCoroutine(self.refill()).addErrback(lambda why: why.trap(DlmsdError))

    def _context(self, dedicated: Secret | None) -> SecurityContext | None:
        meter = self._meter
        if self._policy is SecurityPolicy.NONE:
            return None
        transmit, received = self._counters()
        assert meter.system_title is not None
        return SecurityContext(
            suite=self._suite,
            policy=self._policy,
            keys=keys_of(meter, dedicated),
            title=meter.system_title,
            peer_title=meter.meter_system_title,
            transmit=transmit,
            received=received,
            random=self._random,
            form=form_of(meter),
        )

    def _high(self) -> HighLevel | None:
        meter = self._meter
        if meter.authentication in ("none", "low"):
            return None
        ecdsa = meter.authentication == "high-ecdsa"
        challenge = draw_challenge(self._random, ECDSA_CHALLENGE if ecdsa else USUAL_CHALLENGE)
        ours, theirs = meter.system_title or b"", meter.meter_system_title
        return HighLevel(self._handshake(), challenge, ours, theirs)

    def _handshake(self) -> Handshake:
        meter, suite = self._meter, self._suite
        if meter.manufacturer is not None and meter.authentication == "high-manufacturer":
            assert meter.password is not None
            return meter.manufacturer.transform(meter.password)
        if meter.authentication in _DIGESTS:
            assert meter.password is not None
            return _DIGESTS[meter.authentication](meter.password)
        if meter.authentication == "high-gmac":
            assert meter.encryption_key is not None
            transmit, _ = self._counters()
            # The meter draws its proof's counter before that of the APDU around it, which is
            # opened first: so the proof is measured by what was known when we began.
            proofs = ReceivedCounters(self._last, self._proved)
            return Gmac(suite, meter.encryption_key, meter.authentication_key, transmit, proofs)
        assert meter.signing_key is not None
        assert meter.meter_signing_key is not None
        private = load_private(suite, meter.signing_key)
        return Ecdsa(suite, private, load_public(suite, meter.meter_signing_key))

    def _counters(self) -> tuple[TransmitCounter, ReceivedCounters]:
        if self._transmit is None or self._received is None:
            raise LocalError("invocation counters need an encryption key and a system title")
        return self._transmit, self._received

    def _proved(self, name: CounterName, counter: int) -> None:
        _, received = self._counters()
        if counter > received.last(name):
            received.accept(name, counter)

    def _keep(self, name: CounterName, counter: int) -> None:
        self._last[name] = counter
        keep(self._store, name, counter)


def secured(
    meter: MeterOptions, store: CounterStore, random: Callable[[int], bytes]
) -> MeterSecurity | None:
    """The security of a meter, None where a password or nothing is all there is."""
    if meter.security == "none" and meter.authentication in ("none", "low"):
        return None
    return MeterSecurity(meter, store, random)


def keys_of(meter: MeterOptions, dedicated: Secret | None = None) -> Keys:
    """All that are configured for a meter."""
    return Keys(
        meter.encryption_key,
        meter.authentication_key,
        dedicated,
        master=meter.master_key,
        signing=meter.signing_key,
        agreement=meter.agreement_key,
        peer_signing=meter.meter_signing_key,
        peer_agreement=meter.meter_agreement_key,
    )


def form_of(meter: MeterOptions) -> Form:
    """How what we send a meter is protected."""
    return Form(meter.ciphering == "general", _KINDS.get(meter.ciphering), meter.signed)


def needs_counters(meter: MeterOptions) -> bool:
    """Whether invocation counters are used with this meter."""
    return meter.authentication == "high-gmac" or meter.security != "none"


def make_association(meter: MeterOptions, names: ShortNames, **secured: Any) -> Association:
    """An association with a meter, by the names that it knows; ``secured`` is its security."""
    mechanism = _MECHANISMS[meter.authentication]
    common = {"window": meter.gbt_window, "quirks": meter.quirks, **secured}
    if meter.referencing == "sn":
        services = WRITING_SN if meter.writing else READING_SN
        return AssociationSN(mechanism, meter.password, proposed=services, names=names, **common)
    return Association(mechanism, meter.password, proposed=_proposed(meter), **common)


def _proposed(meter: MeterOptions) -> Conformance:
    """The services that we should like to use."""
    services = WRITING if meter.writing else READING
    return services & ~Conformance.ACCESS if NO_ACCESS in meter.quirks else services


def counter_name(title: bytes, key: Secret) -> str:
    """Under which a store reserves counters of ours."""
    return f"{title.hex()}/{key_id(key)}"


def keep(store: CounterStore, name: CounterName, counter: int) -> None:
    """Keep a counter received, under a name that :func:`parsed` knows."""
    store.keep_received(f"{name.title.hex()}/{name.key}", counter)


def parsed(kept: Mapping[str, int]) -> dict[CounterName, int]:
    """The counters that a store kept, by sender and key."""
    return {
        CounterName(bytes.fromhex(title), key): counter
        for name, counter in kept.items()
        for title, _, key in (name.partition("/"),)
    }
