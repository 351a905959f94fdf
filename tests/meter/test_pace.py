"""Frames wait their time, keep their order, and end with their connection."""

from __future__ import annotations

from itertools import pairwise

from attrs import evolve
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.meter.pace import PacedWire
from tests.meter.fleet import START, FleetCase


class Written:
    """A wire that notes what is written when."""

    octets_in = 7
    abandoned = 0

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.frames: list[tuple[float, bytes]] = []

    def write(self, octets: bytes) -> None:
        self.frames.append((self.clock.seconds(), octets))

    def abandon(self) -> None:
        self.abandoned += 1


class PacedWireTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.written = Written(self.clock)
        self.wire = PacedWire(self.written, 0.5, self.clock)

    def test_each_frame_waits_and_none_overtakes(self) -> None:
        for frame in (b"a", b"b"):
            self.wire.write(frame)
        self.clock.pump([0.25] * 8)
        self.wire.write(b"c")
        self.clock.pump([0.25] * 8)
        self.assertEqual(self.written.frames, [(0.5, b"a"), (1.0, b"b"), (2.5, b"c")])

    def test_with_the_connection_ends_what_waits(self) -> None:
        self.wire.write(b"a")
        self.wire.stop()
        self.wire.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.written.frames, [])

    def test_the_rest_is_the_wires(self) -> None:
        self.wire.abandon()
        self.assertEqual((self.wire.octets_in, self.written.abandoned), (7, 1))


class PacedMeterTests(FleetCase):
    def spell(self, frame_delay: float) -> list[float]:
        """Pauses between what came from the meter and what went to it, in a short while."""
        self.setUp()
        moments: list[tuple[str, float]] = []
        self.simulate()
        self.read([evolve(one, frame_delay=frame_delay) for one in self.options()])
        self.run_for(0.01)
        (pipe,) = self.network.connections
        write, arrive = pipe.write, pipe.arrive

        def written(octets: bytes) -> None:
            moments.append(("sent", self.wall()))
            write(octets)

        def arrived(octets: bytes) -> None:
            moments.append(("came", self.wall()))
            arrive(octets)

        pipe.write, pipe.arrive = written, arrived
        self.run_for(60)
        self.assertGreater(self.statuses["virtual-001"].good, 5)
        self.assertEqual(self.statuses["virtual-001"].connects, 1)
        return [
            after - before
            for (one, before), (other, after) in pairwise(moments)
            if (one, other) == ("came", "sent") and before > START
        ]

    def test_a_meter_is_read_with_pauses(self) -> None:
        self.assertLess(min(self.spell(0.0)), 0.01)
        self.assertGreaterEqual(min(self.spell(0.8)), 0.799)

    def test_a_pause_longer_than_the_timeout_is_no_silence(self) -> None:
        self.simulate()
        self.read([evolve(one, frame_delay=3.0, timeout=1.0) for one in self.options()])
        self.run_for(120)
        status = self.statuses["virtual-001"]
        self.assertGreater(status.good, 3, status.error)
        self.assertEqual(status.connects, 1)
