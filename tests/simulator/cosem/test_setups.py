"""What a meter tells of the way to it."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.hdlc.negotiation import LinkParameters
from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.simulator.cosem import literal
from dlmsd.simulator.meter import VirtualMeter
from dlmsd.simulator.personality import WRAPPER
from dlmsd.simulator.place import Place
from tests.simulator.client import World, register
from tests.simulator.cosem.bench import Bench

HDLC, TCP, SAP, PUSH = "0-0:22.0.0", "0-0:25.0.0", "0-0:41.0.0", "0-0:25.9.0"


class SetupTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.bench = Bench()
        place = Place(3, 17, 4059, LinkParameters(64, 32, 2, 1))
        self.bench.meter = VirtualMeter(0, 1, place=place)

    def test_hdlc(self) -> None:
        names = ("window_size_transmit", "window_size_receive", "device_address")
        self.assertEqual([self.bench.value(HDLC, each) for each in names], [2, 1, 17])
        sizes = [
            self.bench.value(HDLC, f"max_info_field_length_{each}")
            for each in ("transmit", "receive")
        ]
        self.assertEqual(sizes, [64, 32])

    def test_tcp(self) -> None:
        self.assertEqual(self.bench.value(TCP, "tcp_udp_port"), 4059)
        ip = self.bench.value(TCP, "ip_reference")
        self.assertEqual(ip, literal.name("0-0:25.1.0").value)
        self.assertEqual(self.bench.value("0-0:25.1.0", "ip_address"), 0x7F000001)

    def test_sap(self) -> None:
        ((sap, name),) = (each.value for each in self.bench.value(SAP, "sap_assignment_list"))
        self.assertEqual((sap.value, name), (3, self.bench.read("0-0:42.0.0")))

    def test_a_simulation_tells_each_its_own(self) -> None:
        world = World(personality=WRAPPER, meters=3, gateway=True)
        places = [one.meter.place for one in world.simulation.meters]
        self.assertEqual([each.logical for each in places], [1, 2, 3])
        sap = world.simulation.meters[2].meter.read(register(SAP, 2, 17), 0.0)
        self.assertEqual(sap.value[0].value[0].value, 3)  # type: ignore[union-attr, index]

    def test_push(self) -> None:
        (listed,) = self.bench.value(PUSH, "push_object_list")
        self.assertEqual(listed.value[0].value, 8)
        result = self.bench.invoke(PUSH, "push", literal.integer(0))
        self.assertIs(result, ActionResult.TEMPORARY_FAILURE)
        destination = literal.structure(
            literal.enum(0), literal.octets(b"[::1]:4059"), literal.enum(0)
        )
        self.bench.write(PUSH, "send_destination_and_method", destination)
        self.assertEqual(self.bench.read(PUSH, "send_destination_and_method"), destination)
