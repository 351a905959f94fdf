"""The daemon looks every minute for what sinks have lost, and no longer once it has stopped."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.fleet.creditor import Creditor
from tests.powercut.vfs import MemoryVfs
from tests.storm.world import Size, World, room


class CreditorTests(SynchronousTestCase):
    def test_from_the_start_to_the_stop(self) -> None:
        looks: list[list[str]] = []
        folder, remove = room(1)
        self.addCleanup(remove)
        with MemoryVfs() as vfs:
            world = World(1, Size(meters=2), vfs, folder)

            async def restore(creditor: Creditor) -> None:
                looks.append([meter.name for meter in creditor._meters()])

            self.patch(Creditor, "_restore", restore)
            world.build()
            world.start()
            world.network.run(200)
            self.assertEqual([len(names) for names in looks], [2, 2, 2])
            world.leave()
            world.network.run(200)
            world.end()
        self.assertEqual((len(looks), world.judge.figures.violations), (3, []))
