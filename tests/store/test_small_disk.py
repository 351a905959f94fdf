"""A disk smaller than max_bytes: the file stops growing before the disk is full."""

from __future__ import annotations

import sqlite3

from dlmsd.config.values import OutboxOptions
from dlmsd.store import housekeeping, log
from dlmsd.store.database import DiskFullError
from dlmsd.store.disk import Disk, _size
from dlmsd.store.outbox_file import LOOK_SECONDS
from tests.store.case import reading
from tests.store.full import BODY
from tests.store.test_jobs import BALLAST, DiskCase

ENOUGH = 256 << 10
ROOM = 1_000_000


class SmallDiskCase(DiskCase):
    """The disk gives the file ``self.room`` bytes, after what log and ballast need."""

    options = OutboxOptions(history_days=36_600)

    def setUp(self) -> None:
        super().setUp()
        self.patch(housekeeping, "DROP_ROWS", 10)
        self.patch(log, "LOG_FRAMES", 20)
        self.ballast = self.path.with_suffix(".ballast")
        self.clock.advance(60)
        self.assertTrue(self.ballast.exists())
        self.room = ROOM
        self.patch(Disk, "_enough", lambda this: ENOUGH)
        self.patch(Disk, "_free", lambda this: self.free(this))
        self.ts = 0

    def free(self, disk: Disk) -> int:
        used = _size(self.path) + disk._log() + (BALLAST if self.ballast.exists() else 0)
        return max(0, self.room + ENOUGH + BALLAST - used)

    def add(self, count: int, *, delivered: bool = False) -> list[int]:
        ids = []
        for _ in range(count):
            self.ts += 1
            ids += self.store(reading(ts=self.ts, text=BODY))
            if delivered:
                self.outbox.delivered(ids[-1:])
        return ids

    def size(self) -> int:
        return self.ledger.size


class LimitTests(SmallDiskCase):
    def test_a_disk_with_space_is_no_limit(self) -> None:
        self.room = 100 << 30
        self.add(1)
        self.assertEqual(self.status.limit, self.options.max_bytes)

    def test_neither_log_nor_ballast_nor_growth_changes_it(self) -> None:
        self.add(1)
        self.assertEqual(self.status.limit, ROOM)
        self.add(100)
        self.look("PRAGMA wal_checkpoint(TRUNCATE)")
        self.ballast.unlink()
        self.add(1)
        self.assertEqual(self.status.limit, ROOM)

    def test_history_goes_when_all_is_delivered(self) -> None:
        self.add(1500, delivered=True)
        self.assertEqual((self.status.dropped, self.status.committed), (0, 1500))
        self.assertLess(self.size(), ROOM)
        self.assertFalse(self.status.pressure)
        self.assertTrue(self.ballast.exists())

    def test_the_oldest_go_in_an_outage(self) -> None:
        ids = self.add(900)
        waiting = [one.id for one in self.pending(limit=10_000)]
        self.assertEqual(waiting, ids[self.status.dropped :])
        self.assertGreater(len(waiting), 300)
        self.assertLess(self.size(), ROOM * 1.05)
        self.assertTrue(self.status.pressure)
        self.assertEqual(self.done(self.outbox.audit()), [])

    def test_restarts_do_not_raise_it(self) -> None:
        for _ in range(5):
            self.add(200)
            self.close()
            self.open()
        self.assertLess(self.size(), ROOM * 1.05)

    def test_what_others_take_costs_little_of_what_waits(self) -> None:
        ids = self.add(400)
        size = self.size()
        self.assertEqual(self.status.dropped, 0)
        for self.room in (800_000, 400_000, 0):
            self.clock.advance(60)
            ids += self.add(20)
        self.assertLess(self.status.dropped, 100)
        self.assertGreaterEqual(self.status.limit, size - ENOUGH // 4)
        self.room = 100 << 30
        self.clock.advance(60)
        self.assertEqual(self.status.limit, self.options.max_bytes)

    def test_nothing_is_dropped_on_a_disk_that_others_filled(self) -> None:
        ids = self.add(400)
        self.room = -BALLAST - ENOUGH
        self.faults = [sqlite3.SQLITE_FULL] * 2
        committed = self.outbox.commit(reading(ts=10_000), ["tb"])
        self.clock.advance(0.25)
        self.failureResultOf(committed, DiskFullError)
        self.clock.pump([LOOK_SECONDS] * 100)
        self.assertIsInstance(self.outbox.obstacle(), DiskFullError)
        self.assertEqual((self.status.dropped, len(self.pending())), (0, len(ids)))

    def test_a_full_one_goes_on_within_the_file_once_all_is_delivered(self) -> None:
        ids = self.add(400)
        self.room = self.size() - BALLAST - ENOUGH // 4
        self.faults = [sqlite3.SQLITE_FULL]
        self.add(1)
        self.clock.pump([LOOK_SECONDS] * 3)
        self.assertIsInstance(self.outbox.obstacle(), DiskFullError)
        self.outbox.delivered(ids)
        self.clock.pump([1] * 10)
        self.assertIsNone(self.outbox.obstacle())
        self.assertEqual(self.status.dropped, 0)

    def test_history_goes_while_more_is_delivered(self) -> None:
        """Each slice finds some that were delivered since the last."""
        self.add(300, delivered=True)
        house = self.outbox._file._housekeeping
        make_room = house._make_room

        def meanwhile(change: object, rows: int) -> int:
            self.ledger.database.execute(
                "UPDATE deliveries SET delivered_at = 1 WHERE id IN "
                "(SELECT min(id) FROM deliveries WHERE delivered_at IS NULL)"
            )
            return make_room(change, rows)

        self.patch(house, "_make_room", meanwhile)
        self.room = 400_000
        waits = self.add(40)
        self.clock.advance(60)
        self.assertLess(self.look("SELECT count(*) FROM readings")[0][0], 300)
        self.assertGreater(len(waits), len(self.pending()))


class PauseTests(SmallDiskCase):
    options = OutboxOptions(history_days=36_600, when_full="pause")

    def test_no_meter_is_read_until_some_is_delivered(self) -> None:
        ids = []
        while self.outbox.obstacle(["tb"]) is None and len(ids) < 1000:
            ids += self.add(1)
        obstacle = self.outbox.obstacle(["tb"])
        self.assertIn(f"all {ROOM} bytes are taken", str(obstacle))
        self.assertLess(self.size(), ROOM)
        self.assertEqual((self.status.dropped, len(self.pending())), (0, len(ids)))
        self.outbox.delivered(ids)
        self.clock.pump([1] * 3)
        self.assertIsNone(self.outbox.obstacle(["tb"]))
        self.add(100)
        self.assertEqual((self.status.dropped, self.status.committed), (0, len(ids) + 100))
