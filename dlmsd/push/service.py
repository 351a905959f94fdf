"""All listeners, and all meters that push."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred, gatherResults

from dlmsd.config.values import MeterOptions, PushOptions
from dlmsd.meter.poller import Commit
from dlmsd.meter.security import CounterStore
from dlmsd.model import ListenerStatus, MeterStatus
from dlmsd.push.desk import Desk
from dlmsd.push.listener import Listener
from dlmsd.push.meter import PushedMeter, waiting
from dlmsd.push.security import context, received


class PushService:
    """``meters`` are those with transport ``push``; inactive ones only have a status.

    ``random`` gives so many unpredictable octets; ``commit`` is the outbox's. With
    ``trace`` each APDU is logged, at debug.
    """

    def __init__(
        self,
        listeners: Sequence[PushOptions],
        meters: Sequence[MeterOptions],
        *,
        reactor: Any,
        wall: Callable[[], float],
        random: Callable[[int], bytes],
        store: CounterStore,
        commit: Commit,
        post: Callable[[MeterStatus | ListenerStatus], None],
        trace: bool = False,
    ) -> None:
        self._options = listeners
        self._meter_options = meters
        self._reactor = reactor
        self._wall = wall
        self._random = random
        self._store = store
        self._commit = commit
        self._post = post
        self._trace = trace
        self.listeners: list[Listener] = []
        self._meters: list[PushedMeter] = []

    async def start(self, last_ts: Mapping[str, int]) -> None:
        """Hear from now on; ListenError if a port cannot be had, and then nothing is heard.

        ``last_ts`` is the newest stored timestamp of each meter, in ms.
        """
        counters = await received(self._store)
        for options in self._meter_options:
            if options.status != "active":
                self._post(waiting(options))
                continue
            meter = PushedMeter(
                options,
                context(options, counters, self._random),
                commit=self._commit,
                post=self._post,
                clock=self._reactor,
                wall=self._wall,
                last_ts=last_ts.get(options.name, 0),
            )
            self._meters.append(meter)
            meter.start()
        desk = Desk(self._meters, self._unknown, trace=self._trace)
        self.listeners = [self._listener(options, desk) for options in self._options]
        for listener in self.listeners:
            await listener.start()

    async def stop(self) -> None:
        """Hear no more, and leave nothing open."""
        for meter in self._meters:
            meter.stop()
        stops = [Deferred.fromCoroutine(one.stop()) for one in self.listeners]
        await gatherResults(stops, consumeErrors=True)

    def _listener(self, options: PushOptions, desk: Desk) -> Listener:
        return Listener(
            options,
            reactor=self._reactor,
            wall=self._wall,
            deliver=desk.arrived,
            post=self._post,
        )

    def _unknown(self, listener: str, sender: str) -> None:
        for one in self.listeners:
            if one.options.name == listener:
                one.unknown(sender)
