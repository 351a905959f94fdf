"""The keys of one pushing meter, and the counters of what it sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from dlmsd.config.values import MeterOptions
from dlmsd.dlms.security.context import Form, SecurityContext
from dlmsd.dlms.security.counter import CounterBlock, ReceivedCounters, TransmitCounter
from dlmsd.dlms.security.keys import Keys
from dlmsd.dlms.security.suite import SUITES, SYSTEM_TITLE_SIZE, SecurityPolicy
from dlmsd.meter.payload import decode_push
from dlmsd.meter.security import CounterStore, keep, parsed

# What is pushed names its recipient seldom; a title that none has serves until it does.
_NOBODY: Final = bytes(SYSTEM_TITLE_SIZE)


async def received(store: CounterStore) -> ReceivedCounters:
    """The counters of all senders, kept in ``store`` from now on, too."""
    last = parsed(await store.received_counters())
    return ReceivedCounters(last, lambda name, counter: keep(store, name, counter))


def context(
    meter: MeterOptions, received: ReceivedCounters, random: Callable[[int], bytes]
) -> SecurityContext | None:
    """What opens the pushes of ``meter``; None if it sends plain text."""
    policy = SecurityPolicy(meter.security)
    if policy is SecurityPolicy.NONE:
        return None
    return SecurityContext(
        suite=SUITES[meter.security_suite],
        policy=policy,
        keys=Keys(
            meter.encryption_key,
            meter.authentication_key,
            peer_signing=meter.meter_signing_key,
        ),
        form=Form(signed=meter.signed),
        title=meter.system_title or _NOBODY,
        peer_title=meter.meter_system_title,
        # Nothing is ever sent.
        transmit=TransmitCounter(CounterBlock(0, 1)),
        received=received,
        random=random,
        decode=decode_push,
    )
