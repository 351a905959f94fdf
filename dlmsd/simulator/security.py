"""The security of virtual meters: keys that everybody knows, and what a meter remembers.

The keys are those of the Green Book's examples, the others made from constants, so
that whoever wants to can repeat every octet.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import evolve, field, frozen

from dlmsd.dlms.security.context import SecurityContext
from dlmsd.dlms.security.counter import (
    COUNTER_END,
    CounterBlock,
    CounterName,
    ReceivedCounters,
    TransmitCounter,
    key_id,
)
from dlmsd.dlms.security.form import SERVICE, Form
from dlmsd.dlms.security.keys import Keys
from dlmsd.dlms.security.keywrap import unwrap_key
from dlmsd.dlms.security.signature import load_private, public_octets
from dlmsd.dlms.security.suite import SUITES, SecurityPolicy, SecuritySuite
from dlmsd.secret import Secret

_ENCRYPTION: Final = bytes.fromhex("000102030405060708090A0B0C0D0E0F")
_AUTHENTICATION: Final = bytes.fromhex("D0D1D2D3D4D5D6D7D8D9DADBDCDDDEDF")
# What the scalars of the key pairs are the digests of.
_SEED: Final = "dlmsd virtual meters: "


@frozen
class Security:
    """How the meters of one model are protected.

    ``policy`` is the floor of what a client with high level security may send, and how it
    is answered. ``meter`` holds the meter's keys, ``client`` the same as its client needs
    them. ``form`` is what requests must have besides, but for the first; SERVICE for any.
    ``first_counter`` is the meter's first invocation counter, ``client_counter`` the last
    one of its clients that it has seen already, -1 for none.
    """

    suite: SecuritySuite = SUITES[0]
    policy: SecurityPolicy = SecurityPolicy.AUTHENTICATED_ENCRYPTED
    meter: Keys = field(factory=Keys)
    client: Keys = field(factory=Keys)
    form: Form = SERVICE
    first_counter: int = 1000
    client_counter: int = -1


UNPROTECTED: Final = Security(policy=SecurityPolicy.NONE)


def published(suite: SecuritySuite) -> Security:
    """With the Green Book's keys, doubled where they are too short, and a master key."""
    times = suite.key_size // len(_ENCRYPTION)
    master = hashlib.shake_256(f"{_SEED}master".encode()).digest(suite.key_size)
    keys = Keys(Secret(_ENCRYPTION * times), Secret(_AUTHENTICATION * times), master=Secret(master))
    return Security(suite, meter=keys, client=keys)


def signing(suite: SecuritySuite) -> Security:
    """With the Green Book's keys, and a pair of keys for either end's signatures."""
    common = published(suite).meter
    meter, client = _scalar(suite, "meter"), _scalar(suite, "client")
    return Security(
        suite,
        meter=evolve(common, signing=meter, peer_signing=_public(suite, client)),
        client=evolve(common, signing=client, peer_signing=_public(suite, meter)),
    )


def general(suite: SecuritySuite, form: Form) -> Security:
    """With keys of every kind: those of :func:`signing`, and for agreement."""
    base = signing(suite)
    meter, client = _scalar(suite, "meter's agreement"), _scalar(suite, "client's agreement")
    ends = (base.meter, meter, client), (base.client, client, meter)
    keys = [
        evolve(end, agreement=own, peer_agreement=_public(suite, peer)) for end, own, peer in ends
    ]
    return evolve(base, meter=keys[0], client=keys[1], form=form)


def _scalar(suite: SecuritySuite, end: str) -> Secret:
    digest = hashlib.shake_256(f"{_SEED}{end}, suite {suite.number}".encode())
    # A first octet of zero keeps it below the order of the curve.
    return Secret(b"\x00" + digest.digest(suite.field_size - 1))


def _public(suite: SecuritySuite, scalar: Secret) -> bytes:
    return public_octets(suite, load_private(suite, scalar).public_key())


class ClientCounters(ReceivedCounters):
    """The highest counter under each key, whoever sends: meters keep no more than one."""

    def last(self, name: CounterName) -> int:
        """The highest one accepted, -1 for none."""
        return super().last(_nobodys(name))

    def check(self, name: CounterName, counter: int) -> None:
        """CounterError unless ``counter`` is above the last; nothing is remembered."""
        super().check(_nobodys(name), counter)

    def accept(self, name: CounterName, counter: int) -> None:
        """Remember ``counter``; CounterError if too low."""
        super().accept(_nobodys(name), counter)


def _nobodys(name: CounterName) -> CounterName:
    return CounterName(b"", name.key)


class ProofCounters(ReceivedCounters):
    """Those in proofs by GMAC, which must exceed all that was ``heard`` up to now.

    A proof's is drawn before that of the request around it, which is opened first, and some
    clients take the same for both; so the two are not compared with each other.
    """

    def __init__(self, unicast: CounterName, heard: ReceivedCounters) -> None:
        super().__init__({unicast: heard.last(unicast)})
        self._unicast = unicast
        self._heard = heard

    def check(self, name: CounterName, counter: int) -> None:
        """CounterError unless ``counter`` is above the last, by whatever name."""
        super().check(self._unicast, counter)

    def accept(self, name: CounterName, counter: int) -> None:
        """Remember ``counter``, in plain text the only one; CounterError if too low."""
        super().accept(self._unicast, counter)
        if counter > self._heard.last(self._unicast):
            self._heard.accept(self._unicast, counter)


class MeterSecurity:
    """What one meter has and remembers beyond associations: keys, title, both counters.

    ``title`` is its system title; ``random`` gives so many octets for challenges.
    """

    def __init__(self, security: Security, title: bytes, random: Callable[[int], bytes]) -> None:
        self.security = security
        self.title = title
        self.random = random
        self.transmit = TransmitCounter(CounterBlock(security.first_counter, COUNTER_END))
        heard: Mapping[CounterName, int] = {}
        if self._unicast is not None:
            heard = {self._unicast: security.client_counter}
        self.received = ClientCounters(heard)

    @property
    def _unicast(self) -> CounterName | None:
        key = self.security.meter.encryption
        return None if key is None else CounterName(b"", key_id(key))

    def take_keys(self, wrapped: Mapping[str, bytes]) -> None:
        """Use these for associations from now on, by their names in :class:`Keys`.

        All are wrapped under the master key: TagError if one is not, and all stay as they
        were; MissingKeyError without a master key.
        """
        suite, keys = self.security.suite, self.security.meter
        master = keys.need("master")
        found: dict[str, Any] = {
            name: unwrap_key(suite, master, octets) for name, octets in wrapped.items()
        }
        self.security = evolve(self.security, meter=evolve(keys, **found))

    @property
    def keyed(self) -> bool:
        """Whether it has a unicast key, and so a counter of its clients."""
        return self._unicast is not None

    @property
    def client_counter(self) -> int:
        """The last counter of a client under the unicast key, as the meter tells it."""
        name = self._unicast
        return 0 if name is None else max(0, self.received.last(name))

    def counters_of_proof(self) -> ReceivedCounters:
        """For one association, once its initiate-request was opened; keyed meters only."""
        name = self._unicast
        assert name is not None
        return ProofCounters(name, self.received)

    def context(self, title: bytes, dedicated: Secret | None, form: Form) -> SecurityContext:
        """For one association with the client of this title, if it told one, or for pushes."""
        keys = self.security.meter
        return SecurityContext(
            suite=self.security.suite,
            policy=self.security.policy,
            keys=evolve(keys, dedicated=dedicated),
            title=self.title,
            transmit=self.transmit,
            received=self.received,
            random=self.random,
            peer_title=title or None,
            form=form,
            server=True,
        )
