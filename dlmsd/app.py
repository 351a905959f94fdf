"""The daemon's life: how its parts start, one after the other, and how they end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, gatherResults
from twisted.logger import ILogObserver, Logger
from zope.interface import Interface

from dlmsd import __version__
from dlmsd.config.values import Configuration
from dlmsd.errors import DlmsdError, StoreError
from dlmsd.fleet.desk import Desk
from dlmsd.household import Household
from dlmsd.identity import instance_id, web_token
from dlmsd.logs import observer, stream
from dlmsd.machine import Machine
from dlmsd.store.folder import prepare_folder, unusable
from dlmsd.store.lock import Lock
from dlmsd.tokens import Tokens, list_file
from dlmsd.watch.systemd import SignOfLife
from dlmsd.web.api.all import Api
from dlmsd.web.api.parts import Parts
from dlmsd.web.site import WebService


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
        self._twistd = twistd
        self._machine = machine
        self._household = house = Household(configuration, machine, self._give_up)
        self._configuration = configuration
        self.board, self.registry, self.watch = house.board, house.registry, house.watch
        self.lock = Lock(configuration.daemon.state_dir / "dlmsd.lock")
        self._life = SignOfLife(machine.systemd, machine.reactor)
        self._ready = self._given_up = False
        self._unsubscribe: Callable[[], None] = lambda: None
        self.web: WebService | None = None
        self._beginning: Deferred[None] | None = None

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
            self._household.identity, token = self._take(state_dir)
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
            self._household.document,
            reactor=self._machine.reactor,
            ready=lambda: self._ready,
            tokens=tokens,
            language=self._configuration.daemon.language,
            version=__version__,
            operations=self._api.operations,
        )
        return Deferred.fromCoroutine(self._start())

    def _parts(self, tokens: Tokens) -> Parts:
        house = self._household
        return Parts(
            house.board,
            house.document,
            house.registry,
            house.reload,
            Desk(house.registry, house.reload),
            house.orders,
            house.outbox,
            house.sinks,
            house.collector.unwritten,
            house.collector.begun,
            house.watch,
            self._configuration,
            self._machine,
            __version__,
            tokens,
        )

    def stopService(self) -> Deferred[None]:
        """DISC to the meters, commit, ``offline`` to the brokers, close: within 5 s."""
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    def _take(self, state_dir: Path) -> tuple[str, Any]:
        prepare_folder(state_dir)
        self.lock.take()
        try:
            identity = instance_id(state_dir, self._machine.host, self._machine.draw)
            token = self._configuration.web.token or web_token(state_dir, self._machine.draw)
        except OSError as error:
            raise unusable(state_dir, error) from error
        return identity, token

    async def _start(self) -> None:
        try:
            self._life.start()
            self._household.writer.start()
            self._household.clerk.start()
            assert self.web is not None
            await self.web.startService()
            if self.running:
                self._beginning = Deferred.fromCoroutine(self._begin())
                await self._beginning
        except Exception as error:  # noqa: BLE001 - whatever it is, the operator must hear of it
            self._give_up(error)

    async def _begin(self) -> None:
        """The parts, one after the other, for as long as nobody stops the daemon."""
        house = self._household
        # While the outbox cannot be opened, page and alarms tell of it.
        with suppress(StoreError):  # of which the reload tells
            await house.registry.start()
        house.watch.expect(self._configuration)
        house.watch.start()
        await house.outbox.start()
        if not self.running:
            return
        configuration = await house.reload.start()
        await house.collector.start()
        await house.logbook.start()
        self._unsubscribe = house.board.subscribe(house.availability)
        for take in house.takers:
            if self.running:
                await take(configuration)
        if self.running:
            await house.reception.start()
        if self.running:
            self._machine.hangup(lambda: house.reload.soon("SIGHUP"))
            house.report.start()
            house.creditor.start()
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
        self._machine.reactor.callWhenRunning(self._machine.reactor.stop)

    async def _stop(self) -> None:
        house = self._household
        self._ready = False
        self._life.stopping()
        house.outbox.leave()
        if self._beginning is not None:
            await self._beginning  # a part that starts behind its stop would stay
        # A commit that ends after its meter was left must not call that meter online again.
        self._unsubscribe()
        house.orders.stop()
        house.files.watch(False)
        house.unsettle()
        house.report.stop()
        house.creditor.stop()
        await house.watch.stop()
        await self._api.stop()
        await house.reload.stop()
        await house.push.stop()
        await house.reception.stop()
        await house.fleet.stop()
        ends = [Deferred.fromCoroutine(house.sinks.stop())]
        if self.web is not None:
            ends.append(self.web.stopService())
        ends.append(Deferred.fromCoroutine(house.outbox.flush()))
        await gatherResults(ends, consumeErrors=True)
        await house.collector.stop()
        await house.logbook.stop()
        await house.registry.stop()
        await house.outbox.stop()
        await house.clerk.stop()
        await house.writer.stop()
        self.lock.release()
        self._life.stop()
