"""What went over the line is counted by meter, also where several share it."""

from __future__ import annotations

from collections import Counter

from dlmsd.config.values import MeterOptions
from dlmsd.meter.conversation import Trace
from dlmsd.simulator.faults import Fault, FaultKind
from tests.meter.fleet import FleetCase


class TrafficTests(FleetCase):
    def setUp(self) -> None:
        super().setUp()
        self.octets: Counter[tuple[str, str]] = Counter()

    def tracer(self, meter: MeterOptions) -> Trace | None:
        def trace(direction: str, octets: bytes) -> None:
            self.octets[meter.name, direction] += len(octets)

        return trace

    def test_octets_and_requests_by_meter(self) -> None:
        self.simulate(3, gateway=True)
        self.read(self.options())
        self.run_for(33)
        for status in self.statuses.values():
            self.assertEqual(status.octets_out, self.octets[status.name, "sent"])
            self.assertEqual(status.octets_in, self.octets[status.name, "received"])
            # The link and association take one turn, and so do scalers; then one a cycle.
            self.assertEqual(status.requests, 2 + status.good)
            self.assertEqual(status.responses, status.requests)

    def test_silence_is_no_response(self) -> None:
        self.simulate()
        self.read(self.options())
        self.run_for(12)
        before = self.statuses["virtual-001"]
        self.simulation.inject([Fault(FaultKind.SILENCE, chance=1.0)])
        self.run_for(30)
        after = self.statuses["virtual-001"]
        self.assertEqual(after.responses, before.responses)
        self.assertEqual(after.octets_in, before.octets_in)
        self.assertGreater(after.requests, before.requests)
        self.assertGreater(after.octets_out, before.octets_out)
