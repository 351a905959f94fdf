"""The composition root: the one place that constructs, and hands everyone what they need."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from twisted.application.service import Service
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import ILogObserver, Logger
from zope.interface import Interface

from dlmsd import __version__
from dlmsd.config.values import Configuration, MeterOptions, SinkOptions
from dlmsd.errors import DlmsdError, StoreError
from dlmsd.fleet.board import Board, Status
from dlmsd.fleet.collector import Collector
from dlmsd.fleet.desk import Desk
from dlmsd.fleet.filewatch import FileWatch
from dlmsd.fleet.logbook import Logbook
from dlmsd.fleet.overrides import Overrides
from dlmsd.fleet.reload import Reload
from dlmsd.fleet.report import Report
from dlmsd.fleet.service import Fleet
from dlmsd.identity import instance_id, web_token
from dlmsd.logs import observer, stream
from dlmsd.machine import Machine
from dlmsd.meter.backfill import Backfill
from dlmsd.meter.conversation import Trace
from dlmsd.meter.dialin import Reception
from dlmsd.meter.gaps import GapKeeper, spacing
from dlmsd.meter.security import secured
from dlmsd.model import Gone, MeterState, MeterStatus
from dlmsd.orders import Orders
from dlmsd.publish.build import build
from dlmsd.publish.sink import Sink
from dlmsd.publish.sinks import Sinks
from dlmsd.push.service import PushService
from dlmsd.store.lock import Lock
from dlmsd.store.outbox import Outbox
from dlmsd.store.registry import Registry
from dlmsd.tokens import Tokens, list_file
from dlmsd.watch.systemd import SignOfLife
from dlmsd.watch.watch import Watch
from dlmsd.web.api.all import Api
from dlmsd.web.api.parts import Parts
from dlmsd.web.site import WebService
from dlmsd.web.status import StatusDocument

# By then the sessions of 1,000 meters stand, at the default of 20 connections a second.
_SETTLE_SECONDS: Final = 60.0


class Daemon(Service):
    """The whole daemon as one Twisted service.

    Construction opens nothing, since twistd forks after it. ``twistd`` holds the options of
    twistd itself, which name the log file.
    """

    name = "dlmsd"
    _log = Logger()

    def __init__(
        self, configuration: Configuration, twistd: Mapping[str, Any], machine: Machine
    ) -> None:
        self.board = Board()
        self._configuration = configuration
        self._twistd = twistd
        self._machine = machine
        self._reactor = reactor = machine.reactor
        wall = machine.wall
        self._ready = self._given_up = False
        self._unsubscribe: Callable[[], None] = lambda: None
        state_dir = configuration.daemon.state_dir
        self.lock = Lock(state_dir / "dlmsd.lock")
        self._writer = machine.writer("outbox")
        self._outbox = Outbox(
            state_dir / "outbox.db",
            configuration.outbox,
            writer=self._writer,
            clock=reactor,
            wall=wall,
            post=self.board.post,
            ballast=machine.ballast,
            fatal=self._give_up,
        )
        self._clerk = machine.writer("registry")
        self.registry = Registry(
            state_dir / "registry.db",
            writer=self._clerk,
            wall=wall,
            draw=machine.draw,
            key=configuration.daemon.registry_key,
        )
        debug = configuration.daemon.log_level == "debug"
        self._reception = Reception(configuration.dial_in, reactor=reactor)
        self._fleet = Fleet(
            reactor=reactor,
            wall=wall,
            random=machine.random.random,
            connects_per_second=configuration.daemon.connects_per_second,
            commit=self._outbox.commit,
            obstacle=lambda one: self._outbox.obstacle(one.sinks, elsewhere=bool(one.load_profile)),
            post=self.board.post,
            tracer=self._tracer,
            secure=lambda meter: secured(meter, self._outbox.invocation_counters, machine.draw),
            reception=self._reception,
            gaps=self._gaps,
        )
        self._push = PushService(
            reactor=reactor,
            wall=wall,
            random=machine.draw,
            store=self._outbox.invocation_counters,
            commit=self._outbox.commit,
            post=self.board.post,
            trace=debug,
        )
        self._collector = Collector(
            self.board, self.registry, self._outbox.accounts, clock=reactor, wall=wall
        )
        self._logbook = Logbook(self.board, self.registry, clock=reactor, wall=wall)
        self._sinks = Sinks(self._sink)
        origin = machine.origin(configuration.path.absolute())
        self.reload = Reload(
            configuration,
            origin,
            self.registry,
            (self._read, self._hear, self._sinks.change, self._watch, self._settle),
            writer=self._clerk,
            clock=reactor,
            wall=wall,
            post=self.board.post,
            reloaded=self._sinks.forgive,
        )
        self._document = StatusDocument(self.board, wall, __version__, lambda: self.registry.ids)
        self._orders = Orders(
            self.board,
            self._fleet,
            self._document,
            self.registry,
            configuration=lambda: self.reload.configuration,
            reload=self.reload.reload,
            last_ts=self._last_ts,
            clock=reactor,
            wall=wall,
            synchronised=machine.synchronised,
            overrides=Overrides(
                self.registry, lambda: self.reload.configuration, self.reload.refresh, reactor
            ),
        )
        self._files = FileWatch(origin.stamp, lambda: self.reload.soon("saved file"), reactor)
        daemon = configuration.daemon
        self.watch = Watch(self.board, self.registry, self._outbox, daemon, machine)
        self.watch.supervise(self._reconnect, self._sinks.restart)
        self._life = SignOfLife(machine.systemd, reactor)
        self._report = Report(self.board, reactor, daemon.report_interval, values=debug)
        self.web: WebService | None = None
        self._beginning: Deferred[None] | None = None
        self._settling: IDelayedCall | None = None

    def setServiceParent(self, parent: Any) -> None:
        """Logs as the configuration says, unless twistd was told of a logger."""
        super().setServiceParent(parent)
        if hasattr(parent, "setComponent") and not self._twistd.get("syslog"):
            options = self._configuration.daemon
            component: type[Interface] = ILogObserver
            parent.setComponent(component, observer(options, stream(self._twistd)))

    def startService(self) -> Deferred[None]:
        """Take the state folder and begin; a folder that cannot be had ends the process."""
        super().startService()
        state_dir = self._configuration.daemon.state_dir
        try:
            self._identity, token = self._take(state_dir)
        except DlmsdError as error:
            self._log.critical("{reason} {advice}", reason=str(error), advice=error.advice)
            if self._twistd.get("nodaemon"):
                raise SystemExit(error.exit_code) from None
            # twistd passes an exception, and nothing else, to the shell that waits for its
            # child; the child's own traceback would only hide the sentence above.
            sys.excepthook = lambda *_: None
            raise
        tokens = Tokens(token, list_file(state_dir), self._machine.wall)
        self._api = Api(self._parts(tokens))
        self.web = WebService(
            self._configuration.web,
            self.board,
            self._document,
            reactor=self._reactor,
            ready=lambda: self._ready,
            tokens=tokens,
            language=self._configuration.daemon.language,
            version=__version__,
            operations=self._api.operations,
        )
        return Deferred.fromCoroutine(self._start())

    def _parts(self, tokens: Tokens) -> Parts:
        return Parts(
            self.board,
            self._document,
            self.registry,
            self.reload,
            Desk(self.registry, self.reload),
            self._orders,
            self._outbox,
            self._collector.unwritten,
            self.watch,
            self._configuration,
            self._machine,
            __version__,
            tokens,
        )

    def _sink(self, options: SinkOptions, meters: Sequence[MeterOptions]) -> Sink:
        return build(
            options,
            meters,
            outbox=self._outbox,
            clock=self._reactor,
            reach=self._machine.reach,
            wall=self._machine.wall,
            random=self._machine.random,
            post=self.board.post,
            published=self._collector.published,
            linked=self._logbook.linked,
            instance_id=self._identity,
            orders=self._orders,
        )

    def stopService(self) -> Deferred[None]:
        """DISC to the meters, commit, ``offline`` to the brokers, close: within 5 s."""
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    def _take(self, state_dir: Path) -> tuple[str, Any]:
        try:
            state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.lock.take()
            identity = instance_id(state_dir, self._machine.host, self._machine.draw)
            token = self._configuration.web.token or web_token(state_dir, self._machine.draw)
        except OSError as error:
            raise StoreError(f"{state_dir}: {error.strerror}") from error
        return identity, token

    async def _start(self) -> None:
        try:
            self._life.start()
            self._writer.start()
            self._clerk.start()
            assert self.web is not None
            await self.web.startService()
            if self.running:
                self._beginning = Deferred.fromCoroutine(self._begin())
                await self._beginning
        except Exception as error:  # noqa: BLE001 - whatever it is, the operator must hear of it
            self._give_up(error)

    async def _begin(self) -> None:
        """The parts, one after the other, for as long as nobody stops the daemon."""
        # While the outbox cannot be opened, page and alarms tell of it.
        with suppress(StoreError):  # of which the reload tells
            await self.registry.start()
        self.watch.expect(self._configuration)
        self.watch.start()
        await self._outbox.start()
        if not self.running:
            return
        configuration = await self.reload.start()
        await self._collector.start()
        await self._logbook.start()
        self._unsubscribe = self.board.subscribe(self._availability)
        for part in (self._sinks.change, self._hear, self._read, self._watch, self._settle):
            if self.running:
                await part(configuration)
        if self.running:
            await self._reception.start()
        if self.running:
            self._machine.hangup(lambda: self.reload.soon("SIGHUP"))
            self._report.start()
            self._ready = True
            self._life.ready()

    def _give_up(self, error: Exception) -> None:
        if self._given_up:  # what fails before the end comes is no news
            return
        self._given_up = True
        if isinstance(error, DlmsdError):
            self._log.critical("{reason} {advice}", reason=str(error), advice=error.advice)
        else:
            self._log.failure("The daemon could not start")
        self._machine.failed()
        self._reactor.callWhenRunning(self._reactor.stop)

    async def _stop(self) -> None:
        self._ready = False
        self._life.stopping()
        self._outbox.leave()
        if self._beginning is not None:
            await self._beginning  # a part that starts behind its stop would stay
        # A commit that ends after its meter was left must not call that meter online again.
        self._unsubscribe()
        self._orders.stop()
        self._files.watch(False)
        if self._settling is not None and self._settling.active():
            self._settling.cancel()
        self._report.stop()
        await self.watch.stop()
        await self._api.stop()
        await self.reload.stop()
        await self._push.stop()
        await self._reception.stop()
        await self._fleet.stop()
        ends = [Deferred.fromCoroutine(self._sinks.stop())]
        if self.web is not None:
            ends.append(self.web.stopService())
        ends.append(Deferred.fromCoroutine(self._outbox.flush()))
        await gatherResults(ends, consumeErrors=True)
        await self._collector.stop()
        await self._logbook.stop()
        await self.registry.stop()
        await self._outbox.stop()
        await self._clerk.stop()
        await self._writer.stop()
        self.lock.release()
        self._life.stop()

    def _availability(self, status: Status) -> None:
        """A meter is online while it is read; sinks hear of it when that changes."""
        if isinstance(status, Gone) and status.kind == "meter":
            self._sinks.meter_state(status.name, False)
        if not isinstance(status, MeterStatus):
            return
        self._sinks.meter_status(status)
        if status.state is MeterState.ASSOCIATING:
            return
        if status.state is MeterState.CONNECTING and not status.error:
            return
        self._sinks.meter_state(status.name, status.state is MeterState.READING)

    # The parts that take a changed configuration.

    async def _read(self, configuration: Configuration) -> None:
        self._fleet.admission.pace(configuration.daemon.connects_per_second)
        asked = [one for one in configuration.meters if one.transport != "push"]
        await self._fleet.change(asked, self._last_ts)

    async def _reconnect(self, name: str) -> None:
        await self._fleet.reconnect(name, self._last_ts)

    async def _hear(self, configuration: Configuration) -> None:
        pushing = [one for one in configuration.meters if one.transport == "push"]
        await self._push.change(configuration.push, pushing, self._last_ts)

    async def _watch(self, configuration: Configuration) -> None:
        self._files.watch(configuration.daemon.watch_config)
        self.watch.expect(configuration)

    async def _settle(self, _: Configuration) -> None:
        if self._settling is not None and self._settling.active():
            self._settling.reset(_SETTLE_SECONDS)
        else:
            self._settling = self._reactor.callLater(_SETTLE_SECONDS, self._machine.settle)

    async def _last_ts(self) -> dict[str, int]:
        """Also of what was just read and is still on its way into the file."""
        try:
            await self._outbox.flush()
            return await self._outbox.last_ts()
        except StoreError as error:  # meters that were stopped must be read again all the same
            self._log.warn("{reason} {advice}", reason=str(error), advice=error.advice)
            return {}

    def _gaps(self, meter: MeterOptions, last_ts: int) -> GapKeeper:
        """What is missing of a meter, and how it is read back if the meter has it."""
        outbox, backfill = self._outbox, None
        if meter.load_profile is not None:
            backfill = Backfill(meter, meter.load_profile, outbox, outbox.gaps, self._reactor)
        return GapKeeper(meter.name, spacing(meter), outbox.gaps, last_ts, backfill)

    def _tracer(self, meter: MeterOptions) -> Trace | None:
        """At log level debug: each frame."""
        if self._configuration.daemon.log_level != "debug":
            return None

        def trace(direction: str, octets: bytes) -> None:
            self._log.debug(
                "{meter}: {direction} {octets}",
                meter=meter.name,
                direction=direction,
                octets=octets.hex(),
            )

        return trace
