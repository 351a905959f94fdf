"""``python -m tests.kills``: kill -9 of the real daemon, as often as wanted."""

from __future__ import annotations

import argparse
import sys
import time

from tests.kills.judge import Figures
from tests.kills.run import run


def main() -> int:
    """Print what was seen; 1 if a promise was broken."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.kills",
        description=main.__doc__,
        epilog="Example: python -m tests.kills --kills 10000 --jobs 4",
    )
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=4, help="daemons at the same time")
    parser.add_argument("--each", type=int, default=50, help="kills of one state folder")
    given = parser.parse_args()
    began, shown = time.monotonic(), 0

    def progress(figures: Figures) -> None:
        nonlocal shown
        for violation in figures.violations[shown:]:
            print(violation, flush=True)
        shown = len(figures.violations)
        seconds = time.monotonic() - began
        left = (given.kills - figures.killed) * seconds / max(1, figures.killed)
        print(
            f"{figures.killed} kills in {seconds:.0f} s, about {max(0, left):.0f} s to go: "
            f"{figures.read} readings, {len(figures.violations)} violations",
            file=sys.stderr,
        )

    total = run(given.kills, jobs=given.jobs, seed=given.seed, each=given.each, progress=progress)
    print(*total.violations[shown:], sep="\n", end="\n" * (len(total.violations) > shown))
    print(f"{total}; {len(total.violations)} violations; {time.monotonic() - began:.0f} s")
    return int(bool(total.violations))


if __name__ == "__main__":
    sys.exit(main())
