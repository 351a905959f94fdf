"""What a trouble leaves behind: counts of the last minutes, which tell of it when it is over."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from attrs import define, field

from dlmsd.watch.finding import Finding
from dlmsd.watch.grouping import HIDES, SHARES
from dlmsd.watch.history import WINDOW

# Rules that count over the window, and so go on when what they count has ended.
_COUNTED: Final = SHARES | {"read-failures", "sockets-closed", "line-noise"}


@define
class Aftermath:
    """Findings that were explained within the window stay so: a gateway that is back is not
    followed by an alarm for each of its meters. What goes on by itself is told when the window
    holds nothing else.
    """

    _until: dict[tuple[str, str], float] = field(factory=dict)

    def without(
        self, kept: Iterable[Finding], found: Iterable[Finding], now: float
    ) -> list[Finding]:
        """``kept`` without the aftermath; ``found`` is everything, before it was grouped."""
        self._until = {key: until for key, until in self._until.items() if until > now}
        for one in found:
            for rule in HIDES.get(one.rule, frozenset()) & _COUNTED - {one.rule}:
                self._until[rule, one.subject] = now + WINDOW
        return [one for one in kept if (one.rule, one.subject) not in self._until]
