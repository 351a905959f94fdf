"""What publishing needs of the outbox."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

from twisted.internet.defer import Deferred

from dlmsd.model import Lane


class Delivery(Protocol):
    """A committed reading that one sink still owes its broker.

    Ids ascend in commit order; of the two lanes the live one goes first. ``values`` is the
    JSON object of its values.
    """

    @property
    def id(self) -> int: ...
    @property
    def sink(self) -> str: ...
    @property
    def meter(self) -> str: ...
    @property
    def ts(self) -> int: ...
    @property
    def values(self) -> str: ...
    @property
    def lane(self) -> Lane: ...


Listener: TypeAlias = Callable[[Sequence[Delivery]], None]


class Outbox(Protocol):
    """Where deliveries come from, and who is told that they arrived."""

    async def pending(
        self,
        sink: str,
        after: int,
        limit: int,
        meter: str | None = None,
        lane: Lane = Lane.LIVE,
    ) -> Sequence[Delivery]:
        """At most ``limit`` undelivered ones of a lane with an id above ``after``, ascending.

        A commit that ``subscribe`` tells after this result is not in it; one told before is.
        """

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Tell ``listener`` each commit's deliveries, of all sinks; the result ends it."""

    def delivered(self, ids: Sequence[int]) -> Deferred[None]:
        """The broker has acknowledged these; no later ``pending`` gives them.

        Fires, and never fails, when a kill no longer makes them duplicates.
        """

    def quarantine(self, ids: Sequence[int], reason: str) -> object:
        """The broker refuses these for good; no later ``pending`` gives them."""
