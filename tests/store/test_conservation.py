"""committed = delivered + queued + quarantined + dropped, against a model in memory."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from unittest.mock import patch

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.config.values import OutboxOptions
from dlmsd.errors import StoreError
from dlmsd.model import Lane, OutboxStatus, Watermark
from dlmsd.store import housekeeping
from dlmsd.store.outbox import Delivery, Outbox
from tests.store.case import NOW, NOW_MS, look, reading
from tests.store.immediate import ImmediateWriter

METERS = ("a", "b")
SINKS = ("tb", "mq")
LIMIT = 200_000
REFUSE = "CREATE TRIGGER refuse BEFORE INSERT ON readings BEGIN SELECT RAISE(ABORT, 'no'); END"

Stream = tuple[str, str]


class OutboxMachine(RuleBasedStateMachine):
    """Every rule does something to the outbox and notes what must follow from it."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "outbox.db"
        self.slices = patch.multiple(housekeeping, DROP_ROWS=3, FORGET_ROWS=5)
        self.slices.start()
        self.clock = Clock()
        self.broken = False
        self.ts = NOW_MS
        self.stored = 0
        self.known: dict[int, Delivery] = {}  # by id, of all commits
        self.acknowledged: set[int] = set()
        self.isolated: set[int] = set()
        self.watermark = 0
        self.told = 0
        self.open()

    def open(self) -> None:
        self.posted: list[OutboxStatus] = []
        self.writer = ImmediateWriter()
        self.writer.start()
        self.outbox = Outbox(
            self.path,
            OutboxOptions(max_bytes=LIMIT, keep_delivered_hours=0.1, history_days=0.01),
            writer=self.writer,
            clock=self.clock,
            wall=lambda: NOW + self.clock.seconds(),
            post=self.posted.append,
        )
        self.outbox.subscribe(self.hear)
        Deferred.fromCoroutine(self.outbox.start()).addErrback(
            lambda failure: failure.raiseException()
        )

    def hear(self, deliveries: list[Delivery]) -> None:
        for delivery in deliveries:
            assert delivery.id > self.told, "ids ascend in the order in which they are told"
            self.told = delivery.id
            self.known[delivery.id] = delivery

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        return look(self.path, sql)

    def holds(self, meter: str) -> bool:
        """Whether the file has a reading of this ts; one that it had may come again."""
        held = "SELECT count(*) FROM readings WHERE meter = ? AND ts = ?"
        return look(self.path, held, meter, self.ts) == [(1,)]

    def settle(self) -> None:
        """All that waits is written, or was refused."""
        Deferred.fromCoroutine(self.outbox.flush())

    @rule(
        meter=st.sampled_from(METERS),
        sinks=st.sampled_from([(), ("tb",), SINKS]),
        count=st.integers(1, 12),
        again=st.booleans(),
    )
    def commit(self, meter: str, sinks: tuple[str, ...], count: int, again: bool) -> None:
        for number in range(count):
            self.ts += 0 if again and number == 0 else 1000
            refused = self.broken or self.holds(meter)
            self.stored += not refused
            fate: list[object] = []
            committed = self.outbox.commit(reading(meter, self.ts, text="x" * 3000), sinks)
            committed.addBoth(fate.append)
            self.settle()
            assert [isinstance(result, Failure) for result in fate] == [refused]
            if refused:
                assert fate[0].check(StoreError)

    @rule(
        meter=st.sampled_from(METERS),
        count=st.integers(1, 12),
        then=st.sampled_from(["wait", "restart", "page"]),
    )
    @precondition(lambda self: not self.broken)
    def commit_group(self, meter: str, count: int, then: str) -> None:
        """A group that the clock, the end or nobody yet has written."""
        for _ in range(count):
            self.ts += 1000
            self.stored += 1
            self.outbox.commit(reading(meter, self.ts, text="y" * 3000), SINKS)
        if then == "wait":
            self.clock.advance(0.25)
        elif then == "restart":
            self.restart()
        else:
            self.page("tb", 100)

    @rule(meter=st.sampled_from(METERS), count=st.integers(1, 12), again=st.booleans())
    @precondition(lambda self: not self.broken)
    def backfill(self, meter: str, count: int, again: bool) -> None:
        """A chunk of a load profile, and the same chunk once more."""
        times = [self.ts + 1000 * (number + 1) for number in range(count)]
        self.ts = times[-1]
        chunk = [reading(meter, ts, text="z" * 3000) for ts in times]
        mark = Watermark(meter, "1.0.99.1.0.255", times[-1])
        for expected in (count, 0)[: 1 + again]:
            stored: list[int] = []
            Deferred.fromCoroutine(self.outbox.commit_backfill(chunk, SINKS, mark)).addCallback(
                stored.append
            )
            # What was over the limit in between is new when it comes again.
            assert stored == [expected] or (again and self.posted[-1].dropped)
            self.stored += stored[0]
        marks: list[list[Watermark]] = []
        Deferred.fromCoroutine(self.outbox.watermarks()).addCallback(marks.append)
        assert mark in marks[0]

    @rule(
        sink=st.sampled_from(SINKS),
        lane=st.sampled_from(Lane),
        skip=st.integers(0, 3),
        count=st.integers(1, 40),
        poison=st.booleans(),
    )
    def deliver(self, sink: str, lane: Lane, skip: int, count: int, poison: bool) -> None:
        ids = [delivery.id for delivery in self.page(sink, count, lane)[skip:]]
        if poison:
            self.isolated.update(ids[:2])
            self.outbox.quarantine(ids[:2], "payload format invalid")
            ids = ids[2:]
        self.acknowledged.update(ids)
        self.outbox.delivered(ids)

    def page(self, sink: str, limit: int, lane: Lane = Lane.LIVE) -> list[Delivery]:
        pages: list[list[Delivery]] = []
        asked = Deferred.fromCoroutine(self.outbox.pending(sink, 0, limit, None, lane))
        asked.addCallback(pages.append)
        for delivery in pages[0]:
            assert delivery == self.known[delivery.id], "what comes back is what went in"
            assert delivery.id not in self.acknowledged | self.isolated
        return pages[0]

    @rule(seconds=st.sampled_from([0.1, 0.3, 5, 61, 400, 1000]))
    def wait(self, seconds: float) -> None:
        self.clock.pump([seconds, 61])

    @rule()
    def restart(self) -> None:
        self.close()
        self.open()

    @rule()
    def fault(self) -> None:
        """The disk refuses readings from now on, or takes them again."""
        self.settle()
        self.rows("DROP TRIGGER refuse" if self.broken else REFUSE)
        self.broken = not self.broken

    @invariant()
    def conserved(self) -> None:
        self.settle()
        counters = {
            (meter, sink): fates
            for meter, sink, *fates in self.rows(
                "SELECT meter, sink, committed, delivered, queued, quarantined, dropped "
                "FROM counters"
            )
        }
        streams = Counter(stream(delivery) for delivery in self.known.values())
        done = Counter(stream(self.known[number]) for number in self.acknowledged)
        put_aside = Counter(stream(self.known[number]) for number in self.isolated)
        waiting = self.by_stream("count(*)", "deliveries WHERE delivered_at IS NULL")
        isolated = self.by_stream("count(*)", "quarantine")
        gaps = self.by_stream("sum(count)", "gaps WHERE sink <> ''")
        assert counters.keys() == streams.keys()
        for key, (committed, delivered, queued, quarantined, dropped) in counters.items():
            assert committed == streams[key]
            assert delivered == done[key]
            assert queued == waiting.get(key, 0)
            assert quarantined == isolated.get(key, 0) <= put_aside[key]
            assert committed == delivered + queued + quarantined + dropped
            assert gaps.get(key, 0) <= dropped  # the oldest gaps go by age
        audited: list[list[str]] = []
        Deferred.fromCoroutine(self.outbox.audit()).addCallback(audited.append)
        assert audited == [[]]
        self.rows_hang_together()

    def by_stream(self, counted: str, table: str) -> dict[Stream, int]:
        rows = self.rows(f"SELECT meter, sink, {counted} FROM {table} GROUP BY meter, sink")
        return {(meter, sink): count for meter, sink, count in rows}

    def rows_hang_together(self) -> None:
        assert self.rows("SELECT sum(readings) FROM meters") == [(self.stored or None,)]
        wrong = """
            SELECT r.id FROM readings r LEFT JOIN (
                SELECT reading FROM deliveries UNION ALL SELECT reading FROM quarantine
            ) d ON d.reading = r.id GROUP BY r.id HAVING count(d.reading) <> r.held
        """
        assert self.rows(wrong) == []
        orphans = "SELECT id FROM deliveries WHERE reading NOT IN (SELECT id FROM readings)"
        assert self.rows(orphans) == []

    @invariant()
    def posted_is_true(self) -> None:
        self.clock.advance(1)
        self.settle()
        self.clock.advance(1)
        status = self.posted[-1]
        ((committed, delivered, quarantined, dropped),) = self.rows(
            "SELECT sum(committed), sum(delivered), sum(quarantined), sum(dropped) FROM counters"
        )
        assert (status.committed, status.delivered, status.quarantined, status.dropped) == (
            committed or 0, delivered or 0, quarantined or 0, dropped or 0,
        )  # fmt: skip
        assert status.committed == (
            status.delivered + sum(status.queued.values()) + status.quarantined + status.dropped
        )
        assert status.readings == self.stored
        assert status.bytes <= LIMIT or self.broken

    def close(self) -> None:
        Deferred.fromCoroutine(self.outbox.stop())
        Deferred.fromCoroutine(self.writer.stop())
        assert self.clock.getDelayedCalls() == []

    def teardown(self) -> None:
        self.close()
        self.slices.stop()
        self.folder.cleanup()


def stream(delivery: Delivery) -> Stream:
    return delivery.meter, delivery.sink


class ConservationTests(SynchronousTestCase):
    def test_conservation(self) -> None:
        run_state_machine_as_test(
            OutboxMachine,
            settings=settings(
                max_examples=20,
                stateful_step_count=20,
                deadline=None,
                suppress_health_check=[HealthCheck.too_slow],
            ),
        )
