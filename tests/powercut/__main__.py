"""``python -m tests.powercut``: power cuts by the million, in the SQLite that Python uses."""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from tests.powercut.life import CUTS, lives
from tests.powercut.promises import Verdict

_CHUNK = 5


def main() -> int:
    """Print what was seen; 1 if anything was lost."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.powercut",
        description=main.__doc__,
        epilog="Example: python -m tests.powercut --cuts 1000000 --jobs 2. "
        "A life that failed is seen again with --seed N --cuts 200 --jobs 1.",
    )
    parser.add_argument("--cuts", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    began = time.monotonic()
    count = max(1, given.cuts // CUTS)
    seeds = range(given.seed, given.seed + count)
    chunks = [seeds[start : start + _CHUNK] for start in range(0, count, _CHUNK)]
    total = Verdict()
    with ProcessPoolExecutor(given.jobs) as pool:
        for verdict in pool.map(partial(lives, cuts=CUTS), chunks):
            total.add(verdict)
            if sys.stderr.isatty():
                print(f"\r{total.cuts} cuts", end="", file=sys.stderr)
    seconds = time.monotonic() - began
    print(
        f"{total.cuts} power cuts in {seconds:.0f} s ({total.cuts / seconds:.0f}/s); "
        f"{total.checked} promises checked: "
        + ", ".join(f"{count} {kind}" for kind, count in total.seen.items())
    )
    for example in total.examples:
        print(example)
    return int(total.violations > 0)


if __name__ == "__main__":
    sys.exit(main())
