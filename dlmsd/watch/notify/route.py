"""Who hears of a change of an alarm."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Final

from attrs import frozen

from dlmsd.config.notice import NoticeOptions
from dlmsd.store.diagnostics import RANKS
from dlmsd.store.notices import Change
from dlmsd.watch.finding import NAMED, Finding

FAILING: Final = "notice-failing"
"""The rule on receivers that take nothing; its subject is one of them."""


@frozen
class Route:
    """Immutable, for it is asked in the writer's thread."""

    receivers: tuple[NoticeOptions, ...]

    def __call__(self, change: Change) -> list[str]:
        """The names of those that hear of it."""
        return [one.name for one in self.receivers if hears(one, change)]


def hears(receiver: NoticeOptions, change: Change) -> bool:
    """Whoever heard that an alarm is bad hears of all that follows; nobody of his own deafness."""
    if change.rule == FAILING and change.subject == receiver.name:
        return False
    if RANKS[change.worst] < RANKS[receiver.severity]:
        return False
    if receiver.categories and change.category not in receiver.categories:
        return False
    return not receiver.meters or _concerns(receiver.meters, Finding.decode(change.details))


def _concerns(patterns: Sequence[str], finding: Finding | None) -> bool:
    """One too many is better than one too few: where not all meters are named, it does."""
    if finding is None:
        return True
    unnamed = len(finding.meters) >= NAMED and finding.numbers.get("count") != NAMED
    return unnamed or any(
        fnmatchcase(meter, pattern) for meter in finding.meters for pattern in patterns
    )
