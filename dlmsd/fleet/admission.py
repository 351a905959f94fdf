"""How many connections may be begun: gateways and modems choke on a crowd."""

from __future__ import annotations

from collections import deque

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime


class Admission:
    """Lets at most ``rate`` connection attempts begin each second, in order of asking."""

    def __init__(self, clock: IReactorTime, rate: float) -> None:
        self._clock = clock
        self._pause = 1.0 / rate
        self._free_at = 0.0
        self._waiting: deque[Deferred[None]] = deque()
        self._stopped = False
        self._call: IDelayedCall | None = None

    def pace(self, rate: float) -> None:
        """Another rate from now on."""
        self._pause = 1.0 / rate

    def enter(self) -> Deferred[None]:
        """Fires when one attempt may begin; cancel it to leave the queue."""
        place = Deferred[None](self._leave)
        if self._stopped:
            place.cancel()
            return place
        self._waiting.append(place)
        self._plan()
        return place

    def stop(self) -> None:
        """Let nobody in any more; who asks later is turned away at once."""
        self._stopped = True
        while self._waiting:
            self._waiting.popleft().cancel()

    def _leave(self, place: Deferred[None]) -> None:
        if place in self._waiting:
            self._waiting.remove(place)
        if self._call is not None and not self._waiting:
            self._call.cancel()
            self._call = None

    def _plan(self) -> None:
        if self._call is None and self._waiting:
            wait = max(0.0, self._free_at - self._clock.seconds())
            self._call = self._clock.callLater(wait, self._admit)

    def _admit(self) -> None:
        self._call = None
        if self._waiting:
            self._free_at = self._clock.seconds() + self._pause
            self._waiting.popleft().callback(None)
        self._plan()
