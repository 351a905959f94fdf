"""What a person would do by restarting: a meter's line or a sink that is stuck is made anew.

Each has a recovery of its own, which ends every cycle and every attempt by itself. Whoever
shows no progress for far longer than that has met a fault of dlmsd; it is reported as one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Final, Literal

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from dlmsd.model import MeterState
from dlmsd.watch.history import History, MeterHistory

STUCK_SECONDS: Final = 600.0
STUCK_INTERVALS: Final = 20

Kind = Literal["meter", "sink"]
Rebuild = Callable[[str], Awaitable[None]]


class Supervisor:
    """``meter`` and ``sink`` rebuild what is of this name; they may raise what they like."""

    _log = Logger()

    def __init__(self, history: History, *, meter: Rebuild, sink: Rebuild) -> None:
        self._history = history
        self._rebuild: dict[Kind, Rebuild] = {"meter": meter, "sink": sink}
        self._going: dict[tuple[Kind, str], Deferred[None]] = {}

    def look(self, now: float) -> None:
        """Every few seconds; ``now`` is in seconds of the reactor's clock."""
        for kind, name in list(self._stuck(now)):
            if (kind, name) not in self._going:
                self._begin(kind, name, now)

    def stop(self) -> None:
        """No more of it; what is being rebuilt is left to whoever stops it."""
        self._going.clear()

    def _stuck(self, now: float) -> Iterator[tuple[Kind, str]]:
        history = self._history
        places = set()
        for name, meter in history.meters.items():
            place = meter.status.address
            if place not in places and self._hangs(meter, now):
                places.add(place)
                yield "meter", name
        queued = history.outbox.status.queued
        for name, sink in history.sinks.items():
            if queued.get(name, 0) and now - max(sink.moved_at, sink.told_at) > STUCK_SECONDS:
                yield "sink", name

    def _hangs(self, meter: MeterHistory, now: float) -> bool:
        status = meter.status
        if status.state is MeterState.INACTIVE or status.name in self._history.expectations.unasked:
            return False
        return now - meter.moved_at > max(STUCK_SECONDS, STUCK_INTERVALS * status.interval)

    def _begin(self, kind: Kind, name: str, now: float) -> None:
        rebuilt = self._history.host.rebuilt
        _, times = rebuilt.get((kind, name), (now, 0))
        rebuilt[kind, name] = now, times + 1
        self._log.error(
            "{name} is stuck, and is started anew: please report this", kind=kind, name=name
        )
        # It has all its time again, and so have its neighbours.
        if kind == "meter":
            address = self._history.meters[name].status.address
            for one in self._history.meters.values():
                if one.status.address == address:
                    one.moved_at = now
        else:
            self._history.sinks[name].moved_at = now
        going = Deferred.fromCoroutine(self._carry_out(kind, name))
        if not going.called:
            self._going[kind, name] = going

    async def _carry_out(self, kind: Kind, name: str) -> None:
        try:
            await self._rebuild[kind](name)
        except Exception:  # noqa: BLE001 - the next look tries again
            self._log.failure("{name} could not be started anew", kind=kind, name=name)
        finally:
            self._going.pop((kind, name), None)
