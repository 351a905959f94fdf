"""What an operator changes of meters while the daemon runs: judged, kept, and in force at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Protocol, TypeVar

from attrs import evolve
from twisted.internet.defer import DeferredLock

from dlmsd.config.values import Configuration, MeterOptions
from dlmsd.errors import DlmsdError, Problem
from dlmsd.fleet.kept import Kept
from dlmsd.fleet.lending import not_lent
from dlmsd.fleet.reload import Reload
from dlmsd.secret import Secret
from dlmsd.store.own import OwnMeter, Status
from dlmsd.store.registry import NameTakenError, NoSuchMeterError, Registry

T = TypeVar("T")


class Planned(Protocol):
    """What is to become of several meters: each as it will be, under its own name."""

    @property
    def meters(self) -> Sequence[OwnMeter]: ...


P = TypeVar("P", bound=Planned)


class UnfitMeterError(DlmsdError):
    """The meter was not changed; correct what is named above."""

    culprit = "operator"

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(f"{one.key}: {one.message}" for one in problems))
        self.problems = problems


class FileMeterError(DlmsdError):
    """This meter stands in the configuration file; change it there."""

    culprit = "operator"


class Desk:
    """One change at a time. Raises StoreError, and what is above.

    A ``check`` is called when it is one's turn; what it raises ends the change. Who is not
    ``trusted`` takes no secret that is kept to another place: LentSecretError.
    """

    def __init__(self, registry: Registry, reload: Reload) -> None:
        self._registry = registry
        self._reload = reload
        self._turn: DeferredLock = DeferredLock()
        self._seen: Configuration | None = None
        self._names: frozenset[str] = frozenset()

    def options(self, name: str) -> MeterOptions | None:
        """What is in force of a meter, None of one that is not configured or refused."""
        found = (one for one in self._reload.configuration.meters if one.name == name)
        return next(found, None)

    def file_has(self, name: str) -> bool:
        """Whether a meter is the file's."""
        file = self._reload.file
        if file is not self._seen:
            self._seen, self._names = file, frozenset(one.name for one in file.meters)
        return name in self._names

    async def own(self, name: str) -> OwnMeter:
        """One that was added by API; FileMeterError, NoSuchMeterError."""
        self._only_own(name)
        for one in await self._registry.meters():
            if one.name == name:
                return one
        raise NoSuchMeterError(f"there is no meter {name}")

    async def tried(
        self, meter: OwnMeter, instead: str = "", before: OwnMeter | None = None, *, trusted: bool
    ) -> MeterOptions:
        """How one would be read in the place of ``instead``, which lends it the secrets of
        ``before``; nothing is kept.

        NameTakenError, UnfitMeterError.
        """
        if meter.name != instead and (
            self.file_has(meter.name) or meter.name in self._registry.ids
        ):
            raise NameTakenError(f"there is a meter {meter.name}")
        if self.file_has(instead):
            instead = ""
        options = await self._judge(meter, instead)
        if before is not None and not trusted:
            not_lent(before, meter, self.options(instead), options, self._reload.file.sinks)
        return options

    async def add(self, meter: OwnMeter, who: str) -> None:
        """A new one, read from now on. NameTakenError, UnfitMeterError."""

        async def add() -> None:
            if self.file_has(meter.name):
                raise NameTakenError(f"there is a meter {meter.name} in {self._file}")
            await self._judge(meter)
            await self._registry.add(meter, who)
            if not await self._took(who, meter.name):
                await self._registry.remove(meter.name, who)
                await self._refused(who)

        await self._in_turn(add)

    async def change(
        self,
        name: str,
        change: Callable[[OwnMeter], OwnMeter],
        who: str,
        check: Callable[[OwnMeter], None] = lambda meter: None,
        settled: Collection[str] = (),
        *,
        trusted: bool,
    ) -> None:
        """What ``change`` makes of one that was added; also its name. What is ``settled`` by it
        is overridden no more.

        FileMeterError, NoSuchMeterError, NameTakenError, UnfitMeterError.
        """

        async def do() -> None:
            old = await self.own(name)
            check(old)
            new = change(old)
            renamed = new.name != name
            if renamed and (self.file_has(new.name) or new.name in self._registry.ids):
                raise NameTakenError(f"there is a meter {new.name}")
            options = await self._judge(new, name)
            if not trusted:
                not_lent(old, new, self.options(name), options, self._reload.file.sinks)
            await self._put(name, new, who)
            if settled:
                await self._registry.amend(new.name, dict.fromkeys(settled), who)
            if not await self._took(who, new.name):
                await self._put(new.name, old, who)
                await self._refused(who)

        await self._in_turn(do)

    async def take(self, plan: Callable[[Kept], P], who: str, *, trusted: bool) -> P:
        """Add and change many: all that ``plan`` makes of what is kept, or none of it.

        It is one change of the registry and one reload; ``plan``, which judges them, runs beside
        the reactor. UnfitMeterError where the daemon refuses them.
        """

        async def take() -> P:
            kept = await self._reload.kept()
            planned = await self._reload.aside(lambda: plan(kept))
            if planned.meters and not trusted:
                await self._not_lent(kept, planned.meters)
            if planned.meters:
                await self._put_all(kept, planned.meters, who)
            return planned

        return await self._in_turn(take)

    async def _not_lent(self, kept: Kept, meters: Sequence[OwnMeter]) -> None:
        found = await self._reload.aside(lambda: kept.effective(meters))
        after = {one.name: one for one in found.configuration.meters}
        before = {one.name: one for one in self._reload.configuration.meters}
        for new in (one for one in meters if one.name in kept.own):
            name, file = new.name, self._reload.file.sinks
            not_lent(kept.own[name], new, before.get(name), after.get(name), file)

    async def _put_all(self, kept: Kept, meters: Sequence[OwnMeter], who: str) -> None:
        before = [kept.own[one.name] for one in meters if one.name in kept.own]
        wanted = {one.name: kept.wanted(one.name) for one in before}
        settled = {
            name: evolve(one, status=None, interval=None)
            for name, one in wanted.items()
            if one.status is not None or one.interval is not None
        }
        names = [one.name for one in meters]
        await self._registry.exchange(meters, who, overrides=settled)
        if not await self._took(who, *names):
            new = [name for name in names if name not in kept.own]
            await self._registry.exchange(
                before, who, gone=new, overrides={name: wanted[name] for name in settled}
            )
            await self._refused(who)

    async def entrust(self, tokens: Mapping[str, Secret], who: str) -> None:
        """Keep these tokens, by meter; one that is not there any more needs none."""

        async def keep() -> None:
            for meter in await self._registry.meters():
                if meter.name in tokens and not meter.locked:
                    secrets = {**meter.secrets, "token": tokens[meter.name]}
                    await self._registry.replace(evolve(meter, secrets=secrets), who)
            await self._reload.refresh(who)

        await self._in_turn(keep)

    async def remove(
        self, name: str, who: str, check: Callable[[OwnMeter], None] = lambda meter: None
    ) -> None:
        """Read it no more. FileMeterError, NoSuchMeterError."""

        async def remove() -> None:
            check(await self.own(name))
            await self._registry.remove(name, who)
            await self._reload.refresh(who)

        await self._in_turn(remove)

    async def override(
        self,
        name: str,
        who: str,
        *,
        status: Status | None = None,
        interval: float | None = None,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        """What an operator wants of any meter, the file's too; None leaves it as it is."""

        async def change() -> None:
            check()
            asked = {"status": status, "interval": interval}
            changes = {key: value for key, value in asked.items() if value is not None}
            await self._registry.amend(name, changes, who)
            await self._reload.refresh(who)

        await self._in_turn(change)

    async def _in_turn(self, work: Callable[[], Awaitable[T]]) -> T:
        await self._turn.acquire()
        try:
            return await work()
        finally:
            self._turn.release()

    @property
    def _file(self) -> str:
        return str(self._reload.file.path)

    def _only_own(self, name: str) -> None:
        if self.file_has(name):
            raise FileMeterError(f"meter {name} stands in {self._file}")

    async def _judge(self, meter: OwnMeter, instead: str = "") -> MeterOptions:
        options, problems = await self._reload.judge(meter, instead)
        if problems or options is None:
            raise UnfitMeterError(problems)
        return options

    async def _put(self, name: str, meter: OwnMeter, who: str) -> None:
        if meter.name == name:
            await self._registry.replace(meter, who)
        else:
            await self._registry.rename(name, meter, who)

    async def _took(self, who: str, *names: str) -> bool:
        """Whether they are in force: the daemon may refuse a file of TLS, say."""
        self._status = status = await self._reload.refresh(who)
        return not (status.problems and {*status.added, *status.changed}.isdisjoint(names))

    async def _refused(self, who: str) -> None:
        said = self._status.problems
        await self._reload.refresh(who)
        raise UnfitMeterError(tuple(Problem(self._file, 0, "", one) for one in said))
