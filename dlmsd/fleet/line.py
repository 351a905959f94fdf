"""One line: the connection to one place, and a poller for each meter behind it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from attrs import evolve, frozen
from twisted.internet.defer import Deferred, DeferredList

from dlmsd.config.recovery import of_line
from dlmsd.config.values import MeterOptions
from dlmsd.errors import DlmsdError
from dlmsd.fleet.admission import Leave
from dlmsd.meter.build import make_reassembly, make_session, make_way
from dlmsd.meter.conversation import Trace
from dlmsd.meter.dialin import Reception
from dlmsd.meter.factory import MeterFactory
from dlmsd.meter.gaps import GapKeeper
from dlmsd.meter.harvest import Commit
from dlmsd.meter.incumbency import Incumbency
from dlmsd.meter.poller import Poller
from dlmsd.meter.refusals import Refusals
from dlmsd.meter.security import MeterSecurity
from dlmsd.model import GapStart, MeterStatus, Reading

# Many silent meters behind one gateway could each take a second to say goodbye to; the
# daemon has five for everything.
POLITE_SECONDS: Final = 1.5
# By then each has ended, unless it hangs for a reason that nobody thought of.
_STUCK_SECONDS: Final = 10.0


@frozen
class Surroundings:
    """What all lines have in common: see :class:`dlmsd.fleet.service.Fleet`."""

    reactor: Any
    wall: Callable[[], float]
    random: Callable[[], float]
    admit: Callable[[], Deferred[Leave]]
    commit: Commit
    obstacle: Callable[[MeterOptions], DlmsdError | None]
    post: Callable[[MeterStatus], None]
    tracer: Callable[[MeterOptions], Trace | None]
    secure: Callable[[MeterOptions], MeterSecurity | None]
    reception: Reception | None
    refusals: Refusals
    gaps: Callable[[MeterOptions, int], GapKeeper | None]
    incumbency: Callable[[MeterOptions], Incumbency | None]


class Line:
    """``meters`` are active and have one ``line``; construction opens nothing.

    Raises ConfigurationError for a file of TLS that cannot be used.
    """

    def __init__(self, meters: Sequence[MeterOptions], around: Surroundings) -> None:
        self._meters = _apart(meters)
        self._sinks = {meter.name: meter.sinks for meter in meters}
        self._options = meters
        self._around = around
        self._least_pause = max(meter.reconnect_delay for meter in meters)
        self._factory = MeterFactory(
            make_way(meters[0], around.reactor, around.reception),
            lambda: make_reassembly(meters),
            name=", ".join(meter.name for meter in meters),
            reactor=around.reactor,
            admit=around.admit,
            random=around.random,
            least_pause=self._least_pause,
            recovery=of_line([meter.recovery for meter in meters]),
        )
        self._pollers: list[Poller] = []

    def reads(self, meters: Sequence[MeterOptions]) -> bool:
        """Whether these are the meters that are read, in the way in which they are read."""
        return _apart(meters) == self._meters

    def route(self, meters: Sequence[MeterOptions]) -> None:
        """Their readings go where these say from now on; the connection need not know."""
        self._sinks = {meter.name: meter.sinks for meter in meters}

    def start(self, last_ts: Mapping[str, int], *, again: bool = False) -> None:
        """Begin to read; ``again`` after another line to the same place has ended just now."""
        around = self._around
        for meter in self._options:
            trace, security = around.tracer(meter), around.secure(meter)
            session = make_session(meter, self._factory.turn, around.reactor, trace, security)
            poller = Poller(
                meter,
                session,
                self._factory,
                commit=self._commit,
                obstacle=partial(around.obstacle, meter),
                post=around.post,
                clock=around.reactor,
                wall=around.wall,
                last_ts=last_ts.get(meter.name, 0),
                memory=around.refusals.of(meter),
                gaps=around.gaps(meter, last_ts.get(meter.name, 0)),
                incumbency=around.incumbency(meter),
            )
            self._pollers.append(poller)
        for poller in self._pollers:
            poller.start()
        self._factory.start(self._least_pause if again else 0.0)

    @property
    def meters(self) -> Sequence[MeterOptions]:
        """Those that are read here."""
        return self._options

    def poller(self, name: str) -> Poller:
        """Of the meter of this name; LookupError for one that is not read yet."""
        for meter, poller in zip(self._options, self._pollers, strict=False):
            if meter.name == name:
                return poller
        raise LookupError(name)

    def resume(self) -> None:
        """See :meth:`dlmsd.fleet.service.Fleet.resume`."""
        for poller in self._pollers:
            poller.resume()

    async def stop(self) -> None:
        """DISC to every meter that still listens, then FIN."""
        late = self._around.reactor.callLater(POLITE_SECONDS, self._factory.hang_up)
        stops = [Deferred.fromCoroutine(poller.stop()) for poller in self._pollers]
        # A cycle that hangs is cancelled then.
        ended = DeferredList(stops, consumeErrors=True)
        await ended.addTimeout(_STUCK_SECONDS, self._around.reactor)
        if late.active():
            late.cancel()
        await self._factory.stop()

    def _commit(
        self, reading: Reading, _: Sequence[str], behind: GapStart | None = None
    ) -> Deferred[None]:
        return self._around.commit(reading, self._sinks[reading.meter], behind)


def _apart(meters: Sequence[MeterOptions]) -> list[MeterOptions]:
    """Without what concerns only those who publish."""
    return [evolve(meter, sinks=(), token=None, device_name="") for meter in meters]
