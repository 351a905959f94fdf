"""What virtual meters push, as the daemon's own parts and dlms-cosem understand it."""

from __future__ import annotations

from random import Random
from typing import Any, get_args

from dlms_cosem.protocol.xdlms import DataNotification as Judged
from dlms_cosem.utils import parse_as_dlms_data
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.axdr.data import Data
from dlmsd.errors import LocalError
from dlmsd.meter.payload import decode_push
from dlmsd.push.stream import Stream
from dlmsd.simulator.personality import PERSONALITIES
from dlmsd.simulator.push import REGISTERS, PushContents, PushFraming, PushPlan, apdu, frames, units
from dlmsd.simulator.pusher import Destination, Pushing
from dlmsd.simulator.record import Entry
from dlmsd.simulator.service import Simulation

NOW = 1_750_000_000.0


def simulation(personality: str = "microstar", meters: int = 1) -> Simulation:
    return Simulation(
        reactor=MemoryReactorClock(),
        wall=lambda: NOW,
        random=Random(1),
        meters=meters,
        personality=PERSONALITIES[personality],
    )


class ContentsTests(SynchronousTestCase):
    def test_every_framing_and_block_size_carries_the_same_apdu(self) -> None:
        for name in ("microstar", "small", "wrapper"):
            (meter,) = simulation(name).meters
            for framing in get_args(PushFraming):
                for block in (0, 30):
                    plan = PushPlan(framing, "described", block)
                    octets, _ = apdu(meter, plan, 1, NOW)
                    stream = Stream("auto")
                    found = stream.feed(b"".join(frames(meter, plan, octets)), 0.0)
                    self.assertEqual([one.apdu for one in found], [octets])
                    self.assertEqual((stream.bad, stream.noise), (0, 0))
                    self.assertTrue(found[0].route.source)

    def test_the_values_are_the_meters_own(self) -> None:
        (meter,) = simulation().meters
        for contents in get_args(PushContents):
            octets, values = apdu(meter, PushPlan(contents=contents), 7, NOW)
            push = decode_push(octets)
            self.assertIn("00000001", push.texts)
            own = {one.obis: data for one, data in values if one.attribute == 2}
            self.assertEqual(own, {one.obis: meter.meter.read(one, NOW) for one in REGISTERS})
            if contents == "values":
                self.assertEqual(push.loose[1:], tuple(own.values()))
                continue
            told = {item.obis: item for item in push.items if item.obis in own}
            self.assertEqual({obis: item.data for obis, item in told.items()}, own)
            for register, (scaler, symbol) in units(meter).items():
                unit = told[register.obis].scaler_unit
                assert unit is not None
                self.assertEqual((unit.scaler, unit.symbol), (scaler, symbol))

    def test_the_judge_reads_them_too(self) -> None:
        (meter,) = simulation().meters
        octets, values = apdu(meter, PushPlan(contents="values"), 7, NOW)
        judged: Any = Judged.from_bytes(octets)
        self.assertEqual(judged.long_invoke_id_and_priority.long_invoke_id, 7)
        serial, *numbers = parse_as_dlms_data(judged.body)
        self.assertEqual(bytes(serial), b"00000001")
        own = [data for one, data in values if one.attribute == 2]
        self.assertEqual(numbers, [data.value for data in own if isinstance(data, Data)])


class PushingTests(SynchronousTestCase):
    def test_each_at_its_own_moment_and_only_when_connected(self) -> None:
        one = simulation(meters=2)
        reactor: Any = MemoryReactorClock()
        record: list[Entry] = []
        pushing = Pushing(
            one.meters,
            PushPlan("wrapper"),
            Destination.parse("tcp:192.0.2.1:4059"),
            10.0,
            reactor=reactor,
            wall=lambda: NOW,
            record=record.append,
        )
        pushing.startService()
        reactor.advance(0)
        self.assertEqual(record, [])
        wires = []
        for _, _, factory, _, _ in reactor.tcpClients:
            protocol, transport = factory.buildProtocol(None), StringTransport()
            protocol.makeConnection(transport)
            wires.append(transport)
        for _ in range(20):
            reactor.advance(1)
        self.assertEqual([len(Stream("auto").feed(w.value(), 0.0)) for w in wires], [2, 2])
        self.assertEqual(len(record), 4)
        pushing.stopService()
        self.assertEqual(reactor.getDelayedCalls(), [])

    def test_destinations(self) -> None:
        self.assertEqual(Destination.parse("udp:[::1]:4059"), Destination("udp", "::1", 4059))
        for text in ("4059", "tcp:4059", "ssl:h:1", "tcp:h:x", "tcp::1"):
            self.assertRaises(LocalError, Destination.parse, text)
