"""What a server allows is never exceeded, and whatever it answers, readings go on."""

from __future__ import annotations

import json
from math import inf
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.publish.limits import ANSWER, PATIENCE, PAYLOAD, Bucket, Limits
from dlmsd.publish.message import Message
from tests.publish.bench import Bench, meter
from tests.publish.outbox import reading
from tests.thingsboard.limits import Bucket as ServersBucket

TEXTS = "5:1", "3:60", "100:1,3000:60", "20:2,30:60,40:3600", "1:60"


class BucketTests(SynchronousTestCase):
    @given(
        st.sampled_from(TEXTS[:4]),
        st.lists(st.tuples(st.integers(1, 3), st.floats(0, 30)), max_size=60),
        st.integers(0, 60),
    )
    @settings(max_examples=200, deadline=None)
    @example("5:1", [(1, 10.0), *[(1, 0.0)] * 10], 5)
    def test_the_server_never_refuses(
        self, text: str, script: list[tuple[int, float]], restart: int
    ) -> None:
        """Not after a restart either, which finds a bucket that an earlier run has used."""
        clock = Clock()
        server = ServersBucket(text, clock.seconds)
        ours = Bucket("messages", clock.seconds)
        ours.set(text)
        for number, (count, pause) in enumerate(script):
            count = min(count, 2)
            if number == restart:
                ours = Bucket("messages", clock.seconds)
                ours.set(text)
            seconds, why = ours.wait(count)
            self.assertEqual(bool(why), seconds > 0)
            clock.advance(seconds)
            self.assertEqual(ours.wait(count), (0.0, ""))
            ours.take(count)
            self.assertTrue(server.take(count))
            clock.advance(pause)

    def test_four_fifths_of_it_are_used(self) -> None:
        clock = Clock()
        for text in ("5:1", "100:1,3000:60"):
            bucket = Bucket("messages", clock.seconds)
            bucket.set(text)
            clock.advance(100)
            gone, end = 0, clock.seconds() + 600
            while clock.seconds() < end:
                clock.advance(bucket.wait(1)[0])
                bucket.take(1)
                gone += 1
            most, period = map(int, text.split(",")[-1].split(":"))
            share = gone / 600 / (most / period)
            self.assertTrue(0.79 < share < 0.9, share)

    def test_what_no_bucket_holds_goes_when_it_is_full(self) -> None:
        clock = Clock()
        bucket = Bucket("values", clock.seconds)
        bucket.set("1:60")
        for _ in range(3):
            clock.advance(bucket.wait(10)[0])
            self.assertEqual(bucket.wait(10)[0], 0)
            bucket.take(10)
        self.assertLess(clock.seconds(), 60 / 0.8 * 10 * 3)

    def test_the_sentence(self) -> None:
        bucket = Bucket("messages", Clock().seconds)
        bucket.set("100:1,300:60")
        bucket.take(60)
        self.assertEqual(bucket.wait(1)[1], "held to the server's limit of 100 messages in 1 s")
        self.assertEqual((bucket.left < 0, Bucket("x", Clock().seconds).left), (True, inf))

    def test_the_same_text_again_keeps_what_is_left(self) -> None:
        bucket = Bucket("messages", Clock().seconds)
        bucket.set("100:1")
        bucket.take(15)
        bucket.set("100:1")
        self.assertAlmostEqual(bucket.left, 5)
        bucket.set("")
        self.assertEqual(bucket.left, inf)


class AnswerTests(SynchronousTestCase):
    def told(self, answer: Any) -> Limits:
        limits = Limits(Clock().seconds)
        limits.ask()
        self.assertEqual(limits.patience, PATIENCE)
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.assertTrue(limits.told(Message(ANSWER, body)))
        self.assertEqual(limits.patience, 0)
        return limits

    def test_answers_that_tell_nothing(self) -> None:
        for answer in (
            {"error": "timeout"},
            {},
            [],
            None,
            7,
            b"",
            b"\xff{",
            {"rateLimits": "5:1", "maxPayloadSize": "x", "maxInflightMessages": -1},
            {"rateLimits": {"messages": 5, "telemetryMessages": "x:y,:,5:0,-1:2,0:5,9999999999:1"}},
            {"rateLimits": {"messages": ["5:1"]}, "gatewayRateLimits": 3},
        ):
            limits = self.told(answer)
            self.assertEqual(limits.wait(1000), (0.0, ""))
            self.assertEqual(limits.messages.wait(1), (0.0, ""))
            self.assertEqual((limits.payload, limits.inflight), (PAYLOAD, inf))

    def test_another_topic_is_not_ours(self) -> None:
        limits = Limits(Clock().seconds)
        self.assertFalse(limits.told(Message("v1/devices/me/rpc/response/2", b"{}")))

    def test_a_gateways_devices_share_theirs(self) -> None:
        own = {"messages": "50:1", "telemetryMessages": "1:1", "telemetryDataPoints": "1:1"}
        shared = {"messages": "5:1", "telemetryMessages": "50:1", "telemetryDataPoints": ""}
        limits = self.told({"rateLimits": own, "gatewayRateLimits": shared})
        self.assertEqual(limits.values.left, inf)
        self.assertAlmostEqual(limits.entries.left, 10)
        self.assertAlmostEqual(limits.messages.left, 1)


class PatienceTests(SynchronousTestCase):
    def test_who_does_not_answer_is_waited_for_once(self) -> None:
        bench = Bench(meter("a"), kind="thingsboard")
        bench.broker.limits = None
        bench.outbox.commit([reading("a", 1)])
        bench.start()
        self.assertEqual(bench.outbox.waiting, [1])
        bench.run(PATIENCE)
        self.assertEqual((bench.outbox.waiting, bench.status.held), ([], ""))
        bench.broker.drop()
        bench.outbox.commit([reading("a", 2)])
        bench.run(1.5)
        self.assertEqual(bench.outbox.waiting, [])

    def test_no_more_in_flight_than_it_takes(self) -> None:
        bench = Bench(meter("a"), kind="thingsboard")
        bench.broker.limits = b'{"maxInflightMessages":2}'
        bench.start()
        bench.broker.puback = lambda published: []
        for ts in range(5):
            bench.outbox.commit([reading("a", ts)])
        bench.run(1)
        self.assertEqual(bench.stamps(), [0, 1])

    def test_nothing_is_left_when_it_stops_while_it_waits(self) -> None:
        bench = Bench(meter("a"), kind="thingsboard")
        bench.broker.limits = b'{"rateLimits":{"telemetryMessages":"1:3600"}}'
        bench.outbox.commit([reading("a", ts) for ts in range(3)])
        bench.start()
        bench.run(3)
        self.assertIn("limit of 1 telemetry messages", bench.status.held)
        stopping = bench.stop()
        bench.run(3)
        self.successResultOf(stopping)
        self.assertEqual((bench.clock.getDelayedCalls(), bench.status.held), ([], ""))
