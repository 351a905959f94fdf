"""What differs between two configurations, in the keys that an operator writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol, TypeVar

from attrs import fields, frozen

from dlmsd.config.values import Configuration


class Named(Protocol):
    """A meter, a sink, a listener or a receiver of notices."""

    @property
    def name(self) -> str: ...


T = TypeVar("T", bound=Named)

# What a running daemon can do otherwise from now on.
_LIVE: Final = frozenset(
    ("daemon.connects_per_second", "daemon.watch_config", "watch.notice_hosts", "watch.page")
)
_SECTIONS: Final = ("daemon", "web", "outbox", "dial_in", "watch")


@frozen
class Changes:
    """Of all meters, sinks, listeners or receivers: names, and of changed ones the keys."""

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
    notices: Changes = Changes()
    live: tuple[str, ...] = ()
    restart: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        parts = (self.meters, self.sinks, self.push, self.notices, self.live, self.restart)
        return any(parts)


def difference(old: Configuration, new: Configuration) -> Difference:
    """What is to be done to get from the one to the other."""
    keys = [
        f"{section}.{key}"
        for section in _SECTIONS
        for key in _keys(getattr(old, section), getattr(new, section))
    ]
    return Difference(
        meters=_changes(old.meters, new.meters),
        sinks=_changes(old.sinks, new.sinks),
        push=_changes(old.push, new.push),
        notices=_changes(old.notices, new.notices),
        live=tuple(key for key in keys if key in _LIVE),
        restart=tuple(key for key in keys if key not in _LIVE),
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
