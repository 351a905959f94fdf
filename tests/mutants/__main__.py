"""``python -m tests.mutants``: every seeded bug, and who caught it."""

from __future__ import annotations

import argparse
import sys
import time

from tests.mutants.campaign import MUTANTS, run


def main() -> int:
    """Print the catcher of each mutant; 1 if one survived, or if a catcher fails by itself."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutants",
        description=main.__doc__,
        epilog='Example: python -m tests.mutants --jobs 2 "NORMAL for FULL"',
    )
    parser.add_argument("names", nargs="*", help="only mutants whose name holds one of these")
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    chosen = [
        mutant
        for mutant in MUTANTS
        if not given.names or any(name in mutant.name for name in given.names)
    ]
    began, caught, bad = time.monotonic(), 0, 0
    for verdict in run(chosen, given.jobs):
        what = "good code" if verdict.mutant is None else verdict.mutant.name
        caught += verdict.mutant is not None and verdict.good
        bad += not verdict.good
        words = "passes" if verdict.mutant is None else "caught"
        if not verdict.good:
            words = "SURVIVED" if verdict.mutant is not None else "FAILS"
            print(verdict.output[-3000:])
        print(f"{words:8} {verdict.seconds:4.0f} s  {what}: {verdict.catcher.name}", flush=True)
    print(f"{caught} of {len(chosen)} caught in {time.monotonic() - began:.0f} s")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
