from __future__ import annotations

from random import Random

from twisted.logger import formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.publish import lane
from tests.publish.bench import Bench, meter
from tests.publish.broker import Ack, Published, acknowledge
from tests.publish.outbox import reading


def readings(count: int, first: int = 1, name: str = "a") -> list:
    return [reading(name, ts) for ts in range(first, first + count)]


class CourierTests(SynchronousTestCase):
    def test_what_waited_before_the_start_goes_out_in_order(self) -> None:
        bench = Bench(meter("a"))
        bench.outbox.commit(readings(1200))
        bench.start()
        bench.run(2)
        self.assertEqual(bench.stamps(), list(range(1, 1201)))
        self.assertEqual(bench.outbox.waiting, [])
        self.assertEqual(bench.outbox.pages, 3 + 1)  # the other lane has none

    def test_caught_up_it_takes_commits_without_asking(self) -> None:
        bench = Bench(meter("a"))
        bench.start()
        pages = bench.outbox.pages
        for ts in range(1, 300):
            bench.outbox.commit([reading("a", ts)])
            if ts % 7 == 0:
                bench.run(0.1)
        bench.run(1)
        self.assertEqual(bench.stamps(), list(range(1, 300)))
        self.assertEqual((bench.outbox.pages, bench.outbox.waiting), (pages, []))

    def test_a_commit_during_a_page_is_neither_lost_nor_doubled(self) -> None:
        bench = Bench(meter("a"), latency=0.35)
        bench.outbox.commit(readings(10))
        bench.start()
        for ts in range(11, 40):
            bench.outbox.commit([reading("a", ts)])
            bench.run(0.1)
        bench.run(2)
        self.assertEqual(bench.stamps(), list(range(1, 40)))

    def test_the_window_holds_what_the_file_has_not_marked(self) -> None:
        """A kill now makes duplicates of what lacks its mark: never more than the window."""
        bench = Bench(meter("a"), inflight=20)
        marking = bench.outbox.marking = []
        bench.outbox.commit(readings(50))
        bench.start()
        bench.run(2)
        self.assertEqual((len(bench.stamps()), len(bench.outbox.done)), (20, 20))
        marking.pop(0).callback(None)
        bench.run(2)
        self.assertGreater(len(bench.stamps()), 20)
        while marking:
            marking.pop(0).callback(None)
            bench.run(0.1)
        self.assertEqual(bench.stamps(), list(range(1, 51)))

    def test_overflow_falls_behind_and_catches_up(self) -> None:
        bench = Bench(meter("a"))
        bench.broker.puback = lambda published: [Ack(published.packet_id, delay=0.05)]
        bench.start()
        total = lane.QUEUE * 3
        bench.outbox.commit(readings(total))
        route = bench.sink._routes[""].courier
        self.assertLessEqual(len(route._lanes._first.queue), lane.QUEUE)
        bench.run(total / 20 * 0.06 * 2, step=0.05)
        self.assertEqual(bench.stamps(), list(range(1, total + 1)))
        self.assertEqual(bench.outbox.waiting, [])
        pages = bench.outbox.pages
        bench.outbox.commit([reading("a", total + 1)])
        bench.run(1)
        self.assertEqual((bench.stamps()[-1], bench.outbox.pages), (total + 1, pages))

    def test_no_more_than_the_window_unacknowledged(self) -> None:
        bench = Bench(meter("a"), inflight=7)
        bench.broker.puback = lambda published: []
        bench.outbox.commit(readings(50))
        bench.start()
        self.assertEqual(len(bench.broker.published), 7)

    def test_the_window_is_refilled_on_every_puback(self) -> None:
        bench = Bench(meter("a"), inflight=3)
        held: list[Published] = []
        bench.broker.puback = lambda published: held.append(published) or []
        bench.outbox.commit(readings(50))
        bench.start()
        for done in range(10):
            first = held[done]
            self.assertEqual(len(held), 3 + done)
            bench.broker.open[0]._puback(Ack(first.packet_id), first)
            bench.run(0.1)

    def test_delivered_only_after_puback(self) -> None:
        bench = Bench(meter("a"))
        bench.broker.puback = lambda published: [Ack(published.packet_id, delay=30)]
        bench.start()
        bench.outbox.commit([reading("a", 1)])
        bench.run(20)
        self.assertEqual((bench.stamps(), bench.outbox.waiting), ([1], [1]))
        bench.run(20)
        self.assertEqual(bench.outbox.waiting, [])

    def test_unacknowledged_is_sent_again_before_what_is_newer(self) -> None:
        bench = Bench(meter("a"))
        bench.broker.puback = lambda published: (
            acknowledge(published) if published.topic != "dlmsd/a" else []
        )
        bench.start()
        bench.outbox.commit(readings(5))
        bench.run(1)
        bench.broker.drop()
        bench.broker.puback = acknowledge
        bench.outbox.commit(readings(5, first=6))
        bench.run(5)
        self.assertEqual(bench.stamps(0), [1, 2, 3, 4, 5])
        self.assertEqual(bench.stamps(1), list(range(1, 11)))
        self.assertEqual(bench.outbox.waiting, [])
        twice = [one.payload for one in bench.broker.published if one.topic == "dlmsd/a"]
        self.assertEqual(twice[:5], twice[5:10])

    def test_a_refused_delivery_is_kept_and_sent_again(self) -> None:
        bench = Bench(meter("a"))
        refusing = [True]

        def puback(published: Published) -> list[Ack]:
            refuse = refusing[0] and b'"ts":2,' in published.payload
            return [Ack(published.packet_id, 0x97 if refuse else 0)]

        bench.broker.puback = puback
        bench.start()
        bench.outbox.commit(readings(3))
        bench.run(0.3)
        self.assertEqual(bench.outbox.waiting[0], 2)
        self.assertIn("quota exceeded (PUBACK 0x97)", bench.status.error)
        self.assertIn("rate limits", bench.status.advice)
        refusing[0] = False
        bench.run(5)
        self.assertEqual(bench.outbox.waiting, [])
        self.assertEqual(bench.status.error, "")

    def test_a_refused_notice_does_not_stop_deliveries(self) -> None:
        bench = Bench(meter("a"))
        bench.broker.puback = lambda published: [
            Ack(published.packet_id, 0x87 if published.retain else 0)
        ]
        bench.start()
        self.assertIn("not authorised", bench.status.error)
        bench.outbox.commit(readings(3))
        bench.run(1)
        self.assertEqual((bench.outbox.waiting, len(bench.broker.connects)), ([], 1))

    def test_what_nobody_has_subscribed_to_is_logged_once(self) -> None:
        """PUBACK 0x10 of MQTT 5: delivered, and to nobody."""
        lines: list[str] = []
        observer = lambda event: lines.append(formatEvent(event))  # noqa: E731
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        bench = Bench(meter("a"))
        bench.start()
        for ts, code in enumerate((0x10, 0x10, 0, 0x10)):
            bench.broker.puback = lambda one, code=code: [Ack(one.packet_id, code)]  # type: ignore[misc]
            bench.outbox.commit([reading("a", ts)])
            bench.run(1)
        self.assertEqual((bench.outbox.waiting, bench.status.error), ([], ""))
        told = [line for line in lines if "nobody has subscribed to dlmsd/a" in line]
        self.assertEqual(len(told), 2)

    def test_an_outbox_that_cannot_be_read_is_tried_again(self) -> None:
        bench = Bench(meter("a"))
        bench.outbox.commit(readings(3))
        bench.outbox.failing = True
        bench.start()
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 2)  # one a lane
        self.assertIn("outbox cannot be read", bench.status.error)
        bench.outbox.failing = False
        bench.run(5)
        self.assertEqual(bench.outbox.waiting, [])

    def test_other_sinks_deliveries_are_not_ours(self) -> None:
        bench = Bench(meter("a"))
        bench.outbox.commit(readings(2), sinks=("other", "s"))
        bench.start()
        bench.outbox.commit(readings(2, first=3), sinks=("other", "s"))
        bench.run(1)
        self.assertEqual(bench.stamps(), [1, 2, 3, 4])
        self.assertEqual(bench.outbox.waiting, [1, 3, 5, 7])

    def test_a_page_that_arrives_after_its_connection_is_dropped(self) -> None:
        bench = Bench(meter("a"), latency=3.0)
        bench.broker.puback = lambda published: [Ack(published.packet_id, delay=10)]
        bench.outbox.commit(readings(3))
        bench.start()
        bench.broker.drop()
        bench.run(20)
        self.assertEqual((bench.stamps(), bench.outbox.waiting), ([1, 2, 3], []))


def rows(stamps: list[int]) -> int:
    """How many ascending rows were shuffled into these, at least."""
    ends: list[int] = []
    for ts in stamps:
        fitting = [end for end in ends if end < ts]
        if fitting:
            ends.remove(max(fitting))
        ends.append(ts)
    return len(ends)


class StormTests(SynchronousTestCase):
    """Seeded faults of every kind; then the broker heals, and nothing may be missing."""

    def storm(self, seed: int) -> Bench:
        random = Random(seed)
        bench = Bench(
            meter("a"),
            meter("b"),
            kind=random.choice(["mqtt", "thingsboard", "thingsboard-gateway"]),
            latency=random.choice([0.0, 0.2]),
            inflight=random.choice([1, 5, 20]),
        )

        def puback(published: Published) -> list[Ack]:
            fate = random.random()
            if fate < 0.1:
                return []
            if fate < 0.15:
                return [Ack(published.packet_id, 0x80 + random.randrange(0x20))]
            if fate < 0.2:
                return [Ack(random.randrange(1, 65536)), Ack(published.packet_id)]
            if fate < 0.3:
                return [Ack(published.packet_id)] * 2
            return [Ack(published.packet_id, delay=random.choice([0, 0, 0, 0.3, 4.0]))]

        # A PUBACK to an identifier in flight that belongs to another message would be the
        # broker's lie; the model numbers foreign ones at random, so they must stay foreign.
        bench.broker.puback = lambda published: [
            ack
            for ack in puback(published)
            if ack.packet_id == published.packet_id or ack.packet_id > 30000
        ]
        bench.start()
        for ts in range(1, 301):
            bench.outbox.commit([reading("a", 2 * ts), reading("b", 2 * ts + 1)])
            fate = random.random()
            if fate < 0.03:
                bench.broker.drop()
            elif fate < 0.06:
                bench.broker.listening = not bench.broker.listening
            elif fate < 0.08:
                bench.broker.connack = random.choice([0, 0, None, 0x88])
            elif fate < 0.1 and bench.broker.open:
                bench.broker.open[0].disconnect(0x8E)
            elif fate < 0.2:
                bench.sink.meter_state(random.choice("ab"), random.random() < 0.5)
            bench.run(random.choice([0.1, 0.5, 2.0]))
        bench.broker.listening, bench.broker.connack = True, 0
        bench.broker.puback = acknowledge
        bench.run(1200, step=0.5)  # past the back-off from another client
        return bench

    def test_nothing_lost_order_kept(self) -> None:
        redone = 0
        for seed in range(6):
            bench = self.storm(seed)
            self.assertEqual(bench.outbox.waiting, [], f"seed {seed}")
            stamps = bench.stamps()
            plain = bench.sink._routes.get("") and "dlmsd/a" in bench.topics()
            for parity in (0, 1):
                ours = [ts for ts in stamps if ts % 2 == parity]
                firsts = list(dict.fromkeys(ours))
                self.assertTrue(not plain or firsts == sorted(firsts), f"seed {seed}")
            for connection in range(len(bench.broker.connects)):
                for parity in (0, 1):
                    ours = [ts for ts in bench.stamps(connection) if ts % 2 == parity]
                    self.assertEqual(len(ours), len(set(ours)), f"seed {seed}")
                    # What waited and what was new, each in order.
                    self.assertLessEqual(rows(ours), 1 if plain else 2, f"seed {seed}")
            redone += len(stamps) - len(set(stamps))
            stopping = bench.stop()
            bench.run(3)
            self.successResultOf(stopping)
            self.assertEqual((bench.clock.getDelayedCalls(), bench.broker.open), ([], []))
        self.assertGreater(redone, 40, "the storm never forced a second sending")
