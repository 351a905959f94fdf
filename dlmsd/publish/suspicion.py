"""Which delivery makes a broker close the connection: found by halving what is in flight.

A poison message stops all behind it, since what was not acknowledged is sent again. So after
each close the next connection has half as many in flight, until one is alone with the
broker: at most log2(n) + 1 connections for n. It is guilty only if it was alone again and again
for ``PATIENCE``, and if then another delivery passes without it: a broker that is ill closes
whatever it is sent, and one that limits the rate takes it after a pause.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

# So many were alone, one after the other, and each time the connection closed: it is not them.
MOST_TRIED: Final = 8

# Seconds in which a rate limit lets something pass; the pauses between connections grow.
PATIENCE: Final = 60.0


class Suspicion:
    """``limit`` is how many deliveries may be in flight, None for no limit; those of
    ``tried`` are kept back while there is another to send."""

    def __init__(self) -> None:
        self.limit: int | None = None
        self.tried: list[int] = []
        self._before: frozenset[int] = frozenset()
        self._doubted = 0
        self._alone_since: float | None = None

    def closed(self, flying: Sequence[int], now: float) -> None:
        """The broker closed at ``now``, in seconds, right after these had been sent."""
        if not flying:
            return
        ids = frozenset(flying)
        if len(ids) > 1 or ids != self._before or self._alone_since is None:
            self._alone_since = now if len(ids) == 1 else None
        elif now - self._alone_since >= PATIENCE:
            self.tried += ids - set(self.tried)
            if len(self.tried) > MOST_TRIED:
                self.tried.clear()
        self.limit = max(1, len(ids) // 2)
        self._before, self._doubted = ids, len(ids)

    def arrived(self, ids: Iterable[int]) -> Sequence[int]:
        """The broker acknowledged these; whom that convicts."""
        passed = set(ids)
        others = passed - set(self.tried)
        self.tried = [one for one in self.tried if one not in passed]
        self._doubted -= len(passed)
        guilty: Sequence[int] = ()
        if others and self.tried:
            guilty, self.tried = tuple(self.tried), []
            self._doubted = 0
        if self._doubted <= 0 and not self.tried:
            self.limit, self._before = None, frozenset()
        return guilty
