"""One sink: its couriers, each with a connection, and the outbox's listener between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from attrs import frozen
from twisted.internet.defer import DeferredList
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger

from dlmsd.config.credentials import DeviceCredentials
from dlmsd.config.values import MeterOptions
from dlmsd.errors import DlmsdError
from dlmsd.meter.identity import Identity
from dlmsd.model import Lane, MeterStatus
from dlmsd.publish.connection import Connection
from dlmsd.publish.courier import Courier
from dlmsd.publish.source import Delivery, Outbox
from dlmsd.publish.tally import Tally

FAREWELL: Final = 1.0
# How often it is looked whether a meter that is gone has left anything to deliver.
LEAVING_SECONDS: Final = 60.0


@frozen
class Route:
    """A courier and the connection it uses."""

    courier: Courier
    connection: Connection


@frozen
class Plan:
    """How a route is made; another ``key`` makes another route of it."""

    key: object
    make: Callable[[], Route]


class Sink:
    """Publishes one sink's deliveries from ``start`` to ``stop``.

    ``plan`` gives the routes for meters, by meter; the route of "" takes every meter that has
    none of its own. ``online`` is what is known of each meter, shared with the couriers, who
    tell it anew after every connect.
    """

    _log = Logger()

    def __init__(
        self,
        name: str,
        plan: Callable[[Sequence[MeterOptions]], Mapping[str, Plan]],
        meters: Sequence[MeterOptions],
        online: dict[str, bool],
        outbox: Outbox,
        tally: Tally,
        clock: IReactorTime,
    ) -> None:
        self.name = name
        self._plan = plan
        self._plans = dict(plan(meters))
        self._routes = {key: one.make() for key, one in self._plans.items()}
        self._leaving: set[str] = set()
        self._online = online
        self._outbox = outbox
        self._tally = tally
        self._clock = clock
        self._unsubscribe: Callable[[], None] | None = None
        self._departures = LoopingCall(self._part)
        self._departures.clock = clock

    async def start(self) -> None:
        """Listen to the outbox and begin to connect; does not wait for the broker."""
        self._unsubscribe = self._outbox.subscribe(self._committed)
        self._tally.open(len(self._routes))
        for route in self._routes.values():
            _start(route)
        self._departures.start(LEAVING_SECONDS, now=False)

    async def stop(self) -> None:
        """Say farewell, disconnect and close, within 2 s whatever the broker does."""
        if self._unsubscribe is None:
            return
        self._unsubscribe()
        self._unsubscribe = None
        self._departures.stop()
        await self._end(list(self._routes.values()), self._tally.close)

    async def change(self, meters: Sequence[MeterOptions]) -> None:
        """For these meters from now on; connections that need not change go on.

        A meter that is gone keeps its route until all that it left is delivered.
        """
        wanted = self._plan(meters)
        self._leaving = self._plans.keys() - wanted.keys()
        names = {meter.name for meter in meters}
        for name in self._online.keys() - names:
            del self._online[name]
        stale = [
            name
            for name, one in wanted.items()
            if name in self._plans and self._plans[name].key != one.key
        ]
        await self._drop(stale)
        for name in wanted.keys() - self._routes.keys():
            self._plans[name], self._routes[name] = wanted[name], wanted[name].make()
            if self._unsubscribe is not None:
                _start(self._routes[name])
        self._tally.expect(len(self._routes))
        await self._part()

    async def _drop(self, names: Sequence[str]) -> None:
        routes = [self._routes.pop(name) for name in names]
        for name in names:
            del self._plans[name]
        await self._end(routes, lambda: None)
        for name in names:
            self._tally.forget(name)

    async def _part(self) -> None:
        """End the routes of meters that are gone and have left nothing."""
        try:
            for name in sorted(self._leaving):
                # While the outbox is asked the meter may come back, or another look end it.
                if not await self._waits(name) and name in self._leaving:
                    self._leaving.discard(name)
                    await self._drop([name])
                    self._tally.expect(len(self._routes))
        except DlmsdError as error:
            self._log.warn("{sink}: {reason}", sink=self.name, reason=str(error))

    async def _waits(self, name: str) -> bool:
        for lane in Lane:
            if await self._outbox.pending(self.name, 0, 1, name, lane):
                return True
        return False

    async def _end(self, routes: Sequence[Route], said: Callable[[], None]) -> None:
        farewells = [route.courier.finish() for route in routes]
        await DeferredList(farewells, consumeErrors=True).addTimeout(FAREWELL, self._clock)
        said()
        # A connection that was lost ends its farewell in the midst of telling so.
        await deferLater(self._clock, 0)
        await DeferredList([route.connection.stop() for route in routes])

    def forgive(self) -> None:
        """An operator wants a new beginning for what was held back."""
        for route in self._routes.values():
            route.courier.forgive()

    def device(self, credentials: DeviceCredentials) -> Connection | None:
        """The connection with these, also of a meter that is gone and has left deliveries."""
        found = (name for name, one in self._plans.items() if one.key == credentials)
        name = next(found, None)
        return None if name is None else self._routes[name].connection

    def meter_state(self, name: str, online: bool) -> None:
        """A meter can be read, or no longer; may be told at any time, repeatedly."""
        if self._online.get(name) is online:
            return
        self._online[name] = online
        courier = self._courier(name)
        if courier is not None:
            courier.state(name, online)

    def meter_status(self, status: MeterStatus | Identity) -> None:
        """A meter's newest status, or who it is; some brokers are told more than its state."""
        courier = self._courier(status.name)
        if courier is not None:
            courier.learn(status)

    def _committed(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            if delivery.sink == self.name:
                courier = self._courier(delivery.meter)
                if courier is not None:
                    courier.offer(delivery)

    def _courier(self, meter: str) -> Courier | None:
        route = self._routes.get(meter) or self._routes.get("")
        return None if route is None else route.courier


def _start(route: Route) -> None:
    route.courier.start()
    route.connection.start()
