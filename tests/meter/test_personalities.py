"""Every virtual meter is read by the configuration that ``dlmsd simulate`` writes for it."""

from __future__ import annotations

from pathlib import Path

from dlmsd.config.load import load
from dlmsd.simulator.configuration import configuration
from dlmsd.simulator.personality import PERSONALITIES
from tests.meter.fleet import FleetCase


class PersonalitiesTests(FleetCase):
    def test_each_is_read_and_says_the_truth(self) -> None:
        for personality in PERSONALITIES.values():
            with self.subTest(personality=personality.name):
                self.setUp()
                self.simulate(personality=personality)
                path = Path(self.mktemp())
                path.write_text(configuration(personality, self.simulation.endpoints))
                self.read(load(path, environ={}).meters)
                self.run_for(21)
                self.assertGreaterEqual(len(self.readings), 3, personality.name)
                self.assertEqual(len(self.readings[-1].values), 10)
                recorded = {
                    result[2]
                    for entry in self.record
                    for result in entry.results
                    if result[:2] == ("1-1:32.7.0", 2)
                }
                for reading in self.readings:
                    volts = reading.values["voltage_l1"]
                    self.assertIn(str(int(volts * 10)), recorded)
                self.end()
