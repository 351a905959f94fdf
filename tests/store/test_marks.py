"""Marks of what was delivered: written at once, limited, and never lost but by a power cut."""

from __future__ import annotations

from typing import Any

from dlmsd.errors import StoreError
from dlmsd.store import batch
from dlmsd.store import outbox as module
from tests.store.case import NOW_MS, REFUSE, OutboxCase, reading


class MarksTests(OutboxCase):
    def test_delivered_are_gone_at_once(self) -> None:
        """Even those whose mark was not written when the question came."""
        ids = self.store(*(reading(ts=ts) for ts in range(5)))
        self.outbox.delivered(ids[1:3])
        self.assertEqual([one.id for one in self.pending()], [ids[0], *ids[3:]])

    def test_marks_are_written_at_once(self) -> None:
        ids = self.store(reading(ts=1), reading(ts=2))
        self.clock.advance(1)
        marked = self.outbox.delivered(ids[:1])
        self.successResultOf(marked)
        self.assertEqual(
            self.look("SELECT delivered_at FROM deliveries"), [(NOW_MS + 1000,), (None,)]
        )
        self.successResultOf(self.outbox.delivered([]))

    def test_only_marks_do_not_wait_for_the_disk(self) -> None:
        database = self.outbox._file.ledger.database
        modes: list[int] = []

        def committing(statement: str) -> None:
            if statement.startswith("COMMIT"):
                modes.append(database.execute("PRAGMA synchronous").fetchone()[0])

        database.set_trace_callback(committing)
        ids = self.store(reading(ts=1), reading(ts=2), reading(ts=3))
        self.outbox.delivered(ids[:1])
        self.outbox.quarantine(ids[1:2], "no")
        self.store(reading(ts=4))
        self.outbox.delivered(ids[2:])
        self.outbox.invocation_counters.keep_received("meter", 7)
        self.clock.advance(module.KEEP_SECONDS)
        self.successResultOf(self.outbox.invocation_counters.reserve_counters("meter", 0, 10))
        self.assertEqual(modes, [2, 1, 1, 2, 1, 2, 2])

    def test_a_power_cut_takes_back_the_marks_of_a_second(self) -> None:
        ids = self.store(*(reading(ts=ts) for ts in range(9)))
        modes: list[bool] = []
        commit = self.outbox._file.ledger.commit

        def watched(batch: Any, now: int) -> Any:
            modes.append(batch.synced)
            return commit(batch, now)

        self.patch(self.outbox._file.ledger, "commit", watched)
        for number in ids:
            self.outbox.delivered([number])
            self.clock.advance(0.4)
        self.assertEqual(modes, [False] * 3 + [True, False, False] * 2)

    def test_marks_gather_while_marks_are_written(self) -> None:
        """Readings go past those that gather, and take them along."""
        ids = self.store(*(reading(ts=ts) for ts in range(6)))
        self.writer.hold()
        marked = [self.outbox.delivered([number]) for number in ids[:3]]
        self.assertEqual(len(self.writer._jobs), 1)
        committed = self.outbox.commit(reading(ts=7), ["tb"])
        self.clock.advance(0.25)
        self.assertEqual(len(self.writer._jobs), 2)
        marked.append(self.outbox.delivered(ids[3:4]))
        self.assertEqual(len(self.writer._jobs), 2)
        self.assertNoResult(marked[0])
        self.writer.release()
        self.successResultOf(committed)
        for one in marked:
            self.successResultOf(one)
        self.assertEqual([one.id for one in self.pending()], [*ids[4:], ids[-1] + 1])

    def test_many_marks_are_written(self) -> None:
        self.patch(module, "MARKS", 3)
        ids = self.store(*(reading(ts=ts) for ts in range(5)))
        self.writer.hold()
        for number in ids:
            self.outbox.delivered([number])
        self.assertEqual(len(self.writer._jobs), 2)
        self.writer.release()
        self.assertEqual(self.look("SELECT sum(delivered) FROM counters"), [(5,)])

    def test_delivered_twice(self) -> None:
        """Counted once; ids that never were are nobody's."""
        ids = self.store(reading())
        for _ in range(3):
            self.outbox.delivered([*ids, *ids, 4711])
            self.clock.advance(1)
        self.assertEqual(self.status.delivered, 1)
        self.assertEqual(self.status.queued, {"tb": 0})

    def test_marks_survive_a_failed_write(self) -> None:
        ids = self.store(reading("a", 1), reading("a", 2))
        self.look(REFUSE)
        self.writer.hold()
        self.outbox.delivered(ids[:1])
        held = self.outbox.delivered(ids[1:])  # gathers, and goes with the group that fails
        committed = self.outbox.commit(reading("bad"), ["tb"])
        self.clock.advance(0.25)
        self.writer.release()
        self.failureResultOf(committed, StoreError)
        self.assertNoResult(held)
        self.assertEqual(self.look("SELECT sum(delivered) FROM counters"), [(1,)])
        self.clock.advance(module.RETRY_SECONDS)
        self.successResultOf(held)
        self.assertEqual(self.pending(), [])
        self.assertEqual((self.status.delivered, self.status.error), (2, ""))

    def test_marks_are_limited_while_the_disk_refuses(self) -> None:
        self.patch(batch, "MOST_MARKS", 2)
        ids = self.store(*(reading(ts=ts) for ts in range(4)))
        self.look(REFUSE)
        committed = self.outbox.commit(reading("bad"), ["tb"])
        self.clock.advance(0.25)
        self.failureResultOf(committed, StoreError)
        for number in ids:
            self.outbox.delivered([number])
        self.clock.advance(module.RETRY_SECONDS)
        self.assertEqual([one.id for one in self.pending()], ids[:2])
