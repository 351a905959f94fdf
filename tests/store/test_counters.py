"""The audit: each account is written by itself, and a wrong one is noticed."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from dlmsd.store.counters import FATES, Account
from tests.store.case import OutboxCase, reading


class AuditTests(OutboxCase):
    def setUp(self) -> None:
        super().setUp()
        ids = self.store(*(reading(m, ts) for ts in range(5) for m in "ab"), sinks=("tb", "mq"))
        self.outbox.delivered(ids[:6])
        self.outbox.quarantine(ids[6:8], "too large")
        self.clock.advance(1)

    def test_accounts(self) -> None:
        self.assertEqual(
            self.done(self.outbox.accounts()),
            {
                ("a", "tb"): Account(5, 2, 3, 0, 0),
                ("a", "mq"): Account(5, 2, 3, 0, 0),
                ("b", "tb"): Account(5, 1, 3, 1, 0),
                ("b", "mq"): Account(5, 1, 3, 1, 0),
            },
        )
        self.assertEqual(self.done(self.outbox.audit()), [])
        self.assertEqual((self.status.quarantined, self.status.queued), (2, {"tb": 6, "mq": 6}))

    def test_every_counter_that_is_wrong_is_found(self) -> None:
        for fate in FATES:
            self.look(f"UPDATE counters SET {fate} = {fate} + 1 WHERE meter = 'b' AND sink = 'mq'")
            (wrong, *_) = self.done(self.outbox.audit())
            self.assertIn("b to mq: committed", wrong)
            self.look(f"UPDATE counters SET {fate} = {fate} - 1 WHERE meter = 'b' AND sink = 'mq'")
        self.assertEqual(self.done(self.outbox.audit()), [])

    def test_rows_that_nobody_counted_are_found(self) -> None:
        for statement, told in (
            ("DELETE FROM deliveries WHERE id = 20", "a to mq: 2 rows wait"),
            ("DELETE FROM quarantine WHERE id = 7", "b to tb: 3 rows wait and 0 are"),
            ("INSERT INTO deliveries (reading, meter, sink) VALUES (1, 'c', 'tb')", "c to tb: 1"),
        ):
            self.look(statement.replace("id = 20", "meter = 'a' AND sink = 'mq' AND id > 16"))
            wrong = self.done(self.outbox.audit())
            self.assertTrue(any(one.startswith(told) for one in wrong), wrong)

    def test_told_at_the_start(self) -> None:
        self.assertEqual(self.status.alarm, "")
        self.close()
        self.look("UPDATE counters SET queued = queued - 1 WHERE meter = 'a' AND sink = 'tb'")
        self.open()
        self.assertIn(
            "do not agree: a to tb: committed 5, delivered 2, queued 2", self.status.alarm
        )

    def test_quarantine(self) -> None:
        """A delivery put aside is given no more, and keeps its reading."""
        waiting = {one.id for sink in ("tb", "mq") for one in self.pending(sink)}
        self.assertEqual(waiting, set(range(9, 21)))
        self.assertEqual(
            self.look("SELECT id, meter, sink, lane, reason FROM quarantine"),
            [(7, "b", "tb", 0, "too large"), (8, "b", "mq", 0, "too large")],
        )
        self.outbox.delivered([7])
        self.outbox.quarantine([1, 8, 4711], "again")
        asked = Deferred.fromCoroutine(self.outbox.audit())
        self.assertEqual(self.successResultOf(asked), [])
        self.assertEqual(self.status.quarantined, 2)
