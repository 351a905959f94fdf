"""The account of one sink's couriers, posted as a frozen SinkStatus."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from attrs import evolve
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from dlmsd.config.values import SinkOptions
from dlmsd.model import Link, SinkState, SinkStatus
from dlmsd.publish.evictions import EvictedTrouble
from dlmsd.publish.inquiry import Inquiry
from dlmsd.publish.troubles import Trouble

# Changes of state are posted at once; counts are not, at thousands of messages a second.
COUNT_INTERVAL: Final = 1.0
# Of many topics so many are named.
NAMED: Final = 3
# A verdict ages without anything happening.
VERDICT_INTERVAL: Final = 10.0


class Tally:
    """Counts connections and deliveries, and keeps the latest standing trouble.

    A courier's trouble stands until the broker acknowledges something to it. ``wall`` is
    Unix time in seconds; ``published`` hears of each message with readings: its meter, and
    its octets; ``linked`` of each connection that begins or ends.
    """

    log = Logger()

    def __init__(
        self,
        options: SinkOptions,
        post: Callable[[SinkStatus], None],
        clock: IReactorTime,
        wall: Callable[[], float],
        published: Callable[[str, int], None],
        inquiry: Inquiry,
        linked: Callable[[Link], None],
    ) -> None:
        self._options = options
        self._post = post
        self._clock = clock
        self._wall = wall
        self.published = published
        self._inquiry = inquiry
        self._linked = linked
        self._connections = 0
        self._stood: set[str] = set()
        self._reconnections = 0
        self._up: set[str] = set()
        self._troubles: dict[str, tuple[Trouble, int]] = {}
        self._held: dict[str, str] = {}
        self._unechoed: dict[str, Sequence[str]] = {}
        self._certificate_ends: int | None = None
        self._delivered = 0
        self._last_delivery: int | None = None
        self._soon: IDelayedCall | None = None
        self._open = False

    def open(self, connections: int) -> None:
        """So many connections are about to be tried."""
        self._open = True
        self._connections = connections
        self._now()

    def expect(self, connections: int) -> None:
        """So many there are from now on."""
        if self._connections != connections:
            self._connections = connections
            if self._open:
                self._now()

    def forget(self, courier: str) -> None:
        """This one has ended on purpose."""
        self._up.discard(courier)
        self._troubles.pop(courier, None)
        self._held.pop(courier, None)
        self._stood.discard(courier)
        self._unechoed.pop(courier, None)
        self._inquiry.close(courier)

    def close(self) -> None:
        """Nothing of what follows is news."""
        self._open = False
        self._up.clear()
        self._troubles.clear()
        self._held.clear()
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None
        self._post(self._status(SinkState.DOWN))

    def up(self, courier: str, certificate_ends: int | None) -> None:
        if self._open:
            self._up.add(courier)
            self._reconnections += courier in self._stood
            self._stood.add(courier)
            self._certificate_ends = certificate_ends
            self.log.info("{sink}: connected", sink=self._place(courier), meter=courier)
            self._linked(self._link(courier))
            self._now()

    def down(self, courier: str, error: Trouble) -> None:
        if self._open:
            self._up.discard(courier)
            explained = self._inquiry.explain(courier, error)
            self._linked(self._link(courier, explained))
            self._stand(courier, explained)

    def refused(self, courier: str, error: Trouble) -> None:
        if self._open:
            self._stand(courier, error)

    def acknowledged(self, courier: str, deliveries: int) -> None:
        if deliveries:
            self._delivered += deliveries
            self._last_delivery = int(self._wall() * 1000)
        if not self._open:
            return
        if self._troubles.pop(courier, None) is not None:
            self._now()
        elif deliveries:
            self._post_in(COUNT_INTERVAL)

    def _post_in(self, seconds: float) -> None:
        if self._soon is not None:
            if self._soon.getTime() <= self._clock.seconds() + seconds:
                return
            self._soon.cancel()
        self._soon = self._clock.callLater(seconds, self._later)

    def held(self, courier: str, why: str) -> None:
        """What the server allows holds deliveries back; with an empty ``why`` no longer."""
        if why == self._held.get(courier, ""):
            return
        if why:
            self._held[courier] = why
        else:
            del self._held[courier]
        if self._open:
            self._post_in(COUNT_INTERVAL)

    def evicted(self, meter: str, error: EvictedTrouble) -> None:
        """The server has ended the session of one meter's device, in a connection that stands."""
        if self._open:
            cause = error.close_cause.value
            self._linked(Link(self._options.name, meter, False, str(error), cause))
            self._stand(meter, error)

    def returned(self, meter: str) -> None:
        """That device is connected again."""
        if self._open:
            self._linked(Link(self._options.name, meter, True))

    def unechoed(self, courier: str, topics: Sequence[str]) -> None:
        """What is published to these is acknowledged, and does not come back."""
        self._unechoed[courier] = topics
        if self._open:
            self._now()

    def _stand(self, courier: str, error: Trouble) -> None:
        known = self._troubles.pop(courier, None)
        self._troubles[courier] = (error, int(self._wall() * 1000))
        # The same trouble at every attempt is one line in the log, whatever topic it names.
        if known is None or known[0].advice != error.advice:
            self.log.warn(
                "{sink}: {error}", sink=self._place(courier), error=str(error), meter=courier
            )
        self._now()
        self._post_in(COUNT_INTERVAL)

    def _link(self, courier: str, error: Trouble | None = None) -> Link:
        found = self._inquiry.verdict()
        link = Link(self._options.name, courier, error is None, str(error or ""))
        if found is None:
            return link
        # A verdict names a few only of many meters.
        if courier not in ("", *found.meters) and found.concerned <= len(found.meters):
            return link
        return evolve(link, cause=found.cause.value, evidence=found.evidence)

    def _place(self, courier: str) -> str:
        return f"{self._options.name} for {courier}" if courier else self._options.name

    def _later(self) -> None:
        self._soon = None
        self._now()

    def _now(self) -> None:
        if self._connections == len(self._up):
            state = SinkState.CONNECTED
        elif self._troubles and not self._up:
            state = SinkState.DOWN
        else:
            state = SinkState.CONNECTING
        verdict = self._inquiry.verdict()
        if verdict is not None:
            self._post_in(VERDICT_INTERVAL)
        self._post(evolve(self._status(state), verdict=verdict))

    def _status(self, state: SinkState) -> SinkStatus:
        error = advice = ""
        error_ts = None
        if self._troubles:
            courier, (trouble, error_ts) = next(reversed(self._troubles.items()))
            error = f"{courier}: {trouble}" if courier else str(trouble)
            advice = trouble.advice
        unechoed = [topic for topics in self._unechoed.values() for topic in topics]
        return SinkStatus(
            name=self._options.name,
            kind=self._options.kind,
            url=self._options.url,
            state=state,
            connections=self._connections,
            connected=len(self._up),
            delivered=self._delivered,
            last_delivery_ts=self._last_delivery,
            error=error,
            advice=advice,
            error_ts=error_ts,
            held=next(iter(self._held.values()), ""),
            reconnections=self._reconnections,
            unechoed=len(unechoed),
            unechoed_topics=tuple(unechoed[:NAMED]),
            certificate_ends=self._certificate_ends,
        )
