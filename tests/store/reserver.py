"""``python -m tests.store.reserver FILE``: reserves and keeps counters for ever, to be killed.

Prints ``first end name`` of what was reserved, ``- counter name`` of what was received, and
what the file remembers of the latter at the start, as ``+ counter name``.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults

from dlmsd.config.values import OutboxOptions
from dlmsd.store.outbox import Outbox
from dlmsd.store.writer import WriterThread
from tests.store.case import reading

NAMES = ("client/key-1", "client/key-2")


async def main(path: Path) -> None:
    writer = WriterThread(reactor)
    writer.start()
    outbox = Outbox(
        path,
        OutboxOptions(),
        writer=writer,
        clock=reactor,
        wall=time.time,
        post=lambda status: None,
    )
    await outbox.start()
    kept = await outbox.received_counters()
    for name, counter in kept.items():
        print("+", counter, name, flush=True)
    ts = max((await outbox.last_ts()).values(), default=0)
    while True:
        ts += 1
        # What shares the file and its thread in earnest.
        outbox.commit(reading("a", ts), ["tb"])
        reserved = [outbox.reserve_counters(name, 7, 3) for name in NAMES * 2]
        for name, done in zip(NAMES * 2, reserved, strict=True):
            done.addCallback(lambda block, name=name: print(*block, name, flush=True))
        await gatherResults(reserved)
        outbox.keep_received("meter/key", ts)
        print("-", ts, "meter/key", flush=True)
        if ts % 10 == 0:
            await outbox.flush()


if __name__ == "__main__":
    Deferred.fromCoroutine(main(Path(sys.argv[1]))).addErrback(
        lambda failure: failure.printTraceback()
    )
    reactor.run()
