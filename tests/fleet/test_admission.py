"""Admission: a rate that holds, an order that is fair, a queue that can be left."""

from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.fleet.admission import Admission, Leave


class AdmissionTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.admission = Admission(self.clock, 20)

    def test_at_most_the_rate_and_in_order(self) -> None:
        admitted: list[tuple[int, float]] = []
        for number in range(100):
            self.admission.enter().addCallback(
                lambda _, n=number: admitted.append((n, self.clock.seconds()))
            )
        self.clock.pump([0.01] * 600)
        self.assertEqual([number for number, _ in admitted], list(range(100)))
        for second in range(5):
            begun = sum(second <= at < second + 1 for _, at in admitted)
            self.assertLessEqual(begun, 21)
        self.assertGreaterEqual(admitted[-1][1], 99 / 20 - 0.1)

    def test_idle_time_is_not_saved_up(self) -> None:
        self.clock.advance(100)
        admitted: list[float] = []
        for _ in range(10):
            self.admission.enter().addCallback(lambda _: admitted.append(self.clock.seconds()))
        self.clock.pump([0.01] * 10)
        self.assertLessEqual(len(admitted), 3)

    def test_who_leaves_is_not_admitted(self) -> None:
        first, second = self.admission.enter(), self.admission.enter()
        first.cancel()
        self.clock.pump([0.1] * 3)
        self.failureResultOf(first, CancelledError)
        self.successResultOf(second)

    def test_nobody_is_admitted_after_the_stop(self) -> None:
        self.admission.stop()
        self.failureResultOf(self.admission.enter(), CancelledError)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_the_last_who_leaves_takes_the_delayed_call_along(self) -> None:
        place = self.admission.enter()
        place.cancel()
        self.failureResultOf(place, CancelledError)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stop_cancels_and_leaves_no_delayed_call(self) -> None:
        waiting = [self.admission.enter() for _ in range(3)]
        self.admission.stop()
        for place in waiting:
            self.failureResultOf(place, CancelledError)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_no_more_at_once_than_there_are_places(self) -> None:
        admission = Admission(self.clock, 1000, half_open=3)
        leaves: list[Leave] = []
        for _ in range(5):
            admission.enter().addCallback(leaves.append)
        self.clock.pump([0.01] * 10)
        self.assertEqual(len(leaves), 3)
        leaves[0]()
        leaves[0]()
        self.clock.pump([0.01] * 10)
        self.assertEqual(len(leaves), 4)
        leaves[1]()
        self.clock.pump([0.01] * 10)
        self.assertEqual(len(leaves), 5)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_who_leaves_the_queue_while_all_places_are_taken(self) -> None:
        admission = Admission(self.clock, 1000, half_open=1)
        inside, waiting, last = (admission.enter() for _ in range(3))
        self.clock.pump([0.01] * 3)
        leave = self.successResultOf(inside)
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        leave()
        self.clock.pump([0.01] * 3)
        self.successResultOf(last)
