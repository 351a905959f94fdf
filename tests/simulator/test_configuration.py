"""The written configuration is one that the daemon accepts, and reads the right meters with."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.config.load import load
from dlmsd.simulator.configuration import configuration
from dlmsd.simulator.personality import PERSONALITIES, SMALL
from tests.simulator.client import World


class ConfigurationTests(SynchronousTestCase):
    def test_accepted(self) -> None:
        for personality in PERSONALITIES.values():
            for gateway in (False, True):
                simulation = World(
                    meters=3, personality=personality, gateway=gateway, port=40001
                ).start()
                endpoints = simulation.simulation.endpoints
                path = Path(self.mktemp())
                path.write_text(configuration(personality, endpoints))
                found = load(path, environ={})
                self.assertEqual([one.name for one in found.meters], [e.name for e in endpoints])
                for meter, endpoint in zip(found.meters, endpoints, strict=True):
                    self.assertEqual(meter.port, endpoint.port)
                    self.assertEqual(meter.logical_device, endpoint.logical)
                    self.assertEqual(meter.physical_device, endpoint.physical)
                    self.assertEqual(meter.framing, personality.framing)
                    self.assertEqual(meter.password, personality.clients[0].password)
                    self.assertEqual(len(meter.read), 10)

    def test_where_to_connect(self) -> None:
        world = World(personality=SMALL, interface="0.0.0.0").start()
        text = configuration(SMALL, world.simulation.endpoints)
        self.assertIn('host = "127.0.0.1"', text)
