"""The outbox's contract, kept by the fake; the store's outbox must pass the same."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.publish.outbox import MemoryDelivery, MemoryOutbox, reading


class MemoryOutboxTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.outbox = MemoryOutbox(self.clock, latency=1)

    def test_told_before_the_result_is_in_it_and_told_after_is_not(self) -> None:
        told: list[MemoryDelivery] = []
        self.outbox.subscribe(told.extend)
        page = Deferred.fromCoroutine(self.outbox.pending("s", 0, 10))
        self.outbox.commit([reading("a", 1)])
        self.clock.advance(1)
        found = self.successResultOf(page)
        self.assertEqual(found, told)
        self.outbox.commit([reading("a", 2)])
        self.assertEqual((len(found), len(told)), (1, 2))

    def test_after_limit_meter_and_delivered(self) -> None:
        self.outbox.latency = 0
        self.outbox.commit([reading(name, ts) for ts in range(3) for name in "ab"])
        self.outbox.delivered([3])

        def ids(*arguments: object) -> list[int]:
            page = Deferred.fromCoroutine(self.outbox.pending(*arguments))
            return [one.id for one in self.successResultOf(page)]

        self.assertEqual(ids("s", 0, 10), [1, 2, 4, 5, 6])
        self.assertEqual(ids("s", 2, 2), [4, 5])
        self.assertEqual(ids("s", 0, 10, "a"), [1, 5])
        self.assertEqual(ids("other", 0, 10), [])

    def test_it_checks_its_callers(self) -> None:
        self.outbox.commit([reading("a", 1)])
        self.outbox.delivered([1])
        for ids in ([1], [2]):
            with self.assertRaises(AssertionError):
                self.outbox.delivered(ids)
