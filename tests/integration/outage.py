"""A broker that is stopped in real time, while readings are committed:
``python -m tests.integration.outage --seconds 60``.

The real outbox on disk, sink and mosquitto; ten meters, 200 readings a second before, during
and after the outage. A subscriber with a session of its own judges what arrived.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from attrs import frozen
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall, deferLater, react

from dlmsd.config.values import OutboxOptions, SinkOptions
from dlmsd.model import Reading
from dlmsd.store.outbox import Outbox
from dlmsd.store.writer import WriterThread
from tests.integration.mosquitto import Mosquitto
from tests.integration.subscriber import Subscriber
from tests.publish.real import real_sink

NAMES = [f"meter-{number}" for number in range(10)]
EVERY = 0.05
PATIENCE = 90.0


@frozen
class Verdict:
    """``wrong`` are sentences; ``again`` is how many readings came twice."""

    committed: int
    again: int
    drained_seconds: float
    wrong: list[str]


async def outage(folder: Path, seconds: float) -> Verdict:
    """Stop the broker for so long, and look at what arrived."""
    broker = Mosquitto(folder / "broker")
    broker.start()
    writer = WriterThread(reactor)
    writer.start()
    outbox = Outbox(
        folder / "outbox.db",
        OutboxOptions(),
        writer=writer,
        clock=reactor,
        wall=time.time,
        post=lambda status: None,
    )
    await outbox.start()
    options = SinkOptions("s", "mqtt", f"mqtt://127.0.0.1:{broker.port}")
    sink = real_sink(options, NAMES, outbox)
    subscriber = Subscriber(broker.port, "dlmsd/+")
    await sink.start()
    committed: list[Reading] = []

    def cycle() -> None:
        for name in NAMES:
            one = Reading(name, len(committed) + 1, {"energy": Decimal(len(committed))})
            outbox.commit(one, ["s"])
            committed.append(one)

    reading = LoopingCall(cycle)
    reading.start(EVERY)
    await _sleep(1)
    broker.stop()
    await _sleep(seconds)
    broker.start()
    began = time.monotonic()
    while time.monotonic() - began < PATIENCE and len(_stamps(subscriber)) < len(committed):
        if reading.running and len(_stamps(subscriber)) > len(committed) - 2000:
            reading.stop()
        await _sleep(0.2)
    drained = time.monotonic() - began
    await sink.stop()
    await outbox.stop()
    await writer.stop()
    subscriber.close()
    broker.stop()
    return judge(committed, list(subscriber.messages), drained)


def judge(
    committed: Sequence[Reading], messages: Iterable[tuple[str, bytes, bool]], drained: float
) -> Verdict:
    """By what a subscriber was handed out: topic, payload, retain."""
    wrong = []
    given = {(one.meter, one.ts): dict(one.values) for one in committed}
    arrived: dict[str, list[int]] = defaultdict(list)
    for topic, payload, _ in messages:
        if payload.startswith(b"{"):
            name, told = topic.removeprefix("dlmsd/"), json.loads(payload, parse_int=Decimal)
            arrived[name].append(int(told["ts"]))
            if told["values"] != given.get((name, int(told["ts"]))):
                wrong.append(f"{name}: {told['ts']} arrived with {told['values']}")
    again = 0
    for name in NAMES:
        first = list(dict.fromkeys(arrived[name]))
        again += len(arrived[name]) - len(first)
        ours = [one.ts for one in committed if one.meter == name]
        if missing := set(ours) - set(first):
            wrong.append(f"{name}: {len(missing)} readings were lost")
        if first != sorted(first):
            wrong.append(f"{name}: its readings came out of order")
    if again > 2 * 20:
        wrong.append(f"{again} readings came twice, where two windows of 20 are explained")
    return Verdict(len(committed), again, drained, wrong)


def _stamps(subscriber: Subscriber) -> set[int]:
    return {json.loads(one)["ts"] for _, one, _ in list(subscriber.messages) if one[:1] == b"{"}


def _sleep(seconds: float) -> Deferred[None]:
    return deferLater(reactor, seconds, lambda: None)


async def main(seconds: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        verdict = await outage(Path(folder), seconds)
    print(
        f"{verdict.committed:,} readings, {verdict.again} of them twice, all there "
        f"{verdict.drained_seconds:.1f} s after the broker; {len(verdict.wrong)} wrong: "
        f"{verdict.wrong[:20]}"
    )
    if verdict.wrong:
        raise SystemExit(1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    chosen: Any = parser.parse_args()
    react(lambda _reactor: Deferred.fromCoroutine(main(chosen.seconds)))
