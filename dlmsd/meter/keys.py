"""What a meter tells of its security: policy, suite, titles, counters (Blue Book 4.4.7)."""

from __future__ import annotations

from typing import Final

from attrs import frozen

from dlmsd.dlms.axdr.data import Data
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.outcome import GetResult
from dlmsd.meter.session import Session

_SETUP: Final = Obis.parse("0-0:43.0.0")
_REFERENCE: Final = AttributeDescriptor(15, Obis.parse("0-0:40.0.0"), 9)
# Invocation counters (Blue Book 6.2.56): the unicast key's is the first.
_COUNTERS: Final = tuple(Obis.parse(f"0-0:43.1.{number}") for number in range(4))
_VERSION_0: Final = ("none", "authenticated", "encrypted", "authenticated-encrypted")
# Version 1 has a bit for each, of requests and then of responses.
_VERSION_1: Final = (
    (0x04, "authenticated requests"),
    (0x08, "encrypted requests"),
    (0x10, "signed requests"),
    (0x20, "authenticated responses"),
    (0x40, "encrypted responses"),
    (0x80, "signed responses"),
)


@frozen
class TellsOfKeys:
    """None for what it does not tell; ``counters`` by OBIS code, as it has seen them last."""

    policy: str | None
    suite: int | None
    client_title: bytes | None
    meter_title: bytes | None
    counters: dict[str, int]


async def ask(session: Session) -> TellsOfKeys:
    """Read what of it this client may."""
    (reference,) = await session.get_many([_REFERENCE])
    raw = _octets(reference)
    setup = Obis(raw) if raw is not None and len(raw) == 6 else _SETUP
    policy, suite, ours, theirs = await session.get_many(
        [AttributeDescriptor(64, setup, index) for index in (2, 3, 4, 5)]
    )
    told = await session.get_many([AttributeDescriptor(1, obis, 2) for obis in _COUNTERS])
    number = _whole(policy)
    return TellsOfKeys(
        None if number is None else policy_words(number),
        _whole(suite),
        _octets(ours) or None,
        _octets(theirs) or None,
        {
            str(obis): counter
            for obis, result in zip(_COUNTERS, told, strict=True)
            if (counter := _whole(result)) is not None
        },
    )


def policy_words(policy: int) -> str:
    """security_policy in words: of version 0 a number up to 3, of version 1 flags."""
    if policy < len(_VERSION_0):
        return _VERSION_0[policy]
    return ", ".join(words for bit, words in _VERSION_1 if policy & bit)


def _whole(result: GetResult) -> int | None:
    return result.value if isinstance(result, Data) and isinstance(result.value, int) else None


def _octets(result: GetResult) -> bytes | None:
    return result.value if isinstance(result, Data) and isinstance(result.value, bytes) else None
