"""What a meter shows to whom, decoded by dlmsd's own reader of object lists."""

from __future__ import annotations

from random import Random

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.axdr.data import Data, Tag, encode
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.method import MethodDescriptor
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.cosem.object_list import CosemObject, decode_object_list
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.action import ActionAnswer
from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.simulator.meter import VirtualMeter
from dlmsd.simulator.objects import Objects
from dlmsd.simulator.personality import MICROSTAR, PLAIN, SECURE, SMALL, Client, Personality
from dlmsd.simulator.security import MeterSecurity
from tests.simulator.client import NOON, World, register

LIST = register("0-0:40.0.0", 2, 15)
COUNTER = register("0-0:43.1.0", 2, 1)


def objects(personality: Personality) -> Objects:
    meter = VirtualMeter(0, 1)
    security = MeterSecurity(personality.security, meter.system_title, Random(1).randbytes)
    return Objects(meter, security, lambda: NOON)


class ObjectListTests(SynchronousTestCase):
    def shown(self, personality: Personality, client: Client) -> dict[Obis, CosemObject]:
        found = objects(personality).read(client, LIST)
        assert isinstance(found, Data)
        listed = decode_object_list(encode(found))
        self.assertEqual(len({one.obis for one in listed}), len(listed))
        return {one.obis: one for one in listed}

    def test_all_that_is_listed_can_be_read_and_nothing_else(self) -> None:
        for personality in (MICROSTAR, PLAIN, SECURE):
            held = objects(personality)
            for client in personality.clients:
                for obis, one in self.shown(personality, client).items():
                    for index in range(1, 20):
                        result = held.read(client, AttributeDescriptor(one.class_id, obis, index))
                        self.assertEqual(
                            type(result) is Data, one.readable(index), (str(obis), index)
                        )
                    self.assertFalse(one.writable(2))

    def test_everything_is_listed(self) -> None:
        shown = self.shown(MICROSTAR, MICROSTAR.clients[0])
        own = {obis for _, obis, _ in VirtualMeter(0, 1).objects()}
        self.assertEqual(set(shown) - own, {LIST.obis})
        self.assertLess(own, set(shown))
        register = shown[Obis.parse("1-1:32.7.0")]
        self.assertEqual((register.class_id, register.version), (3, 0))
        self.assertEqual(set(register.attributes or ()), {1, 2, 3})

    def test_the_proof_is_offered_to_whom_it_is_asked_of(self) -> None:
        reader, stranger = SECURE.clients
        self.assertTrue(self.shown(SECURE, reader)[LIST.obis].invocable(1))
        self.assertFalse(self.shown(SECURE, stranger)[LIST.obis].invocable(1))

    def test_strangers_see_little(self) -> None:
        shown = self.shown(SECURE, SECURE.clients[1])
        self.assertEqual(set(shown), {Obis.parse(code) for code in SECURE.clients[1].sees})

    def test_the_counter_is_there_where_there_are_keys(self) -> None:
        reader = SECURE.clients[0]
        self.assertIn(COUNTER.obis, self.shown(SECURE, reader))
        self.assertNotIn(COUNTER.obis, self.shown(PLAIN, PLAIN.clients[0]))
        self.assertEqual(objects(SECURE).read(reader, COUNTER), Data(Tag.DOUBLE_LONG_UNSIGNED, 0))
        found = objects(PLAIN).read(PLAIN.clients[0], COUNTER)
        self.assertIs(found, DataAccessResult.OBJECT_UNDEFINED)

    def test_refusals(self) -> None:
        held, reader = objects(SECURE), SECURE.clients[0]
        cases = (
            (register("0-0:40.0.0", 2, 1), DataAccessResult.OBJECT_CLASS_INCONSISTENT),
            (register("0-0:40.0.0", 3, 15), DataAccessResult.READ_WRITE_DENIED),
            (register("0-0:43.1.0", 3, 1), DataAccessResult.READ_WRITE_DENIED),
        )
        for attribute, result in cases:
            self.assertIs(held.read(reader, attribute), result)

    def test_registers_are_neither_written_nor_reset_by_a_reader(self) -> None:
        held, reader = objects(MICROSTAR), MICROSTAR.clients[0]
        voltage, unknown = register("1-1:32.7.0"), register("1-1:99.9.9")
        value = Data(Tag.LONG_UNSIGNED, 1)
        denied, undefined = DataAccessResult.READ_WRITE_DENIED, DataAccessResult.OBJECT_UNDEFINED
        self.assertIs(held.write(reader, voltage, value), denied)
        self.assertIs(held.write(reader, unknown, value), undefined)
        for attribute, result in ((voltage, denied), (unknown, undefined)):
            method = MethodDescriptor(attribute.class_id, attribute.obis, 1)
            answer = held.invoke(reader, method, None)
            self.assertEqual(answer, ActionAnswer(ActionResult(result)))

    def test_on_the_wire_in_blocks(self) -> None:
        expected = self.shown(SMALL, SMALL.clients[0])
        for limit in (0, 200, 1000):
            personality = evolve(SMALL, max_response=limit)
            reader = World(personality=personality).start().client().open()
            (found,) = reader.get(LIST)
            listed = decode_object_list(encode(found))
            self.assertEqual({one.obis: one for one in listed}, expected)
