"""Secured virtual meters on the wire, read by dlmsd's own association."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.acse.context import Mechanism
from dlmsd.dlms.association_sn import AssociationSN
from dlmsd.dlms.axdr.data import Data
from dlmsd.dlms.cosem.short_names import OBJECT_LIST_SN
from dlmsd.dlms.hdlc.address import ServerAddress
from dlmsd.dlms.security.form import Form
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.errors import ClosedError, RefusedError
from dlmsd.simulator.personality import (
    PERSONALITIES,
    SECURE,
    SECURE_WRAPPER,
    SMALL,
    Personality,
)
from tests.simulator.client import Client, World, register
from tests.simulator.secure import ClientEnd

COUNTER = register("0-0:43.1.0", 2, 1)
VOLTAGES = tuple(register(f"1-1:{c}.7.0") for c in (32, 52, 72))
SECURED = tuple(one for one in PERSONALITIES.values() if one.clients[0].high and not one.quirks)


def client(world: World, personality: Personality, **options: Any) -> Client:
    """The first client of this personality."""
    association = ClientEnd(personality, **options).association()
    return bare(world, personality, association=association)


def bare(world: World, personality: Personality, **options: Any) -> Client:
    wrapper = personality.logical_device if personality.framing == "wrapper" else None
    address = ServerAddress(personality.logical_device, personality.physical_device)
    return world.client(address=address, wrapper=wrapper, **options)


def public(world: World, personality: Personality) -> Client:
    return bare(world, personality, client=16, mechanism=Mechanism.NONE, password=None).open()


class WireTests(SynchronousTestCase):
    def test_each_personality(self) -> None:
        self.assertEqual(len(SECURED), 22)
        for personality in SECURED:
            world = World(personality=personality).start()
            reader = client(world, personality).open()
            if isinstance(reader.association, AssociationSN):
                reader.association.names.learn(reader.get(OBJECT_LIST_SN)[0])
            values = reader.get(*VOLTAGES)
            self.assertTrue(all(2200 < value.value < 2400 for value in values), personality.name)
            (entry,) = world.entries[-1:]
            self.assertEqual([item[2] for item in entry.results], [str(v.value) for v in values])
            reader.release()

    def test_dedicated_and_general(self) -> None:
        for options in ({"dedicated": bytes(range(16))}, {"form": Form(general=True)}):
            world = World(personality=SECURE).start()
            (value,) = client(world, SECURE, **options).open().get(VOLTAGES[0])
            self.assertTrue(2200 < value.value < 2400)

    def test_values_are_not_on_the_wire(self) -> None:
        plain = register("0-0:96.1.0", 2, 1)
        world = World(personality=SECURE).start()
        reader = client(world, SECURE).open()
        (serial,) = reader.get(plain)
        self.assertEqual(serial.value, b"00000001")
        self.assertNotIn(b"00000001", b"".join(reader.transport.pieces))

    def test_in_segments_and_blocks(self) -> None:
        personality = evolve(SECURE, link=SMALL.link, max_response=60)
        world = World(personality=personality).start()
        reader = client(world, personality).open()
        self.assertTrue(all(type(value) is Data for value in reader.get(*VOLTAGES * 3)))

    def test_wrong_keys(self) -> None:
        world = World(personality=SECURE).start()
        other = evolve(SECURE.security, client=evolve(SECURE.security.client, authentication=None))
        reader = bare(
            world, SECURE, association=ClientEnd(evolve(SECURE, security=other)).association()
        )
        self.assertRaises(RefusedError, reader.open)

    def test_strangers_read_the_counter_and_little_else(self) -> None:
        for personality in (SECURE, SECURE_WRAPPER):
            world = World(personality=personality).start()
            self.assertEqual(public(world, personality).get(COUNTER)[0].value, 0)
            client(world, personality, first=4711).open().get(*VOLTAGES)
            stranger = public(world, personality)
            # AARQ 4711, the proof 4712, the ACTION around it 4713, GET 4714.
            self.assertEqual(stranger.get(COUNTER)[0].value, 4714)
            (denied,) = stranger.get(VOLTAGES[0])
            self.assertIs(denied, DataAccessResult.READ_WRITE_DENIED)
            self.assertIs(type(stranger.get(register("0-0:1.0.0", 2, 8))[0]), Data)
            client(world, personality, first=4715).open()

    def test_a_low_counter_closes_the_connection(self) -> None:
        for personality in (SECURE, SECURE_WRAPPER):
            world = World(personality=personality).start()
            client(world, personality, first=100).open()
            late = client(world, personality, first=103 - 1)
            self.assertRaises(ClosedError, late.open)
            self.assertTrue(late.transport.lost)
            self.assertFalse(late.transport.aborted)
            client(world, personality, first=103).open()

    def test_a_recorded_request_closes_the_connection(self) -> None:
        world = World(personality=SECURE_WRAPPER).start()
        reader = client(world, SECURE_WRAPPER).open()
        reader.get(*VOLTAGES)
        recorded = reader.sent[-1]
        again = client(world, SECURE_WRAPPER, first=50).open()
        again.transport.protocol.dataReceived(recorded)
        self.assertTrue(again.transport.lost)
        self.assertEqual(len(world.entries), 1)

    def test_each_meter_has_its_own_title(self) -> None:
        world = World(personality=SECURE, meters=12).start()
        titles = [one.meter.system_title for one in world.simulation.meters]
        self.assertEqual(titles[0], b"DLS00001")
        self.assertEqual(titles[11], b"DLS00012")
