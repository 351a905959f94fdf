"""The keys of one pushing meter, and the counters of what it sent and of what answers it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from twisted.internet.defer import Deferred, DeferredLock

from dlmsd.config.values import MeterOptions
from dlmsd.dlms.security.context import SecurityContext
from dlmsd.dlms.security.counter import CounterBlock, ReceivedCounters, TransmitCounter
from dlmsd.dlms.security.suite import SUITES, SYSTEM_TITLE_SIZE, SecurityPolicy
from dlmsd.meter.payload import decode_push
from dlmsd.meter.security import (
    BLOCK,
    LOW,
    CounterStore,
    counter_name,
    form_of,
    keep,
    keys_of,
    parsed,
)
from dlmsd.push.errors import NamelessError

# What is pushed names its recipient seldom; a title that none has serves until it does.
_NOBODY: Final = bytes(SYSTEM_TITLE_SIZE)


async def received(store: CounterStore) -> ReceivedCounters:
    """The counters of all senders, kept in ``store`` from now on, too."""
    last = parsed(await store.received_counters())
    return ReceivedCounters(last, lambda name, counter: keep(store, name, counter))


class PushSecurity:
    """Opens what one meter pushes, and protects what answers it.

    ``store`` gives counters when the first answer is due: most meters want none.
    """

    def __init__(
        self,
        meter: MeterOptions,
        store: CounterStore,
        received: ReceivedCounters,
        random: Callable[[int], bytes],
    ) -> None:
        self._meter = meter
        self._store = store
        self._transmit = _spent()
        self._reserving = DeferredLock()
        self._context = SecurityContext(
            suite=SUITES[meter.security_suite],
            policy=SecurityPolicy(meter.security),
            keys=keys_of(meter),
            form=form_of(meter),
            title=meter.system_title or _NOBODY,
            peer_title=meter.meter_system_title,
            transmit=self._transmit,
            received=received,
            random=random,
            unasked=True,
            decode=decode_push,
        )

    def open(self, apdu: bytes) -> bytes:
        """The plain APDU inside; SecurityError or DecodeError if it is not to be believed."""
        return self._context.open(apdu)

    async def protect(self, plain: bytes) -> bytes:
        """``plain`` as the meter's pushes are protected; NamelessError without a system title
        of ours, which stands in what is sent.
        """
        if self._meter.system_title is None:
            raise NamelessError("there is no system_title")
        await self._reserving.run(Deferred.fromCoroutine, self._refill(self._meter.system_title))
        return self._context.protect(plain)

    async def _refill(self, title: bytes) -> None:
        key = self._meter.encryption_key
        if key is not None and self._transmit.remaining < LOW:
            # Above 0, which the spent block had.
            block = await self._store.reserve_counters(counter_name(title, key), 1, BLOCK)
            self._transmit.extend(CounterBlock(*block))


def secured(
    meter: MeterOptions,
    store: CounterStore,
    received: ReceivedCounters,
    random: Callable[[int], bytes],
) -> PushSecurity | None:
    """What opens the pushes of ``meter``; None if it sends plain text."""
    if SecurityPolicy(meter.security) is SecurityPolicy.NONE:
        return None
    return PushSecurity(meter, store, received, random)


def _spent() -> TransmitCounter:
    """One that gives nothing until it is extended."""
    counter = TransmitCounter(CounterBlock(0, 1))
    counter.draw()
    return counter
