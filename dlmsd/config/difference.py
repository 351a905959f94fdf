"""What differs between two configurations, in the keys that an operator writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol, TypeVar

from attrs import fields, frozen

from dlmsd.config.values import Configuration


class Named(Protocol):
    """A meter, a sink or a listener."""

    @property
    def name(self) -> str: ...


T = TypeVar("T", bound=Named)

# Of [daemon], what a running daemon can do otherwise from now on.
_LIVE: Final = frozenset(("connects_per_second", "watch_config"))
_SECTIONS: Final = ("daemon", "web", "outbox", "dial_in")


@frozen
class Changes:
    """Of all meters, sinks or listeners: names, and of changed ones the keys."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: Mapping[str, tuple[str, ...]] = {}

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


@frozen
class Difference:
    """``restart`` are keys, such as ``web.listen``, that only a restart brings into force.

    A profile that changed is a change of every meter that has it.
    """

    meters: Changes = Changes()
    sinks: Changes = Changes()
    push: Changes = Changes()
    live: tuple[str, ...] = ()
    restart: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.meters or self.sinks or self.push or self.live or self.restart)


def difference(old: Configuration, new: Configuration) -> Difference:
    """What is to be done to get from the one to the other."""
    keys = [
        (section, key)
        for section in _SECTIONS
        for key in _keys(getattr(old, section), getattr(new, section))
    ]
    live = [key for section, key in keys if section == "daemon" and key in _LIVE]
    return Difference(
        meters=_changes(old.meters, new.meters),
        sinks=_changes(old.sinks, new.sinks),
        push=_changes(old.push, new.push),
        live=tuple(f"daemon.{key}" for key in live),
        restart=tuple(
            f"{section}.{key}" for section, key in keys if section != "daemon" or key not in live
        ),
    )


def _changes(old: Sequence[T], new: Sequence[T]) -> Changes:
    before = {one.name: one for one in old}
    after = {one.name: one for one in new}
    return Changes(
        added=tuple(name for name in after if name not in before),
        removed=tuple(name for name in before if name not in after),
        changed={
            name: _keys(before[name], one)
            for name, one in after.items()
            if name in before and before[name] != one
        },
    )


def _keys(old: Any, new: Any) -> tuple[str, ...]:
    return tuple(
        one.name for one in fields(type(old)) if getattr(old, one.name) != getattr(new, one.name)
    )
