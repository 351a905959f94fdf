"""``python -m tests.store.committer FILE``: commits for ever, to be killed.

Prints meter and ts when a commit was acknowledged, and marks half of it as delivered.
"""

from __future__ import annotations

from collections.abc import Sequence

from dlmsd.store.outbox import Delivery, Outbox
from tests.store.case import reading
from tests.store.forever import run_forever

METERS = ("a", "b", "c")


async def main(outbox: Outbox) -> None:
    def deliver(deliveries: Sequence[Delivery]) -> None:
        outbox.delivered([delivery.id for delivery in deliveries if delivery.id % 2])

    outbox.subscribe(deliver)
    await outbox.start()
    ts = max((await outbox.last_ts()).values(), default=0)
    while True:
        ts += 1
        for meter in METERS:
            committed = outbox.commit(reading(meter, ts), ["tb"])
            committed.addCallback(lambda _, meter=meter, ts=ts: print(meter, ts, flush=True))
        if ts % 7 == 0:
            await outbox.flush()


if __name__ == "__main__":
    run_forever(main)
