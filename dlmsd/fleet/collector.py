"""Keeps how meters fared: a row for each meter and minute, from what is posted on the board.

A status that is posted costs some additions; the file is written once a minute.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol

from attrs import define
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from dlmsd.errors import DlmsdError, StoreError
from dlmsd.fleet.board import Board, Status
from dlmsd.model import Gone, MeterStatus
from dlmsd.store.metrics import Figures
from dlmsd.store.registry import Registry

MINUTE: Final = 60.0
# Rows that are too old, of all tables but the metrics, go once in so many minutes.
_SWEEP: Final = 60

_COUNTED: Final = {
    "good": "good",
    "failed": "failed",
    "missed": "missed",
    "connects": "connects",
    "requests": "dlms_requests",
    "responses": "dlms_responses",
    "octets_out": "dlms_octets_out",
    "octets_in": "dlms_octets_in",
    "scales_kept": "scales_kept",
    "scales_asked": "scales_asked",
}
"""Counters of a MeterStatus, and what the metrics call them."""


class Account(Protocol):
    """What the outbox counts of one meter and sink, over the life of its file."""

    @property
    def delivered(self) -> int: ...
    @property
    def queued(self) -> int: ...


Accounts = Mapping[tuple[str, str], Account]


@define
class _Meter:
    """One meter since the last row; ``last`` is the status that was counted up to."""

    last: tuple[int, ...]
    counts: list[int]
    timed: int = 0
    read_ms: int = 0
    least_ms: int | None = None
    most_ms: int | None = None
    messages: int = 0
    octets: int = 0

    @classmethod
    def new(cls) -> _Meter:
        return cls((0,) * len(_COUNTED), [0] * len(_COUNTED))

    def learn(self, status: MeterStatus) -> None:
        now = tuple(getattr(status, name) for name in _COUNTED)
        for index, (count, before) in enumerate(zip(now, self.last, strict=True)):
            # A meter that was started again counts from 0.
            self.counts[index] += count - before if count >= before else count
        if now[0] != self.last[0] and status.cycle_seconds is not None:
            ms = round(status.cycle_seconds * 1000)
            self.timed += 1
            self.read_ms += ms
            self.least_ms = ms if self.least_ms is None else min(ms, self.least_ms)
            self.most_ms = ms if self.most_ms is None else max(ms, self.most_ms)
        self.last = now

    def figures(self, delivered: int = 0, queued: int = 0) -> Figures:
        """All of it so far."""
        counted = dict(zip(_COUNTED.values(), self.counts, strict=True))
        return Figures(
            timed=self.timed,
            read_ms=self.read_ms,
            least_ms=self.least_ms,
            most_ms=self.most_ms,
            mqtt_messages=self.messages,
            mqtt_octets=self.octets,
            delivered=delivered,
            queued=queued,
            **counted,
        )

    def take(self, delivered: int, queued: int) -> Figures:
        """All of it, and begin anew."""
        figures = self.figures(delivered, queued)
        self.counts = [0] * len(_COUNTED)
        self.timed = self.read_ms = self.messages = self.octets = 0
        self.least_ms = self.most_ms = None
        return figures


class Collector:
    """From ``start`` to ``stop``. ``accounts`` are the outbox's, ``wall`` gives Unix seconds."""

    _log = Logger()

    def __init__(
        self,
        board: Board,
        registry: Registry,
        accounts: Callable[[], Awaitable[Accounts]],
        *,
        clock: IReactorTime,
        wall: Callable[[], float],
    ) -> None:
        self._board = board
        self._registry = registry
        self._accounts = accounts
        self._clock = clock
        self._wall = wall
        self._meters: dict[str, _Meter] = {}
        self._delivered: dict[str, int] = {}
        self._minutes = 0
        self._since = clock.seconds()
        self._failing = False
        self._timer: IDelayedCall | None = None
        self._forget: Callable[[], None] = lambda: None

    async def start(self) -> None:
        """Listen to the board; what was delivered before is none of these minutes'."""
        self._delivered = {name: done for name, (done, _) in (await self._by_meter()).items()}
        self._forget = self._board.subscribe(self._posted)
        self._plan()

    async def stop(self) -> None:
        """Write what the last minute has so far."""
        self._forget()
        self._forget = lambda: None
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
            await self._minute()
        self._timer = None

    def published(self, meter: str, octets: int) -> None:
        """A message with readings, of so many octets, went to a broker."""
        found = self._meters.get(meter) or self._meters.setdefault(meter, _Meter.new())
        found.messages += 1
        found.octets += octets

    def unwritten(self) -> dict[str, Figures]:
        """What meters did since the last row; without deliveries, which are the outbox's."""
        return {name: meter.figures() for name, meter in self._meters.items()}

    def begun(self) -> int:
        """When what is unwritten began (Unix ms)."""
        return int((self._wall() - (self._clock.seconds() - self._since)) * 1000)

    def _posted(self, status: Status) -> None:
        if isinstance(status, MeterStatus):
            found = self._meters.get(status.name) or self._meters.setdefault(
                status.name, _Meter.new()
            )
            found.learn(status)
        elif isinstance(status, Gone) and status.kind == "meter":
            self._meters.pop(status.name, None)

    def _plan(self) -> None:
        # By time that passes: nobody who sets the wall clock moves this.
        self._since = self._clock.seconds()
        self._timer = self._clock.callLater(MINUTE, self._tick)

    def _tick(self) -> None:
        done = Deferred.fromCoroutine(self._minute())
        self._plan()
        done.addErrback(lambda failure: self._log.failure("The metrics failed", failure))

    async def _minute(self) -> None:
        """Write a row for each meter that did anything, and sometimes sweep."""
        # The minute in which the middle of the time that passed lies.
        at = int((self._wall() - (self._clock.seconds() - self._since) / 2) * 1000)
        try:
            await self._write(at)
            for address, count in self._board.door.take().items():
                told = f"{count} wrong tokens within a minute"
                await self._registry.audit.add("page", "login refused", address, told)
            self._minutes += 1
            if self._minutes % _SWEEP == 1:
                await self._registry.sweep()
            self._failing = False
        except DlmsdError as error:
            if not self._failing:
                self._failing = True
                self._log.warn(
                    "Metrics are not kept: {reason} {advice}",
                    reason=str(error),
                    advice=error.advice,
                )

    async def _write(self, at: int) -> None:
        known = await self._by_meter()
        if self._meters.keys() - self._registry.ids.keys():
            await self._registry.configured({*self._registry.ids, *self._meters})
        ids = self._registry.ids
        rows = []
        for name, meter in self._meters.items():
            done, queued = known.get(name, (0, 0))
            figures = meter.take(max(0, done - self._delivered.get(name, 0)), queued)
            self._delivered[name] = done
            if figures != _NOTHING:
                rows.append((ids[name], figures))
        await self._registry.metrics.write(at, rows)

    async def _by_meter(self) -> dict[str, tuple[int, int]]:
        """Deliveries done and waiting; none where the outbox cannot be asked."""
        found: dict[str, tuple[int, int]] = {}
        try:
            accounts = await self._accounts()
        except StoreError:
            return found
        for (name, _), account in accounts.items():
            done, waiting = found.get(name, (0, 0))
            found[name] = done + account.delivered, waiting + account.queued
        return found


_NOTHING: Final[Any] = Figures()
