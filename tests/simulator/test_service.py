"""The simulation on real sockets: ports, start, stop."""

from __future__ import annotations

import time
from pathlib import Path
from random import Random
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.error import CannotListenError, ConnectionDone, ConnectionLost
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from dlmsd.dlms.hdlc.address import ServerAddress
from dlmsd.dlms.hdlc.control import Kind
from dlmsd.dlms.hdlc.link import HdlcLink
from dlmsd.dlms.hdlc.reassembly import FrameReassembly
from dlmsd.errors import LocalError
from dlmsd.simulator.faults import Fault
from dlmsd.simulator.record import RecordFile
from dlmsd.simulator.service import MAX_BEHIND_GATEWAY, Simulation, SimulationService


class Asker(Protocol):
    """Sends DISC, waits for the answer, hears of the end."""

    def __init__(self) -> None:
        self.answer: Deferred[Kind] = Deferred()
        self.ended: Deferred[type] = Deferred()

    def connectionMade(self) -> None:
        self.transport.write(HdlcLink(1, ServerAddress(0, 1)).connect()[0].octets)

    def dataReceived(self, data: bytes) -> None:
        for frame in FrameReassembly().feed(data):
            self.answer.callback(frame.kind)

    def connectionLost(self, reason: Failure) -> None:
        self.ended.callback(reason.type)


class ServiceTests(TestCase):
    def simulation(self, **options: Any) -> Simulation:
        return Simulation(reactor=reactor, wall=time.time, random=Random(0), **options)

    async def ask(self, port: int) -> Asker:
        return await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", port), Asker())

    async def test_each_meter_has_a_port(self) -> None:
        simulation = self.simulation(meters=3)
        await simulation.start()
        self.addCleanup(lambda: Deferred.fromCoroutine(simulation.stop()))
        ports = {one.port for one in simulation.endpoints}
        self.assertEqual(len(ports), 3)
        for port in ports:
            asker = await self.ask(port)
            self.assertIs(await asker.answer, Kind.DM)
            asker.transport.loseConnection()
            await asker.ended

    async def test_stop_ends_connections_cleanly(self) -> None:
        simulation = self.simulation(meters=2)
        await simulation.start()
        asker = await self.ask(simulation.endpoints[1].port)
        await asker.answer
        await simulation.stop()
        self.assertIs(await asker.ended, ConnectionDone)
        self.assertEqual(simulation.endpoints, ())

    async def test_taken_port(self) -> None:
        first = self.simulation()
        await first.start()
        taken = first.endpoints[0].port
        second = self.simulation(meters=2, port=taken - 1)
        with self.assertRaises(CannotListenError):
            await second.start()
        self.assertEqual(second.endpoints, ())
        await first.stop()

    async def test_reset_is_a_reset(self) -> None:
        simulation = self.simulation(faults=[Fault.parse("reset=1")])
        await simulation.start()
        asker = await self.ask(simulation.endpoints[0].port)
        self.assertIs(await asker.ended, ConnectionLost)
        await simulation.stop()

    async def test_service(self) -> None:
        path = Path(self.mktemp())
        service = SimulationService(self.simulation(gateway=True, meters=2), RecordFile(path))
        await service.startService()
        self.assertTrue(service.running)
        self.assertTrue(path.exists())
        self.assertEqual(len({one.port for one in service.simulation.endpoints}), 1)
        await service.stopService()
        self.assertEqual(service.simulation.endpoints, ())

    def test_what_does_not_fit(self) -> None:
        for options in (
            {"meters": 0},
            {"meters": MAX_BEHIND_GATEWAY + 1, "gateway": True},
            {"meters": 10, "port": 65530},
        ):
            self.assertRaises(LocalError, self.simulation, **options)
