"""Many cells, in several processes, and the figures of them all."""

from __future__ import annotations

import gc
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor

from attrs import define, field

from tests.matrix.cell import BACK_SECONDS, Cell, Trial, Verdict

_CHUNK = 20


@define
class Figures:
    """What happened; of violations there must be none."""

    cells: int = 0
    strikes: int = 0
    most_held: int = 0
    backs: list[float] = field(factory=list)
    errors: Counter[str] = field(factory=Counter)
    states: Counter[str] = field(factory=Counter)
    bad: list[Verdict] = field(factory=list)

    def add(self, verdict: Verdict) -> None:
        self.cells += 1
        self.strikes += verdict.strikes
        self.most_held = max(self.most_held, verdict.most_held)
        self.errors.update(verdict.errors)
        self.states[verdict.cell.state.name] += verdict.met
        if not math.isnan(verdict.back):
            self.backs.append(verdict.back)
        if verdict.violations:
            self.bad.append(verdict)

    def lines(self) -> Iterator[str]:
        """For whoever reads."""
        backs = sorted(self.backs) or [math.nan]
        late = sum(back > BACK_SECONDS for back in backs)
        names = ", ".join(f"{name} {count}" for name, count in sorted(self.errors.items()))
        yield (
            f"{self.cells} cells, {self.strikes} strikes, {len(self.bad)} cells broke a promise; "
            f"back after {backs[len(backs) // 2]:.1f} s (median), "
            f"{backs[len(backs) * 99 // 100]:.0f} s (p99), {late} at a later slot; "
            f"at most {self.most_held} octets held"
        )
        yield f"called: {names}"


def run(work: tuple[Cell, int]) -> Verdict:
    """One cell with one seed."""
    return Trial(*work).run()


def rounds(cells: Sequence[Cell], seeds: Iterable[int], jobs: int = 2) -> Iterator[Verdict]:
    """Every cell with every seed."""
    work = [(cell, seed) for seed in seeds for cell in cells]
    # Each process starts with what is loaded; a collection need not look at it again.
    with ProcessPoolExecutor(jobs, initializer=gc.freeze) as pool:
        yield from pool.map(run, work, chunksize=_CHUNK)
