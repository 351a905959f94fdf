"""Statuses are posted at most once a second, and an error is logged once."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.logger import LogLevel, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.model import OutboxStatus
from dlmsd.store.bulletin import Bulletin
from dlmsd.store.database import DiskFullError


class BulletinTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.posted: list[OutboxStatus] = []
        self.bulletin = Bulletin("outbox.db", self.clock, self.posted.append)

    def test_first_at_once(self) -> None:
        self.bulletin.good(OutboxStatus(readings=1))
        self.assertEqual(self.posted, [OutboxStatus(readings=1)])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_then_once_a_second(self) -> None:
        for count in range(35):
            self.bulletin.good(OutboxStatus(readings=count))
            self.clock.advance(0.125)
        self.assertEqual([status.readings for status in self.posted], [0, 7, 15, 23, 31])
        self.clock.advance(1)
        self.assertEqual(self.posted[-1].readings, 34)
        self.clock.advance(10)
        self.assertEqual(len(self.posted), 6)

    def test_close(self) -> None:
        self.bulletin.good(OutboxStatus(readings=1))
        self.bulletin.good(OutboxStatus(readings=2))
        self.bulletin.close()
        self.assertEqual([status.readings for status in self.posted], [1, 2])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_error_stands_until_it_is_good(self) -> None:
        levels: list[LogLevel] = []
        observer = lambda event: levels.append(event["log_level"])  # noqa: E731
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        self.bulletin.good(OutboxStatus(readings=1))
        for _ in range(10):
            self.bulletin.bad(DiskFullError("the disk is full"))
            self.clock.advance(1)
        self.assertEqual(
            self.posted[-1], OutboxStatus(readings=1, error="the disk is full", full="disk")
        )
        self.bulletin.good(OutboxStatus(readings=2))
        self.bulletin.good(OutboxStatus(readings=3))
        self.clock.advance(1)
        self.assertEqual(self.posted[-1], OutboxStatus(readings=3))
        self.assertEqual(levels, [LogLevel.error, LogLevel.info])
