"""Each shipped profile reads a virtual meter of its framing, addresses and login."""

from __future__ import annotations

from pathlib import Path

from attrs import evolve

from dlmsd.config.load import load
from dlmsd.config.values import MeterOptions
from dlmsd.simulator.personality import Personality
from tests.meter.fleet import FleetCase
from tests.shipped import NAMES, meter, personality


class ShippedProfileTests(FleetCase):
    def shipped(self, name: str) -> MeterOptions:
        folder = Path(self.mktemp())
        folder.mkdir()
        path = folder / "dlmsd.toml"
        path.write_text(meter(name))
        (options,) = load(path, environ={}).meters
        return options

    def poll(self, options: MeterOptions, virtual: Personality) -> None:
        """Read it for a while; a test begins anew with each."""
        self.setUp()
        self.simulate(personality=virtual)
        (endpoint,) = self.simulation.endpoints
        self.read([evolve(options, name=endpoint.name, host=endpoint.host, port=endpoint.port)])
        self.run_for(12)

    def test_each_reads_all_that_it_names(self) -> None:
        for name in NAMES:
            with self.subTest(name):
                options = self.shipped(name)
                self.poll(options, personality(options))
                status = self.statuses["virtual-001"]
                self.assertGreater(status.good, 1, status.error)
                wanted = {one.key for one in options.read}
                self.assertEqual(set(status.values) | set(status.absent), wanted)
                self.assertFalse(set(status.values) & set(status.absent))
                self.assertGreater(len(status.values), len(wanted) // 2, status.absent)

    def test_none_reads_a_meter_at_another_address(self) -> None:
        for name in NAMES:
            with self.subTest(name):
                options = self.shipped(name)
                other = evolve(options, logical_device=2, physical_device=0)
                if options.framing == "hdlc":
                    other = evolve(other, address_size=1)
                self.poll(options, personality(other))
                self.assertEqual(self.readings, [])
