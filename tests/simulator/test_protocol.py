"""Virtual meters on the wire: who may connect, for how long, and in which order."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.hdlc.address import ServerAddress
from dlmsd.dlms.hdlc.reassembly import FrameReassembly
from dlmsd.errors import SilenceError
from dlmsd.simulator.faults import Fault
from dlmsd.simulator.personality import MICROSTAR, PLAIN, WRAPPER
from tests.simulator.client import TIMEOUT, World, register, run

VOLTAGE = register("1-1:32.7.0")


class OneMeterTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World().start()

    def test_one_client_at_a_time(self) -> None:
        first = self.world.client().open()
        second = self.world.connect()
        self.assertTrue(second.lost)
        self.assertEqual(second.pieces, [])
        second.protocol.dataReceived(first.sent[0])
        first.get(VOLTAGE)
        first.transport.loseConnection()
        self.world.client().open().get(VOLTAGE)

    def test_several_clients_where_that_is_allowed(self) -> None:
        world = World(personality=PLAIN).start()
        first, second = world.client().open(), world.client().open()
        self.assertEqual(len(first.get(VOLTAGE) + second.get(VOLTAGE)), 2)

    def test_idle_drop(self) -> None:
        client = self.world.client().open()
        opened = self.world.reactor.seconds()
        self.world.reactor.advance(170)
        client.get(VOLTAGE)
        self.world.reactor.advance(179)
        self.assertFalse(client.transport.lost)
        self.world.reactor.advance(1.1)
        self.assertTrue(client.transport.lost)
        self.assertFalse(client.transport.aborted)
        self.assertGreater(self.world.reactor.seconds(), opened + 349)
        self.assertEqual(self.world.reactor.getDelayedCalls(), [])
        self.world.client().open().get(VOLTAGE)

    def test_idle_drop_of_who_never_speaks(self) -> None:
        transport = self.world.connect()
        self.world.reactor.advance(179.9)
        self.assertFalse(transport.lost)
        self.world.reactor.advance(0.2)
        self.assertTrue(transport.lost)

    def test_disconnecting_leaves_no_delayed_call(self) -> None:
        client = self.world.client().open()
        client.transport.protocol.dataReceived(client.sent[0])
        self.assertEqual(len(self.world.reactor.getDelayedCalls()), 2)
        client.transport.loseConnection()
        self.assertEqual(self.world.reactor.getDelayedCalls(), [])

    def test_byte_by_byte_and_garbage(self) -> None:
        client = self.world.client().open()
        transport = client.transport
        for octet in b"\x7e\xa0garbage\x7e" + client.sent[0]:
            transport.protocol.dataReceived(bytes((octet,)))
        self.world.reactor.advance(1)
        self.assertEqual(len(FrameReassembly().feed(transport.value())), 1)

    def test_frames_for_others_are_not_answered(self) -> None:
        client = self.world.client(address=ServerAddress(0, 9))
        self.assertRaises(SilenceError, client.open)
        self.assertEqual(client.transport.pieces, [])

    def test_a_flood_ends_the_connection(self) -> None:
        transport = self.world.connect()
        snrm = self.world.client(0).link.connect()[0].octets
        transport.protocol.dataReceived(snrm * 1100)
        self.assertTrue(transport.lost)
        self.assertEqual(self.world.reactor.getDelayedCalls(), [])

    def test_stop_ends_connections(self) -> None:
        client = self.world.client().open()
        client.transport.protocol.dataReceived(client.sent[0])
        run(self.world.simulation.stop())
        self.assertTrue(client.transport.lost)
        self.assertEqual(self.world.reactor.getDelayedCalls(), [])
        self.assertEqual(self.world.simulation.endpoints, ())


class GatewayTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World(meters=3, gateway=True).start()

    def test_endpoints(self) -> None:
        self.assertEqual(
            [(one.name, one.logical, one.physical) for one in self.world.simulation.endpoints],
            [("virtual-001", 0, 1), ("virtual-002", 0, 2), ("virtual-003", 0, 3)],
        )
        self.assertEqual(len(self.world.reactor.tcpServers), 1)

    def test_by_physical_address(self) -> None:
        """Three links on one connection, each to a meter of its own."""
        first = self.world.client(address=ServerAddress(0, 1)).open()
        values = [first.get(register("0-0:96.1.0", 2, 1))[0].value]
        for physical in (2, 3):
            client = type(first)(self.world, first.transport, address=ServerAddress(0, physical))
            values += [one.value for one in client.open().get(register("0-0:96.1.0", 2, 1))]
        values += [one.value for one in first.get(register("0-0:96.1.0", 2, 1))]
        self.assertEqual(values, [b"00000001", b"00000002", b"00000003", b"00000001"])
        self.assertEqual(
            [entry.meter for entry in self.world.entries],
            ["virtual-001", "virtual-002", "virtual-003", "virtual-001"],
        )

    def test_one_client_for_all(self) -> None:
        self.world.client().open()
        self.assertTrue(self.world.connect().lost)

    def test_one_request_at_a_time(self) -> None:
        """A late meter keeps those behind it waiting, and none is forgotten."""
        self.world.simulation.inject([Fault.parse("late=1")], "virtual-002")
        transport = self.world.connect()
        for physical in (2, 1, 3):
            client = self.world.client(address=ServerAddress(0, physical))
            transport.protocol.dataReceived(client.link.connect()[0].octets)
        self.world.reactor.pump([0.5] * 10)
        self.assertEqual(transport.pieces, [])
        self.world.reactor.pump([0.5] * 6)
        found = FrameReassembly().feed(transport.value())
        self.assertEqual([frame.source[0] >> 1 for frame in found], [2, 1, 3])

    def test_any_address_is_not_any_meter(self) -> None:
        world = World(meters=2, gateway=True, personality=PLAIN).start()
        client = world.client(address=ServerAddress(1, 2, 4)).open()
        self.assertEqual(client.get(register("0-0:96.1.0", 2, 1))[0].value, b"00000002")
        client.transport.loseConnection()
        self.assertRaises(SilenceError, world.client(address=ServerAddress(1, 9)).open)

    def test_wrapper_by_logical_device(self) -> None:
        world = World(meters=2, gateway=True, personality=WRAPPER).start()
        client = world.client(wrapper=2).open()
        self.assertEqual(client.get(register("0-0:96.1.0", 2, 1))[0].value, b"00000002")

    def test_patience(self) -> None:
        """The response delay is far below the client's timeout."""
        self.assertLess(MICROSTAR.response_delay, TIMEOUT / 10)
