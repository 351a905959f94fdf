"""Takes a changed configuration into the running daemon: what did not change is not touched."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final, TypeVar

from attrs import evolve
from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from dlmsd.config.difference import Changes, Difference, difference
from dlmsd.config.origin import Origin
from dlmsd.config.values import Configuration, MeterOptions
from dlmsd.errors import ConfigurationError, DlmsdError, Problem, StoreError
from dlmsd.fleet.effective import Effective
from dlmsd.fleet.kept import Kept
from dlmsd.model import Gone, ReloadStatus
from dlmsd.store.own import OwnMeter
from dlmsd.store.registry import Registry
from dlmsd.store.writer import Writer

# How often a registry that cannot be read is tried; meanwhile meters are read.
RETRY_SECONDS: Final = 30.0

T = TypeVar("T")

Part = Callable[[Configuration], Awaitable[None]]


class Reload:
    """Keeps the configuration in force. ``file`` is what the daemon was started with.

    ``parts`` take a new configuration one after the other and change only what differs; the
    first may refuse it all with ConfigurationError. ``reloaded`` is called after an operator has
    had the file read. ``writer`` runs what would hold up the
    reactor, from before ``start`` until after ``stop``.
    """

    _log = Logger()

    def __init__(
        self,
        file: Configuration,
        origin: Origin,
        registry: Registry,
        parts: Sequence[Part],
        *,
        writer: Writer,
        clock: IReactorTime,
        wall: Callable[[], float],
        post: Callable[[ReloadStatus | Gone], None],
        reloaded: Callable[[], None] = lambda: None,
    ) -> None:
        self._reloaded = reloaded
        self._file = self._started = self.configuration = file
        self._origin = origin
        self._registry = registry
        self._parts = parts
        self._writer = writer
        self._wall = wall
        self._post = post
        self._clock = clock
        self._turn: DeferredLock = DeferredLock()
        self._again: IDelayedCall | None = None
        self._running = False
        # Why the file as it is now is not in force; empty if it is.
        self._refused: tuple[str, ...] = ()

    async def start(self) -> Configuration:
        """Open the registry; what is in force at the start, with or without it."""
        self._running = True
        try:
            await self._registry.start()
            found = await self._effective(self._file)
        except StoreError as error:
            # What the registry knows can wait; what the meters tell cannot.
            problem = f"{error}. Without the registry, the file's meters are read as it says"
            self._tell(self._status("start", problems=(problem,)))
            self._again = self._clock.callLater(RETRY_SECONDS, self._retry)
            return self._file
        self.configuration = found.configuration
        self._warn(found)
        await self._identify()
        if self._registry.damage:
            self._tell(self._status("start", problems=self._registry.damage))
        return self.configuration

    async def stop(self) -> None:
        """Change nothing any more, and wait for what is being changed."""
        self._running = False
        if self._again is not None and self._again.active():
            self._again.cancel()
        await self._turn.acquire()
        self._turn.release()

    def soon(self, trigger: str) -> None:
        """:meth:`reload`, for a caller that cannot wait; nothing once the daemon stops."""
        if self._running:
            self._begin(self.reload(trigger))

    def _retry(self) -> None:
        """Until the registry could be read."""
        self._begin(self._refresh_or_retry())

    async def _refresh_or_retry(self) -> None:
        status = await self.refresh("registry")
        if status.problems and self._running:
            self._again = self._clock.callLater(RETRY_SECONDS, self._retry)

    def _begin(self, work: Coroutine[Any, Any, Any]) -> None:
        Deferred.fromCoroutine(work).addErrback(
            lambda failure: self._log.failure("The reload failed", failure)
        )

    async def reload(self, trigger: str) -> ReloadStatus:
        """Read the file anew, and the registry. No error leaves here: the status has them."""
        status = await self._do(trigger)
        if not status.problems:
            self._reloaded()
        return status

    async def refresh(self, trigger: str) -> ReloadStatus:
        """Only the registry has changed: the file is not read.

        The result has its own problems alone. What is posted has those of the last reading of
        the file too: a restart would still meet them.
        """
        return await self._do(trigger, self._file)

    @property
    def file(self) -> Configuration:
        """What the file says by itself."""
        return self._file

    async def judge(
        self, meter: OwnMeter, instead: str = ""
    ) -> tuple[MeterOptions | None, tuple[Problem, ...]]:
        """How a meter of the registry would be read, or what would be wrong with it, were it as
        this one, in the place of the one called ``instead``. Raises StoreError.
        """
        kept = await self.kept()
        found = await self.aside(lambda: kept.effective((meter,), (instead,)))
        named = (one for one in found.configuration.meters if one.name == meter.name)
        return next(named, None), found.problems.get(meter.name, ())

    async def _do(self, trigger: str, file: Configuration | None = None) -> ReloadStatus:
        await self._turn.acquire()
        refused: tuple[str, ...] = ()
        try:
            status = await self._change(trigger, file)
        except ConfigurationError as error:
            refused = tuple(str(one) for one in error.problems)
            status = self._status(trigger, problems=refused)
        except DlmsdError as error:
            refused = self._refused
            status = self._status(trigger, problems=(f"{error}. {error.advice}",))
        finally:
            self._turn.release()
        if file is None:
            self._refused = refused
        self._tell(status, () if file is None else self._refused)
        return status

    async def _change(self, trigger: str, file: Configuration | None) -> ReloadStatus:
        if not self._running:
            return self._status(trigger, problems=("dlmsd stops",))
        if file is None:
            file = await self._writer.run(self._origin.read)
        found = await self._effective(file)
        old, new = self.configuration, found.configuration
        differs = difference(old, new)
        await self._parts[0](new)
        self._file, self.configuration = file, new
        await self._identify()
        for kind, changes in (
            ("meter", differs.meters),
            ("listener", differs.push),
        ):
            self._forget(kind, changes.removed)
        problems = await self._others(new)
        self._forget("sink", differs.sinks.removed)
        self._warn(found)
        restart = difference(self._started, new).restart
        status = self._status(
            trigger, refused=found.refused, problems=problems, restart=restart, **_named(differs)
        )
        try:
            await self._registry.audit.add(trigger, "reload", str(new.path), _summary(status))
        except StoreError as error:
            return evolve(status, problems=(*problems, f"{error}. {error.advice}"))
        return status

    def _forget(self, kind: Any, names: Sequence[str]) -> None:
        for name in names:
            self._post(Gone(kind, name))

    async def _others(self, new: Configuration) -> tuple[str, ...]:
        """A part that cannot do as it is told must not keep the others from it."""
        problems = []
        for part in self._parts[1:]:
            try:
                await part(new)
            except DlmsdError as error:
                problems.append(f"{error}. {error.advice}")
        return tuple(problems)

    async def kept(self, file: Configuration | None = None) -> Kept:
        """What is kept beside ``file``, else beside that in force. Raises StoreError."""
        own, overrides = await self._registry.meters(), await self._registry.overrides()
        return Kept.of(file or self._file, own, overrides, self._origin.environ)

    async def aside(self, work: Callable[[], T]) -> T:
        """What ``work`` gives, which would hold up the reactor."""
        return await self._writer.run(work)

    async def _effective(self, file: Configuration) -> Effective:
        kept = await self.kept(file)
        return await self.aside(kept.effective)

    async def _identify(self) -> None:
        """Meters without an id are read too; they get one when the file can be written."""
        try:
            await self._registry.configured(meter.name for meter in self.configuration.meters)
        except StoreError as error:
            self._log.warn("{reason} {advice}", reason=str(error), advice=error.advice)

    def _warn(self, found: Effective) -> None:
        for name, reason in found.refused.items():
            self._log.warn("{meter}: not read: {reason}", meter=name, reason=reason)

    def _status(self, trigger: str, **more: Any) -> ReloadStatus:
        return ReloadStatus(int(self._wall() * 1000), trigger, **more)

    def _tell(self, status: ReloadStatus, standing: tuple[str, ...] = ()) -> None:
        if status.problems:
            self._log.error(
                "The configuration was read again ({trigger}): {problems}",
                trigger=status.trigger,
                problems="\n".join(status.problems),
            )
        else:
            self._log.info(
                "The configuration was read again ({trigger}): {summary}",
                trigger=status.trigger,
                summary=_summary(status),
            )
        if status.restart:
            self._log.warn(
                "Only a restart brings into force: {keys}", keys=", ".join(status.restart)
            )
        self._post(evolve(status, problems=(*status.problems, *standing)) if standing else status)


def _named(differs: Difference) -> dict[str, Any]:
    return {
        "added": differs.meters.added,
        "removed": differs.meters.removed,
        "changed": tuple(differs.meters.changed),
        "sinks": _all(differs.sinks),
        "listeners": _all(differs.push),
    }


def _all(changes: Changes) -> tuple[str, ...]:
    return (*changes.added, *changes.removed, *changes.changed)


def _summary(status: ReloadStatus) -> str:
    counted = (
        (len(status.added), "{count} meter added", "{count} meters added"),
        (len(status.removed), "{count} meter removed", "{count} meters removed"),
        (len(status.changed), "{count} meter changed", "{count} meters changed"),
        (len(status.sinks), "{count} sink differs", "{count} sinks differ"),
        (len(status.listeners), "{count} listener differs", "{count} listeners differ"),
        (len(status.problems), "{count} problem in the file", "{count} problems in the file"),
    )
    found = [(count, one if count == 1 else more) for count, one, more in counted if count]
    return ", ".join(text.format(count=count) for count, text in found) or "nothing differs"
