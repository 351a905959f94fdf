"""When the cycles of one meter begin."""

from __future__ import annotations

import math

from twisted.internet.interfaces import IReactorTime


class Slots:
    """One every ``interval`` seconds, from start to start, without those in which nothing is due.

    ``next`` is when the next one begins, by the clock.
    """

    def __init__(self, interval: float, clock: IReactorTime) -> None:
        self._interval = interval
        self._clock = clock
        self.next = 0.0

    def begin(self) -> None:
        """One begins now, and the others follow it."""
        self.next = self._clock.seconds()

    def passed(self, due: float, *, between: bool = False) -> int:
        """A cycle has ended, one that came ``between`` slots or that of the next one; how many
        slots it took beside its own. What comes next is ``due`` then, or was before.
        """
        now = self._clock.seconds()
        took = max(0 if between else 1, self._until(now))
        self.next += took * self._interval
        left_out = self._until(max(now, due))
        if between or left_out > 0:  # one between two may have failed, and not wait for the due
            self.next += left_out * self._interval
        return max(0, took - 1)

    def _until(self, then: float) -> int:
        """How many slots the first one from then on is behind the next one."""
        return math.ceil((then - self.next) / self._interval)
