"""One sink: its couriers, each with a connection, and the outbox's listener between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from attrs import frozen
from twisted.internet.defer import DeferredList
from twisted.internet.interfaces import IReactorTime

from dlmsd.model import MeterStatus
from dlmsd.publish.connection import Connection
from dlmsd.publish.courier import Courier
from dlmsd.publish.source import Delivery, Outbox
from dlmsd.publish.tally import Tally

FAREWELL: Final = 1.0


@frozen
class Route:
    """A courier and the connection it uses."""

    courier: Courier
    connection: Connection


class Sink:
    """Publishes one sink's deliveries from ``start`` to ``stop``.

    ``routes`` is by meter; the route of "" takes every meter that has none of its own.
    ``online`` is what is known of each meter, shared with the couriers, who tell it anew
    after every connect.
    """

    def __init__(
        self,
        name: str,
        routes: Mapping[str, Route],
        online: dict[str, bool],
        outbox: Outbox,
        tally: Tally,
        clock: IReactorTime,
    ) -> None:
        self.name = name
        self._routes = routes
        self._online = online
        self._outbox = outbox
        self._tally = tally
        self._clock = clock
        self._unsubscribe: Callable[[], None] | None = None

    async def start(self) -> None:
        """Listen to the outbox and begin to connect; does not wait for the broker."""
        self._unsubscribe = self._outbox.subscribe(self._committed)
        self._tally.open(len(self._routes))
        for route in self._routes.values():
            route.courier.start()
            route.connection.start()

    async def stop(self) -> None:
        """Say farewell, disconnect and close, within 2 s whatever the broker does."""
        if self._unsubscribe is None:
            return
        self._unsubscribe()
        self._unsubscribe = None
        routes = self._routes.values()
        said = DeferredList([route.courier.finish() for route in routes], consumeErrors=True)
        await said.addTimeout(FAREWELL, self._clock)
        self._tally.close()
        await DeferredList([route.connection.stop() for route in routes])

    def meter_state(self, name: str, online: bool) -> None:
        """A meter can be read, or no longer; may be told at any time, repeatedly."""
        if self._online.get(name) is online:
            return
        self._online[name] = online
        courier = self._courier(name)
        if courier is not None:
            courier.state(name, online)

    def meter_status(self, status: MeterStatus) -> None:
        """A meter's newest status, which some brokers are told more of than its state."""
        courier = self._courier(status.name)
        if courier is not None:
            courier.learn(status)

    def _committed(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            if delivery.sink == self.name:
                courier = self._courier(delivery.reading.meter)
                if courier is not None:
                    courier.offer(delivery)

    def _courier(self, meter: str) -> Courier | None:
        route = self._routes.get(meter) or self._routes.get("")
        return None if route is None else route.courier
