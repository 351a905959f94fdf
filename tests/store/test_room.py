"""Who has no room in a full outbox, and who is read all the same."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from dlmsd.config.values import OutboxOptions
from dlmsd.errors import StoreError
from tests.store.case import reading
from tests.store.full import BODY, GAPS, FullCase


class PauseTests(FullCase):
    """when_full = "pause": nothing that was committed is ever dropped."""

    options = OutboxOptions(max_bytes=400_000, when_full="pause")

    def full(self) -> int:
        """Fill it; how many readings that took."""
        for count in range(1000):
            self.ts += 1000
            committed = self.outbox.commit(reading("a", self.ts, text=BODY), ["tb"])
            self.done(self.outbox.flush())
            if self.outbox.obstacle() is not None:
                self.successResultOf(committed)
                return count + 1
        raise AssertionError("never full")

    def test_refused_in_words_until_there_is_room(self) -> None:
        count = self.full()
        self.assertIn("not read until some", str(self.outbox.obstacle(["tb"])))
        self.assertIn("wait for tb; ", str(self.outbox.obstacle()))
        for _ in range(3):
            self.ts += 1000
            refused = self.outbox.commit(reading("a", self.ts), ["tb"])
            error = self.failureResultOf(refused, StoreError).value
            self.assertIn('when_full is "pause"', error.advice)
        chunk = Deferred.fromCoroutine(self.outbox.commit_backfill([reading("a", 7)], ["tb"]))
        self.failureResultOf(chunk, StoreError)
        status = self.status
        self.assertEqual((status.committed, status.dropped), (count, 0))
        self.assertIn("taken by readings that wait", status.error)
        self.assertTrue(status.pressure)
        self.outbox.delivered([one.id for one in self.pending()][:30])
        self.clock.pump([5, 1])
        self.assertIsNone(self.outbox.obstacle())
        self.assertEqual(self.status.error, "")
        self.store(reading("a", self.ts + 1000))
        self.assertEqual(self.look(GAPS), [("a", "", self.ts - 2000, self.ts, 3, "outbox_full")])
        self.assertEqual((self.status.dropped, self.done(self.outbox.audit())), (0, []))

    def test_a_full_one_drains_as_fast_as_the_broker_takes_it(self) -> None:
        """That no more is read is no trouble of what is written."""
        self.full()
        began = self.clock.seconds()
        for _ in range(4):
            marked = self.outbox.delivered([one.id for one in self.pending(limit=5)])
            self.successResultOf(marked)
        self.assertEqual(self.clock.seconds(), began)

    def test_still_full_after_a_restart(self) -> None:
        self.full()
        self.close()
        self.open()
        self.assertIsNotNone(self.outbox.obstacle())


class SeveralSinksTests(FullCase):
    """One that stands still never holds back another."""

    options = OutboxOptions(max_bytes=1_000_000, when_full="pause")

    def owe(self, *sinks: str, meter: str = "a", text: str = BODY * 2) -> Any:
        self.ts += 1000
        committed = self.outbox.commit(reading(meter, self.ts, text=text), sinks)
        self.done(self.outbox.flush())
        return committed

    def deliver(self, sink: str) -> int:
        ids = [one.id for one in self.done(self.outbox.pending(sink, 0, 1000))]
        self.outbox.delivered(ids)
        self.clock.advance(1)
        self.done(self.outbox.flush())
        return len(ids)

    def until_full(self, *sinks: str) -> None:
        """Only ``mq`` delivers."""
        for _ in range(1000):
            self.successResultOf(self.owe(*sinks))
            self.deliver("mq")
            if self.outbox.obstacle() is not None:
                return
        raise AssertionError("never full")

    def account(self, meter: str, sink: str) -> Any:
        account = self.done(self.outbox.accounts())[meter, sink]
        self.assertTrue(account.balanced, account)
        return account

    def test_a_meter_of_both_is_read_for_the_one_that_goes_on(self) -> None:
        self.until_full("tb", "mq")
        waiting = self.account("a", "tb").queued
        for sinks in (["tb"], []):
            error = self.outbox.obstacle(sinks)
            self.assertIn("this meter is not read", str(error))
            self.failureResultOf(self.owe(*sinks, meter="b"), StoreError)
        self.assertIsNone(self.outbox.obstacle(["tb", "mq"]))
        self.assertIsNone(self.outbox.obstacle(["tb", "mq"], elsewhere=True))
        first = self.ts + 1000
        for _ in range(500):
            self.successResultOf(self.owe("tb", "mq"))
            self.assertEqual(self.deliver("mq"), 1)
        self.assertLessEqual(self.status.bytes, self.options.max_bytes)
        tb, mq = self.account("a", "tb"), self.account("a", "mq")
        self.assertEqual((tb.queued, tb.dropped, tb.delivered), (waiting, 500, 0))
        self.assertEqual((mq.committed, mq.delivered, mq.dropped), (tb.committed,) * 2 + (0,))
        self.assertEqual(self.look(GAPS), [("a", "tb", first, self.ts, 500, "outbox_full")])
        self.assertEqual(self.done(self.outbox.audit()), [])

        self.deliver("tb")
        self.clock.pump([5, 1])
        self.assertIsNone(self.outbox.obstacle(["tb"]))
        self.successResultOf(self.owe("tb", "mq"))
        self.assertEqual((self.deliver("tb"), self.deliver("mq")), (1, 1))
        self.assertEqual(self.account("a", "tb").dropped, 500)

    def test_of_a_meter_that_never_owed_it_anything(self) -> None:
        self.until_full("tb")
        self.successResultOf(self.owe("tb", "mq", meter="new"))
        chunk = [reading("new", ts) for ts in range(3)]
        self.assertEqual(self.done(self.outbox.commit_backfill(chunk, ["tb", "mq"])), 3)
        self.assertEqual(self.account("new", "tb").dropped, 4)
        self.assertEqual(self.account("new", "mq").queued, 4)
        self.assertEqual(self.done(self.outbox.audit()), [])

    def test_two_that_stand_still_one_of_them_with_little(self) -> None:
        """The reserve is for those that go on, and a second one must not use it up."""
        self.until_full("tb")
        for _ in range(100):
            self.owe("few", meter="b")
            if self.outbox.obstacle(["few"]) is not None:
                break
        self.assertLess(self.account("b", "few").queued, 50)
        self.successResultOf(self.owe("mq", "few", "tb", meter="c"))
        self.assertEqual(self.deliver("mq"), 1)
        self.assertLessEqual(self.status.bytes, self.options.max_bytes)

    def test_all_stand_still(self) -> None:
        for _ in range(1000):
            self.owe("tb", "mq")
            if self.outbox.obstacle() is not None:
                break
        self.assertIn("not read", str(self.outbox.obstacle(["tb", "mq"])))
        self.failureResultOf(self.owe("tb", "mq"), StoreError)
        self.assertEqual(self.status.dropped, 0)

    def test_never_beyond_the_limit(self) -> None:
        """Even who goes on has a queue at times."""
        self.until_full("tb")
        for _ in range(200):
            self.owe("mq", meter="c", text=BODY * 4).addErrback(lambda failure: None)
        self.failureResultOf(self.owe("mq", meter="c"), StoreError)
        self.assertLess(self.status.bytes, 1.02 * self.options.max_bytes)
        self.deliver("mq")
        self.clock.pump([5, 1])
        self.successResultOf(self.owe("mq", meter="c"))

    def test_still_so_after_a_restart(self) -> None:
        self.until_full("tb", "mq")
        self.close()
        self.open()
        self.clock.advance(1)
        self.assertIsNotNone(self.outbox.obstacle(["tb"]))
        self.assertIsNone(self.outbox.obstacle(["tb", "mq"]))

    def test_a_profile_waits_only_where_all_sinks_do(self) -> None:
        for _ in range(1000):
            self.owe("tb", "mq")
            self.deliver("mq")
            if self.status.pressure:
                break
        self.assertIsNotNone(self.outbox.obstacle(["tb"], elsewhere=True))
        self.assertIsNone(self.outbox.obstacle(["tb"]))
        self.assertIsNone(self.outbox.obstacle(["tb", "mq"], elsewhere=True))
        self.successResultOf(self.owe("tb", "mq"))
        self.assertEqual((self.account("a", "tb").dropped, self.deliver("mq")), (0, 1))
