"""One sink with its meters before one broker, in virtual time; all details from one seed."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from twisted.internet.defer import Deferred

from dlmsd.config.values import SinkOptions
from dlmsd.model import CloseCause, SinkStatus
from dlmsd.publish.build import build
from dlmsd.secret import Secret
from tests.clock import HeapClock
from tests.publish.bench import meter
from tests.publish.broker import ModelBroker
from tests.publish.orders import MemoryOrders
from tests.publish.outbox import MemoryOutbox, reading
from tests.thingsboard.case import START, add, server
from tests.verdicts.network import dial

STEP = 0.25
# So many messages a second at most: what matters is when they are sent, not how many.
MOST = 4.0


class Scene:
    """``kind`` is the sink's; ThingsBoard is the stand-in, anything else the model broker.

    ``at`` calls something at a time, between the clock's calls.
    """

    def __init__(self, seed: int, kind: str, version: int, **limits: Any) -> None:
        self.random = Random(seed)
        self.kind, self.version = kind, version
        self.clock = HeapClock()
        self.wall = lambda: START + self.clock.seconds()
        self.model = ModelBroker(self.clock)
        self.release = self.random.choice(("3.4", "3.6", "3.8", "4.2.1", "4.3"))
        self.board = server(self.clock, self.release, **limits)
        self.broker: Any = self.model if kind == "mqtt" else self.board
        self.names = [f"m{n}" for n in range(1, self.random.choice((1, 2, 5, 20, 50)) + 1)]
        self.fastest = max(1.0, len(self.names) / MOST)
        self.interval = self.fastest * self.random.choice((1, 2, 5, 15))
        self.outbox = MemoryOutbox(self.clock)
        self.statuses: list[SinkStatus] = []
        self.delay = self.random.choice((0.0, 0.001, 0.02, 0.3))
        self.connects: list[float] = []
        self.large: list[float] = []
        """From when on the next reading is larger than any other."""
        self._acts: list[tuple[float, Callable[[], None]]] = []
        self._next = {name: self.random.uniform(0, self.interval) for name in self.names}
        token = Secret("gw") if kind == "thingsboard-gateway" else None
        options = SinkOptions(
            "s",
            kind,
            "mqtt://broker",
            token=token,
            protocol=version,
            inflight=self.random.choice((1, 5, 20)),
        )
        if kind == "thingsboard":
            for name in self.names:
                add(self.board, f"token-of-{name}").name = f"Device {name}"
        connect = dial(self.broker, self.clock, self.delay)

        def counted(factory: Any) -> Deferred[Any]:
            self.connects.append(self.clock.seconds())
            return connect(factory)

        self.sink = build(
            options,
            [meter(name) for name in self.names],
            outbox=self.outbox,
            clock=self.clock,
            reach=lambda _: counted,
            wall=self.wall,
            random=Random(seed),
            post=self.statuses.append,
            published=lambda *_: None,
            linked=lambda _: None,
            instance_id="host-1a2b",
            orders=MemoryOrders(),
        )
        Deferred.fromCoroutine(self.sink.start())
        for name in self.names:
            self.sink.meter_state(name, True)

    @property
    def cause(self) -> CloseCause | None:
        verdict = self.statuses[-1].verdict
        return verdict.cause if verdict else None

    @property
    def load(self) -> float:
        """Readings a second."""
        return len(self.names) / self.interval

    def at(self, time: float, act: Callable[[], None]) -> None:
        self._acts.append((time, act))

    def run(self, until: float, look: Callable[[], bool] = lambda: False) -> None:
        """Readings come at their times; ends when ``look`` says so."""
        while self.clock.seconds() < until and not look():
            now = self.clock.seconds()
            due = [name for name, at in self._next.items() if at <= now]
            for name in due:
                self._next[name] += self.interval * self.random.uniform(0.98, 1.02)
            self.outbox.commit([self._reading(name, now) for name in due])
            acts = [act for at, act in self._acts if at <= now]
            self._acts = [one for one in self._acts if one[0] > now]
            for act in acts:
                act()
            self.clock.run(STEP)

    def _reading(self, name: str, now: float) -> Any:
        values = {"v": f"{self.random.uniform(220, 240):.1f}"}
        if self.large and now >= self.large[0]:
            self.large.pop(0)
            values = {f"x{n}": "1" * 20 for n in range(3000)}
        return reading(name, int(now * 1000) + self.names.index(name), **values)
