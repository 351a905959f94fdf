"""All receivers: who there is, what is due for each, and a test of one."""

from __future__ import annotations

import datetime
from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.logger import Logger

from dlmsd.config.notice import NoticeOptions
from dlmsd.config.values import Configuration
from dlmsd.errors import StoreError
from dlmsd.model import ReceiverStatus
from dlmsd.store.registry import Registry
from dlmsd.watch.health import HealthReport
from dlmsd.watch.language import Language
from dlmsd.watch.notify.batch import local
from dlmsd.watch.notify.daily import report_document
from dlmsd.watch.notify.exchange import Sender, exchange, sender
from dlmsd.watch.notify.message import Author
from dlmsd.watch.notify.receiver import Receiver
from dlmsd.watch.notify.route import Route
from dlmsd.watch.places import Places

_DAY_MS = 86_400_000


def author(options: NoticeOptions, configuration: Configuration) -> Author:
    """Whoever writes to that receiver."""
    code = options.language or configuration.daemon.language
    places = Places.of(configuration)
    return Author(options, Language.of(code), configuration.watch.page, places)


async def tried(
    options: NoticeOptions, configuration: Configuration, reactor: Any, wall: float
) -> str:
    """Send a test, and say what was answered; raises NoticeError and ConfigurationError."""
    message = author(options, configuration).test(int(wall * 1000))
    way = sender(options, reactor)
    try:
        return await exchange(way, message, options.timeout, reactor)
    finally:
        way.close()


class Notifier:
    """``reactor`` has network and timers, ``wall`` gives Unix seconds.

    ``report`` is asked for the health of the last day.
    """

    _log = Logger()

    def __init__(
        self,
        registry: Registry,
        reactor: Any,
        wall: Callable[[], float],
        report: Callable[[], Awaitable[HealthReport]],
        make: Callable[[NoticeOptions, Any], Sender] = sender,
    ) -> None:
        self._registry = registry
        self._reactor = reactor
        self._wall = wall
        self._report = report
        self._make = lambda options: make(options, reactor)
        self._receivers: dict[str, Receiver] = {}
        self._leaving: list[Deferred[None]] = []
        self._reported: dict[str, str] = {}
        self._kept = True
        self._busy = False

    @property
    def statuses(self) -> tuple[ReceiverStatus, ...]:
        """Of all receivers."""
        return tuple(one.status for one in self._receivers.values())

    def change(self, configuration: Configuration) -> None:
        """These are the receivers from now on; those that did not change are not touched."""
        before, self._receivers = self._receivers, {}
        for options in configuration.notices:
            known = before.get(options.name)
            if known is not None and known.options == options:
                known.author = author(options, configuration)
                self._receivers[options.name] = before.pop(options.name)
            else:
                self._receivers[options.name] = Receiver(
                    options,
                    author(options, configuration),
                    self._registry.notices,
                    self._make,
                    self._reactor,
                    self._wall,
                )
        self._registry.notices.route = Route(configuration.notices)
        self._leaving += [Deferred.fromCoroutine(one.stop()) for one in before.values()]
        self._leaving = [one for one in self._leaving if not one.called]
        self._kept = False

    def look(self) -> None:
        """Begin whatever is due; it waits for nobody."""
        if not self._busy:
            self._busy = True
            work = Deferred.fromCoroutine(self._prepare())
            work.addErrback(lambda failure: self._log.failure("Notices failed", failure))
            work.addBoth(self._begin)

    async def stop(self) -> None:
        """What is under way may arrive; what waits does so in the next life."""
        leaving = [Deferred.fromCoroutine(one.stop()) for one in self._receivers.values()]
        await gatherResults([*leaving, *self._leaving], consumeErrors=True)

    def _begin(self, _: object) -> None:
        self._busy = False
        for one in self._receivers.values():
            one.look()

    async def _prepare(self) -> None:
        try:
            if not self._kept:
                await self._registry.notices.keep(tuple(self._receivers))
                self._kept = True
            for one in tuple(self._receivers.values()):
                if one.options.daily is not None:
                    await self._daily(one, one.options.daily)
        except StoreError:
            return  # its own finding tells, and the next look tries again

    async def _daily(self, receiver: Receiver, due: datetime.time) -> None:
        """Once a day, when it is time; also later, if the daemon was not there."""
        name, notices = receiver.options.name, self._registry.notices
        now = int(self._wall() * 1000)
        here = local(receiver.options, now)
        today = here.date().isoformat()
        last = self._reported.get(name) or await notices.reported(name)
        if last is None:
            # There is nothing to tell yet of a day that began without this receiver.
            before = (here.date() - datetime.timedelta(1)).isoformat()
            last = today if here.time() >= due else before
            await notices.report(name, last, None)
        elif last < today and here.time() >= due:
            report = await self._report()
            alarms = await self._registry.alarms.since(now - _DAY_MS)
            language = receiver.author.language
            await notices.report(name, today, report_document(report, alarms, language))
            last = today
        self._reported[name] = last
