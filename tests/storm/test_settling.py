"""What lives as long as the daemon is left alone by the collector of garbage."""

from __future__ import annotations

import gc
from functools import partial

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.machine import Machine
from tests.powercut.vfs import MemoryVfs
from tests.storm import world as storm
from tests.storm.world import Size, World, room


class SettlingTests(SynchronousTestCase):
    def test_a_minute_after_the_start(self) -> None:
        settled: list[float] = []
        folder, remove = room(1)
        self.addCleanup(remove)
        with MemoryVfs() as vfs:
            world = World(1, Size(meters=2), vfs, folder)
            settle = lambda: settled.append(world.network.seconds())  # noqa: E731
            self.patch(storm, "Machine", partial(Machine, settle=settle))
            world.build()
            world.start()
            world.network.run(200)
            self.assertEqual([round(when) for when in settled], [60])
            # A stop meanwhile leaves no timer.
            world.leave()
            world.start()
            world.network.run(5)
            world.leave()
            world.end()
        self.assertEqual(world.judge.figures.violations, [])
        self.assertEqual(len(settled), 1)

    def test_the_machine_freezes_what_lives(self) -> None:
        self.addCleanup(gc.unfreeze)
        Machine.real(object()).settle()
        self.assertGreater(gc.get_freeze_count(), 1000)
        before = gc.get_freeze_count()
        Machine.real(object()).settle()
        # What has died in between is not kept for ever.
        self.assertLess(gc.get_freeze_count(), before * 1.1)
