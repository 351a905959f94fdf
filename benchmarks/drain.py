"""How fast a backlog drains to a real mosquitto, and what new readings wait meanwhile:
``python -m benchmarks.drain``.

The real outbox on disk, sink and paho, in one process; 100 meters, ten values a reading,
MQTT 5. One part of ``--readings`` waits when the broker comes; then 100 new ones a second
are committed. CPU is that of this process: 100 us a reading is 10,000 a second with a core
of its own. A new reading's way is from its COMMIT to its PUBACK; it is measured meanwhile, and
for ``--flow`` seconds afterwards. The exit status is 1 if fewer than 10,000 a second drained, or
p99 of that way was above 2 s: meanwhile, where new readings go first, and afterwards.
"""

from __future__ import annotations

import argparse
import cProfile
import resource
import shutil
import sys
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
from dlmsd.model import Lane, Reading, SinkStatus
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
RATE = 10_000
WAY = 2.0


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


async def drain(
    kind: str, port: int, path: Path, count: int, inflight: int, flow: float, profile: str
) -> list[str]:
    """Which limits were not kept, a sentence each."""
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
    new = 0

    def commit() -> None:
        nonlocal new
        outbox.commit(Reading(METERS[new % 100], FIRST * 2 + new, VALUES), ["s"])
        new += 1

    live = LoopingCall(commit)
    wanted = len(METERS) if kind == "thingsboard" else 1

    def post(status: SinkStatus) -> None:
        # A meter that is not connected yet waits for that, and not for the backlog.
        if status.connected == wanted and not live.running and not new:
            live.start(0.01)

    sink = real_sink(options, METERS, outbox, post=post)
    profiler = cProfile.Profile() if profile else None
    began, cpu = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    await sink.start()
    if profiler:
        profiler.enable()
    while outbox.acknowledged - len(outbox.waits) < count:
        await deferLater(reactor, 0.005, lambda: None)
    if profiler:
        profiler.disable()
        profiler.dump_stats(profile)
    took, now = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF)
    used = now.ru_utime + now.ru_stime - cpu.ru_utime - cpu.ru_stime
    during, outbox.waits, before = outbox.waits, [], new
    await deferLater(reactor, 1.0, lambda: None)  # what waited behind the backlog
    if kind == "mqtt":
        outbox.waits.clear()
    await deferLater(reactor, flow, lambda: None)
    if live.running:
        live.stop()
    await outbox.flush()
    await deferLater(reactor, 1.0, lambda: None)
    print(
        f"{kind:<20} {count:,} in {took:6.2f} s {count / took:>8,.0f}/s, "
        f"CPU {used / count * 1e6:5.1f} us each ({used / took:.0%} of a core), new ones to PUBACK: "
        f"{told(during)} meanwhile ({len(during)} of {before}), {told(outbox.waits)} afterwards",
        flush=True,
    )
    await sink.stop()
    await outbox.stop()
    await writer.stop()
    wrong = [] if count / took >= RATE else [f"{kind}: fewer than {RATE:,} readings a second"]
    # On plain topics all of a meter has one order, so that new ones wait behind old ones.
    judged = [outbox.waits] if kind == "mqtt" else [during, outbox.waits]
    if any(not waits or part(waits, 99) > WAY for waits in judged) or outbox.committed:
        wrong.append(f"{kind}: p99 of new readings is not below {WAY:.0f} s")
    return wrong


def part(waits: Sequence[float], percent: int) -> float:
    """A percentile, in seconds."""
    return sorted(waits)[len(waits) * percent // 100]


def told(waits: Sequence[float]) -> str:
    """Percentiles of ``waits`` in seconds."""
    if not waits:
        return "none"
    return f"p50 {part(waits, 50) * 1000:.1f} ms, p99 {part(waits, 99) * 1000:.1f} ms"


async def main(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        full = Path(folder) / "full.db"
        await fill(full, options.readings, Lane[options.lane.upper()])
        broker = Mosquitto(Path(folder) / "broker", "log_type none", "max_inflight_messages 1000")
        broker.start()
        # As ThingsBoard answers who asks for limits; readings wait 2 s for one that does not.
        publish.single(ANSWER, b"{}", 1, True, "127.0.0.1", broker.port)
        wrong: list[str] = []
        try:
            for kind in options.kinds or KINDS:
                path = Path(folder) / kind / "outbox.db"
                path.parent.mkdir()
                shutil.copy(full, path)
                wrong += await drain(
                    kind,
                    broker.port,
                    path,
                    options.readings,
                    options.inflight,
                    options.flow,
                    options.profile,
                )
        finally:
            broker.stop()
    if wrong:
        print(*wrong, sep="\n", file=sys.stderr)
        raise SystemExit(1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("--readings", type=int, default=200_000)
    parser.add_argument("--lane", choices=("live", "backfill"), default="live")
    parser.add_argument("--inflight", type=int, default=20, help="messages without PUBACK")
    parser.add_argument("--flow", type=float, default=10.0, help="seconds without a backlog")
    parser.add_argument("--profile", default="", help="a file for cProfile's figures")
    options = parser.parse_args()
    if unknown := set(options.kinds) - set(KINDS):
        parser.error(f"no kind of sink: {', '.join(sorted(unknown))}")
    react(lambda _reactor: Deferred.fromCoroutine(main(options)))
