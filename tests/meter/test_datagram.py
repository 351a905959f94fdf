"""WRAPPER over UDP: datagrams are lost, late, doubled and foreign; readings are not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from attrs import evolve

from dlmsd.dlms.wrapper import WrapperFrame
from dlmsd.dlms.xdlms.action import ActionRequestNormal, ActionResponseNormal
from dlmsd.dlms.xdlms.get import GetRequestNormal, GetResponseNormal
from dlmsd.dlms.xdlms.set import SetRequestNormal, SetResponseNormal
from dlmsd.errors import SilenceError
from dlmsd.meter.protocol import MAX_BABBLE
from dlmsd.meter.session import Session
from dlmsd.model import MeterState
from dlmsd.simulator.medium import Medium
from dlmsd.simulator.personality import MICROSTAR, WRAPPER
from dlmsd.standing import Rung
from tests.meter.fleet import NAMES, FleetCase
from tests.meter.test_services import MINUTES, SHIFT, ZONE, ServiceCase
from tests.network import Datagrams

METER = "virtual-001"
# With a client that may write, and services of their own for all.
WRITER = evolve(WRAPPER, clients=MICROSTAR.clients, conformance=MICROSTAR.conformance)


class Stranger:
    """A socket that nobody asked."""

    def makeConnection(self, transport: Datagrams) -> None:
        self.transport = transport

    def connectionRefused(self) -> None: ...


class DatagramTests(FleetCase):
    def begin(self, meters: int = 1, **changes: Any) -> None:
        self.simulate(meters, WRAPPER, medium=Medium("udp"), gateway=meters > 1)
        self.read(self.options(framing="wrapper", timeout=1.0, **changes))

    @property
    def socket(self) -> Datagrams:
        """The daemon's."""
        return next(one for one in self.network.sockets.values() if one.peer is not None)

    def lose(self, *numbers: int) -> None:
        """Of the datagrams from now on, counted from 0, these are lost."""
        count = iter(range(1_000_000))
        self.network.loses = lambda octets: next(count) in numbers

    def test_reads_over_one_socket(self) -> None:
        self.begin()
        self.run_for(60)
        status = self.statuses[METER]
        self.assertEqual((status.good, status.failed, status.connects), (12, 0, 1))
        self.assertEqual(set(self.readings[0].values), set(NAMES))
        self.assertEqual(status.address, f"127.0.0.1:{self.simulation.endpoints[0].port}/udp")

    def test_several_logical_devices_share_a_socket(self) -> None:
        self.begin(3)
        self.run_for(60)
        self.assertEqual({one.good for one in self.statuses.values()}, {12})
        self.assertEqual(len(self.network.sockets), 2)

    def test_a_lost_request_and_a_lost_answer_are_repeated_once(self) -> None:
        for lost in (0, 1, 2, 3):
            with self.subTest(lost):
                self.setUp()
                self.lose(lost)
                self.begin()
                self.run_for(4)
                status = self.statuses[METER]
                self.assertEqual((status.good, status.failed, status.connects), (1, 0, 1))
                self.end()
                self.fleet = None

    def test_lost_twice_the_link_is_opened_again_in_the_same_cycle(self) -> None:
        self.begin()
        self.run_for(7)
        self.assertEqual(len(self.readings), 2)
        self.lose(0, 1)
        self.run_for(11)
        status = self.statuses[METER]
        self.assertEqual((status.failed, status.connects, len(self.readings)), (0, 1, 4))
        self.assertEqual(status.state, MeterState.READING)
        self.assertIn(Rung.RELINKING, {status.standing.rung for status in self.history})

    def test_every_datagram_twice_changes_nothing(self) -> None:
        self.network.copies = 2
        self.begin()
        self.run_for(60)
        self.assertEqual((self.statuses[METER].good, self.statuses[METER].failed), (12, 0))

    def test_silence_ends_the_connection_and_attempts_become_rare(self) -> None:
        self.begin()
        self.run_for(7)
        self.network.loses = lambda octets: True
        self.run_for(1800)
        status = self.statuses[METER]
        self.assertIn(status.state, (MeterState.WAITING, MeterState.CONNECTING, MeterState.DOWN))
        self.assertLess(status.connects, 20)
        self.network.loses = lambda octets: False
        good = status.good
        self.run_for(310)
        self.assertGreater(self.statuses[METER].good, good)

    def test_nobody_listens(self) -> None:
        self.begin()
        (endpoint,) = self.simulation.endpoints
        self.network.sockets.pop(endpoint.port)
        self.run_for(100)
        self.assertEqual(self.statuses[METER].error, "connection refused")
        self.assertLess(self.statuses[METER].connects, 12)

    def test_foreign_datagrams_are_nothing(self) -> None:
        self.begin()
        self.run_for(1)
        stranger = self.network.listenUDP(0, Stranger())
        forged = WrapperFrame(WRAPPER.logical_device, 1, bytes(500)).encode()
        for _ in range(2 * MAX_BABBLE // 500):
            stranger.write(forged, ("127.0.0.1", self.socket.getHost().port))
        self.run_for(20)
        stranger.stopListening()
        status = self.statuses[METER]
        self.assertEqual((status.failed, status.connects, status.noise_bytes), (0, 1, 0))

    def test_what_is_cut_short_does_not_join_the_next_datagram(self) -> None:
        self.begin()
        self.run_for(1)
        (endpoint,) = self.simulation.endpoints
        meter = self.network.sockets[endpoint.port]
        there = ("127.0.0.1", self.socket.getHost().port)
        meter.write(WrapperFrame(WRAPPER.logical_device, 1, bytes(100)).encode()[:50], there)
        self.run_for(20)
        status = self.statuses[METER]
        self.assertEqual((status.failed, status.connects, status.noise_bytes), (0, 1, 50))


class OnceTests(ServiceCase):
    """What would be done twice is not sent twice."""

    def lose(self, tag: int) -> list[bytes]:
        """Each answer with this tag is lost; all that travels."""
        seen: list[bytes] = []

        def loses(octets: bytes) -> bool:
            seen.append(octets[8:])
            return octets[8] == tag

        self.network.loses = loses
        return seen

    def over_udp(self, work: Callable[[Session], Awaitable[None]]) -> None:
        self.simulate(personality=WRITER, medium=Medium("udp"))
        self.again(work, framing="wrapper", timeout=1.0)

    def test_a_method(self) -> None:
        async def work(session: Session) -> None:
            await session.permit(SHIFT)
            done = session.action(SHIFT, MINUTES)
            await self.fails(SilenceError, "may have been carried out", done)

        seen = self.lose(ActionResponseNormal.TAG)
        self.over_udp(work)
        self.assertEqual([apdu[0] for apdu in seen].count(ActionRequestNormal.TAG), 1)

    def test_a_value(self) -> None:
        async def work(session: Session) -> None:
            await session.permit(ZONE)
            await self.fails(SilenceError, "may have been carried out", session.set(ZONE, MINUTES))

        seen = self.lose(SetResponseNormal.TAG)
        self.over_udp(work)
        self.assertEqual([apdu[0] for apdu in seen].count(SetRequestNormal.TAG), 1)

    def test_what_only_reads_is_repeated(self) -> None:
        async def work(session: Session) -> None:
            await self.fails(SilenceError, "nor to its repetition", session.get(ZONE))

        seen = self.lose(GetResponseNormal.TAG)
        self.over_udp(work)
        self.assertEqual([apdu[0] for apdu in seen].count(GetRequestNormal.TAG), 2)
