"""How fast the outbox commits, pages, starts and makes room: ``python -m benchmarks.outbox``.

One reading has ten values and goes to one sink. ``--readings`` is how many wait while
pages, marks and the start are timed. The file lies in a temporary folder: TMPDIR names
another disk.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.python.failure import Failure

from dlmsd.config.values import OutboxOptions
from dlmsd.model import OutboxStatus, Reading
from dlmsd.store.outbox import Outbox
from dlmsd.store.writer import WriterThread

METERS = 1000
IN_FLIGHT = 4000
PAGE = 500
WINDOW = 20
VALUES = {f"measurement_{number}": Decimal("230.10") + number for number in range(10)}


def report(what: str, count: int, seconds: float) -> None:
    each = seconds / count * 1e6
    print(f"{what:34} {count:>9,} in {seconds:7.2f} s {count / seconds:>11,.0f}/s {each:8.1f} us")


async def main(readings: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "outbox.db"
        writer = WriterThread(reactor)
        writer.start()
        outbox = await opened(path, writer, OutboxOptions())
        await commits(outbox, readings)
        await pages(outbox, "backlog, pending", None)
        await pages(outbox, "backlog of one meter, pending", "meter-0007")
        await outbox.stop()
        start = time.perf_counter()
        outbox = await opened(path, writer, OutboxOptions())
        report("start with that backlog", 1, time.perf_counter() - start)
        await delivered(outbox, readings // 4)
        await one_by_one(outbox, readings // 4, readings // 4)
        await outbox.stop()
        await room(path, writer)
        await writer.stop()


async def opened(path: Path, writer: WriterThread, options: OutboxOptions) -> Outbox:
    statuses: list[OutboxStatus] = []
    outbox = Outbox(
        path, options, writer=writer, clock=reactor, wall=time.time, post=statuses.append
    )
    await outbox.start()
    return outbox


async def commits(outbox: Outbox, readings: int) -> None:
    now = int(time.time() * 1000)
    start = time.perf_counter()
    for first in range(0, readings, IN_FLIGHT):
        numbers = range(first, min(first + IN_FLIGHT, readings))
        waiting = [
            outbox.commit(
                Reading(f"meter-{n % METERS:04}", now + n // METERS * 5000, VALUES), ["tb"]
            )
            for n in numbers
        ]
        await gatherResults([*waiting, Deferred.fromCoroutine(outbox.flush())])
    report("commit, in groups of 200", readings, time.perf_counter() - start)


async def pages(outbox: Outbox, what: str, meter: str | None) -> None:
    after = count = 0
    start = time.perf_counter()
    while count < 100_000 and (page := await outbox.pending("tb", after, PAGE, meter)):
        after = page[-1].id
        count += len(page)
    report(what, count, time.perf_counter() - start)


async def delivered(outbox: Outbox, readings: int) -> None:
    start = time.perf_counter()
    for first in range(0, readings, PAGE):
        outbox.delivered(range(first + 1, first + PAGE + 1))
    await outbox.flush()
    report("delivered", readings, time.perf_counter() - start)


async def one_by_one(outbox: Outbox, after: int, readings: int) -> None:
    """As a broker acknowledges: the next are sent when these are in the file."""
    start = time.perf_counter()
    for first in range(after, after + readings, WINDOW):
        await outbox.delivered(range(first + 1, first + WINDOW + 1))
    report(f"delivered, {WINDOW} after the other", readings, time.perf_counter() - start)


async def room(path: Path, writer: WriterThread) -> None:
    """Shrink the file to half: the delivered quarter goes first, then what waits."""
    size = path.stat().st_size
    outbox = await opened(path, writer, OutboxOptions(max_bytes=size // 2))
    longest, start = 0.0, time.perf_counter()
    while outbox._file._sweeper.sweeping:
        asked = time.perf_counter()
        await outbox.pending("tb", 0, 1)
        longest = max(longest, time.perf_counter() - asked)
    report("room made, bytes", size // 2, time.perf_counter() - start)
    print(f"{'longest wait for the writer':34} {longest * 1000:.1f} ms")
    await outbox.stop()


def fail(failure: Failure) -> None:
    failure.printTraceback(sys.stderr)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readings", type=int, default=200_000)
    options = parser.parse_args()
    done = Deferred.fromCoroutine(main(options.readings)).addErrback(fail)
    done.addBoth(lambda _: reactor.callWhenRunning(reactor.stop))
    reactor.run()
