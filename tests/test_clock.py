"""The heap clock does what Twisted's Clock does."""

from __future__ import annotations

from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.clock import HeapClock


def drive(clock: Any, seed: int) -> list[tuple[float, int]]:
    """Calls, resets, delays and cancels at random; which call came when."""
    random = Random(seed)
    happened: list[tuple[float, int]] = []
    calls: list[Any] = []

    def call(number: int) -> None:
        happened.append((clock.seconds(), number))
        more = Random(f"{seed} {number}")
        if more.random() < 0.5:
            clock.callLater(more.randrange(5), call, number + 1000)

    for number in range(60):
        calls.append(clock.callLater(random.randrange(10), call, number))
        chosen = random.choice(calls)
        if chosen.active():
            random.choice(
                (
                    chosen.cancel,
                    lambda it=chosen: it.reset(random.randrange(8)),
                    lambda it=chosen: it.delay(random.randrange(8)),
                    lambda: None,
                )
            )()
        # Clock moves its time first: what is due now would be a second late.
        clock.advance(0)
        clock.advance(random.choice((0, 1)))
    for _ in range(200):
        clock.advance(1)
    return happened


class HeapClockTests(SynchronousTestCase):
    @given(st.integers(0, 1 << 32))
    def test_the_same_calls_at_the_same_times(self, seed: int) -> None:
        """In whole seconds: Clock calls what is late at the time to which it was advanced."""
        ours, theirs = drive(HeapClock(), seed), drive(Clock(), seed)
        self.assertEqual([when for when, _ in ours], [when for when, _ in theirs])
        self.assertEqual(sorted(ours), sorted(theirs))

    def test_nothing_is_late(self) -> None:
        clock = HeapClock()
        seen: list[float] = []
        clock.callLater(1.5, lambda: clock.callLater(0.25, lambda: seen.append(clock.seconds())))
        clock.run(10)
        self.assertEqual(seen, [1.75])
        self.assertEqual(clock.seconds(), 10)

    def test_what_is_cancelled_is_gone(self) -> None:
        clock = HeapClock()
        call = clock.callLater(1, self.fail)
        call.cancel()
        self.assertEqual(clock.getDelayedCalls(), [])
        clock.run(2)

    def test_calls_in_the_order_of_time(self) -> None:
        clock = HeapClock()
        late, early = clock.callLater(2, int), clock.callLater(1, int)
        self.assertEqual(clock.getDelayedCalls(), [early, late])
        early.reset(5)
        clock.run(3)
        self.assertTrue(early.active())
        self.assertEqual(clock.getDelayedCalls(), [early])
