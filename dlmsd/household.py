"""What a daemon consists of: each part is built here and nowhere else, and given what it needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from dlmsd import __version__
from dlmsd.config.values import Configuration, MeterOptions, SinkOptions
from dlmsd.errors import DlmsdError, StoreError
from dlmsd.fleet.board import Board, Status
from dlmsd.fleet.collector import Collector
from dlmsd.fleet.creditor import Creditor
from dlmsd.fleet.filewatch import FileWatch
from dlmsd.fleet.incumbents import Incumbents
from dlmsd.fleet.inquiry import Inquiry
from dlmsd.fleet.logbook import Logbook
from dlmsd.fleet.overrides import Overrides
from dlmsd.fleet.reload import Part, Reload
from dlmsd.fleet.report import Report
from dlmsd.fleet.service import Fleet
from dlmsd.machine import Machine
from dlmsd.meter.backfill import Backfill
from dlmsd.meter.conversation import Trace
from dlmsd.meter.dialin import Reception
from dlmsd.meter.gaps import GapKeeper, spacing
from dlmsd.meter.identity import Identity
from dlmsd.meter.incumbency import Incumbency
from dlmsd.meter.security import secured
from dlmsd.model import Gone, ListenerStatus, MeterState, MeterStatus, OutboxStatus, Reading
from dlmsd.orders import Orders
from dlmsd.publish.build import build
from dlmsd.publish.sink import Sink
from dlmsd.publish.sinks import Sinks
from dlmsd.push.service import PushService
from dlmsd.store.outbox import Outbox
from dlmsd.store.registry import Registry
from dlmsd.watch.watch import Watch
from dlmsd.web.status import StatusDocument

# By then the sessions of 1,000 meters stand, at the default of 20 connections a second.
_SETTLE_SECONDS: Final = 60.0


class Household:
    """The parts of one daemon, in the order in which data flows through them.

    Construction opens nothing, since twistd forks after it. ``fatal`` hears of what the outbox
    cannot outlive. ``identity`` is in the state folder, and must be set before a sink is built.
    """

    _log = Logger()

    def __init__(
        self, configuration: Configuration, machine: Machine, fatal: Callable[[Exception], None]
    ) -> None:
        self.configuration = configuration
        self.machine = machine
        self.identity = ""
        self.board = Board()
        self._settling: IDelayedCall | None = None
        self._full = False
        self._build_stores(fatal)
        self._build_readers()
        self._build_sinks()
        self._build_desk()

    def _build_stores(self, fatal: Callable[[Exception], None]) -> None:
        machine, daemon = self.machine, self.configuration.daemon
        self.writer, self.clerk = machine.writer("outbox"), machine.writer("registry")
        self.outbox = Outbox(
            daemon.state_dir / "outbox.db",
            self.configuration.outbox,
            writer=self.writer,
            clock=machine.reactor,
            wall=machine.wall,
            post=self.board.post,
            ballast=machine.ballast,
            fatal=fatal,
        )
        self.registry = Registry(
            daemon.state_dir / "registry.db",
            writer=self.clerk,
            wall=machine.wall,
            draw=machine.draw,
            key=daemon.registry_key,
        )

    def _build_readers(self) -> None:
        """Who reads meters, and who hears those that send unasked."""
        machine, reactor, outbox = self.machine, self.machine.reactor, self.outbox
        self.incumbents = Incumbents(self.board, self.registry.serials, machine.wall)
        self.reception = Reception(self.configuration.dial_in, reactor=reactor)
        self.fleet = Fleet(
            reactor=reactor,
            wall=machine.wall,
            random=machine.random.random,
            connects_per_second=self.configuration.daemon.connects_per_second,
            commit=outbox.commit,
            obstacle=self._obstacle,
            post=self.board.post,
            tracer=self._tracer,
            secure=lambda meter: secured(meter, outbox.invocation_counters, machine.draw),
            reception=self.reception,
            gaps=self._gaps,
            incumbency=self._incumbency,
        )
        self.inquiry = Inquiry(
            self.board, self.fleet.ask, self.incumbents, wall=machine.wall, clock=reactor
        )
        self.creditor = Creditor(
            outbox.gaps, lambda: self.reload.configuration.meters, self.machine.reactor
        )
        self.push = PushService(
            reactor=reactor,
            wall=machine.wall,
            random=machine.draw,
            store=outbox.invocation_counters,
            commit=self._keep_push,
            post=self._post_push,
            trace=self._debug,
        )

    def _build_sinks(self) -> None:
        """Who delivers, and who writes down how it went."""
        reactor, wall = self.machine.reactor, self.machine.wall
        self.collector = Collector(
            self.board, self.registry, self.outbox.accounts, clock=reactor, wall=wall
        )
        self.logbook = Logbook(self.board, self.registry, clock=reactor, wall=wall)
        self.sinks = Sinks(self._sink)

    def _build_desk(self) -> None:
        """What an operator sees, and what carries out his wishes."""
        machine, reactor, wall = self.machine, self.machine.reactor, self.machine.wall
        daemon = self.configuration.daemon
        origin = machine.origin(self.configuration.path.absolute())
        self.reload = Reload(
            self.configuration,
            origin,
            self.registry,
            self.takers,
            writer=self.clerk,
            clock=reactor,
            wall=wall,
            post=self.board.post,
            reloaded=self.sinks.forgive,
        )
        self.document = StatusDocument(self.board, wall, __version__, lambda: self.registry.ids)
        self.orders = Orders(
            self.board,
            self.fleet,
            self.document,
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
            incumbents=self.incumbents,
        )
        self.files = FileWatch(origin.stamp, lambda: self.reload.soon("saved file"), reactor)
        self.watch = Watch(self.board, self.registry, self.outbox, daemon, machine)
        self.watch.supervise(self._reconnect, self.sinks.restart)
        self.report = Report(self.board, reactor, daemon.report_interval, values=self._debug)

    @property
    def takers(self) -> tuple[Part, ...]:
        """Those that take a changed configuration; the first may refuse it."""
        return self._read, self._hear, self.sinks.change, self._watch, self._settle

    @property
    def _debug(self) -> bool:
        return self.configuration.daemon.log_level == "debug"

    def availability(self, status: Status) -> None:
        """A meter is online while it is read; sinks hear of it when that changes. When an outbox
        that was full has room again, meters hear of it."""
        if isinstance(status, Gone) and status.kind == "meter":
            self.sinks.meter_state(status.name, False)
        if isinstance(status, OutboxStatus):
            full, self._full = self._full, bool(status.full)
            if full and not status.full:
                self.fleet.resume()
        if isinstance(status, MeterStatus | Identity):
            self.sinks.meter_status(status)
        if not isinstance(status, MeterStatus):
            return
        if status.state is MeterState.ASSOCIATING:
            return
        if status.state is MeterState.CONNECTING and not status.error:
            return
        self.sinks.meter_state(status.name, status.state is MeterState.READING)

    def unsettle(self) -> None:
        """No timer is left of what was to settle."""
        if self._settling is not None and self._settling.active():
            self._settling.cancel()

    def _sink(self, options: SinkOptions, meters: Sequence[MeterOptions]) -> Sink:
        return build(
            options,
            meters,
            outbox=self.outbox,
            clock=self.machine.reactor,
            reach=self.machine.reach,
            wall=self.machine.wall,
            random=self.machine.random,
            post=self.board.post,
            published=self.collector.published,
            linked=self.logbook.linked,
            instance_id=self.identity,
            orders=self.orders,
        )

    async def _read(self, configuration: Configuration) -> None:
        self.fleet.admission.pace(configuration.daemon.connects_per_second)
        asked = [one for one in configuration.meters if one.transport != "push"]
        self.inquiry.know(asked)
        await self.incumbents.know(configuration.meters)
        await self.fleet.change(asked, self._last_ts)

    async def _reconnect(self, name: str) -> None:
        await self.fleet.reconnect(name, self._last_ts)

    async def _hear(self, configuration: Configuration) -> None:
        pushing = [one for one in configuration.meters if one.transport == "push"]
        await self.push.change(configuration.push, pushing, self._last_ts)

    async def _watch(self, configuration: Configuration) -> None:
        self.files.watch(configuration.daemon.watch_config)
        self.watch.expect(configuration)

    async def _settle(self, _: Configuration) -> None:
        if self._settling is not None and self._settling.active():
            self._settling.reset(_SETTLE_SECONDS)
        else:
            self._settling = self.machine.reactor.callLater(_SETTLE_SECONDS, self.machine.settle)

    async def _last_ts(self) -> dict[str, int]:
        """Also of what was just read and is still on its way into the file."""
        try:
            await self.outbox.flush()
            return await self.outbox.last_ts()
        except StoreError as error:  # meters that were stopped must be read again all the same
            self._log.warn("{reason} {advice}", reason=str(error), advice=error.advice)
            return {}

    def _gaps(self, meter: MeterOptions, last_ts: int) -> GapKeeper:
        """What is missing of a meter, and how it is read back if the meter has it."""
        outbox, clock, backfill = self.outbox, self.machine.reactor, None
        if meter.load_profile is not None:
            since = partial(self.incumbents.since, meter.name)
            backfill = Backfill(meter, meter.load_profile, outbox, outbox.gaps, clock, since)
        return GapKeeper(
            meter.name, spacing(meter), outbox.gaps, last_ts, clock, backfill, meter.sinks
        )

    def _obstacle(self, meter: MeterOptions) -> DlmsdError | None:
        """Why no reading of a meter could be kept, or should be."""
        full = self.outbox.obstacle(meter.sinks, elsewhere=bool(meter.load_profile))
        return full or self.incumbents.obstacle(meter.name)

    def _incumbency(self, meter: MeterOptions) -> Incumbency:
        known = partial(self.incumbents.knows, meter.name)
        meet = partial(self.incumbents.meet, meter.name)
        return Incumbency(meter, known=known, meet=meet, clock=self.machine.reactor)

    def _keep_push(self, reading: Reading, sinks: Sequence[str]) -> Deferred[None]:
        """Unless it is of another meter."""
        stranger = self.incumbents.obstacle(reading.meter)
        return self.outbox.commit(reading, sinks) if stranger is None else fail(stranger)

    def _post_push(self, status: MeterStatus | ListenerStatus | Identity) -> None:
        if isinstance(status, Identity):
            self.incumbents.inquired(status)
        else:
            self.board.post(status)

    def _tracer(self, meter: MeterOptions) -> Trace | None:
        """At log level debug: each frame."""
        if not self._debug:
            return None

        def trace(direction: str, octets: bytes) -> None:
            self._log.debug(
                "{meter}: {direction} {octets}",
                meter=meter.name,
                direction=direction,
                octets=octets.hex(),
            )

        return trace
