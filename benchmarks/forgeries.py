"""Forged, replayed and downgraded replies: how many are believed (none may be).

``python -m benchmarks.forgeries --count 1000000``. A genuine reply follows each attempt and
must be accepted. The exit status is 1 if one was believed, or a genuine one refused.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from tests.dlms.security.forgery import run


def show(title: str, counter: Counter[str]) -> None:
    """One line for each name, the most frequent first."""
    print(f"\n{title}")
    for name, count in counter.most_common():
        print(f"{count:>12,}  {name}")


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    start = time.perf_counter()
    tally = run(options.count, options.seed)
    seconds = time.perf_counter() - start
    show("tried", tally.kinds)
    show("refused for", tally.errors)
    show("in", tally.scenes)
    print(f"\nseed {options.seed}, {seconds:.1f} s")
    print(f"{tally.tried:>12,}  tried")
    print(f"{tally.accepted:>12,}  accepted")
    print(f"{tally.counter_moved:>12,}  moved a stored counter")
    print(f"{tally.genuine_refused:>12,}  genuine replies refused")
    return 0 if tally.clean else 1


if __name__ == "__main__":
    sys.exit(main())
