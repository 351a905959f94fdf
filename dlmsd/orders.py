"""What may be asked of the running daemon from outside, through whichever door."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Final, Protocol, TypeVar

import msgspec
from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from dlmsd.config.values import Configuration, MeterOptions
from dlmsd.dlms.association import Witness
from dlmsd.errors import Cause, DlmsdError, ReadOnlyError, StoreError
from dlmsd.fleet.board import Board, Status
from dlmsd.fleet.incumbents import Incumbents
from dlmsd.fleet.overrides import Overrides
from dlmsd.fleet.service import LastTs
from dlmsd.meter.conversation import Trace
from dlmsd.meter.cycle import Cycle
from dlmsd.meter.excerpt import Excerpt
from dlmsd.meter.installation import Installation
from dlmsd.meter.session import Session
from dlmsd.meter.supply import Supply, switch
from dlmsd.meter.timekeeping import ClockReading, Timekeeping, refuse_unless_right
from dlmsd.meter.turns import Work
from dlmsd.model import MeterStatus, Reading, ReloadStatus
from dlmsd.store.metrics import Figures, Span, total
from dlmsd.store.registry import Registry
from dlmsd.store.retention import DAY
from dlmsd.web.status import StatusDocument, health

T = TypeVar("T")

# A cycle that waits for a slow line may take as long; who asked has given up by then.
PATIENCE: Final = 60.0
# A meter that was just changed may still hold its former connection, and take no other.
SETTLING: Final = 10.0
_HELD: Final[Collection[Cause]] = ("closed", "refused", "busy")
# ThingsBoard waits 10 s for an answer unless it is told otherwise.
PROFILE_SECONDS: Final = 7.0


class OrderError(DlmsdError):
    """What was asked cannot be done, for the reason above."""

    culprit = "operator"


class UnknownMeterError(OrderError):
    """No such meter is configured; names are as in the configuration."""


class UnreadError(OrderError):
    """This meter is not asked by dlmsd; only active ones that do not push are."""


class FailedError(OrderError):
    """The meter could not be read now; its row on the page says more."""


class UnknownProfileError(OrderError):
    """Name the profile that it captures into, as in `load_profile = "1-0:99.1.0"`."""


class Fleet(Protocol):
    """Who reads the meters; LookupError for one that is not read."""

    def read_now(self, meter: str) -> None:
        """Begin a cycle that reads everything."""

    def ask(self, meter: str, work: Work) -> Deferred[Any]:
        """Let ``work`` speak to the meter between two cycles; what it gives."""

    def reconnect(self, meter: str, last_ts: LastTs) -> Awaitable[None]:
        """Leave the meter's line, and open it anew."""

    def apart(self, meter: str, last_ts: LastTs, work: Callable[[], Awaitable[T]]) -> Awaitable[T]:
        """The same, and ``work`` in between."""


class _Wait:
    """For the end of a cycle, ``ended``, of a meter whose status was ``before``."""

    def __init__(self, before: MeterStatus, clock: IReactorTime) -> None:
        self.ended: Deferred[Reading] = Deferred()
        self._before = before
        self._held = ""
        new = before.reading is None
        self._settling = clock.callLater(SETTLING, self._settled) if new else None

    def look(self, status: Status) -> None:
        """A status was posted."""
        before = self._before
        if not isinstance(status, MeterStatus) or status.name != before.name or self.ended.called:
            return
        if status.reading is not None and status.reading is not before.reading:
            self.ended.callback(status.reading)
        elif status.error and status.error_ts != before.error_ts:
            if self._settling is not None and status.cause in _HELD:
                self._held = status.error
            else:
                self.ended.errback(FailedError(status.error))

    def stop(self) -> None:
        """Nobody waits any more."""
        if self._settling is not None:
            self._settling.cancel()
            self._settling = None

    def _settled(self) -> None:
        self._settling = None
        if self._held and not self.ended.called:
            self.ended.errback(FailedError(self._held))


class Orders:
    """Every method raises OrderError, and what else its meter may raise.

    ``configuration`` gives that in force, ``reload`` reads it anew; ``last_ts`` gives the
    newest stored timestamp of each meter. ``wall`` gives Unix seconds, and is right if
    ``synchronised``. ``who`` asks is kept where something is changed.
    """

    log = Logger()

    def __init__(
        self,
        board: Board,
        fleet: Fleet,
        document: StatusDocument,
        registry: Registry,
        *,
        configuration: Callable[[], Configuration],
        reload: Callable[[str], Awaitable[ReloadStatus]],
        last_ts: LastTs,
        clock: IReactorTime,
        wall: Callable[[], float],
        synchronised: Callable[[], bool | None],
        overrides: Overrides,
        incumbents: Incumbents,
    ) -> None:
        self._board = board
        self._fleet = fleet
        self._document = document
        self._registry = registry
        self._configuration = configuration
        self.reload = reload
        self._last_ts = last_ts
        self._clock = clock
        self._wall = wall
        self._synchronised = synchronised
        self._overrides = overrides
        self._incumbents = incumbents
        self._waiting: set[Deferred[Reading]] = set()
        self._stopped = False

    def stop(self) -> None:
        """Whoever waits is told, and nobody waits any more."""
        self._stopped = True
        self._overrides.stop()
        for one in tuple(self._waiting):
            one.errback(FailedError("dlmsd stops"))

    async def read_now(self, meter: str) -> Reading:
        """The reading of a cycle that ends from now on, committed."""
        before = self._known(meter)
        if self._stopped:
            raise FailedError("dlmsd stops")
        wait = _Wait(before, self._clock)
        leave = self._board.subscribe(wait.look)
        self._waiting.add(wait.ended)
        try:
            self._fleet.read_now(meter)
            return await wait.ended.addTimeout(PATIENCE, self._clock)
        except LookupError:
            raise UnreadError(f"{meter} is not read") from None
        except defer.TimeoutError:
            raise FailedError(f"no cycle of {meter} ended within {PATIENCE:.0f} s") from None
        finally:
            self._waiting.discard(wait.ended)
            wait.stop()
            leave()

    async def reconnect(self, meter: str) -> None:
        """When the old connection is closed and the new one is begun."""
        self._known(meter)
        try:
            await self._fleet.reconnect(meter, self._last_ts)
        except LookupError:
            raise UnreadError(f"{meter} is not read") from None

    async def accept(self, meter: str, who: str) -> None:
        """The meter that answers instead of this one is the one from now on; NobodyError.

        Its line is made anew: scalers, names and columns that the old one told are not its own.
        """
        self._known(meter)
        self._incumbents.replaced(meter)

        async def take() -> tuple[str, str]:
            return self._incumbents.accept(meter)

        try:
            before, after = await self._fleet.apart(meter, self._last_ts, take)
        except LookupError:
            before, after = await take()
        await self._registry.audit.add(who, "meter accepted", meter, f"{before} > {after}")

    async def aside(self, meter: str, work: Callable[[], Awaitable[T]]) -> T:
        """Leave the meter's line to ``work``; then it is opened anew."""
        self._known(meter)
        try:
            return await self._fleet.apart(meter, self._last_ts, work)
        except LookupError:
            raise UnreadError(f"{meter} is not read") from None

    async def show(self, meter: str, trace: Trace, witness: Witness) -> None:
        """Read it once between two cycles, and show what passes: frames and APDUs."""
        options = self._options(meter)
        place = Installation.of(options)

        async def work(session: Session) -> None:
            cycle = Cycle(options.read, session, 0.0, lambda key, reason: None, place)
            with session.shown(trace, witness):
                await cycle.run(options.read, self._clock.seconds())

        await self._ask(meter, work)

    def status(self, meter: str | None = None) -> msgspec.Raw:
        """As /api/status has it: one meter, or everything but the meters, which are counted."""
        board = self._board
        if meter is not None:
            self._known(meter)
            return msgspec.Raw(self._document.batch([meter], [], outbox=False))
        document = msgspec.json.decode(
            self._document.batch([], board.sinks, board.listeners, outbox=True),
            type=dict[str, msgspec.Raw],
        )
        found = Counter(health(one) for one in board.meters.values())
        document["meters"] = msgspec.Raw(msgspec.json.encode(dict(found)))
        return msgspec.Raw(msgspec.json.encode(document))

    async def stats(self, meter: str) -> tuple[MeterStatus, Figures]:
        """How it fared: since it is read as it is now, and in the last 24 hours."""
        status = self._known(meter)
        now = int(self._wall() * 1000)
        number = self._registry.ids.get(meter)
        if number is None:
            return status, Figures()
        return status, total(await self._registry.metrics.of(number, Span.HOUR, now - DAY, now + 1))

    async def profile(self, meter: str, start: int, end: int) -> Excerpt:
        """Rows of its load profile from ``start`` to ``end`` (Unix ms), as many as fit."""
        options = self._options(meter)
        if options.load_profile is None:
            raise UnknownProfileError(f"no load_profile is configured for {meter}")
        ends = min(end, int(self._wall() * 1000) + DAY)
        excerpt = Excerpt(options, options.load_profile, start, ends)
        began = self._clock.seconds()
        while not (excerpt.complete or excerpt.full):
            await self._ask(meter, excerpt.read)
            if self._clock.seconds() - began > PROFILE_SECONDS:
                break
        return excerpt

    async def set_clock(self, meter: str, who: str, *, force: bool) -> tuple[ClockReading, ...]:
        """Set it to this machine's time: what it told before, and what it tells then."""
        options = self._writable(meter)
        if not force:
            refuse_unless_right(self._synchronised())

        async def work(session: Session) -> tuple[ClockReading, ...]:
            place = Installation.of(options)
            keeping = Timekeeping(session, place, wall=self._wall, clock=self._clock)
            before = await keeping.read()
            return before, await keeping.set(before)

        told: tuple[ClockReading, ...] = await self._change(meter, work, who, "clock set")
        return told

    async def switch(self, meter: str, who: str, *, on: bool) -> Supply:
        """Connect what the meter supplies, or disconnect it."""
        self._writable(meter)
        action = "supply reconnected" if on else "supply disconnected"
        told: Supply = await self._change(
            meter, lambda session: switch(session, on=on), who, action
        )
        return told

    async def override(self, meter: str, wanted: Mapping[str, object], who: str) -> None:
        """See :meth:`dlmsd.fleet.overrides.Overrides.change`; nothing once the daemon stops."""
        if self._stopped:
            return
        try:
            await self._overrides.change(meter, wanted, who)
        except LookupError:
            raise UnknownMeterError("no such meter") from None

    async def renamed(self, meter: str, old: str, new: str, who: str) -> None:
        """Its device is called otherwise at a platform; kept, so that no second one is made."""
        if not self._stopped:
            await self._overrides.renamed(meter, old, new, who)

    def _options(self, meter: str) -> MeterOptions:
        for options in self._configuration().meters:
            if options.name == meter:
                return options
        raise UnknownMeterError("no such meter")

    def _writable(self, meter: str) -> MeterOptions:
        options = self._options(meter)
        if not options.writing:
            raise ReadOnlyError(f"writing is off for {meter}")
        return options

    async def _ask(self, meter: str, work: Work) -> Any:
        if self._stopped:
            raise FailedError("dlmsd stops")
        try:
            asked = self._fleet.ask(meter, work)
        except LookupError:
            raise UnreadError(f"{meter} is not read") from None
        try:
            return await asked.addTimeout(PATIENCE, self._clock)
        except defer.TimeoutError:
            raise FailedError(f"{meter} gave no answer within {PATIENCE:.0f} s") from None

    async def _change(self, meter: str, work: Work, who: str, action: str) -> Any:
        """What came of it is kept, whatever it was: a meter may have done what failed here."""
        outcome = "done"
        try:
            return await self._ask(meter, work)
        except DlmsdError as error:
            outcome = str(error)
            raise
        finally:
            try:
                await self._registry.audit.add(who, action, meter, outcome)
            except StoreError as error:
                self.log.warn("{reason} {advice}", reason=str(error), advice=error.advice)

    def _known(self, meter: str) -> MeterStatus:
        status = self._board.meters.get(meter)
        if status is None:
            raise UnknownMeterError("no such meter")
        return status
