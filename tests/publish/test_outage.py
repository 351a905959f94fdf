"""Days without a broker, in virtual time, on the real outbox: nothing lost, order kept.

``DLMSD_OUTAGE_DAYS`` and ``DLMSD_OUTAGE_INTERVAL`` (seconds) make it longer.
"""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.config.values import OutboxOptions
from dlmsd.model import Reading
from dlmsd.publish import connection, payload
from dlmsd.publish.connection import AWAY_DELAY
from dlmsd.publish.plain import PlainDialect
from dlmsd.publish.thingsboard import GatewayDialect
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
# Until the next attempt where nothing listens: every 5 s, a quarter more at most; and a step.
AGAIN = AWAY_DELAY * 1.25 + 1
# So many readings a second are drained at least, beside the new ones.
RATE = 250
# Whose a message is, by kind of sink: a topic, a device of the gateway, the token of a device.
OWNERS = {"mqtt": "dlmsd/{}", "thingsboard-gateway": "Device {}", "thingsboard": "token-of-{}"}


Told: TypeAlias = tuple[str, int, dict[str, int]]
"""Whose, ``ts``, values."""


class Outage:
    """25 meters, read every ``interval`` seconds; a ``ts`` names its meter by its last digits."""

    def __init__(self, kind: str, folder: Path, interval: float) -> None:
        self.writer = ImmediateWriter()
        self.writer.start()
        self.interval = interval
        self.kind = kind
        self.committed: dict[int, Told] = {}
        self.arrived: list[int] = []
        self.wrong: list[Told] = []
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
        for told in self.told(published):
            ts = told[1]
            if told != self.committed.get(ts):
                self.wrong.append(told)
            self.arrived.append(ts)
            self.first.setdefault(ts, self.bench.clock.seconds())
        return [Ack(published.packet_id, delay=ROUND_TRIP)]

    def told(self, published: Published) -> Iterator[Told]:
        """The readings of a telemetry message."""
        if not stamps(published):
            return
        body = json.loads(published.payload)
        owner = published.topic
        if self.kind == "thingsboard":
            connect = self.bench.broker.connects[published.connection]
            owner = (connect.username or b"").decode()
        by_owner = body if self.kind == "thingsboard-gateway" else {owner: body}
        for name, records in by_owner.items():
            for one in records if isinstance(records, list) else [records]:
                yield name, one["ts"], one["values"]

    def cycle(self) -> list[int]:
        """Every meter is read."""
        now = int(self.bench.clock.seconds() * 1000)
        read = []
        for number, name in enumerate(NAMES):
            ts = now * 100 + number
            self.committed[ts] = OWNERS[self.kind].format(name), ts, {"energy": ts}
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


class OutageCase(SynchronousTestCase):
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
        back = bench.clock.seconds()
        while not bench.broker.open:
            bench.run(1, step=1)
            self.assertLess(bench.clock.seconds() - back, AGAIN, "nobody tries again")
        self.new = []
        end = bench.clock.seconds() + 10 + outage.waiting / RATE
        while len(outage.arrived) < len(outage.committed):
            self.assertLess(bench.clock.seconds(), end, "it does not drain")
            self.new.append((bench.clock.seconds(), outage.cycle()))
            bench.run(0.2, step=ROUND_TRIP / 2)
        bench.run(2)
        self.assertEqual(outage.waiting, 0)
        outage.end()
        return outage

    def check(self, outage: Outage, rows: int) -> None:
        self.assertEqual(outage.wrong[:3], [])
        self.assertEqual(outage.arrived[: len(NAMES)], sorted(outage.committed)[: len(NAMES)])
        self.assertEqual(Counter(outage.arrived), Counter(list(outage.committed)))
        new = {ts for _, read in self.new for ts in read}
        by_meter: dict[tuple[int, bool], list[int]] = defaultdict(list)
        for ts in outage.arrived:
            by_meter[ts % 100, rows > 1 and ts in new].append(ts)
        for found in by_meter.values():
            self.assertEqual(found, sorted(found))


class OutageTests(OutageCase):
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


class OracleTests(OutageCase):
    """A bug put in on purpose is seen, in an hour."""

    def wrong(self, kind: str) -> list[Told]:
        return self.outage(kind, 1 / 24, 60).wrong

    def test_another_device(self) -> None:
        device = GatewayDialect._device
        self.patch(GatewayDialect, "_device", lambda self, meter: device(self, NAMES[3]))
        owner, ts, _ = self.wrong("thingsboard-gateway")[0]
        self.assertEqual((owner, ts % 100), ("Device meter-03", 0))

    def test_another_topic(self) -> None:
        pack = PlainDialect.pack

        def misled(self: Any, queue: Any, room: Any) -> Any:
            message, taken = pack(self, queue, room)
            return evolve(message, topic=f"dlmsd/{NAMES[3]}"), taken

        self.patch(PlainDialect, "pack", misled)
        owner, ts, _ = self.wrong("mqtt")[0]
        self.assertEqual((owner, ts % 100), ("dlmsd/meter-03", 0))

    def test_the_values_of_another_reading(self) -> None:
        record, before = payload.record, ['{"energy":1}']

        def stale(ts: int, values: str, published: int | None = None) -> bytes:
            told, before[0] = (before[0] if ts % 3 == 0 else values), values
            return record(ts, told, published)

        self.patch(payload, "record", stale)
        for kind in ("thingsboard-gateway", "thingsboard"):
            self.assertTrue(self.wrong(kind))

    def test_one_that_tries_again_too_late(self) -> None:
        for name in ("AWAY_DELAY", "LAST_DELAY"):
            self.patch(connection, name, 600.0)
        failed = self.assertRaises(self.failureException, self.wrong, "mqtt")
        self.assertIn("nobody tries again", str(failed))

    def test_one_that_drains_too_slowly(self) -> None:
        puback = Outage.puback

        def slow(self: Outage, published: Published) -> list[Ack]:
            return [evolve(ack, delay=1.5) for ack in puback(self, published)]

        self.patch(Outage, "puback", slow)
        failed = self.assertRaises(self.failureException, self.wrong, "mqtt")
        self.assertIn("it does not drain", str(failed))
