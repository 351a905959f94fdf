"""``python -m tests.matrix``: every fault in every state of a session."""

from __future__ import annotations

import argparse
import sys
import time

from tests.matrix.cell import Cell
from tests.matrix.cells import left_out, reason, sensible
from tests.matrix.rounds import Figures, rounds


def main() -> int:
    """Print what happened; 1 if a cell broke a promise."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.matrix",
        description=main.__doc__,
        epilog="Example: python -m tests.matrix --cell S6/12 --seed 3",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--cell", action="append", help="S6/12, or S6/12/gmac; many times")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--left-out", action="store_true", help="which cells make no sense")
    given = parser.parse_args()
    if given.left_out:
        for words, count in left_out().items():
            print(f"{count:4} {words}")
        return 0
    chosen = [cell for text in given.cell or () for cell in Cell.parse(text)]
    cells = [cell for cell in chosen if not reason(cell)] if given.cell else sensible()
    began, figures = time.monotonic(), Figures()
    for verdict in rounds(cells, range(given.seed, given.seed + given.rounds), given.jobs):
        figures.add(verdict)
        if given.cell or verdict.violations:
            print(f"{verdict.cell} --seed {verdict.seed}: {verdict.words}")
        for violation in verdict.violations[:5]:
            print(f"  {violation}")
    print(f"{time.monotonic() - began:.0f} s:", *figures.lines(), sep="\n  ")
    return int(bool(figures.bad))


if __name__ == "__main__":
    sys.exit(main())
