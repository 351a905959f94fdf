"""Deliveries that stay in the outbox: of meters about which an operator has to decide, and for a
while of those whose devices the server put out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from dlmsd.publish.dialect import Dialect
from dlmsd.publish.evictions import EvictedTrouble
from dlmsd.publish.lane import LaneQueue
from dlmsd.publish.troubles import Trouble


class Desk(Protocol):
    """Where the reason stands."""

    def refused(self, courier: str, error: Trouble) -> None: ...
    def forget(self, courier: str) -> None: ...
    def evicted(self, meter: str, error: EvictedTrouble) -> None: ...
    def returned(self, meter: str) -> None: ...


class Holding:
    """What a ``dialect`` holds back; ``back`` hears of each meter whose pause is over."""

    def __init__(
        self,
        dialect: Dialect,
        lanes: Iterable[LaneQueue],
        desk: Desk,
        clock: IReactorTime,
        back: Callable[[str], None],
    ) -> None:
        self._held = dialect.held
        self._evictions = dialect.evictions
        self._lanes = lanes
        self._desk = desk
        self._clock = clock
        self._back = back
        self._told: set[str] = set()
        self._timer: IDelayedCall | None = None

    def look(self) -> list[EvictedTrouble]:
        """There may be more of them; those that were put out since the last look."""
        if self._held.keys() != self._told:
            for meter in self._held.keys() - self._told:
                self._desk.refused(meter, self._held[meter])
            self._told = set(self._held)
            for lane in self._lanes:
                lane.hold(self._told)
        if self._evictions is None or not (news := self._evictions.news()):
            return []
        for meter, trouble in news.items():
            self._desk.evicted(meter, trouble)
        self._rest()
        return list(news.values())

    def release(self) -> bool:
        """None any more; whether there were any. What was held goes by a new connection."""
        released = bool(self._held)
        for meter in self._held:
            self._desk.forget(meter)
        self._held.clear()
        self.look()
        return released

    def stop(self) -> None:
        """Nobody returns any more."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    def _rest(self) -> None:
        assert self._evictions is not None
        for lane in self._lanes:
            lane.rest(self._evictions)
        self.stop()
        if (seconds := self._evictions.wait()) is not None:
            self._timer = self._clock.callLater(seconds, self._over)

    def _over(self) -> None:
        assert self._evictions is not None
        for meter in self._evictions.settled():
            if meter not in self._held:
                self._desk.forget(meter)
        returned = self._evictions.returned()
        self._rest()
        for meter in returned:
            self._desk.returned(meter)
            self._back(meter)
