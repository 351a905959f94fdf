"""The written configuration is one that the daemon accepts, and reads the right meters with."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.config.load import load
from dlmsd.dlms.quirks import QUIRKS
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
                    self.assertEqual(
                        {one.name for one in meter.quirks},
                        {one.label for one in personality.quirks} & set(QUIRKS),
                    )
                    self.assertEqual(meter.referencing, personality.referencing)
                    self.assertEqual(meter.password, personality.clients[0].password)
                    self.assertEqual(len(meter.read), 10)

    def test_secured(self) -> None:
        """What the client needs, and nothing that is the meter's alone."""
        for personality in PERSONALITIES.values():
            client, security = personality.clients[0], personality.security
            if not client.high:
                continue
            world = World(personality=personality, port=40001).start()
            path = Path(self.mktemp())
            path.write_text(configuration(personality, world.simulation.endpoints))
            (meter,) = load(path, environ={}).meters
            self.assertEqual(meter.authentication, "high-" + client.mechanism.name[5:].lower())
            self.assertEqual(meter.security, security.policy.value)
            self.assertEqual(meter.security_suite, security.suite.number)
            self.assertEqual(meter.system_title, b"DLMSDCLT")
            self.assertEqual(meter.encryption_key, security.client.encryption)
            self.assertEqual(meter.authentication_key, security.client.authentication)
            self.assertEqual(meter.signing_key, security.client.signing)
            self.assertEqual(meter.meter_signing_key, security.client.peer_signing)
            own = security.meter.signing
            if own is not None:
                self.assertNotIn(own.reveal().hex().upper(), path.read_text())

    def test_where_to_connect(self) -> None:
        world = World(personality=SMALL, interface="0.0.0.0").start()
        text = configuration(SMALL, world.simulation.endpoints)
        self.assertIn('host = "127.0.0.1"', text)
