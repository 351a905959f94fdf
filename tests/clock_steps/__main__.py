"""``python -m tests.clock_steps``: the wall clock is set, and no timer moves."""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor

from tests.clock_steps.twins import STEPS, twins


def main() -> int:
    """Print what happened; 1 if a timer moved or a timestamp served twice."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.clock_steps",
        description=main.__doc__,
        epilog="Example: python -m tests.clock_steps --steps 10000",
    )
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    began, failed, steps, timers, readings, moved = time.monotonic(), 0, 0, 0, 0, 0.0
    seeds = range(given.seed, given.seed + -(-given.steps // STEPS))
    with ProcessPoolExecutor(given.jobs) as pool:
        for done in pool.map(twins, seeds):
            steps, timers = steps + done.steps, timers + done.timers
            readings, moved = readings + done.readings, max(moved, done.moved)
            failed += bool(done.violations)
            for violation in done.violations:
                print(f"--seed {done.seed}: {violation}")
    print(
        f"{steps} steps in {time.monotonic() - began:.0f} s: {timers} timers fired, none moved by "
        f"more than {moved * 1000:.3f} ms, {readings} readings; {failed} worlds broke a promise"
    )
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
