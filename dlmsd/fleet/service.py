"""The fleet: a poller for each active meter, a connection for each line."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Any, Final, TypeAlias, TypeVar

from twisted.internet.defer import Deferred, DeferredLock, gatherResults
from twisted.internet.task import deferLater
from twisted.logger import Logger

from dlmsd.config.quirks import weakening
from dlmsd.config.values import MeterOptions
from dlmsd.errors import DlmsdError
from dlmsd.fleet.admission import Admission
from dlmsd.fleet.line import Line, Surroundings
from dlmsd.meter.conversation import Trace
from dlmsd.meter.dialin import Reception
from dlmsd.meter.gaps import GapKeeper
from dlmsd.meter.harvest import Commit
from dlmsd.meter.incumbency import Incumbency
from dlmsd.meter.refusals import Refusals
from dlmsd.meter.security import MeterSecurity
from dlmsd.meter.turns import Work
from dlmsd.model import MeterState, MeterStatus

T = TypeVar("T")

# Lines that begin without a break: each takes about a millisecond, and others wait.
_AT_ONCE: Final = 50

LastTs: TypeAlias = Callable[[], Awaitable[Mapping[str, int]]]
"""Gives the newest stored timestamp of each meter, in ms."""


class Fleet:
    """Starts and stops all lines; inactive meters only have a status.

    ``tracer`` gives the function that a meter's frames are shown to, ``secure`` a meter's
    security; either may give None. ``reception`` is where meters call in, if any do.
    ``obstacle`` tells why no reading of a meter can be kept now.
    """

    _log = Logger()

    def __init__(
        self,
        *,
        reactor: Any,
        wall: Callable[[], float],
        random: Callable[[], float],
        connects_per_second: float,
        commit: Commit,
        obstacle: Callable[[MeterOptions], DlmsdError | None] = lambda meter: None,
        post: Callable[[MeterStatus], None],
        tracer: Callable[[MeterOptions], Trace | None],
        secure: Callable[[MeterOptions], MeterSecurity | None],
        reception: Reception | None = None,
        gaps: Callable[[MeterOptions, int], GapKeeper | None] = lambda meter, last_ts: None,
        incumbency: Callable[[MeterOptions], Incumbency | None] = lambda meter: None,
    ) -> None:
        self.admission = Admission(reactor, connects_per_second)
        self._post = post
        self._around = Surroundings(
            reactor,
            wall,
            random,
            self.admission.enter,
            commit,
            obstacle,
            post,
            tracer,
            secure,
            reception,
            Refusals(),
            gaps,
            incumbency,
        )
        self._turn = DeferredLock()
        self._known: dict[str, MeterOptions] = {}
        self._lines: dict[Hashable, Line] = {}

    async def change(
        self,
        meters: Sequence[MeterOptions],
        last_ts: LastTs,
    ) -> None:
        """Read these from now on; a line of which nothing changed is not touched.

        ``last_ts`` is asked when those that end have ended. ConfigurationError, and nothing is
        changed, for a file of TLS that cannot be used.
        """
        await self._turn.acquire()
        try:
            await self._change(meters, last_ts)
        finally:
            self._turn.release()

    def read_now(self, name: str) -> None:
        """Begin a cycle that reads everything; LookupError for a meter that is not read."""
        self._lines[self._line(name)].poller(name).read_now()

    def resume(self) -> None:
        """Read what could not be kept for a while, without waiting for the next slot."""
        for line in self._lines.values():
            line.resume()

    def ask(self, name: str, work: Work) -> Deferred[Any]:
        """Let ``work`` speak to a meter between two cycles; what it gives.

        LookupError for a meter that is not read.
        """
        return self._lines[self._line(name)].poller(name).ask(work)

    async def reconnect(self, name: str, last_ts: LastTs) -> None:
        """Leave a meter's line, and open it anew, without the pauses that it had come to.

        LookupError for a meter that is not read.
        """
        await self.apart(name, last_ts, _nothing)

    async def apart(self, name: str, last_ts: LastTs, work: Callable[[], Awaitable[T]]) -> T:
        """The same, and ``work`` in between, while nobody else speaks there; what it gives."""
        await self._turn.acquire()
        try:
            key = self._line(name)
            old = self._lines[key]
            new = Line([self._known[one.name] for one in old.meters], self._around)
            await old.stop()
            self._lines[key] = new
            try:
                return await work()
            finally:
                new.start(await last_ts(), again=True)
        finally:
            self._turn.release()

    async def _change(self, meters: Sequence[MeterOptions], last_ts: LastTs) -> None:
        new = self._new(meters)
        wanted = _lines(meters)
        gone = {
            key: line
            for key, line in self._lines.items()
            if key not in wanted or not line.reads(wanted[key])
        }
        for key in gone:
            del self._lines[key]
        for key, line in self._lines.items():
            line.route(wanted[key])
        stops = [Deferred.fromCoroutine(line.stop()) for line in gone.values()]
        await gatherResults(stops, consumeErrors=True)
        known = await last_ts()
        self._tell(meters)
        self._lines.update(new)
        for number, (key, line) in enumerate(new.items(), 1):
            line.start(known, again=key in gone)
            if number % _AT_ONCE == 0:
                await deferLater(self._around.reactor, 0, lambda: None)

    async def stop(self) -> None:
        """DISC to every meter that still listens, then FIN to every connection."""
        self.admission.stop()
        await self._turn.acquire()
        stops = [Deferred.fromCoroutine(line.stop()) for line in self._lines.values()]
        await gatherResults(stops, consumeErrors=True)
        self._lines.clear()
        self._turn.release()

    def _line(self, name: str) -> Hashable:
        """The key of the line that a meter is read on."""
        key = self._known[name].line
        if self._known[name].status != "active" or key not in self._lines:
            raise LookupError(name)
        return key

    def _new(self, meters: Sequence[MeterOptions]) -> dict[Hashable, Line]:
        """Lines that are not there, or not as they should be."""
        return {
            key: Line(of_line, self._around)
            for key, of_line in _lines(meters).items()
            if key not in self._lines or not self._lines[key].reads(of_line)
        }

    def _tell(self, meters: Sequence[MeterOptions]) -> None:
        """Of what is new among them: who is not read, and whose quirks weaken security."""
        for meter in meters:
            if self._known.get(meter.name) == meter:
                continue
            for quirk in weakening(meter):
                self._log.warn(
                    "{meter}: quirk {quirk}: {weakens}",
                    meter=meter.name,
                    quirk=quirk.name,
                    weakens=quirk.weakens,
                )
            if meter.status != "active":
                self._post(_inactive(meter))
        self._known = {meter.name: meter for meter in meters}


async def _nothing() -> None:
    """All there is to do in between."""


def _lines(meters: Sequence[MeterOptions]) -> dict[Hashable, list[MeterOptions]]:
    """The active ones of each line, in an order that does not depend on the file's."""
    lines: dict[Hashable, list[MeterOptions]] = defaultdict(list)
    for meter in sorted(meters, key=lambda meter: meter.name):
        if meter.status == "active":
            lines[meter.line].append(meter)
    return dict(lines)


def _inactive(meter: MeterOptions) -> MeterStatus:
    return MeterStatus(
        name=meter.name,
        address=meter.address,
        profile=meter.profile,
        interval=meter.interval,
        state=MeterState.INACTIVE,
    )
