"""The deadline: moved cheaply, reached on time, gone when stopped."""

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.meter.deadline import Deadline


class DeadlineTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.expired: list[float] = []
        self.deadline = Deadline(self.clock, lambda: self.expired.append(self.clock.seconds()))

    def test_expires_once(self) -> None:
        self.deadline.set(5)
        self.clock.pump([1] * 20)
        self.assertEqual(self.expired, [5])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_moved_later_it_fires_at_the_later_time(self) -> None:
        self.deadline.set(5)
        self.clock.advance(4)
        self.deadline.set(5)
        self.clock.pump([0.5] * 20)
        self.assertEqual(self.expired, [9])

    def test_moved_earlier_it_fires_at_the_earlier_time(self) -> None:
        self.deadline.set(5)
        self.clock.advance(1)
        self.deadline.set(0.5)
        self.clock.pump([0.25] * 20)
        self.assertEqual(self.expired, [1.5])

    def test_moving_it_makes_no_second_delayed_call(self) -> None:
        for _ in range(1000):
            self.deadline.set(5)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)

    def test_cleared_it_stays_silent_and_can_be_set_again(self) -> None:
        self.deadline.set(5)
        self.deadline.clear()
        self.clock.advance(3)
        self.deadline.set(5)
        self.clock.pump([1] * 10)
        self.assertEqual(self.expired, [8])

    def test_stop_leaves_nothing(self) -> None:
        self.deadline.set(5)
        self.deadline.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.deadline.stop()
