"""Invocation counters: never twice out, never twice in."""

from __future__ import annotations

import contextlib

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.security.counter import (
    COUNTER_ALARM,
    COUNTER_END,
    CounterBlock,
    CounterName,
    ReceivedCounters,
    TransmitCounter,
    above_meters,
    key_id,
)
from dlmsd.dlms.security.errors import CounterError, CounterExhaustedError, CounterJumpError
from dlmsd.errors import LocalError
from dlmsd.secret import Secret

NAME = CounterName(b"12345678", "key")
OTHER = CounterName(b"12345678", "another")


class ReceivedTests(SynchronousTestCase):
    @given(st.lists(st.integers(0, 20)))
    def test_only_above_the_last(self, counters: list[int]) -> None:
        kept: list[int] = []
        received = ReceivedCounters(keep=lambda name, counter: kept.append(counter))
        last = -1
        for counter in counters:
            if counter > last:
                received.accept(NAME, counter)
                last = counter
            else:
                self.assertRaises(CounterError, received.accept, NAME, counter)
            self.assertEqual(received.last(NAME), last)
        self.assertEqual(kept, sorted(set(kept)))
        self.assertEqual(received.last(OTHER), -1)

    def test_checking_changes_nothing(self) -> None:
        received = ReceivedCounters({NAME: 4})
        received.check(NAME, 9)
        received.check(OTHER, 0)
        self.assertEqual(received.last(NAME), 4)
        error = self.assertRaises(CounterError, received.check, NAME, 4)
        self.assertIn("4 of 3132333435363738 after 4", str(error))

    def test_keys_are_told_apart_and_kept(self) -> None:
        one, other = key_id(Secret(bytes(16))), key_id(Secret(b"\x01" * 16))
        self.assertNotEqual(one, other)
        # SHA-256 of sixteen zeros.
        self.assertEqual(one, "374708fff7719dd5")


class TransmitTests(SynchronousTestCase):
    def test_draws_every_number_once_and_then_none(self) -> None:
        counter = TransmitCounter(CounterBlock(5, 8))
        self.assertEqual(counter.remaining, 3)
        self.assertEqual([counter.draw() for _ in range(3)], [5, 6, 7])
        error = self.assertRaises(LocalError, counter.draw)
        self.assertIn("from 8", str(error))
        counter.extend(CounterBlock(20, 22))
        self.assertEqual([counter.draw(), counter.draw()], [20, 21])
        self.assertRaises(LocalError, counter.draw)

    def test_the_next_block_waits_for_its_turn(self) -> None:
        counter = TransmitCounter(CounterBlock(0, 2))
        counter.extend(CounterBlock(2, 4))
        self.assertEqual(counter.remaining, 4)
        self.assertRaises(LocalError, counter.extend, CounterBlock(4, 6))
        self.assertEqual([counter.draw() for _ in range(4)], [0, 1, 2, 3])

    def test_never_lower(self) -> None:
        counter = TransmitCounter(CounterBlock(100, 110))
        for first in (0, 99, 100, 109):
            self.assertRaises(LocalError, counter.extend, CounterBlock(first, 120))
            self.assertRaises(LocalError, counter.jump, CounterBlock(first, 120))
        counter.extend(CounterBlock(110, 120))
        counter.jump(CounterBlock(500, 502))
        self.assertEqual((counter.next, counter.remaining), (500, 2))
        self.assertRaises(LocalError, counter.jump, CounterBlock(501, 502))

    def test_alarm_and_end(self) -> None:
        counter = TransmitCounter(CounterBlock(COUNTER_ALARM - 1, COUNTER_ALARM + 1))
        self.assertFalse(counter.alarming)
        counter.draw()
        self.assertTrue(counter.alarming)
        last = TransmitCounter(CounterBlock(COUNTER_END - 1, COUNTER_END))
        self.assertEqual(last.draw(), 0xFFFFFFFE)
        error = self.assertRaises(CounterExhaustedError, last.draw)
        self.assertIn("new encryption_key", error.advice)
        self.assertEqual(error.culprit, "operator")

    def test_bad_blocks(self) -> None:
        for first, end in ((0, 0), (5, 4), (-1, 4), (0, COUNTER_END + 1)):
            self.assertRaises(LocalError, CounterBlock, first, end)

    @given(st.lists(st.tuples(st.sampled_from(("extend", "jump")), st.integers(0, 50))))
    def test_no_number_twice_whatever_comes(self, steps: list[tuple[str, int]]) -> None:
        counter, drawn = TransmitCounter(CounterBlock(0, 5)), []
        for step, first in steps:
            with contextlib.suppress(LocalError):
                getattr(counter, step)(CounterBlock(first, first + 5))
            for _ in range(3):
                try:
                    drawn.append(counter.draw())
                except LocalError:
                    break
        self.assertEqual(drawn, sorted(set(drawn)))


class MetersTests(SynchronousTestCase):
    def test_above_what_the_meter_tells(self) -> None:
        self.assertEqual(above_meters(0), 1)
        # A client that takes the time of day for a counter was there before.
        self.assertEqual(above_meters(1_700_000_000), 1_700_000_001)

    def test_no_forged_jump_into_the_alarm(self) -> None:
        for told in (COUNTER_ALARM - 1, COUNTER_END, COUNTER_END + 5, -1):
            self.assertRaises(CounterJumpError, above_meters, told)
