"""A backlog goes to ThingsBoard in packs, and a bad reading in a pack harms no other."""

from __future__ import annotations

import json
from collections.abc import Iterable

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.model import Lane
from dlmsd.publish.courier import MOST_PACKED
from dlmsd.publish.limits import PAYLOAD
from dlmsd.secret import Secret
from tests.publish.bench import Bench, meter, stamps
from tests.publish.broker import Ack, Published
from tests.publish.outbox import reading

KINDS = "thingsboard-gateway", "thingsboard"
MANY = {f"measurement_{number}": "230.10" for number in range(10)}


def packs(bench: Bench) -> list[Published]:
    return [one for one in bench.broker.published if stamps(one)]


class PackTests(SynchronousTestCase):
    def bench(self, kind: str, *names: str) -> Bench:
        token = Secret("g") if kind == "thingsboard-gateway" else None
        return Bench(*map(meter, names or ("a",)), kind=kind, token=token)

    def test_a_backlog_in_few_messages_in_order(self) -> None:
        for kind in KINDS:
            bench = self.bench(kind, "a", "b")
            bench.outbox.commit(
                [reading("ab"[ts % 2], ts, **MANY, text_ñ="1") for ts in range(1200)]
            )
            bench.start()
            bench.run(1)
            self.assertEqual(bench.outbox.waiting, [])
            for parity in (0, 1):
                ours = [ts for ts in bench.stamps() if ts % 2 == parity]
                self.assertEqual(ours, list(range(parity, 1200, 2)))
            sizes = [len(one.payload) for one in packs(bench)]
            self.assertLess(len(sizes), 14)
            self.assertTrue(PAYLOAD * 0.8 - 500 < max(sizes) <= PAYLOAD * 0.8, sizes)

    def test_each_devices_records_are_its_own(self) -> None:
        bench = self.bench("thingsboard-gateway", "a", 'b "ñ"')
        bench.outbox.commit([reading(name, 1, p="4.20") for name in ("a", 'b "ñ"', "gone")])
        bench.outbox.commit([reading(name, 2) for name in ("a", 'b "ñ"', "gone")])
        bench.start()
        kept: dict[str, list[int]] = {}
        introduced = set()
        for one in bench.broker.published:
            body = json.loads(one.payload)
            if one.topic == "v1/gateway/connect":
                introduced.add(body["device"])
            if not one.topic.endswith("telemetry"):
                continue
            self.assertLessEqual(body.keys(), introduced)
            for name, records in body.items():
                kept.setdefault(name, []).extend(record["ts"] for record in records)
        self.assertEqual(kept, {key: [1, 2] for key in ("Device a", 'Device b "ñ"', "gone")})
        self.assertIn(b'{"ts":1,"values":{"p":4.20}}', packs(bench)[0].payload)

    def test_a_broker_that_takes_less(self) -> None:
        for kind in KINDS:
            bench = self.bench(kind)
            bench.broker.connack_properties = b"\x27\x00\x00\x07\xd0"  # 2,000
            bench.outbox.commit([reading("a", ts, **MANY) for ts in range(200)])
            bench.start()
            bench.run(1)
            self.assertEqual(bench.outbox.waiting, [])
            sizes = [len(one.payload) for one in packs(bench)]
            self.assertTrue(1200 < max(sizes) <= 1600, sizes)

    def test_a_live_reading_does_not_wait_for_another(self) -> None:
        for kind in KINDS:
            bench = self.bench(kind)
            bench.start()
            for ts in range(20):
                bench.outbox.commit([reading("a", ts)])
            bench.run(0.2)
            self.assertEqual([stamps(one) for one in packs(bench)], [[ts] for ts in range(20)])

    def test_a_pack_is_of_one_lane(self) -> None:
        for kind in KINDS:
            bench = self.bench(kind)
            bench.outbox.commit([reading("a", ts) for ts in range(3000, 4000)], lane=Lane.BACKFILL)
            bench.outbox.commit([reading("a", ts) for ts in range(1000)])
            bench.start()
            bench.run(1)
            self.assertEqual(bench.outbox.waiting, [])
            for one in packs(bench):
                self.assertEqual(len({ts >= 3000 for ts in stamps(one)}), 1)

    def test_poison_in_a_pack_is_found(self) -> None:
        """By a PUBACK that refuses the pack, or by a close; its neighbours arrive."""
        for kind in KINDS:
            for closes in (False, True):
                bench = self.bench(kind, "a")
                bench.outbox.commit([reading("a", ts) for ts in range(1, 1001)])
                poison = {7, 400}

                def puback(
                    published: Published,
                    bench: Bench = bench,
                    closes: bool = closes,
                    poison: set[int] = poison,
                ) -> Iterable[Ack]:
                    if not poison & set(stamps(published)):
                        return [Ack(published.packet_id)]
                    if closes:
                        bench.clock.callLater(0, bench.broker.drop)
                        return []
                    return [Ack(published.packet_id, 0x99)]

                bench.broker.puback = puback
                bench.start()
                bench.run(1800, step=0.5)
                bench.outbox.commit([reading("a", 1001)])
                bench.run(100, step=0.5)
                isolated = [bench.outbox.deliveries[one - 1].ts for one in bench.outbox.isolated]
                self.assertEqual((sorted(isolated), bench.outbox.waiting), ([7, 400], []))
                self.assertLessEqual(len(bench.broker.connects), 2 * 16)
                first = list(dict.fromkeys(ts for ts in bench.stamps() if ts not in poison))
                self.assertEqual(first, sorted(first))

    def test_a_pack_is_no_larger_than_a_poison_hunt_bears(self) -> None:
        bench = self.bench("thingsboard")
        bench.outbox.commit([reading("a", ts) for ts in range(1000)])
        bench.start()
        self.assertEqual(max(len(stamps(one)) for one in packs(bench)), MOST_PACKED)
