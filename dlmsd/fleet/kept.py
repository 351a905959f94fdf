"""What is kept beside the file, to see what it would be in force as it is, or were it otherwise."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from typing import Final

from attrs import field, frozen

from dlmsd.config.values import Configuration
from dlmsd.fleet.effective import Effective, effective
from dlmsd.store.own import Override, OwnMeter, take_own

_NOTHING: Final = Override()


@frozen
class Kept:
    """Meters that were added, and what an operator wants of any, by name; ``file`` is the
    configuration by itself, ``environ`` where some of its secrets are."""

    file: Configuration
    own: Mapping[str, OwnMeter]
    overrides: Mapping[str, Override]
    environ: Mapping[str, str] = field(repr=False)

    @classmethod
    def of(
        cls,
        file: Configuration,
        own: Iterable[OwnMeter],
        overrides: Mapping[str, Override],
        environ: Mapping[str, str],
    ) -> Kept:
        return cls(file, {one.name: one for one in own}, overrides, environ)

    @classmethod
    def onlooked(cls, file: Configuration, environ: Mapping[str, str]) -> Kept:
        """By the registry of the state folder, whether the daemon runs or not; nothing where none
        has run yet. Raises StoreError where that cannot be read.
        """
        daemon = file.daemon
        return cls.of(
            file, *take_own(daemon.state_dir / "registry.db", daemon.registry_key), environ
        )

    @cached_property
    def of_file(self) -> frozenset[str]:
        """The names of the file's meters."""
        return frozenset(one.name for one in self.file.meters)

    def wanted(self, name: str) -> Override:
        """What an operator wants of a meter, if anything."""
        return self.overrides.get(name, _NOTHING)

    def effective(self, changed: Iterable[OwnMeter] = (), gone: Collection[str] = ()) -> Effective:
        """What is read and published; or would be, were these meters so, and those gone."""
        anew = {one.name: one for one in changed}
        apart = {*anew, *gone}
        own = [one for name, one in self.own.items() if name not in apart]
        return effective(self.file, [*own, *anew.values()], self.overrides, self.environ)
