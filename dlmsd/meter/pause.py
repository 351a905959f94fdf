"""A pause in what one meter is asked, which ends in time or when somebody ends it."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime


class Pause:
    """One at a time."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._sleep: Deferred[None] | None = None
        self._alarm: IDelayedCall | None = None

    async def last(self, seconds: float) -> None:
        """At most so long."""
        self._sleep = Deferred()
        self._alarm = self._clock.callLater(max(0.0, seconds), self.end)
        await self._sleep

    def end(self) -> None:
        """Go on now; nothing where there is no pause."""
        if self._alarm is not None and self._alarm.active():
            self._alarm.cancel()
        self._alarm = None
        sleep, self._sleep = self._sleep, None
        if sleep is not None:
            sleep.callback(None)
