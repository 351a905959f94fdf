"""A damaged outbox on a disk too small for another one: nothing is given up for want of space."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from dlmsd.store.damage import note_damage
from dlmsd.store.outbox_file import LOOK_SECONDS
from tests.full_disk.tmpfs import mounted
from tests.store.case import NOW_MS, OutboxCase, reading

COUNT = 1500
# Of a file of 6.2 MiB, whose copy takes as much and a log of 4.3 MiB while it is made.
FREE_KIB = (4000, 9000, 10_000, 10_400, 16_000)


class SalvageTests(OutboxCase):
    def setUp(self) -> None:
        self.disk = mounted(self)
        super().setUp()
        group = [reading(ts=NOW_MS + ts, text="x" * 3500) for ts in range(COUNT)]
        self.store(*group)
        self.close()
        self.whole = self.path.read_bytes()

    def mktemp(self) -> str:
        return str(self.disk.folder / "state") if hasattr(self, "disk") else super().mktemp()

    def test_it_is_salvaged_when_there_is_space(self) -> None:
        waited = 0
        for free in FREE_KIB:
            for one in self.path.parent.iterdir():
                one.unlink()
            self.path.write_bytes(self.whole)
            note_damage(self.path)
            self.disk.fill(free << 10)
            self.writer.start()
            self.outbox = self.make()
            started = Deferred.fromCoroutine(self.outbox.start())
            waited += not started.called
            self.disk.release()
            self.clock.advance(LOOK_SECONDS)
            self.successResultOf(started)
            self.assertIn(f"{COUNT} deliveries that wait", self.status.alarm)
            self.assertEqual(len(self.pending(limit=2 * COUNT)), COUNT, f"{free} KiB")
            self.assertEqual(self.done(self.outbox.audit()), [])
            self.close()
        self.assertTrue(0 < waited < len(FREE_KIB), waited)
