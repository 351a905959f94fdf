"""The watch: looks every ten seconds, keeps the alarms, checks the health every hour."""

from __future__ import annotations

import datetime
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol

from cryptography import x509
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from dlmsd.config.values import Configuration, DaemonOptions
from dlmsd.errors import DlmsdError, StoreError
from dlmsd.fleet.board import Board, Status
from dlmsd.model import AlarmStatus, ReceiverStatus
from dlmsd.store.outbox import Outbox
from dlmsd.store.registry import Registry
from dlmsd.watch.aftermath import Aftermath
from dlmsd.watch.alarms import AlarmKeeper
from dlmsd.watch.examine import examine
from dlmsd.watch.expectations import Expectations
from dlmsd.watch.finding import Finding
from dlmsd.watch.health import HealthReport, checked
from dlmsd.watch.history import History
from dlmsd.watch.language import Language
from dlmsd.watch.notify.notifier import Notifier
from dlmsd.watch.supervisor import Rebuild, Supervisor

LOOK_SECONDS: Final = 10.0
# What has to be asked of a file, and what changes by the day.
_ASK_LOOKS: Final = 6
_OF_SINKS: Final = ("sink-", "delivery-", "publish-")
_DAILY_LOOKS: Final = 360
# A host's clock that is only disciplined moves less between two looks.
_STEP_SECONDS: Final = 2.0
_DAY_MS: Final = 86_400_000


class Machine(Protocol):
    """What it runs on: network and timers, Unix seconds, and whether those are right; see
    :class:`dlmsd.machine.Machine`."""

    @property
    def reactor(self) -> Any: ...
    @property
    def wall(self) -> Callable[[], float]: ...
    @property
    def synchronised(self) -> Callable[[], bool | None]: ...


class Watch:
    """From ``start`` to ``stop``. ``findings`` are those of the last look.

    The space of the disk with the state folder is looked at.
    """

    _log = Logger()

    def __init__(
        self,
        board: Board,
        registry: Registry,
        outbox: Outbox,
        options: DaemonOptions,
        machine: Machine,
    ) -> None:
        clock, wall = machine.reactor, machine.wall
        self.findings: list[Finding] = []
        self.history = History(board)
        self._aftermath = Aftermath()
        self._board = board
        self._registry = registry
        self._outbox = outbox
        self._clock = clock
        self._wall = wall
        self._synchronised = machine.synchronised
        self._language = language = Language.of(options.language)
        self._folder = options.state_dir
        self.notify = Notifier(registry, clock, wall, self._yesterday)
        self._keeper = AlarmKeeper(registry.alarms, lambda: registry.ids, language)
        self._supervisor: Supervisor | None = None
        self._loop = LoopingCall(self._tick)
        self._loop.clock = clock
        self._looks = 0
        self._day: datetime.date | None = None
        self._busy = False
        self._failing = False
        self._forget: Callable[[], None] = lambda: None

    def start(self) -> None:
        """The first look is after one period."""
        self._forget = self._board.subscribe(self._posted)
        board = self._board
        known: tuple[Status, ...] = (*board.meters.values(), *board.sinks.values(), board.outbox)
        for status in known:
            self._posted(status)
        self._loop.start(LOOK_SECONDS, now=False)

    async def stop(self) -> None:
        """No more looks; what is being written may end by itself, and a notice may arrive."""
        self._forget()
        if self._supervisor is not None:
            self._supervisor.stop()
        if self._loop.running:
            self._loop.stop()
        await self.notify.stop()

    def supervise(self, meter: Rebuild, sink: Rebuild) -> None:
        """From now on what is stuck is made anew by these."""
        self._supervisor = Supervisor(self.history, meter=meter, sink=sink)

    def expect(self, configuration: Configuration) -> None:
        """This is what meters are to be like from now on."""
        self.history.expectations = Expectations.of(configuration)
        self._registry.alarms.keep(configuration.watch.alarms_days)
        self.notify.change(configuration)
        self._expiries()

    def receivers(self) -> tuple[ReceiverStatus, ...]:
        """Those of notices."""
        return self.notify.statuses

    def _posted(self, status: Status) -> None:
        self.history.posted(status, self._clock.seconds())

    def _tick(self) -> None:
        host = self.history.host
        now = self._clock.seconds()
        host.look(now, self._wall(), LOOK_SECONDS, _STEP_SECONDS)
        right = self._synchronised() is not False  # whoever cannot know it raises no alarm
        host.learn(now, synchronised=right, refused=self._board.door.wrong)
        self._supervise()
        if self._busy:  # a disk that hangs
            return
        self._busy = True
        done = Deferred.fromCoroutine(self._look())
        done.addErrback(lambda failure: self._log.failure("A look at everything failed", failure))
        done.addBoth(self._rest)

    def _supervise(self) -> None:
        try:
            if self._supervisor is not None:
                self._supervisor.look(self._clock.seconds())
        except Exception:  # noqa: BLE001 - the next look must still come
            self._log.failure("The supervisor failed")

    def _rest(self, _: object) -> None:
        self._busy = False
        if self._loop.running:
            self.notify.look()

    def _waiting(self) -> bool:
        """Whether what is said to wait may have been delivered meanwhile."""
        return self.history.outdated and any(
            one.rule.startswith(_OF_SINKS) for one in self.findings
        )

    async def _look(self) -> None:
        try:
            if self._looks % _ASK_LOOKS == 0 or self._waiting():
                await self._ask()
            if self._looks % _DAILY_LOOKS == 0:
                self._expiries()
            self._looks += 1
            now = self._clock.seconds()
            self.history.host.receivers = self.receivers()
            self.findings = examine(self.history, self._aftermath, now, self._wall())
            if self._loop.running:
                await self._keeper.keep(self.findings, now)
            if self._loop.running and self._looks % _DAILY_LOOKS == 0:
                await self._check()
            self._failing = False
        except DlmsdError as error:
            if not self._failing:
                self._failing = True
                self._log.warn(
                    "Alarms are not kept: {reason} {advice}",
                    reason=str(error),
                    advice=error.advice,
                )
        finally:
            self._tell()

    def _tell(self) -> None:
        status = AlarmStatus(self._keeper.standing)
        if status != self._board.alarms and self._loop.running:
            self._board.post(status)

    async def _ask(self) -> None:
        """What only files know."""
        host = self.history.host
        try:
            usage = shutil.disk_usage(self._folder)
            host.free, host.size = usage.free, usage.total
        except OSError:
            host.free = host.size = 0
        try:
            accounts = await self._outbox.accounts()
            host.lost = tuple(await self._outbox.gaps.since(int(self._wall() * 1000) - _DAY_MS))
            names = self.history.expectations.keys
            spent = await self._outbox.invocation_counters.spent_counters() if names else {}
        except StoreError:
            return  # its own status tells
        self.history.counted(accounts, self._clock.seconds())
        host.counters = {names[name]: next_ for name, next_ in spent.items() if name in names}

    def _expiries(self) -> None:
        expiries: dict[str, int] = {}
        for path in self.history.expectations.files:
            ends = expiry(path)
            if ends is not None:
                expiries[str(path)] = ends
        self.history.host.expiries = expiries

    async def _check(self) -> None:
        """Once an hour, and once for each day that is over."""
        wall = self._wall()
        for minutes in (60, 1440) if self._day_ended(wall) else (60,):
            report = await checked(self._registry, self._board, self.findings, minutes, wall)
            await self._registry.health.add(report.status, report.encode(self._language))
            if minutes == 1440:
                self._log.info("{report}", report=report.line(self._language))

    async def _yesterday(self) -> HealthReport:
        return await checked(self._registry, self._board, self.findings, 1440, self._wall())

    def _day_ended(self, wall: float) -> bool:
        today = datetime.datetime.fromtimestamp(wall).astimezone().date()
        before, self._day = self._day, today
        return before is not None and today != before


def expiry(path: Path) -> int | None:
    """When the first of a file's certificates ends (Unix seconds); None if it holds none."""
    try:
        found: list[Any] = x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError):
        return None
    return min(int(one.not_valid_after_utc.timestamp()) for one in found) if found else None
