"""Looking for meters in a virtual network, in virtual time."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

from attrs import evolve
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.protocol import Factory, Protocol

from dlmsd.fleet.scan import Finding, Manners, Scan, ScanError, network
from dlmsd.simulator.personality import MICROSTAR, PLAIN, SECURE, WRAPPER, Client, Personality
from tests.meter.fleet import FleetCase
from tests.network import Connector, Network, Pipe

NET = "10.0.0.0/28"
NOWHERE = 1
SILENT = 2


class Subnet(Network):
    """Hosts, each with its ports; ``there`` leads from (host, port) to a port of the network.

    Checks its callers: how many connections to a host are open at once, and how many begin.
    """

    def __init__(self) -> None:
        super().__init__()
        self.there: dict[tuple[str, int], int] = {}
        self.open: Counter[str] = Counter()
        self.busy: set[str] = set()
        self.most_busy = 0
        self.silent = {SILENT}
        self.asked: list[tuple[str, int]] = []
        self._host = ""

    def connectTCP(self, host: str, port: int, factory: Any, timeout: float = 30) -> Connector:
        assert self.open[host] == 0, f"two connections to {host}"
        self.asked.append((host, port))
        place = self.there.get((host, port), SILENT)
        connector = super().connectTCP(host, place, factory, timeout)
        end = factory.clientConnectionLost, factory.clientConnectionFailed

        def left(which: int, *of: Any) -> None:
            self.open[host] -= 1
            end[which](*of)

        factory.clientConnectionLost = lambda *of: left(0, *of)
        factory.clientConnectionFailed = lambda *of: left(1, *of)
        self.open[host] += 1
        self.most_busy = max(self.most_busy, sum(count > 0 for count in self.open.values()))
        return connector


class ScanTests(FleetCase):
    def setUp(self) -> None:
        super().setUp()
        self.network: Subnet = Subnet()
        self.octets: list[bytes] = []
        self.network.connected = self._listen

    def _listen(self, pipe: Pipe) -> None:
        write = pipe.write
        pipe.write = lambda octets: (self.octets.append(octets), write(octets))[1]  # type: ignore[method-assign]

    def place(self, host: str, port: int, personality: Personality) -> None:
        self.simulate(personality=personality)
        self.addCleanup(self._stop, self.simulation)
        (endpoint,) = self.simulation.endpoints
        self.network.there[host, port] = endpoint.port

    def _stop(self, simulation: Any) -> None:
        Deferred.fromCoroutine(simulation.stop())
        self.network.run(1)

    def scan(self, where: str = NET, seconds: float = 600.0, **manners: Any) -> list[Finding]:
        one = Scan(network(where), (3333, 4059), self.network, evolve(Manners(), **manners))
        told: list[tuple[int, int]] = []
        done = Deferred.fromCoroutine(one.run(lambda *of: told.append(of)))
        self.network.run(seconds)
        self.successResultOf(done)
        self.assertEqual(told, [(done, len(told) - 1) for done in range(len(told))])
        return sorted(one.found, key=lambda found: found.host)

    def test_meters_of_each_framing_with_name_and_serial(self) -> None:
        self.place("10.0.0.3", 3333, PLAIN)
        self.place("10.0.0.5", 4059, WRAPPER)
        self.place("10.0.0.7", 3333, SECURE)
        found = self.scan()
        self.assertEqual(
            [(one.host, one.port, one.candidate.framing, one.candidate.client) for one in found],
            [
                ("10.0.0.3", 3333, "hdlc", 16),
                ("10.0.0.5", 4059, "wrapper", 16),
                ("10.0.0.7", 3333, "hdlc", 16),
            ],
        )
        for one in found:
            self.assertEqual(one.evidence, "an association")
            self.assertTrue(one.name and one.serial, one)

    def test_a_meter_that_refuses_has_answered_too(self) -> None:
        self.place("10.0.0.3", 3333, MICROSTAR)
        self.place("10.0.0.4", 4059, evolve(WRAPPER, clients=(Client(99),)))
        hdlc, wrapped = self.scan()
        self.assertEqual((hdlc.host, hdlc.candidate.framing), ("10.0.0.3", "hdlc"))
        self.assertEqual((wrapped.host, wrapped.candidate.framing), ("10.0.0.4", "wrapper"))
        for one in (hdlc, wrapped):
            self.assertIn("rejected", one.evidence)

    def test_another_address_is_tried(self) -> None:
        exact = evolve(PLAIN, addressing="exact")
        self.place("10.0.0.3", 3333, exact)
        (one,) = self.scan("10.0.0.3/32")
        self.assertEqual((one.candidate.logical, one.candidate.physical), (1, 17))

    def test_somebody_else_who_listens_is_no_meter(self) -> None:
        self.simulate()
        listening = self.network.listenTCP(0, Factory.forProtocol(Protocol))
        self.network.there["10.0.0.3", 3333] = listening.getHost().port
        self.assertEqual(self.scan(), [])
        listening.stopListening()

    def test_nobody(self) -> None:
        self.assertEqual(self.scan(), [])
        self.assertEqual(len(self.network.asked), 2 * 14)
        self.simulate()

    def test_its_manners(self) -> None:
        for last in range(1, 15):
            self.network.there[f"10.0.0.{last}", 4059] = NOWHERE
        self.place("10.0.0.3", 3333, PLAIN)
        self.scan(parallel=3, rate=4.0)
        attempts = sorted(self.network.attempts)[-len(self.network.asked) :]
        gaps = [after - before for before, after in pairwise(attempts)]
        self.assertGreaterEqual(min(gaps), 0.25 - 1e-9)
        self.assertLessEqual(self.network.most_busy, 3)
        # Every AARQ that passed asks for no authentication.
        sent = b"".join(self.octets)
        self.assertGreater(sent.count(bytes.fromhex("E6E60060")), 0)
        self.assertNotIn(bytes.fromhex("8B0760857405080201"), sent)

    def test_cancelled_it_leaves_nothing_open(self) -> None:
        self.place("10.0.0.3", 3333, PLAIN)
        one = Scan(network(NET), (3333,), self.network)
        done = Deferred.fromCoroutine(one.run())
        self.network.run(0.2)
        done.cancel()
        self.network.run(10)
        self.failureResultOf(done, CancelledError)

    def test_only_what_is_ones_own(self) -> None:
        for text, told in (
            ("8.8.8.0/24", "--anywhere"),
            ("10.0.0.0/16", "--large"),
            ("10.0.0.0/40", "no network"),
            ("0.0.0.0/0", "--anywhere"),
        ):
            self.assertIn(told, str(self.assertRaises(ScanError, network, text)))
        for text in ("10.1.2.0/20", "192.168.1.7", "127.0.0.1/32", "fd00::/120"):
            network(text)
        network("10.0.0.0/16", large=True)
        network("8.8.8.0/24", anywhere=True)
        self.simulate()
