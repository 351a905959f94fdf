"""Reading, writing and invoking by short names: whole, in blocks, and answered wrongly."""

from __future__ import annotations

from dlmsd.dlms.acse.aarq import Aarq
from dlmsd.dlms.acse.context import ApplicationContext, Mechanism
from dlmsd.dlms.association_sn import READING_SN, WRITING_SN, AssociationSN
from dlmsd.dlms.axdr.data import Data, Tag, encode
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.method import MethodDescriptor
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.cosem.short_names import ShortNames
from dlmsd.dlms.outcome import AssociationEvent, BlockReceived, Results, SendApdu
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.action import ActionAnswer
from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.dlms.xdlms.initiate import InitiateRequest, InitiateResponse
from dlmsd.dlms.xdlms.short_name import (
    BlockNumber,
    BlockNumberAccess,
    DataBlockResult,
    ReadRequest,
    ReadResponse,
    VariableName,
    WriteDataBlockAccess,
    WriteRequest,
    WriteResponse,
    encode_read_results,
)
from dlmsd.errors import MeterError, ServiceError
from tests.dlms.associations import AssociationTestCase
from tests.dlms.cosem.test_short_names import CLOCK, LIST, REGISTER

TIME = AttributeDescriptor(8, CLOCK, 2)
ENERGY = AttributeDescriptor(3, REGISTER, 2)
SHIFT = MethodDescriptor(8, CLOCK, 6)
NOWHERE = AttributeDescriptor(3, Obis.parse("1-0:9.9.9"), 2)
VALUE = Data(Tag.DOUBLE_LONG_UNSIGNED, 1234567)
LONG = Data(Tag.OCTET_STRING, bytes(range(200)))
DONE, DENIED = DataAccessResult.SUCCESS, DataAccessResult.READ_WRITE_DENIED
UNDEFINED = DataAccessResult.OBJECT_UNDEFINED


class ShortNameTestCase(AssociationTestCase):
    def associated(self, max_pdu: int = 0) -> AssociationSN:
        association = AssociationSN(Mechanism.NONE, proposed=WRITING_SN)
        (event,) = association.associate()
        assert isinstance(event, SendApdu)
        aarq = Aarq.decode(event.apdu)
        self.assertIs(aarq.context, ApplicationContext.SN)
        proposed = InitiateRequest.decode(aarq.user_information)
        self.assertEqual(proposed.conformance, WRITING_SN)
        granted = InitiateResponse(WRITING_SN, max_pdu, vaa_name=0xFA00).encode()
        association.receive(self.aare(granted, ApplicationContext.SN))
        association.names = ShortNames.of(LIST)
        return association

    def sent(self, events: list[AssociationEvent]) -> bytes:
        (event,) = events
        assert isinstance(event, SendApdu), events
        return event.apdu


class ReadTests(ShortNameTestCase):
    def test_one(self) -> None:
        association = self.associated()
        self.assertEqual(self.sent(association.get([ENERGY])), bytes.fromhex("0501028010"))
        answer = ReadResponse((VALUE,)).encode()
        self.assertEqual(association.receive(answer), [Results((VALUE,))])

    def test_a_part(self) -> None:
        association = self.associated()
        request = ReadRequest.decode(self.sent(association.get([TIME], [(2, VALUE)])))
        self.assertEqual(request.variables, (VariableName(0x2BC8, (2, VALUE)),))

    def test_several_of_which_one_has_no_object(self) -> None:
        association = self.associated()
        request = ReadRequest.decode(self.sent(association.get([ENERGY, NOWHERE, TIME])))
        self.assertEqual(request.variables, (VariableName(0x8010), VariableName(0x2BC8)))
        answer = ReadResponse((VALUE, DENIED)).encode()
        self.assertEqual(association.receive(answer), [Results((VALUE, UNDEFINED, DENIED))])

    def test_nothing_that_has_an_object(self) -> None:
        association = self.associated()
        self.assertEqual(association.get([NOWHERE] * 2), [Results((UNDEFINED,) * 2)])
        self.assertIsInstance(association.get([ENERGY])[0], SendApdu)

    def blocks(self, *results: Data | DataAccessResult) -> list[bytes]:
        octets = encode_read_results(results)
        parts = [octets[start : start + 50] for start in range(0, len(octets), 50)]
        return [
            ReadResponse((DataBlockResult(number == len(parts), number, part),)).encode()
            for number, part in enumerate(parts, start=1)
        ]

    def feed(self, association: AssociationSN, blocks: list[bytes]) -> list[AssociationEvent]:
        for number, block in enumerate(blocks[:-1], start=1):
            *_, event = association.receive(block)
            wanted = ReadRequest((BlockNumberAccess(number),)).encode()
            self.assertEqual(event, SendApdu(wanted))
        return association.receive(blocks[-1])

    def test_in_blocks(self) -> None:
        association = self.associated()
        association.get([ENERGY, TIME])
        self.assertEqual(self.feed(association, self.blocks(LONG, VALUE)), [Results((LONG, VALUE))])

    def test_streamed(self) -> None:
        association = self.associated()
        association.get([TIME], stream=True)
        told = []
        for block in self.blocks(LONG):
            told += association.receive(block)
        octets = b"".join(event.octets for event in told if isinstance(event, BlockReceived))
        self.assertEqual(octets, encode(LONG))
        self.assertEqual(told[-1], Results((None,)))

    def test_streamed_but_refused(self) -> None:
        association = self.associated()
        association.get([TIME], stream=True)
        self.assertEqual(
            association.receive(ReadResponse((DENIED,)).encode()), [Results((DENIED,))]
        )

    def test_wrong_answers(self) -> None:
        for words, wrong in (
            ("2 results", ReadResponse((VALUE, VALUE))),
            ("block 2 came", ReadResponse((DataBlockResult(False, 2, b"\x01"),))),
            ("a block among", ReadResponse((BlockNumber(1),))),
            ("cut short", ReadResponse((DataBlockResult(True, 1, b"\x01\x00\x06"),))),
        ):
            association = self.associated()
            association.get([ENERGY])
            (event,) = association.receive(wrong.encode())
            self.assertIn(words, str(getattr(event, "error", event)))
            self.assertIsInstance(association.get([ENERGY])[0], SendApdu)

    def test_refused(self) -> None:
        association = self.associated()
        association.get([ENERGY, TIME])
        answer = ReadResponse((DENIED,)).encode()
        self.assert_failed(association.receive(answer), ServiceError, "refused the list")


class WriteTests(ShortNameTestCase):
    def test_one(self) -> None:
        association = self.associated()
        request = WriteRequest.decode(self.sent(association.set([TIME], [VALUE])))
        self.assertEqual(request, WriteRequest((VariableName(0x2BC8),), (VALUE,)))
        answer = WriteResponse((DENIED,)).encode()
        self.assertEqual(association.receive(answer), [Results((DENIED,))])

    def test_in_blocks(self) -> None:
        association = self.associated(40)
        apdu = self.sent(association.set([TIME, NOWHERE, ENERGY], [LONG, VALUE, VALUE]))
        octets = b""
        for number in range(1, 50):
            self.assertLessEqual(len(apdu), 40)
            request = WriteRequest.decode(apdu)
            (variable,), (value,) = request.variables, request.values
            assert isinstance(variable, WriteDataBlockAccess)
            self.assertEqual(variable.block_number, number)
            octets += value.value
            if variable.last:
                break
            confirmed = WriteResponse((BlockNumber(number),)).encode()
            apdu = self.sent(association.receive(confirmed))
        whole = WriteRequest.decode(b"\x06" + octets)
        self.assertEqual(whole.values, (LONG, VALUE))
        answer = WriteResponse((DONE, DENIED)).encode()
        self.assertEqual(association.receive(answer), [Results((DONE, UNDEFINED, DENIED))])

    def test_wrong_answers(self) -> None:
        for words, wrong in (
            ("before it had all", WriteResponse((DONE,))),
            ("block 7 was confirmed", WriteResponse((BlockNumber(7),))),
            ("3 results", WriteResponse((DENIED,) * 3)),
            ("a block among", WriteResponse((DONE, BlockNumber(1)))),
        ):
            association = self.associated(40)
            association.set([TIME], [LONG])
            self.assert_failed(association.receive(wrong.encode()), MeterError, words)

    def test_a_method_is_invoked_by_writing_it(self) -> None:
        for parameters, value in ((VALUE, VALUE), (None, Data(Tag.INTEGER, 0))):
            association = self.associated()
            request = WriteRequest.decode(self.sent(association.action([SHIFT], [parameters])))
            self.assertEqual(request, WriteRequest((VariableName(0x2BC0 + 0x88),), (value,)))
            events = association.receive(WriteResponse((DONE,)).encode())
            self.assertEqual(events, [Results((ActionAnswer(ActionResult.SUCCESS),))])

    def test_access_knows_no_short_names(self) -> None:
        with self.assertRaises(ServiceError):
            self.associated().access((), ())

    def test_a_meter_that_grants_without_a_word(self) -> None:
        association = AssociationSN(Mechanism.NONE, proposed=READING_SN)
        association.associate()
        association.receive(self.aare(b"", ApplicationContext.SN))
        self.assertTrue(association.associated)
        self.assertIn(association.LEAST, READING_SN)
