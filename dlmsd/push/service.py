"""All listeners, and all meters that push."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred, gatherResults

from dlmsd.config.values import MeterOptions, PushOptions
from dlmsd.meter.identity import Identity
from dlmsd.meter.security import CounterStore
from dlmsd.model import ListenerStatus, MeterStatus
from dlmsd.push.desk import Desk
from dlmsd.push.errors import ListenError
from dlmsd.push.listener import Listener
from dlmsd.push.meter import Keep, PushedMeter, waiting
from dlmsd.push.security import received, secured


class PushService:
    """Meters with transport ``push``; inactive ones only have a status.

    ``random`` gives so many unpredictable octets; ``commit`` is the outbox's. With
    ``trace`` each APDU is logged, at debug.
    """

    def __init__(
        self,
        *,
        reactor: Any,
        wall: Callable[[], float],
        random: Callable[[int], bytes],
        store: CounterStore,
        commit: Keep,
        post: Callable[[MeterStatus | ListenerStatus | Identity], None],
        trace: bool = False,
    ) -> None:
        self._reactor = reactor
        self._wall = wall
        self._random = random
        self._store = store
        self._commit = commit
        self._post = post
        self.listeners: list[Listener] = []
        self._meters: list[PushedMeter] = []
        self._desk = Desk(self._unknown, trace=trace)

    async def change(
        self,
        listeners: Sequence[PushOptions],
        meters: Sequence[MeterOptions],
        last_ts: Callable[[], Awaitable[Mapping[str, int]]],
    ) -> None:
        """Hear these from now on; of what did not change nothing is touched.

        ``last_ts``, the newest stored timestamp of each meter in ms, is asked when those that
        end have ended. ListenError for a port that cannot be had; all else is as wanted then.
        """
        gone = [one for one in self.listeners if one.options not in listeners]
        await _stop(gone)
        self.listeners = [one for one in self.listeners if one not in gone]
        for meter in self._meters:
            if meter.options not in meters:
                meter.stop()
        await self._know(meters, await last_ts())
        heard = [one.options for one in self.listeners]
        failed: ListenError | None = None
        for options in listeners:
            if options not in heard:
                try:
                    await self._listen(options)
                except ListenError as error:
                    failed = error
        if failed is not None:
            raise failed

    async def _know(self, meters: Sequence[MeterOptions], last_ts: Mapping[str, int]) -> None:
        known = {meter.options.name: meter for meter in self._meters if meter.options in meters}
        counters = await received(self._store)
        for options in meters:
            if options.status != "active":
                self._post(waiting(options))
            elif options.name not in known:
                known[options.name] = PushedMeter(
                    options,
                    secured(options, self._store, counters, self._random),
                    commit=self._commit,
                    post=self._post,
                    clock=self._reactor,
                    wall=self._wall,
                    last_ts=last_ts.get(options.name, 0),
                )
                known[options.name].start()
        self._meters = list(known.values())
        self._desk.know(self._meters)

    async def stop(self) -> None:
        """Hear no more, and leave nothing open."""
        for meter in self._meters:
            meter.stop()
        await _stop(self.listeners)

    async def _listen(self, options: PushOptions) -> None:
        listener = Listener(
            options,
            reactor=self._reactor,
            wall=self._wall,
            deliver=self._desk.arrived,
            post=self._post,
        )
        await listener.start()
        self.listeners.append(listener)

    def _unknown(self, listener: str, sender: str) -> None:
        for one in self.listeners:
            if one.options.name == listener:
                one.unknown(sender)


async def _stop(listeners: Sequence[Listener]) -> None:
    stops = [Deferred.fromCoroutine(one.stop()) for one in listeners]
    await gatherResults(stops, consumeErrors=True)
