"""``python -m tests.store.reserver FILE``: reserves and keeps counters for ever, to be killed.

Prints ``first end name`` of what was reserved, ``- counter name`` of what was received, and
what the file remembers of the latter at the start, as ``+ counter name``.
"""

from __future__ import annotations

from twisted.internet.defer import gatherResults

from dlmsd.store.outbox import Outbox
from tests.store.case import reading
from tests.store.forever import run_forever

NAMES = ("client/key-1", "client/key-2")


async def main(outbox: Outbox) -> None:
    await outbox.start()
    kept = await outbox.invocation_counters.received_counters()
    for name, counter in kept.items():
        print("+", counter, name, flush=True)
    ts = max((await outbox.last_ts()).values(), default=0)
    while True:
        ts += 1
        # What shares the file and its thread in earnest.
        outbox.commit(reading("a", ts), ["tb"])
        reserved = [outbox.invocation_counters.reserve_counters(name, 7, 3) for name in NAMES * 2]
        for name, done in zip(NAMES * 2, reserved, strict=True):
            done.addCallback(lambda block, name=name: print(*block, name, flush=True))
        await gatherResults(reserved)
        outbox.invocation_counters.keep_received("meter/key", ts)
        print("-", ts, "meter/key", flush=True)
        if ts % 10 == 0:
            await outbox.flush()


if __name__ == "__main__":
    run_forever(main)
