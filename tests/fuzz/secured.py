"""Protected APDUs under test: genuine ones changed, and changed ones that are genuine.

What a key of the meter's protects nobody can change and have believed, so most that is
changed ends at its tag. What stands behind the tag only the meter can have got wrong: half
of the inputs is a plain text that is protected first.
"""

from __future__ import annotations

from typing import Any, Final

from dlmsd.dlms.security.challenge import Challenges
from dlmsd.dlms.security.context import SecurityContext
from dlmsd.dlms.security.counter import (
    CounterBlock,
    CounterName,
    ReceivedCounters,
    TransmitCounter,
)
from dlmsd.dlms.security.errors import SecurityError
from dlmsd.dlms.security.form import Form
from dlmsd.dlms.security.keywrap import unwrap_key, wrap_key
from dlmsd.dlms.security.mechanism import Digest, Ecdsa, Gmac, md5, sha256
from dlmsd.dlms.security.one_time import KeyKind
from dlmsd.dlms.security.signature import load_public
from dlmsd.dlms.security.suite import SUITES, SecurityPolicy, SecuritySuite
from dlmsd.dlms.xdlms.apdu import decode_apdu
from dlmsd.errors import DecodeError
from dlmsd.secret import Secret
from tests.dlms.security.contexts import (
    ANSWER,
    CLIENT,
    METER,
    READ_ANSWER,
    both_keys,
    seeded,
)
from tests.fuzz.target import Target
from tests.vectors import security as vectors

REFUSALS: Final = (DecodeError, SecurityError)
_ONCE: Final = ("wrapped", "ephemeral", "static")
# In the first octet: the rest is a plain text, to be protected. The other bits choose a line.
_GENUINE: Final = 1


class _Forgetful(ReceivedCounters):
    """Believes a counter again, so that no input depends on those before it."""

    def accept(self, name: CounterName, counter: int) -> None:
        self.check(name, counter)


class _Line:
    """A meter that protects in one form, and the client that opens."""

    def __init__(self, suite: SecuritySuite, policy: SecurityPolicy, form: str) -> None:
        self._suite, self._policy, self._form = suite, policy, form
        self._keys = both_keys(suite)
        self._meter = self._context(METER, CLIENT, self._keys[1], server=True)
        self._meet()

    def _context(self, title: bytes, peer: bytes, keys: Any, **options: Any) -> SecurityContext:
        return SecurityContext(
            suite=self._suite,
            policy=self._policy,
            keys=keys,
            title=title,
            peer_title=peer,
            transmit=TransmitCounter(CounterBlock(1, 1 << 31)),
            received=_Forgetful(),
            random=seeded(3),
            form=Form(general=self._form.startswith("general")),
            **options,
        )

    def _meet(self) -> None:
        self._client = self._context(CLIENT, METER, self._keys[0])
        self._transaction = self._client.begin()

    def protect(self, plain: bytes) -> bytes:
        """As the meter sends it."""
        head = self._meter.answer_to(self._transaction.transaction_id)
        if self._form == "signed":
            return self._meter.sign(self._meter.protect(plain), head)
        if self._form.upper() in KeyKind.__members__:
            return self._meter.protect_general(plain, head, KeyKind[self._form.upper()])
        return self._meter.protect(plain)

    def open(self, octets: bytes, genuine: bool) -> None:
        """What the client believes, it decodes."""
        apdu = self.protect(octets) if genuine and octets else octets
        plain = self._client.open(apdu)
        if self._form in _ONCE:
            self._meet()
        decode_apdu(plain)


def protected(name: str, *forms: str, number: int = 0) -> Target:
    """Opening APDUs of these forms under suite ``number`` and every policy."""
    lines = [_Line(SUITES[number], policy, form) for form in forms for policy in SecurityPolicy]

    def run(octets: bytes) -> None:
        first = octets[0] if octets else 0
        lines[(first >> 1) % len(lines)].open(octets[1:], bool(first & _GENUINE))

    seeds = [
        head + octets
        for place, line in enumerate(lines)
        for answer in (ANSWER, READ_ANSWER)
        for head, octets in (
            (bytes((place << 1,)), line.protect(answer)),
            (bytes((place << 1 | _GENUINE,)), answer),
        )
    ]
    big = b"\xc4\x01\xc1\x00\x09\x82\xfe\x00" + bytes(0xFE00)
    large = [bytes((place << 1,)) + line.protect(big) for place, line in enumerate(lines)]
    return Target(name, run, tuple(seeds), tuple(large), REFUSALS, harvest=False)


# High level security, and keys.

_CHALLENGES: Final = Challenges(b"client to server", b"server to client", CLIENT, METER)
_SECRET: Final = Secret(b"the secret of both")
_SYMMETRIC: Final = Secret(b"E" * 16)
_CURVE: Final = SUITES[1]


def _handshakes() -> tuple[Digest | Gmac | Ecdsa, ...]:
    client, meter = both_keys(_CURVE)
    counter = TransmitCounter(CounterBlock(1, 1 << 31))
    return (
        md5(_SECRET),
        sha256(_SECRET),
        Gmac(SUITES[0], _SYMMETRIC, _SYMMETRIC, counter, _Forgetful()),
        Ecdsa(_CURVE, meter.private(_CURVE, "signing"), client.public(_CURVE, "peer_signing")),
    )


def proofs() -> Target:
    """The challenge of a meter, then its proof."""
    handshakes = _handshakes()

    def run(octets: bytes) -> None:
        handshake = handshakes[octets[0] & 3 if octets else 0]
        proof = octets[1:]
        if octets[:1] > b"\x7f":
            Challenges(_CHALLENGES.own, proof, CLIENT, METER)
        handshake.check(_CHALLENGES, proof)

    sizes = (16, 32, 17, 64)
    seeds = [bytes((place,)) + bytes(size) for place, size in enumerate(sizes)]
    turned = Challenges(_CHALLENGES.peer, _CHALLENGES.own, METER, CLIENT)
    seeds += [
        bytes((place,)) + handshake.answer(turned) for place, handshake in enumerate(handshakes[:3])
    ]
    return Target("security.proof", run, tuple(seeds), refusals=REFUSALS, harvest=False)


def keys() -> Target:
    """Wrapped keys, and public keys that may be no points."""
    suites: tuple[SecuritySuite, ...] = (SUITES[0], SUITES[2])
    masters = [Secret(b"M" * suite.key_size) for suite in suites]
    wrapped = [
        wrap_key(suite, master, Secret(b"K" * suite.key_size))
        for suite, master in zip(suites, masters, strict=True)
    ]

    def run(octets: bytes) -> None:
        kind = octets[0] & 3 if octets else 0
        if kind < 2:
            unwrap_key(suites[kind], masters[kind], octets[1:])
        else:
            load_public(_CURVE, octets[1:])

    seeds = (b"\x00" + wrapped[0], b"\x01" + wrapped[1], b"\x02" + vectors.SIGNING_CLIENT_PUBLIC)
    return Target("security.keys", run, seeds, refusals=REFUSALS, harvest=False)
