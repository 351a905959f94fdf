"""How many connections may be begun: gateways and modems choke on a crowd."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, TypeAlias

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

# Attempts under way at once. Each has a file descriptor, and a place in the connection
# tables of the routers between; what is lost together must not come back together.
MAX_HALF_OPEN: Final = 200

Leave: TypeAlias = Callable[[], None]


class Admission:
    """Lets connection attempts begin in order of asking, so that nobody starves.

    At most ``rate`` begin each second, and no more than ``half_open`` are under way.
    """

    def __init__(self, clock: IReactorTime, rate: float, half_open: int = MAX_HALF_OPEN) -> None:
        self._clock = clock
        self._pause = 1.0 / rate
        self._free_at = 0.0
        self._places = half_open
        # A dictionary, for its order and because who leaves is found at once.
        self._waiting: dict[Deferred[Leave], None] = {}
        self._stopped = False
        self._call: IDelayedCall | None = None

    def pace(self, rate: float) -> None:
        """Another rate from now on."""
        self._pause = 1.0 / rate

    def enter(self) -> Deferred[Leave]:
        """Fires when one attempt may begin; cancel it to leave the queue.

        Its result is to be called when the attempt has come to its end, whichever.
        """
        place = Deferred[Leave](self._give_up)
        if self._stopped:
            place.cancel()
            return place
        self._waiting[place] = None
        self._plan()
        return place

    def stop(self) -> None:
        """Let nobody in any more; who asks later is turned away at once."""
        self._stopped = True
        for place in tuple(self._waiting):
            place.cancel()

    def _give_up(self, place: Deferred[Leave]) -> None:
        self._waiting.pop(place, None)
        if self._call is not None and not self._waiting:
            self._call.cancel()
            self._call = None

    def _plan(self) -> None:
        if self._call is None and self._waiting and self._places:
            wait = max(0.0, self._free_at - self._clock.seconds())
            self._call = self._clock.callLater(wait, self._admit)

    def _admit(self) -> None:
        self._call = None
        if self._waiting and self._places:
            self._free_at = self._clock.seconds() + self._pause
            self._places -= 1
            place = next(iter(self._waiting))
            del self._waiting[place]
            place.callback(partial(self._left, [True]))
        self._plan()

    def _left(self, inside: list[bool]) -> None:
        """An attempt has ended; said twice, it counts once."""
        if inside:
            inside.clear()
            self._places += 1
            self._plan()
