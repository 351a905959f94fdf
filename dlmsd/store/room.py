"""What room the outbox's file has, and for whom there is none.

Sinks share the file. The room of one that stands still must not be that of another, so near the
limit the sinks whose deliveries take it are told apart: only a meter with no other sink waits
for them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from attrs import frozen

from dlmsd.errors import StoreError

# All that one may have waiting, of what all have, without being one of those: its part of
# this. It is half of what is kept free for sinks that go on.
_SMALL: Final = 0.025
RESERVE: Final = 2 * _SMALL


class OutboxFullError(StoreError):
    """The outbox is full and when_full is "pause", so meters without another sink are not read;
    bring the sinks back, or raise max_bytes, as far as the disk has room."""

    full = "outbox"


class PressureError(StoreError):
    """The outbox is nearly full, so what a meter's load profile holds waits there, and is read
    back later; bring the sinks back, or raise max_bytes, as far as the disk has room."""


@frozen
class Room:
    """``full`` says that there is none for what ``standing`` sinks are owed, and that none
    will be made; ``brimful`` that there is none at all. ``standing`` are those whose deliveries
    take most of it, once little is left.
    """

    full: bool = False
    brimful: bool = False
    standing: frozenset[str] = frozenset()

    def alone(self, sinks: Collection[str]) -> bool:
        """Whether these are none but standing ones."""
        return self.standing.issuperset(sinks)

    def given_up(self, sinks: Collection[str]) -> tuple[str, ...]:
        """Those of ``sinks`` that are owed nothing now."""
        return tuple(sink for sink in sinks if self.full and sink in self.standing)


def standing(queued: Mapping[str, int]) -> frozenset[str]:
    """The sinks that have more waiting than what is in flight and on its way."""
    most = sum(queued.values()) * _SMALL / max(1, len(queued))
    return frozenset(sink for sink, count in queued.items() if count > most)
