"""Days without a broker, in virtual time, on the real outbox: nothing lost, order kept.

``DLMSD_OUTAGE_DAYS`` and ``DLMSD_OUTAGE_INTERVAL`` (seconds) make it longer.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.config.values import OutboxOptions
from dlmsd.model import Reading
from dlmsd.secret import Secret
from dlmsd.store.outbox import Outbox
from tests.publish.bench import Bench, meter, stamps
from tests.publish.broker import Ack, Published
from tests.store.immediate import ImmediateWriter

DAYS = float(os.environ.get("DLMSD_OUTAGE_DAYS", "3"))
INTERVAL = float(os.environ.get("DLMSD_OUTAGE_INTERVAL", "60"))
NAMES = [f"meter-{number:02}" for number in range(25)]
# From a message to its PUBACK.
ROUND_TRIP = 0.02


class Outage:
    """25 meters, read every ``interval`` seconds; a ``ts`` names its meter by its last digits."""

    def __init__(self, kind: str, folder: Path, interval: float) -> None:
        self.writer = ImmediateWriter()
        self.writer.start()
        self.interval = interval
        self.committed: dict[int, str] = {}
        self.arrived: list[int] = []
        self.first: dict[int, float] = {}
        self.bench = bench = Bench(
            *map(meter, NAMES),
            kind=kind,
            token=Secret("gw") if kind == "thingsboard-gateway" else None,
            outbox=lambda clock: self.opened(folder, clock),
        )
        bench.broker.puback = self.puback
        bench.broker.published = Forgetful()
        bench.broker.accepted = Forgetful()

    def opened(self, folder: Path, clock: Clock) -> Outbox:
        folder.mkdir()
        outbox = Outbox(
            folder / "outbox.db",
            OutboxOptions(),
            writer=self.writer,
            clock=clock,
            wall=lambda: 1_800_000_000 + clock.seconds(),
            post=lambda status: None,
        )
        Deferred.fromCoroutine(outbox.start())
        return outbox

    def puback(self, published: Published) -> Iterable[Ack]:
        for ts in stamps(published):
            self.arrived.append(ts)
            self.first.setdefault(ts, self.bench.clock.seconds())
        return [Ack(published.packet_id, delay=ROUND_TRIP)]

    def cycle(self) -> list[int]:
        """Every meter is read."""
        now = int(self.bench.clock.seconds() * 1000)
        read = []
        for number, name in enumerate(NAMES):
            ts = now * 100 + number
            self.committed[ts] = name
            read.append(ts)
            self.bench.outbox.commit(Reading(name, ts, {"energy": Decimal(ts)}), ["s"])
        self.bench.outbox._write()
        return read

    @property
    def waiting(self) -> int:
        return sum(one.queued for one in self.accounts().values())

    def accounts(self) -> dict:
        found: list[dict] = []
        Deferred.fromCoroutine(self.bench.outbox.accounts()).addCallback(found.append)
        return found[0]

    def end(self) -> None:
        stopping = self.bench.stop()
        self.bench.run(3)
        assert stopping.called
        Deferred.fromCoroutine(self.bench.outbox.stop())
        assert self.bench.clock.getDelayedCalls() == []


class Forgetful(list):
    """A broker that runs for days keeps nothing."""

    def append(self, one: object) -> None:
        pass


class OutageTests(SynchronousTestCase):
    def outage(self, kind: str, days: float, interval: float) -> Outage:
        """The broker goes, and comes back after ``days``; its new readings, and when."""
        outage = Outage(kind, Path(self.mktemp()), interval)
        bench = outage.bench
        bench.start()
        outage.cycle()
        bench.run(4)
        self.assertEqual(outage.waiting, 0)
        bench.broker.listening = False
        bench.broker.drop()
        for _ in range(round(days * 86400 / interval)):
            bench.run(interval, step=interval)
            outage.cycle()
        self.assertEqual(outage.waiting, len(outage.committed) - len(NAMES))
        bench.broker.listening = True
        # Until the next attempt, at most 75 s.
        while not bench.broker.open:
            bench.run(1, step=1)
        self.new = []
        while len(outage.arrived) < len(outage.committed):
            self.new.append((bench.clock.seconds(), outage.cycle()))
            bench.run(0.2, step=ROUND_TRIP / 2)
        bench.run(2)
        self.assertEqual(outage.waiting, 0)
        outage.end()
        return outage

    def check(self, outage: Outage, rows: int) -> None:
        self.assertEqual(outage.arrived[: len(NAMES)], sorted(outage.committed)[: len(NAMES)])
        self.assertEqual(Counter(outage.arrived), Counter(list(outage.committed)))
        new = {ts for _, read in self.new for ts in read}
        by_meter: dict[tuple[int, bool], list[int]] = defaultdict(list)
        for ts in outage.arrived:
            by_meter[ts % 100, rows > 1 and ts in new].append(ts)
        for found in by_meter.values():
            self.assertEqual(found, sorted(found))

    def test_three_days_to_a_gateway(self) -> None:
        """New readings go first: within two turns of the window."""
        outage = self.outage("thingsboard-gateway", DAYS, INTERVAL)
        self.check(outage, 2)
        waits = [outage.first[ts] - when for when, read in self.new for ts in read]
        self.assertLess(max(waits), 0.25 + 4 * ROUND_TRIP)
        self.assertGreater(len(self.new), 5, "it did not drain for long enough to tell")

    def test_three_days_to_plain_topics(self) -> None:
        """One order for each meter, whatever is new."""
        self.check(self.outage("mqtt", DAYS, INTERVAL * 20), 1)

    def test_three_days_of_devices(self) -> None:
        outage = self.outage("thingsboard", DAYS, INTERVAL * 20)
        self.check(outage, 2)
