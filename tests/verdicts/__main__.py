"""``python -m tests.verdicts``: is it told rightly why a broker closes?"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

from dlmsd.model import CloseCause
from tests.verdicts.causes import CAUSES
from tests.verdicts.episode import Outcome, play

ENOUGH = 0.99


def main() -> int:
    """Print what was told of what, and each wrong verdict; 1 if more than 1 % are wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.verdicts",
        description=main.__doc__,
        epilog="Example: python -m tests.verdicts --episodes 50 --seed 1",
    )
    parser.add_argument("--episodes", type=int, default=50, help="of each cause")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cause", choices=[cause.value for cause in CAUSES])
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    began = time.monotonic()
    causes = [CloseCause(given.cause)] if given.cause else list(CAUSES)
    wanted = [(c, s) for c in causes for s in range(given.seed, given.seed + given.episodes)]
    with ProcessPoolExecutor(given.jobs) as pool:
        outcomes = list(pool.map(play, *zip(*wanted, strict=True), chunksize=5))
    show(causes, outcomes)
    right = sum(one.right for one in outcomes)
    print(
        f"{right} of {len(outcomes)} right ({100 * right / len(outcomes):.1f} %), "
        f"in {time.monotonic() - began:.0f} s"
    )
    return int(right < ENOUGH * len(outcomes))


def show(causes: list[CloseCause], outcomes: list[Outcome]) -> None:
    """A row for what it was, a column for what was told."""
    for one in outcomes:
        if not one.right:
            print(f"--cause {one.cause.value} --seed {one.seed} ({one.told}): {one.verdict}")
    columns = [cause.value for cause in CloseCause] + ["none"]
    print(" " * 14 + "".join(f"{name:>14}" for name in columns))
    for cause in causes:
        same = [one for one in outcomes if one.cause is cause]
        told = Counter(one.found.value if one.found else "none" for one in same)
        row = "".join(f"{told[name] or '.':>14}" for name in columns)
        late = max((one.seconds or 0.0 for one in same), default=0.0)
        print(f"{cause.value:<14}{row}   within {late:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
