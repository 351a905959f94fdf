"""Reads one meter again and again: a cycle every interval, from start to start."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from dlmsd.config.values import MeterOptions
from dlmsd.dlms.outcome import Unasked
from dlmsd.errors import (
    ClosedError,
    DlmsdError,
    RefusedError,
    ReplacedError,
    ServiceError,
    SilenceError,
    UnservedError,
)
from dlmsd.meter.account import Account
from dlmsd.meter.cycle import Cycle
from dlmsd.meter.factory import Member, MeterFactory
from dlmsd.meter.gaps import GapKeeper, cause_of
from dlmsd.meter.harvest import Commit, Harvest
from dlmsd.meter.incumbency import Incumbency
from dlmsd.meter.installation import Installation
from dlmsd.meter.pause import Pause
from dlmsd.meter.recovery import IDLE, RELINK, STAY, Action, Reconnect, Recovery, Rest
from dlmsd.meter.refusals import Memory
from dlmsd.meter.session import Session
from dlmsd.meter.silence import SilenceWatch
from dlmsd.meter.slots import Slots
from dlmsd.meter.turns import Turns, Work
from dlmsd.meter.way import CONNECT_SECONDS
from dlmsd.model import MeterState, MeterStatus

# A slot that is nearer than this (seconds) is soon enough: readings go on within ten seconds.
_SOON: Final = 5.0


class Poller:
    """Owns a meter's session: opens it, runs the cycles, commits readings, tells status.

    ``commit`` and ``last_ts`` are those of :class:`dlmsd.meter.harvest.Harvest`. While
    ``obstacle`` gives a reason why no reading could be kept, none is read. ``wall`` gives Unix
    seconds. ``memory`` is what the meter refused, ``gaps`` keeps what was missed,
    ``incumbency`` judges who answers.
    """

    _log = Logger()

    def __init__(
        self,
        options: MeterOptions,
        session: Session,
        factory: MeterFactory,
        *,
        commit: Commit,
        obstacle: Callable[[], DlmsdError | None] = lambda: None,
        post: Callable[[MeterStatus], None],
        clock: IReactorTime,
        wall: Callable[[], float],
        last_ts: int = 0,
        memory: Memory | None = None,
        gaps: GapKeeper | None = None,
        incumbency: Incumbency | None = None,
    ) -> None:
        self._gaps = gaps
        self._incumbency = incumbency
        self._options = options
        self._session = session
        self._factory = factory
        self._obstacle = obstacle
        self._clock = clock
        self._wall = wall
        self._cycle = Cycle(
            options.read, session, options.interval, self._doubt, Installation.of(options)
        )
        self._account = Account(options, session, factory, post=post, clock=clock, wall=wall)
        self._harvest = Harvest(
            options, self._cycle, self._account, gaps, commit=commit, last_ts=last_ts
        )
        self._recovery = Recovery(
            options.recovery,
            options.interval,
            memory or Memory(),
            self._account.stands,
            clock.seconds(),
        )
        self._member = Member(session, self._up, self._down, self._planned)
        self._turns = Turns()
        self._running = False
        self._late = False
        self._hindered: DlmsdError | None = None
        self._hurried = False
        self._everything = False
        self._ended = clock.seconds()
        self._slots = Slots(options.interval, clock)
        self._watchdog = SilenceWatch(options, clock, self._silent)
        self._pause = Pause(clock)
        self._done: Deferred[None] | None = None
        self._unconnected: DlmsdError | None = None
        session.listen(self._heard)
        factory.join(self._member)

    def start(self) -> None:
        """Begin; the first cycle runs as soon as there is a connection."""
        self._running = True
        self._account.change()
        self._watchdog.begin()
        if self._gaps is not None:
            self._gaps.start()
        self._done = Deferred.fromCoroutine(self._run())

    def read_now(self) -> None:
        """Read everything, besides what the next slots read; a cycle under way goes on."""
        self._hurried = self._everything = True
        self._hurry()

    def resume(self) -> None:
        """What hindered all meters is over; one that is read seldom does not wait for its slot."""
        if self._hindered is not None and self._slots.next - self._clock.seconds() > _SOON:
            self._hurried = True
            self._hurry()

    def ask(self, work: Work) -> Deferred[Any]:
        """Let ``work`` speak to the meter when no cycle does; what it gives."""
        asked = self._turns.ask(work)
        self._hurry()
        return asked

    async def stop(self) -> None:
        """End the cycle under way, then the link."""
        self._running = False
        self._watchdog.stop()
        self._pause.end()
        self._session.end(ClosedError("dlmsd stops"))
        self._turns.refuse(ClosedError("the meter is left"))
        if self._done is not None:
            await self._done
        await self._session.close()

    # The loop.

    async def _run(self) -> None:
        # A connection that comes ends this pause.
        self._late = True
        await self._rest(self._clock.seconds() + max(self._options.interval, CONNECT_SECONDS))
        self._slots.begin()
        while self._running:
            hurried, self._hurried = self._hurried, False
            if self._due_at <= self._clock.seconds():
                await self._past(await self._slot())
            self._account.missed += self._slots.passed(self._due_at, between=hurried)
            self._late = not self._session.attached or self._factory.renewing
            await self._rest(self._slots.next)
            if self._late and self._session.attached:
                # This slot was lost to a missing connection, which is there now.
                self._slots.begin()

    @property
    def _due_at(self) -> float:
        past = math.inf if self._gaps is None else self._gaps.due_at
        return -math.inf if self._everything else min(self._cycle.due_at, past)

    async def _slot(self) -> bool:
        """One cycle, and whether it was a good one; no error leaves here."""
        try:
            obstacle = self._obstacle()
            self._hindered = obstacle
            held = self._recovery.due(self._clock.seconds())
            if held is not None:
                raise held.error
            if obstacle is not None:
                self._watchdog.begin()  # the meter is not to blame for this silence
                self._account.trouble(obstacle, MeterState.WAITING)
                return False
            if self._factory.renew():
                return False
            if not self._session.attached:
                if self._unconnected is not None:
                    raise self._unconnected
                return False
            await self._attempt()
            return True
        except ReplacedError as error:
            self._hindered = error
            self._account.trouble(error, MeterState.WAITING)
        except DlmsdError as error:
            if self._running:
                self._account.failed(error)
        except Exception:  # noqa: BLE001 - a bug in one cycle must not end all later ones
            self._log.failure("A cycle ended by a fault of dlmsd", meter=self._options.name)
            self._account.failed(DlmsdError("a fault of dlmsd; the log has the details"))
        return False

    async def _past(self, good: bool) -> None:
        """What was missed: noted while it lasts, read back when the meter answers again."""
        if self._gaps is None or not self._running:
            return
        if not good:
            self._gaps.missed(int(self._wall() * 1000), cause_of(self._hindered))
            return
        try:
            await self._gaps.fill(self._session)
        except DlmsdError as error:
            # The next cycle meets the same trouble, if it lasts, and deals with it.
            self._log.info(
                "{meter}: a gap waits: {reason}", meter=self._options.name, reason=str(error)
            )

    async def _attempt(self) -> None:
        """One cycle, and once more over a link that was opened again."""
        opened, lost = False, self._stale
        self._member.reading = True
        try:
            while True:
                try:
                    if not self._session.associated or lost:
                        opened, lost = True, False
                        await self._open()
                    if self._incumbency is not None:
                        await self._incumbency.confirm(self._session)
                    await self._read()
                    return
                except DlmsdError as error:
                    # The meter may have lost an association of earlier cycles, as one that
                    # starts behind its module does; it refuses everything then.
                    lost = isinstance(error, UnservedError) and not opened
                    if lost:
                        self._log.debug(
                            "{meter}: associated again: {reason}",
                            meter=self._options.name,
                            reason=str(error),
                        )
                        continue
                    if self._judge(error) is not RELINK:
                        raise
                    self._account.trouble(error, MeterState.ASSOCIATING)
        finally:
            self._member.reading = False
            self._ended = self._clock.seconds()

    @property
    def _stale(self) -> bool:
        """Whether the meter may have dropped an HDLC link that was idle, without a word."""
        idle = self._options.recovery.idle if self._options.framing == "hdlc" else 0.0
        return 0 < idle < self._clock.seconds() - self._ended

    async def _open(self) -> None:
        self._account.change(state=MeterState.ASSOCIATING)
        await self._associate()

    async def _associate(self) -> None:
        await self._session.open()
        self._ended = self._clock.seconds()
        self._recovery.opened(self._ended)

    async def _read(self) -> None:
        began = asked = self._clock.seconds()

        def asking() -> None:
            nonlocal asked
            asked = self._clock.seconds()

        everything, self._everything = self._everything, False
        due = self._cycle.due(math.inf if everything else began)
        if not due:
            return  # it is opened for the past
        try:
            values = await self._cycle.run(due, began, asking)
        except DlmsdError:
            self._everything |= everything
            raise
        if not values:
            raise ServiceError("the meter gave none of the wanted values")
        if self._incumbency is not None:
            self._incumbency.judge(values)
        now = self._clock.seconds()
        self._recovery.read(now)
        self._watchdog.begin()
        self._factory.succeeded()
        self._harvest.read(values, self._wall() - (now - asked), now - asked)

    def _heard(self, apdu: Unasked) -> None:
        """What is told unasked of what is read is a reading too, at the time when it came."""
        values = self._cycle.told(apdu, self._clock.seconds())
        if not values or not self._running or self._obstacle() is not None:
            return
        self._harvest.told(values, self._wall())

    # The ladder.

    def _judge(self, error: DlmsdError) -> Action:
        """What follows from an error of a cycle."""
        now = self._clock.seconds()
        if not self._running or not self._session.attached:
            return STAY  # the connection's end is told by itself
        if isinstance(error, RefusedError):
            return self._carry_out(self._recovery.refused(error, now), error)
        if isinstance(error, ServiceError) or error.culprit not in ("meter", "link"):
            return STAY  # no link is better than this one
        return self._carry_out(self._recovery.failed(error, now), error)

    def _carry_out(self, action: Action, error: DlmsdError) -> Action:
        match action:
            case Reconnect():
                if not self._factory.failed(self._member, error):
                    return self._recovery.kept(self._clock.seconds())
            case Rest(until, why):
                self._member.not_before = until
                self._factory.failed(self._member, why)
        return action

    def _silent(self, error: SilenceError) -> None:
        """No good read, and whatever happens or hangs instead does not help."""
        if self._session.attached:
            self._carry_out(self._recovery.silent(error, self._clock.seconds()), error)

    # The pause between slots.

    async def _rest(self, until: float) -> None:
        """Until then, or until a cycle is wanted; others may speak to the meter meanwhile."""
        while True:
            if self._turns and await self._turn():
                wanted = self._hurried or (self._late and self._session.attached)
                if wanted or self._clock.seconds() >= until:
                    return
                continue
            if self._running:
                await self._pause.last(until - self._clock.seconds())
            over = self._clock.seconds() >= until  # also for who waits for a connection
            if over or not self._turns or self._hurried or not self._running:
                return

    async def _turn(self) -> bool:
        """One of them, over the link of the cycles, the next of which meets what goes wrong.

        Whether any was told; if not, there will be a connection.
        """
        held = self._recovery.due(self._clock.seconds())
        away = self._unconnected if not self._session.attached else None
        error = held.error if held is not None else away
        if error is not None:
            self._turns.refuse(error)
            return True
        if not self._session.attached or self._factory.renew():
            return False
        self._member.reading = True
        try:
            if not self._session.associated or self._stale:
                await self._associate()
            await self._turns.take(self._session)
        except DlmsdError as failure:
            self._judge(failure)
            self._turns.refuse(failure)
        finally:
            self._member.reading = False
            self._ended = self._clock.seconds()
        return True

    def _hurry(self) -> None:
        self._factory.needed(self._member)
        self._pause.end()

    # What the connection tells.

    def _up(self) -> None:
        self._recovery.connected(self._clock.seconds())
        if self._late or self._turns:
            self._pause.end()

    def _down(self, error: DlmsdError) -> None:
        self._unconnected = error
        if not self._running:
            return
        now = self._clock.seconds()
        action = self._recovery.lost(error, now, now - self._ended)
        self._member.idle = action is IDLE
        if action is IDLE:
            # No trouble; and whoever else wants to speak to the meter may do so until then.
            self._unconnected = None
            self._member.not_before = self._slots.next - CONNECT_SECONDS
            return
        if isinstance(action, Rest):
            self._member.not_before = action.until
        self._account.trouble(error, MeterState.CONNECTING)
        if self._turns:
            self._pause.end()  # who waits is told

    def _planned(self) -> None:
        if not self._member.idle:
            self._account.planned()

    def _doubt(self, key: str, reason: str) -> None:
        self._log.warn("{meter}: {key}: {reason}", meter=self._options.name, key=key, reason=reason)
