"""A sink on a clock, between an outbox in memory and a model broker."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from dlmsd.config.values import MeterOptions, SinkOptions
from dlmsd.model import Link, SinkStatus
from dlmsd.publish.build import build
from dlmsd.secret import Secret
from tests.publish.broker import ModelBroker, Published
from tests.publish.orders import MemoryOrders
from tests.publish.outbox import MemoryDelivery, MemoryOutbox


def meter(name: str, **options: Any) -> MeterOptions:
    given: dict[str, Any] = {
        "host": "h",
        "profile": "microstar",
        "device_name": f"Device {name}",
        "read": (),
        "sinks": ("s",),
        "token": Secret(f"token-of-{name}"),
    }
    return MeterOptions(name, **{**given, **options})


class Bench:
    """Everything a sink needs; the outbox refuses a delivery the broker does not have.

    ``connect`` reaches another server than the model broker, ``outbox`` makes another one.
    """

    def __init__(
        self,
        *meters: MeterOptions,
        latency: float = 0.0,
        connect: Any = None,
        outbox: Callable[[Clock], Any] | None = None,
        **options: Any,
    ) -> None:
        self.clock = Clock()
        self.broker = ModelBroker(self.clock)
        self.outbox: Any = outbox(self.clock) if outbox else MemoryOutbox(self.clock, latency)
        self.outbox.witness = self.witness
        self._accepted: set[int] = set()
        self._seen = 0
        self.statuses: list[SinkStatus] = []
        self.links: list[Link] = []
        self.orders = MemoryOrders()
        self.octets: Counter[str] = Counter()
        self.messages: Counter[str] = Counter()
        given: dict[str, Any] = {"name": "s", "kind": "mqtt", "url": "mqtt://broker"}
        self.sink = build(
            SinkOptions(**{**given, **options}),
            meters,
            outbox=self.outbox,
            clock=self.clock,
            reach=lambda _: connect or self.broker.connect,
            wall=lambda: 1_700_000_000.0 + self.clock.seconds(),
            random=Random(1),
            post=self.statuses.append,
            published=self._publish,
            linked=self.links.append,
            instance_id="host-1a2b",
            orders=self.orders,
        )

    def _publish(self, meter: str, octets: int) -> None:
        self.octets[meter] += octets
        self.messages[meter] += 1

    @property
    def status(self) -> SinkStatus:
        return self.statuses[-1]

    def start(self) -> None:
        Deferred.fromCoroutine(self.sink.start())
        self.run(0.5)

    def stop(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.sink.stop())

    def run(self, seconds: float, step: float = 0.1) -> None:
        """Let time pass, in steps so small that bytes in flight arrive in their time."""
        for _ in range(round(seconds / step)):
            self.clock.advance(step)
            while self.clock.calls and self.clock.calls[0].getTime() <= self.clock.seconds():
                self.clock.advance(0)

    def witness(self, delivery: MemoryDelivery) -> None:
        for published in self.broker.accepted[self._seen :]:
            self._accepted.update(stamps(published))
        self._seen = len(self.broker.accepted)
        assert delivery.reading.ts in self._accepted, "delivered without a PUBACK"

    def topics(self) -> list[str]:
        return [published.topic for published in self.broker.published]

    def stamps(self, connection: int | None = None) -> list[int]:
        """``ts`` of all readings that reached the broker, in order."""
        return [
            found
            for published in self.broker.published
            if connection in (None, published.connection)
            for found in stamps(published)
        ]


def stamp(published: Published) -> int | None:
    """The first ``ts`` of a telemetry message of any kind, None for another message."""
    return next(iter(stamps(published)), None)


def stamps(published: Published) -> list[int]:
    """Every ``ts`` of a telemetry message of any kind, in order by meter."""
    if not published.payload.startswith((b"{", b"[")):
        return []
    body = json.loads(published.payload)
    records = body if isinstance(body, list) else [body]
    if isinstance(body, dict):
        for value in body.values():
            records += value if isinstance(value, list) else []
    return [record["ts"] for record in records if isinstance(record, dict) and "ts" in record]
