"""The weather asks of nobody what he cannot do."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from tests.powercut.vfs import MemoryVfs
from tests.storm.weather import Weather
from tests.storm.world import Size, World, room


class WeatherTests(SynchronousTestCase):
    def refused(self, protocol: Any) -> World:
        """An hour with a broker that refuses messages, and then takes them."""
        usual = World._configuration

        def configuration(world: World) -> Any:
            made = usual(world)
            return evolve(made, sinks=tuple(evolve(one, protocol=protocol) for one in made.sinks))

        self.patch(World, "_configuration", configuration)
        folder, remove = room(2)
        self.addCleanup(remove)
        with MemoryVfs() as vfs:
            world = World(2, Size(meters=5), vfs, folder)
            world.build()
            world.start()
            end = Weather(world)._broker_refuses_messages()
            world.network.run(3600)
            end()
            world.network.run(400)
            world.finish()
        self.assertEqual(world.judge.figures.violations, [])
        self.assertGreater(world.judge.figures.messages, 100)
        return world

    def test_who_speaks_3_1_1_cannot_be_told_of_a_refusal(self) -> None:
        self.assertEqual(self.refused(311).judge.refusals, 0)

    def test_who_speaks_5_is_told(self) -> None:
        self.assertGreater(self.refused(5).judge.refusals, 10)
