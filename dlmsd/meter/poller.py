"""Reads one meter again and again: a cycle every interval, from start to start."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from dlmsd.config.values import MeterOptions
from dlmsd.errors import ClosedError, DlmsdError, RefusedError, ServiceError
from dlmsd.meter.cycle import Cycle
from dlmsd.meter.factory import Member, MeterFactory
from dlmsd.meter.installation import Installation
from dlmsd.meter.session import Session
from dlmsd.meter.way import CONNECT_SECONDS
from dlmsd.model import MeterState, MeterStatus, Reading

# Meters lock after a few wrong passwords; four attempts an hour stay below that.
REFUSED_SECONDS: Final = 900.0
# A silent meter on a shared line costs its neighbours its timeouts, so it waits longer
# each time, up to this.
MAX_PAUSE: Final = 300.0
# The success rate is that of the last hundred cycles: long enough to be calm, short
# enough to show a repair within minutes.
RECENT: Final = 100

Commit = Callable[[Reading, Sequence[str]], Deferred[None]]


class Poller:
    """Owns a meter's session: opens it, runs the cycles, commits readings, tells status.

    ``commit`` is the outbox's; a reading counts as good when its Deferred fires. While
    ``obstacle`` gives a reason why none could be kept, none is read. ``wall``
    gives Unix seconds, ``last_ts`` the newest timestamp that the store has (ms, 0 for
    none), so that a clock set back never reuses one.
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
    ) -> None:
        self._options = options
        self._session = session
        self._factory = factory
        self._commit = commit
        self._obstacle = obstacle
        self._post = post
        self._clock = clock
        self._wall = wall
        self._cycle = Cycle(
            options.read, session, options.interval, self._doubt, Installation.of(options)
        )
        self._member = Member(session, self._up, self._down)
        self._last_ts = last_ts
        self._running = False
        self._late = False
        self._hurried = False
        self._everything = False
        self._pause = 0.0
        self._not_before = 0.0
        self._sleep: Deferred[None] | None = None
        self._alarm: IDelayedCall | None = None
        self._done: Deferred[None] | None = None
        self._recent: deque[bool] = deque(maxlen=RECENT)
        self._recent_good = 0
        self._missed = 0
        self._unconnected: DlmsdError | None = None
        self._postponed: DlmsdError | None = None
        self._status = MeterStatus(
            name=options.name,
            address=options.address,
            profile=options.profile,
            interval=options.interval,
            state=MeterState.CONNECTING,
        )
        factory.join(self._member)

    def start(self) -> None:
        """Begin; the first cycle runs as soon as there is a connection."""
        self._running = True
        self._post(self._status)
        self._done = Deferred.fromCoroutine(self._run())

    def read_now(self) -> None:
        """Read everything, besides what the next slots read; a cycle under way goes on."""
        self._hurried = self._everything = True
        self._wake()

    async def stop(self) -> None:
        """End the cycle under way, then the link."""
        self._running = False
        self._wake()
        self._session.end(ClosedError("dlmsd stops"))
        if self._done is not None:
            await self._done
        await self._session.close()

    # The loop.

    async def _run(self) -> None:
        # A connection that comes ends this pause.
        self._late = True
        await self._pass(max(self._options.interval, CONNECT_SECONDS))
        start = self._clock.seconds()
        while self._running:
            hurried, self._hurried = self._hurried, False
            await self._slot()
            interval = self._options.interval
            slots = max(0 if hurried else 1, math.ceil((self._clock.seconds() - start) / interval))
            if slots > 1:
                self._missed += slots - 1
            start += slots * interval
            self._late = not self._session.attached or self._factory.renewing
            await self._pass(start - self._clock.seconds())
            if self._late and self._session.attached:
                # This slot was lost to a missing connection, which is there now.
                start = self._clock.seconds()

    async def _slot(self) -> None:
        """One cycle, or a failed one; no error leaves here."""
        try:
            if self._postponed is not None and self._clock.seconds() < self._not_before:
                raise self._postponed
            if (obstacle := self._obstacle()) is not None:
                self._tell(obstacle, MeterState.WAITING)
                return
            if self._factory.renew():
                return
            if not self._session.attached:
                if self._unconnected is not None:
                    raise self._unconnected
                return
            if not self._session.associated:
                await self._open()
            await self._read()
        except DlmsdError as error:
            if self._running:
                self._failed(error)
        except Exception:  # noqa: BLE001 - a bug in one cycle must not end all later ones
            self._log.failure("A cycle ended by a fault of dlmsd", meter=self._options.name)
            self._failed(DlmsdError("a fault of dlmsd; the log has the details"))

    async def _open(self) -> None:
        self._change(state=MeterState.ASSOCIATING)
        try:
            await self._session.open()
        except DlmsdError as error:
            self._postpone(error)
            raise

    def _postpone(self, error: DlmsdError) -> None:
        """The meter could not be opened: the next attempt waits."""
        self._postponed = error
        if isinstance(error, RefusedError):
            self._pause = REFUSED_SECONDS
        else:
            shared = self._factory.shared
            self._pause = min(max(self._options.interval, self._pause * 2), MAX_PAUSE) * shared
            self._factory.failed(self._member, error)
        self._not_before = self._clock.seconds() + self._pause

    async def _read(self) -> None:
        began, started = self._clock.seconds(), self._wall()
        due = self._cycle.due(math.inf if self._everything else began)
        self._everything = False
        if not due:
            return
        values = await self._cycle.run(due, began)
        if not values:
            raise ServiceError("the meter gave none of the wanted values")
        seconds = self._clock.seconds() - began
        # A register's time is the middle of request and answer, and never used twice.
        ts = max(int((started + seconds / 2) * 1000), self._last_ts + 1)
        self._last_ts = ts
        self._pause = 0.0
        self._postponed = None
        self._factory.succeeded()
        reading = Reading(self._options.name, ts, values)
        self._commit(reading, self._options.sinks).addCallbacks(
            self._committed, self._uncommitted, callbackArgs=(reading, seconds)
        )

    def _committed(self, _: None, reading: Reading, seconds: float) -> None:
        self._count(True)
        if self._status.state is not MeterState.READING:
            self._log.info(
                "{meter}: read {count} values in {seconds:.2f} s",
                meter=self._options.name,
                count=len(reading.values),
                seconds=seconds,
            )
        self._change(
            state=MeterState.READING,
            reading=reading,
            values={**self._status.values, **reading.values},
            units=self._cycle.units,
            absent=self._cycle.absent,
            good=self._status.good + 1,
            cycle_seconds=seconds,
            error="",
            advice="",
        )

    def _uncommitted(self, reason: Failure) -> None:
        error = reason.value
        if not isinstance(error, DlmsdError):
            self._log.failure("A reading was not kept", reason, meter=self._options.name)
            error = DlmsdError("a fault of dlmsd; the log has the details")
        self._failed(error)

    # The pause between slots.

    async def _pass(self, seconds: float) -> None:
        if not self._running:
            return
        self._sleep = Deferred()
        self._alarm = self._clock.callLater(max(0.0, seconds), self._wake)
        await self._sleep

    def _wake(self) -> None:
        if self._alarm is not None and self._alarm.active():
            self._alarm.cancel()
        self._alarm = None
        sleep, self._sleep = self._sleep, None
        if sleep is not None:
            sleep.callback(None)

    # What the connection tells.

    def _up(self) -> None:
        if self._pause < REFUSED_SECONDS:
            self._not_before = 0.0
        if self._late:
            self._wake()

    def _down(self, error: DlmsdError) -> None:
        self._unconnected = error
        if self._running:
            self._tell(error, MeterState.CONNECTING)

    # Status.

    def _failed(self, error: DlmsdError) -> None:
        self._count(False)
        waiting = self._clock.seconds() < self._not_before
        state = MeterState.WAITING if waiting else MeterState.DOWN
        self._tell(error, state, failed=self._status.failed + 1)

    def _tell(self, error: DlmsdError, state: MeterState, **changes: Any) -> None:
        """Trouble: on the status each time, in the log when it is a new one."""
        if str(error) != self._status.error:
            self._log.warn("{meter}: {reason}", meter=self._options.name, reason=str(error))
        self._change(
            state=state,
            error=str(error),
            advice=error.advice,
            error_ts=int(self._wall() * 1000),
            **changes,
        )

    def _doubt(self, key: str, reason: str) -> None:
        self._log.warn("{meter}: {key}: {reason}", meter=self._options.name, key=key, reason=reason)

    def _count(self, good: bool) -> None:
        if len(self._recent) == RECENT:
            self._recent_good -= self._recent[0]
        self._recent.append(good)
        self._recent_good += good

    def _change(self, **changes: Any) -> None:
        factory = self._factory
        self._status = evolve(
            self._status,
            recent=self._recent_good / len(self._recent) if self._recent else None,
            missed=self._missed,
            connects=factory.connects,
            noise_bytes=factory.noise,
            bad_frames=factory.bad_frames,
            **changes,
        )
        self._post(self._status)
