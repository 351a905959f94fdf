"""Short names at the meter's end: APDU by APDU, and against dlmsd's own client."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.acse.context import ApplicationContext, Mechanism
from dlmsd.dlms.association_sn import READING_SN, WRITING_SN, AssociationSN
from dlmsd.dlms.axdr.data import Data, Tag, encode
from dlmsd.dlms.cosem.method import MethodDescriptor
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.cosem.short_names import OBJECT_LIST_SN, ShortNames
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.dlms.xdlms.conformance import Conformance
from dlmsd.dlms.xdlms.get import GetRequestNormal
from dlmsd.dlms.xdlms.initiate import InitiateResponse
from dlmsd.dlms.xdlms.service_error import ConfirmedService, ConfirmedServiceError, ServiceFault
from dlmsd.dlms.xdlms.short_name import (
    BlockNumber,
    BlockNumberAccess,
    ReadDataBlockAccess,
    ReadRequest,
    ReadResponse,
    UnconfirmedWriteRequest,
    VariableName,
    WriteDataBlockAccess,
    WriteRequest,
    WriteResponse,
    decode_read_results,
)
from dlmsd.simulator.personality import SHORT_NAMES
from tests.simulator.client import World, register
from tests.simulator.plain import EVERYTHING, Talk
from tests.simulator.shelf import ECHO, LONG, LONG_VALUE, VALUE, VOLTAGE
from tests.simulator.test_set import NEW

NAME, LONG_NAME, NOWHERE = VariableName(0x0108), VariableName(0x8008), VariableName(0x4000)
METHOD = VariableName(0x0220)
OK = DataAccessResult.SUCCESS
UNDEFINED = DataAccessResult.OBJECT_UNDEFINED
UNTYPED = DataAccessResult.TYPE_UNMATCHED
NOTHING = Conformance(0)
WHOLE = evolve(SHORT_NAMES, max_response=0, max_pdu=0)
RESET = MethodDescriptor(3, VOLTAGE.obis, 1)


def unsupported(service: ConfirmedService) -> ConfirmedServiceError:
    return ConfirmedServiceError(service, ServiceFault.SERVICE_UNSUPPORTED)


class ShortNameCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.open()

    def open(self, without: Conformance = NOTHING, personality: Any = WHOLE) -> None:
        self.talk = Talk(personality).open(EVERYTHING & ~without, context=ApplicationContext.SN)

    def read(self, *variables: Any) -> Any:
        return self.talk.ask(ReadRequest(variables))

    def write(self, *items: tuple[Any, Data]) -> Any:
        variables, values = zip(*items, strict=True)
        return self.talk.ask(WriteRequest(variables, values))


class ReadTests(ShortNameCase):
    def test_the_association(self) -> None:
        self.assertIs(self.talk.aare.context, ApplicationContext.SN)
        granted = InitiateResponse.decode(self.talk.aare.user_information)
        self.assertEqual(granted.vaa_name, 0xFA00)
        self.assertEqual(granted.conformance, SHORT_NAMES.conformance)

    def test_attributes(self) -> None:
        found = self.read(NAME, NOWHERE, LONG_NAME)
        self.assertEqual(found, ReadResponse((VALUE, UNDEFINED, LONG_VALUE)))
        self.assertEqual(self.talk.answer.results, ((VOLTAGE, VALUE), (LONG, LONG_VALUE)))

    def test_a_part(self) -> None:
        part = VariableName(LONG_NAME.name, (198, VALUE))
        expected = Data(Tag.OCTET_STRING, b"\xc6\xc7")
        self.assertEqual(self.read(part), ReadResponse((expected,)))
        self.open(Conformance.PARAMETERIZED_ACCESS)
        refused = DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
        self.assertEqual(self.read(part), ReadResponse((refused,)))

    def test_the_list(self) -> None:
        (listed,) = self.read(VariableName(0xFA08)).results
        names = ShortNames.of(listed)
        self.assertEqual(names.attribute(VOLTAGE), NAME.name)
        self.assertEqual(names.attribute(LONG), LONG_NAME.name)
        self.assertEqual(names.attribute(OBJECT_LIST_SN), 0xFA08)
        self.assertEqual(names.method(ECHO), METHOD.name)
        own = Data(Tag.OCTET_STRING, Obis.parse("0-0:40.0.0").raw)
        self.assertEqual(self.read(VariableName(0xFA00)), ReadResponse((own,)))

    def test_a_method(self) -> None:
        found = self.read(VariableName(METHOD.name, (0, LONG_VALUE)), METHOD)
        nothing = Data(Tag.NULL_DATA, None)
        self.assertEqual(found, ReadResponse((LONG_VALUE, nothing)))
        self.assertEqual(self.talk.shelf.invoked, [LONG_VALUE, None])
        reset = VariableName(0x0128)
        self.assertEqual(self.read(reset), ReadResponse((UNDEFINED,)))

    def test_what_was_not_agreed_upon(self) -> None:
        for without, request in (
            (Conformance.READ, ReadRequest((NAME,))),
            (Conformance.MULTIPLE_REFERENCES, ReadRequest((NAME, NAME))),
        ):
            self.open(without)
            self.assertEqual(self.talk.ask(request), unsupported(ConfirmedService.READ))
        self.open()
        found = self.talk.ask(GetRequestNormal(0xC1, VOLTAGE))
        self.assertEqual(found, unsupported(ConfirmedService.READ))

    def test_blocks(self) -> None:
        self.open(personality=evolve(SHORT_NAMES, max_response=50))
        octets, found = b"", self.read(NAME, LONG_NAME)
        for number in range(1, 10):
            (block,) = found.results
            self.assertEqual(block.block_number, number)
            self.assertLessEqual(len(self.talk.answer.apdu), 50)
            octets += block.raw
            self.assertEqual(bool(self.talk.answer.results), block.last)
            if block.last:
                break
            found = self.read(BlockNumberAccess(number))
        self.assertEqual(decode_read_results(octets), (VALUE, LONG_VALUE))
        nothing = DataAccessResult.NO_LONG_GET_IN_PROGRESS
        self.assertEqual(self.read(BlockNumberAccess(number)), ReadResponse((nothing,)))

    def test_a_wrong_block(self) -> None:
        self.open(personality=evolve(SHORT_NAMES, max_response=50))
        self.read(LONG_NAME)
        for why in ("DATA_BLOCK_NUMBER_INVALID", "NO_LONG_GET_IN_PROGRESS"):
            (found,) = self.read(BlockNumberAccess(2)).results
            self.assertEqual(found.name, why)

    def test_too_long(self) -> None:
        small = evolve(SHORT_NAMES, max_response=50)
        self.open(Conformance.BLOCK_TRANSFER_WITH_GET_OR_READ, small)
        found = self.read(LONG_NAME)
        self.assertEqual(found.error, ServiceFault.PDU_SIZE)

    def test_a_request_in_blocks(self) -> None:
        octets = ReadRequest((NAME, LONG_NAME)).encode()[1:]
        first = ReadDataBlockAccess(False, 1, octets[:3])
        self.assertEqual(self.read(first), ReadResponse((BlockNumber(1),)))
        found = self.read(ReadDataBlockAccess(True, 2, octets[3:]))
        self.assertEqual(found, ReadResponse((VALUE, LONG_VALUE)))

    def test_a_request_in_wrong_blocks(self) -> None:
        inner = ReadDataBlockAccess(True, 1, b"\x00")
        for octets in (b"", b"\xff", ReadRequest((inner,)).encode()[1:]):
            found = self.read(ReadDataBlockAccess(True, 1, octets))
            self.assertEqual(found, ReadResponse((UNTYPED,)))
        self.read(ReadDataBlockAccess(False, 1, b"\x01"))
        for why in ("DATA_BLOCK_NUMBER_INVALID", "NO_LONG_GET_IN_PROGRESS"):
            (found,) = self.read(ReadDataBlockAccess(True, 3, b"")).results
            self.assertEqual(found.name, why)
        self.assertEqual(self.read(NAME, inner), ReadResponse((VALUE, UNTYPED)))


class WriteTests(ShortNameCase):
    def test_attributes(self) -> None:
        found = self.write((NAME, NEW), (NOWHERE, NEW), (LONG_NAME, NEW))
        self.assertEqual(found, WriteResponse((OK, UNDEFINED, UNTYPED)))
        self.assertEqual(self.talk.shelf.values[VOLTAGE], NEW)
        denied = DataAccessResult.READ_WRITE_DENIED
        self.assertEqual(self.write((VariableName(0xFA08), NEW)), WriteResponse((denied,)))

    def test_a_method(self) -> None:
        self.assertEqual(self.write((METHOD, NEW)), WriteResponse((OK,)))
        self.assertEqual(self.talk.shelf.invoked, [NEW])

    def test_unconfirmed(self) -> None:
        self.assertIsNone(self.talk.ask(UnconfirmedWriteRequest((NAME,), (NEW,))))
        self.assertEqual(self.talk.shelf.values[VOLTAGE], NEW)

    def test_what_was_not_agreed_upon(self) -> None:
        for without, request in (
            (Conformance.WRITE, WriteRequest((NAME,), (NEW,))),
            (Conformance.UNCONFIRMED_WRITE, UnconfirmedWriteRequest((NAME,), (NEW,))),
        ):
            self.open(without)
            self.assertEqual(self.talk.ask(request), unsupported(ConfirmedService.WRITE))
            self.assertEqual(self.talk.shelf.values[VOLTAGE], VALUE)

    def block(self, number: int, octets: bytes, *, last: bool) -> Any:
        access = WriteDataBlockAccess(last, number)
        return self.write((access, Data(Tag.OCTET_STRING, octets)))

    def test_blocks(self) -> None:
        octets = WriteRequest((NAME, NOWHERE), (NEW, NEW)).encode()[1:]
        first = self.block(1, octets[:5], last=False)
        self.assertEqual(first, WriteResponse((BlockNumber(1),)))
        found = self.block(2, octets[5:], last=True)
        self.assertEqual(found, WriteResponse((OK, UNDEFINED)))

    def test_wrong_blocks(self) -> None:
        for octets in (b"", b"\xff", encode(NEW)):
            self.assertEqual(self.block(1, octets, last=True), WriteResponse((UNTYPED,)))
        self.block(1, b"\x01", last=False)
        for why in ("DATA_BLOCK_NUMBER_INVALID", "NO_LONG_SET_IN_PROGRESS"):
            self.assertEqual(self.block(3, b"", last=True).results[0].name, why)
        self.block(1, b"\x01", last=False)
        self.read(NAME)
        self.assertEqual(self.block(2, b"", last=True).results[0].name, "LONG_SET_ABORTED")


class WireTests(SynchronousTestCase):
    def client(self, number: int = 1, **options: Any) -> Any:
        self.world = World(personality=SHORT_NAMES).start()
        client = next(one for one in SHORT_NAMES.clients if one.number == number)
        association = AssociationSN(Mechanism.LOW, client.password, **options)
        found = self.world.client(client=number, association=association).open()
        (listed,) = found.get(OBJECT_LIST_SN)
        association.names = ShortNames.of(listed)
        return found

    def test_all_that_is_listed_is_read(self) -> None:
        client = self.client(proposed=READING_SN)
        (meter,) = self.world.simulation.meters
        listed = list(meter.objects.named(SHORT_NAMES.clients[0]))
        self.assertGreater(len(listed), 30)
        for one in listed:
            (value,) = client.get(register(str(one.obis), 1, one.class_id))
            self.assertEqual(value.value, one.obis.raw)
        values = client.get(VOLTAGE, register("1-1:9.9.9"), register("1-1:52.7.0"))
        self.assertTrue(2200 < values[0].value < 2400)
        self.assertIs(values[1], UNDEFINED)

    def test_written(self) -> None:
        client = self.client(32, proposed=WRITING_SN)
        clock = register("0-0:1.0.0", 3, 8)
        self.assertEqual(client.set(clock, Data(Tag.LONG, -60)), (OK,))
        self.assertEqual(client.get(clock), (Data(Tag.LONG, -60),))
        (answer,) = client.action(RESET)
        self.assertIs(answer.result, ActionResult.OBJECT_UNDEFINED)
        written = [entry.writes for entry in self.world.entries if entry.writes]
        self.assertEqual(written, [(("0-0:1.0.0", 3, "-60", "success"),)])
