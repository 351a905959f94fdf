"""The fleet: a poller for each active meter, a connection for each line."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Final

from twisted.internet.defer import Deferred, gatherResults
from twisted.logger import Logger

from dlmsd.config.quirks import weakening
from dlmsd.config.values import MeterOptions
from dlmsd.fleet.admission import Admission
from dlmsd.meter.build import make_reassembly, make_session, make_way
from dlmsd.meter.conversation import Trace
from dlmsd.meter.dialin import Reception
from dlmsd.meter.factory import MeterFactory
from dlmsd.meter.poller import Commit, Poller
from dlmsd.meter.security import MeterSecurity
from dlmsd.model import MeterState, MeterStatus

# Many silent meters behind one gateway could each take a second to say goodbye to; the
# daemon has five for everything.
_POLITE_SECONDS: Final = 1.5


class Fleet:
    """Starts and stops all pollers; inactive meters only have a status.

    ``tracer`` gives the function that a meter's frames are shown to, ``secure`` a meter's
    security; either may give None. ``reception`` is where meters call in, if any do.
    """

    _log = Logger()

    def __init__(
        self,
        meters: Sequence[MeterOptions],
        *,
        reactor: Any,
        wall: Callable[[], float],
        random: Callable[[], float],
        connects_per_second: float,
        commit: Commit,
        post: Callable[[MeterStatus], None],
        tracer: Callable[[MeterOptions], Trace | None],
        secure: Callable[[MeterOptions], MeterSecurity | None],
        reception: Reception | None = None,
    ) -> None:
        self._meters = meters
        self._reactor = reactor
        self._wall = wall
        self._random = random
        self._commit = commit
        self._post = post
        self._tracer = tracer
        self._secure = secure
        self._reception = reception
        self._admission = Admission(reactor, connects_per_second)
        self._factories: list[MeterFactory] = []
        self._pollers: list[Poller] = []

    def start(self, last_ts: Mapping[str, int]) -> None:
        """Begin to read; ``last_ts`` is the newest stored timestamp of each meter, in ms."""
        lines: dict[Hashable, list[MeterOptions]] = defaultdict(list)
        for meter in self._meters:
            for quirk in weakening(meter):
                self._log.warn(
                    "{meter}: quirk {quirk}: {weakens}",
                    meter=meter.name,
                    quirk=quirk.name,
                    weakens=quirk.weakens,
                )
            if meter.status == "active":
                lines[meter.line].append(meter)
            else:
                self._post(_inactive(meter))
        for meters in lines.values():
            self._line(meters, last_ts)
        for poller in self._pollers:
            poller.start()
        for factory in self._factories:
            factory.start()

    async def stop(self) -> None:
        """DISC to every meter that still listens, then FIN to every connection."""
        self._admission.stop()
        late = self._reactor.callLater(_POLITE_SECONDS, self._hang_up)
        stops = [Deferred.fromCoroutine(poller.stop()) for poller in self._pollers]
        await gatherResults(stops, consumeErrors=True)
        if late.active():
            late.cancel()
        ends = [Deferred.fromCoroutine(factory.stop()) for factory in self._factories]
        await gatherResults(ends, consumeErrors=True)

    def _hang_up(self) -> None:
        for factory in self._factories:
            factory.hang_up()

    def _line(self, meters: Sequence[MeterOptions], last_ts: Mapping[str, int]) -> None:
        factory = MeterFactory(
            make_way(meters[0], self._reactor, self._reception),
            lambda: make_reassembly(meters),
            reactor=self._reactor,
            admit=self._admission.enter,
            random=self._random,
            least_pause=max(meter.reconnect_delay for meter in meters),
        )
        self._factories.append(factory)
        for meter in meters:
            trace, security = self._tracer(meter), self._secure(meter)
            session = make_session(meter, factory.turn, self._reactor, trace, security)
            poller = Poller(
                meter,
                session,
                factory,
                commit=self._commit,
                post=self._post,
                clock=self._reactor,
                wall=self._wall,
                last_ts=last_ts.get(meter.name, 0),
            )
            self._pollers.append(poller)


def _inactive(meter: MeterOptions) -> MeterStatus:
    return MeterStatus(
        name=meter.name,
        address=meter.address,
        profile=meter.profile,
        interval=meter.interval,
        state=MeterState.INACTIVE,
    )
