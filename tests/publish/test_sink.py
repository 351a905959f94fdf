from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.model import SinkState
from tests.publish.bench import Bench, meter
from tests.publish.broker import Ack, Published
from tests.publish.outbox import reading


class SinkTests(SynchronousTestCase):
    def test_a_broker_that_is_down_at_the_start(self) -> None:
        bench = Bench(meter("a"))
        bench.broker.listening = False
        bench.start()
        self.assertEqual(bench.status.state, SinkState.DOWN)
        self.assertIn("connection refused", bench.status.error)
        bench.outbox.commit([reading("a", 1)])
        bench.run(30)
        bench.broker.listening = True
        bench.run(70)
        self.assertEqual((bench.status.state, bench.outbox.waiting), (SinkState.CONNECTED, []))

    def test_stop_before_a_broker_that_answers_nothing_any_more(self) -> None:
        bench = Bench(meter("a"))
        bench.start()
        bench.broker.deaf = True
        bench.outbox.commit([reading("a", 1)])
        stopping = bench.stop()
        bench.run(2.2)
        self.successResultOf(stopping)
        self.assertEqual((bench.clock.getDelayedCalls(), bench.broker.open), ([], []))
        self.assertEqual(bench.outbox.waiting, [1])

    def test_stop_waits_for_what_is_in_flight(self) -> None:
        bench = Bench(meter("a"))
        bench.start()
        bench.outbox.commit([reading("a", ts) for ts in range(10)])
        stopping = bench.stop()
        bench.outbox.commit([reading("a", 10)])
        bench.run(0.5)
        self.successResultOf(stopping)
        self.assertEqual(bench.outbox.waiting, [11])

    def test_stop_before_a_broker_that_closes_upon_the_farewell(self) -> None:
        def close(published: Published) -> list[Ack]:
            bench.broker.drop()
            return []

        bench = Bench(meter("a"))
        bench.start()
        bench.broker.puback = close
        stopping = bench.stop()
        bench.run(0.5)
        self.successResultOf(stopping)
        self.assertEqual((bench.clock.getDelayedCalls(), bench.broker.open), ([], []))

    def test_stop_when_down_and_twice(self) -> None:
        bench = Bench(meter("a"))
        bench.broker.listening = False
        bench.start()
        for _ in range(2):
            stopping = bench.stop()
            bench.run(0.2)
            self.successResultOf(stopping)
        self.assertEqual(bench.clock.getDelayedCalls(), [])

    def test_a_sink_starts_again_after_a_stop(self) -> None:
        bench = Bench(meter("a"))
        bench.start()
        bench.stop()
        bench.run(1)
        bench.start()
        bench.outbox.commit([reading("a", 1)])
        bench.run(1)
        self.assertEqual(bench.outbox.waiting, [])

    def test_meter_state_of_a_stranger_and_before_start(self) -> None:
        bench = Bench(meter("a"), kind="thingsboard")
        bench.sink.meter_state("stranger", True)
        bench.start()
        bench.outbox.commit([reading("stranger", 1)])
        bench.run(1)
        self.assertEqual((bench.stamps(), bench.outbox.waiting), ([], [1]))
