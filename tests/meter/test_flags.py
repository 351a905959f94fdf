"""A 7E inside a frame is an octet like any other.

DLMS HDLC has no byte stuffing, so values, HCS and FCS hold flags every so often; the
earlier system cut 12.4 % of its cycles of five registers there.
"""

from attrs import evolve

from dlmsd.dlms.hdlc.address import address_end
from dlmsd.simulator.faults import Fault, FaultKind
from dlmsd.simulator.personality import MICROSTAR
from tests.meter.fleet import NAMES, FleetCase, wanted

CYCLES = 3000
# Five counters of 64 bits and three of 32 make an answer of 84 octets: with N(R)=5 and
# N(S)=4, which comes every eighth time, its HCS holds a flag.
EIGHTY_FOUR = (
    *(evolve(wanted("active_energy"), key=f"energy_{n}") for n in range(5)),
    *(evolve(wanted("current_l1"), key=f"current_{n}") for n in range(3)),
)


class InnerFlagTests(FleetCase):
    def count(self, octets: bytes) -> None:
        """Where the flags inside one whole frame from the meter stand."""
        header = address_end(octets, address_end(octets, 3, len(octets)), len(octets)) + 1
        self.places["HCS"] += 0x7E in octets[header : header + 2]
        self.places["value"] += 0x7E in octets[header + 2 : -3]
        self.places["FCS"] += 0x7E in octets[-3:-1]

    def watch(self) -> None:
        """See what arrives at the client."""
        self.places = {"HCS": 0, "value": 0, "FCS": 0}
        arrive = self.network.connections[0].arrive

        def seen(octets: bytes) -> None:
            if len(octets) > 20:
                self.count(octets)
            arrive(octets)

        self.network.connections[0].peer.peer.arrive = seen

    def test_read_every_time(self) -> None:
        self.simulate(personality=evolve(MICROSTAR, response_delay=0.0))
        self.read(self.options(interval=1.0, read=EIGHTY_FOUR))
        self.run_for(0.5)
        self.watch()
        self.run_for(CYCLES)
        self.assertGreater(min(self.places.values()), 10, self.places)
        self.assert_all_read(CYCLES)

    def test_read_every_time_one_byte_at_a_time(self) -> None:
        self.simulate(
            personality=evolve(MICROSTAR, response_delay=0.0),
            faults=[Fault(FaultKind.TRICKLE, every=1)],
        )
        self.read(self.options(interval=1.0, read=tuple(wanted(name) for name in NAMES[:2])))
        self.run_for(600.5)
        self.assert_all_read(600)

    def assert_all_read(self, cycles: int) -> None:
        status = self.statuses["virtual-001"]
        self.assertEqual((status.failed, status.missed), (0, 0))
        self.assertGreaterEqual(status.good, cycles)
        self.assertEqual((status.noise_bytes, status.bad_frames), (0, 0))
        self.assertEqual(len(self.network.connections), 1)
