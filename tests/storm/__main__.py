"""``python -m tests.storm --seed N``: the whole daemon under faults, again exactly."""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from tests.storm.judge import Figures
from tests.storm.run import storm
from tests.storm.world import Size


def main() -> int:
    """Print what happened; 1 if a promise was broken."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.storm",
        description=main.__doc__,
        epilog="Example: python -m tests.storm --seed 1 --seeds 2000 --hours 6 --jobs 2",
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--meters", type=int, default=25)
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--interval", type=float, default=60.0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--traces", action="store_true", help="the trace of each seed")
    given = parser.parse_args()
    size = Size(given.meters, given.interval, given.hours)
    seeds = range(given.seed, given.seed + given.seeds)
    began, total, failed = time.monotonic(), Figures(), 0
    run = partial(storm, size=size)
    with ProcessPoolExecutor(given.jobs) as pool:
        for done in pool.map(run, seeds) if given.jobs > 1 else map(run, seeds):
            total.add(done.figures)
            broken = done.figures.violations
            failed += bool(broken)
            if broken or given.traces or given.seeds == 1:
                print(f"seed {done.seed} trace {done.trace}")
            for violation in broken[:10]:
                print(f"  {violation}")
    seconds = time.monotonic() - began
    hours = given.seeds * given.meters * given.hours
    print(
        f"{given.seeds} storms, {hours:.0f} meter-hours in {seconds:.0f} s: "
        f"{total.readings} readings, {total.dated} of them dated, {total.gaps} gaps, "
        f"{total.messages} messages, {total.duplicates} duplicates, "
        f"{total.kills} kills, {total.cuts} of them power cuts, "
        f"{sum(total.faults.values())} faults; {failed} storms broke a promise"
    )
    print(", ".join(f"{name} {count}" for name, count in sorted(total.faults.items())))
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
