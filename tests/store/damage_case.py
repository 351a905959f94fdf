"""An outbox with something in every table, to be damaged."""

from __future__ import annotations

from dlmsd.config.values import OutboxOptions
from dlmsd.model import GapCause, Lane, Watermark
from dlmsd.store.salvage import JUMP
from tests.store.case import NOW_MS, OutboxCase, look, reading

NAME = "client/key"
PAGE = 4096


class DamageCase(OutboxCase):
    options = OutboxOptions(history_days=36_600, keep_delivered_hours=800_000)

    def setUp(self) -> None:
        super().setUp()
        ids = self.store(*(reading(m, NOW_MS + ts) for ts in range(400) for m in "ab"))
        self.outbox.delivered(ids[:100])
        self.outbox.quarantine(ids[100:102], "too large")
        chunk = [reading("a", NOW_MS - ts) for ts in range(1, 11)]
        mark = Watermark("a", "1.0.99.1.0.255", NOW_MS)
        self.done(self.outbox.commit_backfill(chunk, ["tb"], mark))
        self.done(self.outbox.gaps.open("b", GapCause.METER_OFF, NOW_MS, NOW_MS + 1))
        self.successResultOf(self.outbox.invocation_counters.reserve_counters(NAME, 5000, 1000))
        self.outbox.invocation_counters.keep_received("meter/key", 77)
        self.clock.advance(1)
        self.waiting = self.backlog()
        self.kept = set(self.look("SELECT meter, ts FROM readings"))
        self.close()

    def backlog(self) -> dict[int, object]:
        pages = [self.pending(limit=5000), self.pending(limit=5000, lane=Lane.BACKFILL)]
        return {one.id: one for page in pages for one in page}

    def asides(self) -> list[str]:
        return sorted(one.name for one in self.path.parent.glob("*.corrupt-*"))

    def scribble(self, page: int, octets: bytes = b"\xa5" * PAGE) -> None:
        with self.path.open("r+b") as file:
            file.seek(page * PAGE)
            file.write(octets)

    def salvaged(self) -> None:
        """It opens, tells, works, and does all of that again."""
        self.posted.clear()
        self.open()
        told = self.status.alarm
        self.assertIn("set aside as outbox.db.corrupt-2027", told)
        self.assertEqual(self.done(self.outbox.audit()), [])
        self.assertEqual(look(self.path, "PRAGMA integrity_check"), [("ok",)])
        self.assertEqual(len([one for one in self.asides() if one.endswith("Z")]), 1)
        for number, delivery in self.backlog().items():
            self.assertEqual(delivery, self.waiting[number])
        self.store(reading("a", NOW_MS + 10_000))
        self.assertEqual(self.status.error, "")
        self.close()
        self.open()
        self.assertIn("remove this file", self.status.alarm)
        self.assertEqual(self.flushLoggedErrors(), [])

    def next_counter(self, name: str) -> int:
        first, _ = self.successResultOf(
            self.outbox.invocation_counters.reserve_counters(name, 0, 1)
        )
        return int(first)

    def root(self, table: str) -> int:
        ask = f"SELECT rootpage - 1 FROM sqlite_master WHERE name = '{table}'"
        ((page,),) = look(self.path, ask)
        return int(page)

    def all_waits(self) -> None:
        self.assertLessEqual(self.waiting.keys(), self.backlog().keys())
        self.assertLessEqual(self.kept, set(self.look("SELECT meter, ts FROM readings")))

    def all_kept(self) -> None:
        self.all_waits()
        self.assertEqual(self.done(self.outbox.watermarks())[0].ts, NOW_MS)
        self.assertEqual(
            self.done(self.outbox.invocation_counters.received_counters()), {"meter/key": 77}
        )
        self.assertEqual(self.look("SELECT count(*) FROM quarantine"), [(2,)])
        self.assertIn(GapCause.METER_OFF, [one.cause for one in self.done(
            self.outbox.gaps.since(0))])  # fmt: skip
        self.assertEqual(self.next_counter(NAME), 6000 + JUMP)
