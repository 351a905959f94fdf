"""What a meter shows to whom, decoded by dlmsd's own reader of object lists."""

from __future__ import annotations

from random import Random
from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.axdr.data import Data, Tag, encode
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.method import MethodDescriptor
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.cosem.object_list import CosemObject, decode_object_list
from dlmsd.dlms.security.counter import CounterName, key_id
from dlmsd.dlms.security.keywrap import wrap_key
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.action import ActionAnswer
from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.secret import Secret
from dlmsd.simulator.cosem import literal
from dlmsd.simulator.cosem.registry import INSTANCES
from dlmsd.simulator.cosem.short_names import METHOD_OFFSETS
from dlmsd.simulator.equipment import Equipment, ProfileOptions
from dlmsd.simulator.meter import VirtualMeter
from dlmsd.simulator.objects import Objects
from dlmsd.simulator.personality import MICROSTAR, PLAIN, SECURE, SMALL, Client, Personality
from dlmsd.simulator.security import MeterSecurity
from tests.simulator.client import NOON, World, register

LIST = register("0-0:40.0.0", 2, 15)
COUNTER = register("0-0:43.1.0", 2, 1)


def objects(personality: Personality) -> Objects:
    meter = VirtualMeter(0, 1, Equipment(profile=ProfileOptions(entries=20)))
    security = MeterSecurity(personality.security, meter.system_title, Random(1).randbytes)
    return Objects(meter, security, lambda: NOON, personality)


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

    def test_what_is_listed_as_writable_or_invocable_is_so_and_nothing_else(self) -> None:
        denied = DataAccessResult.READ_WRITE_DENIED
        for personality in (MICROSTAR, PLAIN, SECURE):
            held = objects(personality)
            for client in personality.clients:
                for obis, one in self.shown(personality, client).items():
                    for index in range(1, 20):
                        attribute = AttributeDescriptor(one.class_id, obis, index)
                        written = held.write(client, attribute, Data(Tag.DONT_CARE, None))
                        self.assertEqual(written is not denied, one.writable(index), (obis, index))
                        method = MethodDescriptor(one.class_id, obis, index)
                        answer = held.invoke(client, method, Data(Tag.DONT_CARE, None))
                        allowed = answer.result is not ActionResult.READ_WRITE_DENIED
                        self.assertEqual(allowed, one.invocable(index), (obis, index))

    def test_only_some_may_write(self) -> None:
        def rights(personality: Personality, number: int) -> tuple[bool, bool]:
            (client,) = (one for one in personality.clients if one.number == number)
            clock = self.shown(personality, client)[Obis.parse("0-0:1.0.0")]
            return clock.writable(2), clock.invocable(3)

        self.assertEqual(rights(MICROSTAR, 1), (False, False))
        self.assertEqual(rights(MICROSTAR, 32), (True, True))
        self.assertEqual(rights(SECURE, 1), (True, True))
        self.assertEqual(rights(SECURE, 16), (False, False))

    def test_the_association_tells_of_itself(self) -> None:
        held, writer = objects(MICROSTAR), MICROSTAR.clients[1]

        def read(attribute: int) -> Any:
            return held.read(writer, register("0-0:40.0.0", attribute, 15)).value

        self.assertEqual([part.value for part in read(3)], [32, 1])
        self.assertEqual(read(4), bytes.fromhex("60857405080101"))
        self.assertEqual(read(5)[1].value, MICROSTAR.max_pdu)
        self.assertEqual(read(6), bytes.fromhex("60857405080201"))
        self.assertEqual(read(8), 2)

    def test_security_setup(self) -> None:
        held, reader = objects(SECURE), SECURE.clients[0]
        values = [held.read(reader, register("0-0:43.0.0", each, 64)).value for each in (2, 3, 5)]
        self.assertEqual(values, [3, 0, held.meter.system_title])
        self.assertIs(
            held.read(SECURE.clients[1], register("0-0:43.0.0", 2, 64)),
            DataAccessResult.READ_WRITE_DENIED,
        )

    def test_keys_are_transferred(self) -> None:
        held, security = objects(SECURE), SECURE.security
        new = Secret(bytes(range(16, 32)))
        transfer = MethodDescriptor(64, Obis.parse("0-0:43.0.0"), 2)

        def send(number: int, wrapped: bytes) -> ActionResult:
            key = literal.structure(literal.enum(number), literal.octets(wrapped))
            return held.invoke(SECURE.clients[0], transfer, literal.array(key)).result

        wrapped = wrap_key(security.suite, security.client.need("master"), new)
        for number, octets in ((0, wrapped[:-1] + b"x"), (0, b""), (9, wrapped)):
            self.assertIs(send(number, octets), ActionResult.OTHER_REASON)
        self.assertEqual(held.security.security, security)
        held.security.received.accept(
            CounterName(b"", key_id(security.meter.need("encryption"))), 7
        )
        self.assertEqual(held.security.client_counter, 7)
        self.assertIs(send(0, wrapped), ActionResult.SUCCESS)
        keys = held.security.security.meter
        self.assertEqual(keys.need("encryption").reveal(), new.reveal())
        self.assertEqual(keys.authentication, security.meter.authentication)
        self.assertEqual(held.security.client_counter, 0)

    def test_short_names_do_not_overlap(self) -> None:
        names = objects(MICROSTAR).short_names()
        # And two that only secured meters have.
        self.assertEqual(len(set(names.values())), len(INSTANCES) + 2)
        taken: set[int] = set()
        for raw, one in INSTANCES.items():
            base = names[Obis(raw)]
            places = {base + 8 * (index - 1) for index in one.attributes}
            places |= {
                base + METHOD_OFFSETS[one.class_id] + 8 * (index - 1) for index in one.methods
            }
            self.assertEqual(len(places), len(one.attributes) + len(one.methods))
            self.assertFalse(places & taken)
            taken |= places
        self.assertEqual(names[Obis.parse("0-0:42.0.0")], 0xFD00)
        self.assertTrue(all(0 < each <= 0xFFF8 and each % 8 == 0 for each in taken))

    def test_everything_is_listed(self) -> None:
        shown = self.shown(MICROSTAR, MICROSTAR.clients[0])
        own = set(map(Obis, INSTANCES))
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
            (register("0-0:40.0.0", 7, 15), DataAccessResult.READ_WRITE_DENIED),
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
