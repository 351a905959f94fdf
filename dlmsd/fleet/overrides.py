"""What an operator sets of a meter from a platform: judged, kept, and soon in force."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from dlmsd.config.rules import Refusal
from dlmsd.config.tables import OVERRIDES
from dlmsd.config.values import Configuration, MeterOptions
from dlmsd.errors import DlmsdError
from dlmsd.model import ReloadStatus
from dlmsd.store.own import Override
from dlmsd.store.registry import Registry

# A platform that comes back tells of all meters at once; each refresh looks at all of them.
COLLECTING: Final = 0.5


class UnfitOverrideError(DlmsdError):
    """Nothing was changed; correct the value, or remove it for what the configuration says."""

    culprit = "operator"


class Overrides:
    """``configuration`` gives that in force, ``refresh`` takes the registry's changes into it."""

    _log = Logger()

    def __init__(
        self,
        registry: Registry,
        configuration: Callable[[], Configuration],
        refresh: Callable[[str], Awaitable[ReloadStatus]],
        clock: IReactorTime,
    ) -> None:
        self._registry = registry
        self._configuration = configuration
        self._refresh = refresh
        self._clock = clock
        self._unsettled: Counter[str] = Counter()
        self._waiting: list[Deferred[None]] = []
        self._soon: IDelayedCall | None = None

    def stop(self) -> None:
        """What is kept comes into force at the next start."""
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None

    async def change(self, meter: str, wanted: Mapping[str, object], who: str) -> None:
        """``status`` and ``interval`` from now on; None for as the configuration says.

        What is in force already changes nothing. UnfitOverrideError for a value that is wrong,
        LookupError for a meter that is not configured, StoreError; then nothing is changed.
        """
        options = self._options(meter)
        judged = _judged(wanted)
        changes = {
            key: value
            for key, value in judged.items()
            if value is None or self._unsettled[meter] or getattr(options, key) != value
        }
        if not changes or not await self._registry.amend(meter, changes, who):
            return
        self._unsettled[meter] += 1
        try:
            await self._refreshed(who)
        finally:
            self._unsettled[meter] -= 1

    async def renamed(self, meter: str, old: str, new: str, who: str) -> None:
        """A platform calls the meter's device otherwise; not the configuration. StoreError."""
        before = (await self._registry.overrides()).get(meter, Override())
        first = before.renamed_from if before.device_name == old else old
        changes = {"device_name": new, "renamed_from": first}
        if new == first:
            changes = dict.fromkeys(changes)
        if await self._registry.amend(meter, changes, who):
            await self._refreshed(who)

    def _options(self, meter: str) -> MeterOptions:
        for options in self._configuration().meters:
            if options.name == meter:
                return options
        raise LookupError(meter)

    def _refreshed(self, who: str) -> Deferred[None]:
        done: Deferred[None] = Deferred()
        self._waiting.append(done)
        if self._soon is None:
            self._soon = self._clock.callLater(COLLECTING, self._begin, who)
        return done

    def _begin(self, who: str) -> None:
        self._soon = None
        waiting, self._waiting = self._waiting, []

        async def refresh() -> None:
            try:
                await self._refresh(who)
            finally:
                for done in waiting:
                    done.callback(None)

        Deferred.fromCoroutine(refresh()).addErrback(
            lambda failure: self._log.failure("An override is not in force", failure)
        )


def _judged(wanted: Mapping[str, object]) -> dict[str, Any]:
    judged: dict[str, Any] = {}
    problems = []
    for key, value in wanted.items():
        try:
            judged[key] = None if value is None else OVERRIDES[key](value)
        except Refusal as error:
            problems.append(f"{key}: {error}")
    if problems:
        raise UnfitOverrideError("; ".join(problems))
    return judged
