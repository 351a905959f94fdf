"""How the recovery of a meter stands, as its status shows it."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from attrs import frozen


class Rung(enum.Enum):
    """Where a meter stands on the ladder that leads back to good readings."""

    CONNECTING = "connecting"
    """At first, and whenever there was no way but a new connection."""
    LINKED = "linked"
    RELINKING = "relinking"
    """Once more on the same connection."""
    BARRED = "barred"
    """It refused our credentials; before the next attempt there is a long pause."""
    PAUSED = "paused"
    """The circuit breaker is open: its association was lost too often."""
    PROBING = "probing"
    """The circuit breaker is half-open: one attempt."""


class Breaker(enum.Enum):
    """The circuit breaker of a meter."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@frozen
class Standing:
    """How a meter's recovery stands.

    ``errors`` counts failures of link or connection since the last good read, ``losses`` the
    associations that were lost with their connection within an hour; those the breaker counts.
    ``resting_until`` is when the meter is next to be tried, None if nothing holds it back; in
    seconds of the reactor's clock.
    """

    rung: Rung = Rung.CONNECTING
    errors: int = 0
    losses: int = 0
    resting_until: float | None = None

    @property
    def breaker(self) -> Breaker:
        """The circuit breaker, which is a part of the ladder."""
        return _BREAKERS.get(self.rung, Breaker.CLOSED)


_BREAKERS: Mapping[Rung, Breaker] = MappingProxyType(
    {Rung.PAUSED: Breaker.OPEN, Rung.PROBING: Breaker.HALF_OPEN}
)


STEADY: Final = Standing(Rung.LINKED)
