"""One deadline per conversation, moved often and reached seldom.

Moving it costs an attribute: the delayed call that guards it is only re-armed when it
fires too early, since thousands of cancelled calls are the dearest thing in a reactor.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime


class Deadline:
    """Calls ``expired`` once :meth:`set` has not been called again for its seconds."""

    def __init__(self, clock: IReactorTime, expired: Callable[[], None]) -> None:
        self._clock = clock
        self._expired = expired
        self._at: float | None = None
        self._call: IDelayedCall | None = None

    def set(self, seconds: float) -> None:
        """Expire ``seconds`` from now instead of whenever it was."""
        now = self._clock.seconds()
        self._at = now + seconds
        if self._call is None:
            self._call = self._clock.callLater(seconds, self._fire)
        elif self._call.getTime() > self._at:
            self._call.reset(seconds)

    def clear(self) -> None:
        """Expire no more; cheap, for the pause between two requests."""
        self._at = None

    def stop(self) -> None:
        """Expire no more, and leave no delayed call."""
        self._at = None
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _fire(self) -> None:
        self._call = None
        if self._at is None:
            return
        left = self._at - self._clock.seconds()
        if left > 0:
            self._call = self._clock.callLater(left, self._fire)
            return
        self._at = None
        self._expired()
