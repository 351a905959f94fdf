"""How fast deliveries go to a real mosquitto: ``python -m benchmarks.publish [count]``.

From an outbox in memory, at QoS 1, for both MQTT versions and three windows; CPU is that
of this process, so the outbox's own cost is not in it. At last from a real one, whose marks
the window waits for.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater, react

from dlmsd.config.values import OutboxOptions, SinkOptions
from dlmsd.model import Lane, OutboxStatus
from dlmsd.store.outbox import Outbox
from dlmsd.store.writer import WriterThread
from tests.integration.mosquitto import Mosquitto
from tests.publish.outbox import MemoryDelivery, MemoryOutbox, reading
from tests.publish.real import real_sink


class Backlog(MemoryOutbox):
    """Pages by position, so that what is measured is publishing."""

    async def pending(
        self,
        sink: str,
        after: int,
        limit: int,
        meter: str | None = None,
        lane: Lane = Lane.LIVE,
    ) -> list[MemoryDelivery]:
        return self.deliveries[after : after + limit] if lane is Lane.LIVE else []


VALUES = {f"value_{n}": "230.12" for n in range(10)}


async def from_memory(port: int, protocol: int, inflight: int, count: int) -> None:
    outbox = Backlog(reactor)
    outbox.commit(reading("a", ts, **VALUES) for ts in range(count))
    await measure(outbox, lambda: len(outbox.done), port, protocol, inflight, count)


async def from_file(path: Path, port: int, inflight: int, count: int) -> None:
    statuses: list[OutboxStatus] = []
    writer = WriterThread(reactor)
    writer.start()
    outbox = Outbox(
        path, OutboxOptions(), writer=writer, clock=reactor, wall=time.time, post=statuses.append
    )
    await outbox.start()
    for ts in range(count):
        outbox.commit(reading("a", ts, **VALUES), ["s"])
        if ts % 1000 == 999:
            await outbox.flush()
    await outbox.flush()

    def done() -> int:
        return outbox._file.bulletin.status.delivered

    await measure(outbox, done, port, 5, inflight, count)
    await outbox.stop()
    await writer.stop()


async def measure(
    outbox: Any, done: Callable[[], int], port: int, protocol: int, inflight: int, count: int
) -> None:
    options = SinkOptions(
        "s", "mqtt", f"mqtt://127.0.0.1:{port}", protocol=protocol, inflight=inflight
    )
    sink = real_sink(options, "a", outbox)
    began, cpu = time.perf_counter(), time.process_time()
    await sink.start()
    while done() < count:
        await deferLater(reactor, 0.005, lambda: None)
    took, cpu = time.perf_counter() - began, time.process_time() - cpu
    print(
        f"{type(outbox).__name__:<8} MQTT {protocol:<3} window {inflight:>3}: "
        f"{count / took:>7.0f} readings/s, "
        f"{cpu / count * 1e6:>5.1f} CPU us each"
    )
    await sink.stop()


async def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20000
    with tempfile.TemporaryDirectory() as folder:
        broker = Mosquitto(Path(folder), "log_type none", "max_inflight_messages 1000")
        broker.start()
        try:
            for protocol in (5, 311):
                for inflight in (1, 20, 100):
                    await from_memory(broker.port, protocol, inflight, count)
            for inflight in (1, 20, 100):
                path = Path(folder) / f"outbox-{inflight}.db"
                await from_file(path, broker.port, inflight, count)
        finally:
            broker.stop()


if __name__ == "__main__":
    react(lambda _reactor: Deferred.fromCoroutine(main()))
