"""``python -m tests.full_disk``: a small disk filled and freed a thousand times."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from twisted.internet import reactor
from twisted.python.failure import Failure

from tests.full_disk.cycles import Seen, fill_and_free
from tests.full_disk.tmpfs import SIZE, Tmpfs


def main() -> int:
    """Print what was seen; 1 if a promise was broken. Mounts a tmpfs, so it needs root."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.full_disk",
        description=main.__doc__,
        epilog="Example: python -m tests.full_disk --cycles 1000",
    )
    parser.add_argument("--cycles", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    reactor.seconds = time.monotonic
    found: list[Seen | Failure] = []
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, Tmpfs(Path(folder) / "disk") as disk:
        done = fill_and_free(reactor, disk, given.cycles, given.seed)
        done.addBoth(found.append)
        done.addBoth(lambda _: reactor.callWhenRunning(reactor.stop))
        reactor.run()
    if not found:
        print("interrupted", flush=True)
        os._exit(130)  # the outbox's thread would wait for ever
    (seen,) = found
    if isinstance(seen, Failure):
        seen.printTraceback()
        return 1
    times = sorted(seen.times)
    print(
        f"{seen.cycles} times full and free, {SIZE >> 20} MiB, {seen.noticed} times noticed, "
        f"in {time.monotonic() - began:.0f} s: "
        f"{seen.acknowledged} readings acknowledged, {seen.refused} refused in words, "
        f"ballast there {seen.ballasts} times; "
        f"from space to the next reading {times[len(times) // 2]:.2f} s, "
        f"p99 {times[len(times) * 99 // 100]:.2f} s, longest {times[-1]:.2f} s; "
        f"{len(seen.violations)} violations"
    )
    for one in seen.violations[:10]:
        print(one)
    return int(bool(seen.violations))


if __name__ == "__main__":
    sys.exit(main())
