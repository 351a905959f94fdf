"""What the tests of orders share: a fleet that is read, and those who may be asked for it."""

from __future__ import annotations

from collections.abc import Coroutine
from pathlib import Path
from random import Random
from typing import Any

from twisted.internet.defer import Deferred

from dlmsd.config.values import (
    Configuration,
    DaemonOptions,
    MeterOptions,
    OutboxOptions,
    WebOptions,
)
from dlmsd.fleet.board import Board
from dlmsd.fleet.incumbents import Incumbents
from dlmsd.fleet.overrides import Overrides
from dlmsd.meter.session import Session
from dlmsd.meter.timekeeping import TIME
from dlmsd.model import MeterStatus, Reading, ReloadStatus
from dlmsd.orders import (
    Orders,
)
from dlmsd.simulator.personality import MICROSTAR, Personality
from dlmsd.store.registry import Registry
from dlmsd.web.status import StatusDocument
from tests.meter.fleet import FleetCase
from tests.store.immediate import ImmediateWriter


class OrdersCase(FleetCase):
    def setUp(self) -> None:
        super().setUp()
        self.board = Board()
        self.meters: list[MeterOptions] = []
        self.synchronised: bool | None = True
        folder = Path(self.mktemp())
        folder.mkdir()
        writer = ImmediateWriter()
        writer.start()
        self.registry = Registry(
            folder / "registry.db", writer=writer, wall=self.wall, draw=Random(3).randbytes
        )
        self.done(self.registry.start())
        self.addCleanup(lambda: self.done(self.registry.stop()))

    def done(self, coroutine: Any) -> Any:
        return self.successResultOf(Deferred.fromCoroutine(coroutine))

    def post(self, status: MeterStatus) -> None:
        super().post(status)
        self.board.post(status)

    def begin(
        self,
        meters: int = 1,
        away: bool = False,
        personality: Personality = MICROSTAR,
        **options: Any,
    ) -> None:
        """A fleet that has read for some seconds; its first meter may be ``away``."""
        self.simulate(meters, personality)
        if away:
            self.port = self.simulation.endpoints[0].port
            self.factory = self.network.listening.pop(self.port)
        self.meters = self.options(**options)
        self.incumbents = Incumbents(self.board, self.registry.serials, self.wall)
        self.read(self.meters)
        assert self.fleet is not None
        self.orders = Orders(
            self.board,
            self.fleet,
            StatusDocument(self.board, self.wall, "0"),
            self.registry,
            configuration=self.configuration,
            reload=self.reload,
            last_ts=self.last_ts,
            clock=self.network,
            wall=self.wall,
            synchronised=lambda: self.synchronised,
            overrides=Overrides(self.registry, self.configuration, self.reload, self.network),
            incumbents=self.incumbents,
        )
        self.run_for(2)

    def configuration(self) -> Configuration:
        daemon = DaemonOptions(Path("state"))
        web, outbox = WebOptions(), OutboxOptions()
        return Configuration(Path("x"), daemon, web, outbox, (), tuple(self.meters))

    async def reload(self, trigger: str) -> ReloadStatus:
        return ReloadStatus(1, trigger)

    async def last_ts(self) -> dict[str, int]:
        return {}

    def read_now(self, name: str = "") -> Deferred[Reading]:
        return Deferred.fromCoroutine(self.orders.read_now(name or self.names[0]))

    @property
    def names(self) -> list[str]:
        return [one.name for one in self.simulation.endpoints]


class TurnsCase(OrdersCase):
    def ask(self, work: Any, seconds: float = 5.0) -> Deferred[Any]:
        """What the meter is asked, some seconds later."""
        assert self.fleet is not None
        asked: Deferred[Any] = self.fleet.ask(self.names[0], work)
        self.run_for(seconds)
        return asked

    def order(self, work: Coroutine[Any, Any, Any], seconds: float = 5.0) -> Deferred[Any]:
        asked = Deferred.fromCoroutine(work)
        self.run_for(seconds)
        return asked

    async def time(self, session: Session) -> Any:
        return (await session.get(TIME)).value

    def audit(self) -> list[tuple[str, str, str, str]]:
        rows = self.done(self.registry.audit.list())
        return [(one.who, one.action, one.subject, one.detail) for one in rows][::-1]
