"""What flows through a virtual meter: its curves, less what its disconnector held back."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

from dlmsd.simulator.curves import INSTALLED, Curves, Wave, energy, power

# The contacts of a supply switch last some thousand operations; and each one costs time
# whenever an energy is read.
MAX_INTERRUPTIONS: Final = 1000


class Supply:
    """Connected but from :meth:`disconnect` to :meth:`reconnect`, which keep their times."""

    __slots__ = ("_interruptions", "curves")

    def __init__(self, curves: Curves) -> None:
        self.curves = curves
        self._interruptions: list[tuple[float, float]] = []

    @property
    def connected(self) -> bool:
        """Whether it is now."""
        return not self._interruptions or self._interruptions[-1][1] != math.inf

    @property
    def worn(self) -> bool:
        """Whether it cannot be disconnected any more."""
        return len(self._interruptions) >= MAX_INTERRUPTIONS

    def disconnect(self, t: float) -> None:
        """Nothing flows from Unix seconds ``t`` on."""
        if self.connected:
            self._interruptions.append((t, math.inf))

    def reconnect(self, t: float) -> None:
        """It flows again."""
        if not self.connected:
            start, _ = self._interruptions[-1]
            self._interruptions[-1] = start, max(start, t)

    def power(self, waves: Iterable[Wave], t: float) -> float:
        """W of these together."""
        return power(waves, t) if self._flows(t) else 0.0

    def energy(self, waves: Iterable[Wave], t: float) -> float:
        """Wh of these since the meter was installed."""
        waves = tuple(waves)
        held = sum(
            energy(waves, min(end, t)) - energy(waves, start)
            for start, end in self._interruptions
            if start < t
        )
        return energy(waves, t) - held

    def current(self, phase: int, t: float) -> float:
        """A, phase 0 to 2."""
        return self.curves.current(phase, t) if self._flows(t) else 0.0

    def demand(self, start: float, end: float) -> float:
        """Mean imported W of all phases; both ends since the meter was installed."""
        if not self._interruptions:
            return self.curves.demand(start, end)
        begin = max(start, INSTALLED)
        used = self.energy(self.curves.imports, end) - self.energy(self.curves.imports, begin)
        return used * 3600 / (end - start)

    def _flows(self, t: float) -> bool:
        return not any(start <= t < end for start, end in self._interruptions)
