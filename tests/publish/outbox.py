"""An outbox in memory that keeps the outbox's promises and checks its callers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal

from attrs import frozen
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime

from dlmsd.model import Lane, Reading
from dlmsd.publish.source import Listener
from dlmsd.store.values import encode_values


@frozen
class MemoryDelivery:
    id: int
    sink: str
    reading: Reading
    lane: Lane = Lane.LIVE

    @property
    def meter(self) -> str:
        return self.reading.meter

    @property
    def ts(self) -> int:
        return self.reading.ts

    @property
    def values(self) -> str:
        return encode_values(self.reading.values)


def reading(meter: str, ts: int, **values: str) -> Reading:
    numbers = {name: Decimal(text) for name, text in values.items()}
    return Reading(meter, ts, numbers or {"voltage_l1": Decimal("230.1")})


class MemoryOutbox:
    """``latency`` is what a ``pending`` takes on the clock; 0 answers at once.

    Marks are written at once, unless ``marking`` is a list: then it gets who waits for them.
    """

    def __init__(self, clock: IReactorTime, latency: float = 0.0) -> None:
        self.clock = clock
        self.latency = latency
        self.failing = False
        self.deliveries: list[MemoryDelivery] = []
        self.done: set[int] = set()
        self.isolated: dict[int, str] = {}
        self.marking: list[Deferred[None]] | None = None
        self.pages = 0
        self.listeners: list[Listener] = []
        self.witness: Callable[[MemoryDelivery], None] = lambda delivery: None

    def commit(
        self,
        readings: Iterable[Reading],
        sinks: Sequence[str] = ("s",),
        lane: Lane = Lane.LIVE,
    ) -> None:
        """Readings become deliveries to each of ``sinks``; the listeners hear of them."""
        first = len(self.deliveries)
        for one in readings:
            for sink in sinks:
                self.deliveries.append(MemoryDelivery(len(self.deliveries) + 1, sink, one, lane))
        for listener in tuple(self.listeners):
            listener(self.deliveries[first:])

    async def pending(
        self,
        sink: str,
        after: int,
        limit: int,
        meter: str | None = None,
        lane: Lane = Lane.LIVE,
    ) -> list[MemoryDelivery]:
        assert 0 <= after <= len(self.deliveries), "an id that was never given"
        assert 0 < limit <= 1000
        self.pages += 1
        if self.latency:
            asked: Deferred[None] = Deferred()
            self.clock.callLater(self.latency, asked.callback, None)
            await asked
        if self.failing:
            raise OSError("disk on fire")
        waiting = (
            delivery
            for delivery in self.deliveries[after:]
            if delivery.sink == sink
            and delivery.lane is lane
            and delivery.id not in self.done
            and delivery.id not in self.isolated
            and meter in (None, delivery.reading.meter)
        )
        return [delivery for delivery, _ in zip(waiting, range(limit), strict=False)]

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)

    def delivered(self, ids: Sequence[int]) -> Deferred[None]:
        for number in ids:
            assert 0 < number <= len(self.deliveries), "an id that was never given"
            assert number not in self.done, "delivered twice"
            assert number not in self.isolated, "delivered from quarantine"
            self.witness(self.deliveries[number - 1])
            self.done.add(number)
        if self.marking is None:
            return succeed(None)
        self.marking.append(Deferred())
        return self.marking[-1]

    def quarantine(self, ids: Sequence[int], reason: str) -> None:
        for number in ids:
            assert 0 < number <= len(self.deliveries), "an id that was never given"
            assert number not in self.done, "quarantined after its delivery"
            assert number not in self.isolated, "quarantined twice"
            self.isolated[number] = reason

    @property
    def waiting(self) -> list[int]:
        """Ids of what is neither delivered nor in quarantine."""
        settled = self.done | self.isolated.keys()
        return [one.id for one in self.deliveries if one.id not in settled]
