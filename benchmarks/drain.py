"""How fast a backlog drains to a real mosquitto, and what new readings wait meanwhile:
``python -m benchmarks.drain``.

The real outbox on disk, sink and paho, in one process; 100 meters, ten values a reading,
MQTT 5. One part of ``--readings`` waits when the broker comes; then 100 new ones a second
are committed. CPU is that of this process: 100 us a reading is 10,000 a second with a core
of its own. A new reading's way is from its COMMIT to its PUBACK.
"""

from __future__ import annotations

import argparse
import cProfile
import resource
import shutil
import tempfile
import time
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

from paho.mqtt import publish
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import LoopingCall, deferLater, react

from dlmsd.config.values import OutboxOptions, SinkOptions
from dlmsd.model import Lane, Reading
from dlmsd.publish.limits import ANSWER
from dlmsd.secret import Secret
from dlmsd.store.delivery import Delivery
from dlmsd.store.outbox import Outbox
from dlmsd.store.writer import WriterThread
from tests.integration.mosquitto import Mosquitto
from tests.publish.real import real_sink

METERS = [f"meter-{number:03}" for number in range(100)]
VALUES = {f"measurement_{number}": Decimal("230.10") + number for number in range(10)}
KINDS = "thingsboard-gateway", "thingsboard", "mqtt"
FIRST = 1_700_000_000_000
GROUP = 4000


class Watched(Outbox):
    """Tells when the deliveries of new readings were committed, and acknowledged."""

    acknowledged = 0
    finished = 0.0

    def watch(self) -> None:
        self.committed: dict[int, float] = {}
        self.waits: list[float] = []
        self.subscribe(self._committed)

    def _committed(self, deliveries: Sequence[Delivery]) -> None:
        now = time.perf_counter()
        self.committed.update((one.id, now) for one in deliveries)

    def delivered(self, ids: Sequence[int]) -> Deferred[None]:
        now = time.perf_counter()
        for number in ids:
            since = self.committed.pop(number, None)
            if since is not None:
                self.waits.append(now - since)
        self.acknowledged += len(ids)
        return super().delivered(ids)


async def opened(path: Path) -> tuple[Watched, WriterThread]:
    writer = WriterThread(reactor)
    writer.start()
    options = OutboxOptions(max_bytes=1 << 40)
    outbox = Watched(
        path, options, writer=writer, clock=reactor, wall=time.time, post=lambda status: None
    )
    await outbox.start()
    return outbox, writer


async def fill(path: Path, count: int, lane: Lane) -> None:
    outbox, writer = await opened(path)
    for first in range(0, count, GROUP):
        found = [
            Reading(METERS[n % 100], FIRST + n // 100 * 5000, VALUES)
            for n in range(first, min(first + GROUP, count))
        ]
        if lane is Lane.BACKFILL:
            await outbox.commit_backfill(found, ["s"])
        else:
            waiting = [outbox.commit(one, ["s"]) for one in found]
            await gatherResults([*waiting, Deferred.fromCoroutine(outbox.flush())])
    await outbox.stop()
    await writer.stop()


async def drain(kind: str, port: int, path: Path, count: int, inflight: int, profile: str) -> None:
    outbox, writer = await opened(path)
    outbox.watch()
    options = SinkOptions(
        "s",
        kind,
        f"mqtt://127.0.0.1:{port}",
        token=Secret("gw") if kind == "thingsboard-gateway" else None,
        # To mosquitto the devices of ThingsBoard are one topic: each would hear all others.
        requests=False,
        inflight=inflight,
    )
    sink = real_sink(options, METERS, outbox)
    new = 0

    def commit() -> None:
        nonlocal new
        outbox.commit(Reading(METERS[new % 100], FIRST * 2 + new, VALUES), ["s"])
        new += 1

    live = LoopingCall(commit)
    profiler = cProfile.Profile() if profile else None
    began, cpu = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    await sink.start()
    live.start(0.01)
    if profiler:
        profiler.enable()
    while outbox.acknowledged - len(outbox.waits) < count:
        await deferLater(reactor, 0.005, lambda: None)
    if profiler:
        profiler.disable()
        profiler.dump_stats(profile)
    took, now = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF)
    used = now.ru_utime + now.ru_stime - cpu.ru_utime - cpu.ru_stime
    during = sorted(outbox.waits)
    live.stop()
    await outbox.flush()
    await deferLater(reactor, 1.0, lambda: None)
    waits = [during[len(during) * part // 100] * 1000 for part in (50, 99)] if during else [0, 0]
    print(
        f"{kind:<20} {count:,} in {took:6.2f} s {count / took:>8,.0f}/s, "
        f"CPU {used / count * 1e6:5.1f} us each ({used / took:.0%} of a core), "
        f"new ones to PUBACK p50 {waits[0]:.1f} ms, p99 {waits[1]:.1f} ms "
        f"({len(during)} of {new} meanwhile)",
        flush=True,
    )
    await sink.stop()
    await outbox.stop()
    await writer.stop()


async def main(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        full = Path(folder) / "full.db"
        await fill(full, options.readings, Lane[options.lane.upper()])
        broker = Mosquitto(Path(folder) / "broker", "log_type none", "max_inflight_messages 1000")
        broker.start()
        # As ThingsBoard answers who asks for limits; readings wait 2 s for one that does not.
        publish.single(ANSWER, b"{}", 1, True, "127.0.0.1", broker.port)
        try:
            for kind in options.kinds or KINDS:
                path = Path(folder) / kind / "outbox.db"
                path.parent.mkdir()
                shutil.copy(full, path)
                await drain(
                    kind, broker.port, path, options.readings, options.inflight, options.profile
                )
        finally:
            broker.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("--readings", type=int, default=200_000)
    parser.add_argument("--lane", choices=("live", "backfill"), default="live")
    parser.add_argument("--inflight", type=int, default=20, help="messages without PUBACK")
    parser.add_argument("--profile", default="", help="a file for cProfile's figures")
    options = parser.parse_args()
    if unknown := set(options.kinds) - set(KINDS):
        parser.error(f"no kind of sink: {', '.join(sorted(unknown))}")
    react(lambda _reactor: Deferred.fromCoroutine(main(options)))
