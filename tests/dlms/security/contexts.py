"""Both ends of a ciphered association, and random bytes that repeat."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from random import Random
from typing import Any

from attrs import astuple, evolve

from dlmsd.dlms.security.context import SecurityContext
from dlmsd.dlms.security.counter import CounterBlock, ReceivedCounters, TransmitCounter
from dlmsd.dlms.security.form import Form
from dlmsd.dlms.security.keys import Keys
from dlmsd.dlms.security.one_time import KeyKind
from dlmsd.dlms.security.signature import load_private, public_octets
from dlmsd.dlms.security.suite import SUITES, SecurityPolicy, SecuritySuite
from dlmsd.secret import Secret

CLIENT = b"DLM\x00\x00\x00\x00\x01"
METER = b"MMM\x00\x00\xbc\x61\x4e"

GET = bytes.fromhex("C001C100080000010000FF0200")
ANSWER = bytes.fromhex("C401C10009060100010800FF")
# The same by short names.
READ = bytes.fromhex("05010200A8")
READ_ANSWER = bytes.fromhex("0C01000906 0100010800FF")
INITIATE = bytes.fromhex("01000000065F1F0400007E1F04B0")
# Where the keys of one use come from.
ONCE = (KeyKind.WRAPPED, KeyKind.EPHEMERAL, KeyKind.STATIC)


def seeded(seed: int) -> Callable[[int], bytes]:
    """Bytes that look random and repeat with the seed."""
    return Random(seed).randbytes


def symmetric(suite: SecuritySuite, seed: int = 1) -> Keys:
    """All symmetric keys, the same at both ends."""
    draw = seeded(seed)
    return Keys(*(Secret(draw(suite.key_size)) for _ in range(5)))


def both_keys(suite: SecuritySuite, seed: int = 1) -> tuple[Keys, Keys]:
    """The keys of the client and of the meter; asymmetric ones too if the suite has them."""
    common = symmetric(suite, seed)
    if suite.curve is None:
        return common, common
    draw = seeded(seed + 1)
    privates = [Secret(b"\x01" + draw(suite.field_size - 1)) for _ in range(4)]
    publics = [public_octets(suite, load_private(suite, one).public_key()) for one in privates]
    shared = astuple(common, recurse=False)[:5]
    client = Keys(*shared, privates[0], privates[1], publics[2], publics[3])
    meter = Keys(*shared, privates[2], privates[3], publics[0], publics[1])
    return client, meter


def every_form() -> Iterator[tuple[SecuritySuite, SecurityPolicy, Form]]:
    """All that may be configured."""
    for suite, policy in product(SUITES, SecurityPolicy):
        if policy is SecurityPolicy.NONE:
            continue
        kinds = (None, KeyKind.IDENTIFIED, KeyKind.WRAPPED, *(ONCE if suite.curve else ()))
        for kind, general in product(kinds, (False, True)):
            for signed in (False, True) if suite.curve else (False,):
                yield suite, policy, Form(general, kind, signed)


class Pair:
    """A client and a meter that know each other."""

    def __init__(
        self,
        suite: SecuritySuite = SUITES[0],
        policy: SecurityPolicy = SecurityPolicy.AUTHENTICATED_ENCRYPTED,
        **options: Any,
    ) -> None:
        """``dedicated``: with that key; ``seed``: of the keys; ``first``: meter's counter."""
        keys = both_keys(suite, options.pop("seed", 1))
        first = options.pop("first", 500)
        if not options.pop("dedicated", False):
            keys = (evolve(keys[0], dedicated=None), evolve(keys[1], dedicated=None))
        self.client_keys, self.meter_keys = keys
        self.kept: dict[object, int] = {}
        self.received = ReceivedCounters(keep=self.kept.__setitem__)
        common: dict[str, Any] = {"suite": suite, "policy": policy, **options}
        self.client = SecurityContext(
            **common,
            keys=self.client_keys,
            title=CLIENT,
            peer_title=METER,
            transmit=TransmitCounter(CounterBlock(1, 1 << 30)),
            received=self.received,
            random=seeded(3),
        )
        self.meter = SecurityContext(
            **common,
            keys=self.meter_keys,
            title=METER,
            peer_title=CLIENT,
            transmit=TransmitCounter(CounterBlock(first, 1 << 30)),
            received=ReceivedCounters(),
            random=seeded(4),
            server=True,
        )
