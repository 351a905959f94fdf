"""Quirks: each meter does what its row of docs/meters.md says, and nothing else is odd."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms import link as data_link
from dlmsd.dlms.acse.aare import Aare
from dlmsd.dlms.acse.aarq import Aarq
from dlmsd.dlms.acse.context import ApplicationContext, Mechanism
from dlmsd.dlms.acse.release import Rlre, Rlrq
from dlmsd.dlms.axdr.length import decode_length
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.cosem.object_list import ASSOCIATION_LN, decode_object_list
from dlmsd.dlms.hdlc import control
from dlmsd.dlms.hdlc.address import ServerAddress, client_address
from dlmsd.dlms.hdlc.control import Kind
from dlmsd.dlms.hdlc.frame import Frame
from dlmsd.dlms.hdlc.link import LLC_FROM_METER, LLC_TO_METER, HdlcLink
from dlmsd.dlms.hdlc.reassembly import FrameReassembly
from dlmsd.dlms.xdlms.action import ActionAnswer, ActionRequestNormal
from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.dlms.xdlms.apdu import decode_apdu
from dlmsd.dlms.xdlms.conformance import Conformance
from dlmsd.dlms.xdlms.get import GetRequestNext, GetRequestNormal, GetResponseNormal
from dlmsd.dlms.xdlms.initiate import InitiateRequest
from dlmsd.dlms.xdlms.set import SetRequestNormal
from dlmsd.errors import MeterError
from dlmsd.simulator.personality import ODD
from dlmsd.simulator.quirks import EXCESS, Quirk
from tests.simulator.client import World, register
from tests.simulator.plain import Talk
from tests.simulator.secure import PROPOSED as SECURED
from tests.simulator.secure import Talk as SecureTalk
from tests.simulator.shelf import ECHO, LONG, LONG_VALUE, VALUE, VOLTAGE
from tests.simulator.test_set import NEW

LIST = register("0-0:40.0.0", 2, ASSOCIATION_LN)
METERS = Path(__file__).parents[2] / "docs/meters.md"


class QuirkTests(SynchronousTestCase):
    def test_each_row_is_there(self) -> None:
        rows = METERS.read_text()
        for quirk in Quirk:
            self.assertIn(f"\n| {quirk.row} |", rows)

    def test_no_user_information(self) -> None:
        initiate = InitiateRequest(Conformance.READ, 0xFFFF).encode()
        request = Aarq(ApplicationContext.LN, Mechanism.LOW, b"22222222", initiate).encode()
        talk = Talk(ODD[Quirk.NO_USER_INFORMATION])
        aare = Aare.decode(talk.association.receive(1, request).apdu)
        self.assertFalse(aare.accepted)
        self.assertEqual(aare.user_information, b"")
        self.assertEqual(talk.open().ask(GetRequestNormal(0xC1, VOLTAGE)).result, VALUE)

    def test_unproved_meter(self) -> None:
        talk = SecureTalk(ODD[Quirk.UNPROVED_METER])
        talk.associate()
        answer = talk.ask(talk.proof()).answer
        self.assertEqual(answer, ActionAnswer(ActionResult.SUCCESS))
        self.assertTrue(talk.meter.associated)

    def test_other_association(self) -> None:
        talk = SecureTalk(ODD[Quirk.OTHER_ASSOCIATION])
        talk.associate()
        proof = talk.proof()
        answer = talk.ask(proof).answer
        self.assertEqual(answer, ActionAnswer(ActionResult.OBJECT_UNDEFINED))
        other = AttributeDescriptor(ASSOCIATION_LN, Obis.parse("0-0:40.0.2"), 1).encoded
        answer = talk.ask(proof[:3] + other + proof[12:]).answer
        self.assertIs(answer.result, ActionResult.SUCCESS)

    def test_no_release(self) -> None:
        talk = Talk(ODD[Quirk.NO_RELEASE]).open()
        self.assertIsNone(talk.ask(Rlrq()))
        self.assertEqual(Talk().open().ask(Rlrq()), Rlre())

    def test_clear_aarq(self) -> None:
        talk = SecureTalk(ODD[Quirk.CLEAR_AARQ])
        talk.associate(initiate=InitiateRequest(SECURED, 0xFFFF).encode())
        self.assertIs(talk.ask(talk.proof()).answer.result, ActionResult.SUCCESS)
        talk = SecureTalk(ODD[Quirk.CLEAR_AARQ])
        self.assertFalse(talk.associate().accepted)

    def test_long_answers(self) -> None:
        talk = Talk(ODD[Quirk.LONG_ANSWERS]).open(max_pdu=len(LONG_VALUE.value))
        found = talk.ask(GetRequestNormal(0xC1, LONG))
        self.assertEqual(found, GetResponseNormal(0xC1, LONG_VALUE))
        self.assertTrue(0 < len(talk.answer.apdu) - len(LONG_VALUE.value) <= EXCESS)

    def numbers(self, talk: Talk) -> list[int]:
        found = talk.ask(GetRequestNormal(0xC1, LONG))
        numbers = [found.block_number]
        while not found.last:
            found = talk.ask(GetRequestNext(0xC1, found.block_number))
            numbers.append(found.block_number)
        return numbers

    def test_blocks(self) -> None:
        talk = Talk(ODD[Quirk.BLOCKS_FROM_0]).open()
        self.assertEqual([self.numbers(talk) for _ in range(2)], [[0, 1, 2], [0, 1, 2]])
        talk = Talk(ODD[Quirk.BLOCKS_GO_ON]).open()
        self.assertEqual([self.numbers(talk) for _ in range(2)], [[1, 2, 3], [4, 5, 6]])
        talk = Talk(ODD[Quirk.NO_RELEASE]).open()
        self.assertEqual([self.numbers(talk) for _ in range(2)], [[1, 2, 3], [1, 2, 3]])

    def test_short_action(self) -> None:
        talk = Talk(ODD[Quirk.SHORT_ACTION]).open()
        whole = Talk().open()
        for request in (ActionRequestNormal(0xC1, ECHO, VALUE), ActionRequestNormal(0xC1, ECHO)):
            found = talk.ask(request)
            # What the codec makes of it is what was meant.
            self.assertEqual(found, whole.ask(request))
            self.assertEqual(len(talk.answer.apdu), len(whole.answer.apdu) - 1)

    def test_constant_invoke_id(self) -> None:
        talk = Talk(ODD[Quirk.CONSTANT_INVOKE_ID]).open()
        for request in (
            GetRequestNormal(0xC7, VOLTAGE),
            SetRequestNormal(0xC8, VOLTAGE, NEW),
            ActionRequestNormal(0xC9, ECHO),
        ):
            self.assertEqual(talk.ask(request).invoke, 0xC1)
        self.assertEqual(talk.ask(GetRequestNormal(0x47, VOLTAGE)).invoke, 0x41)


class WireTests(SynchronousTestCase):
    def client(self, quirk: Quirk, **options: Any) -> Any:
        return World(personality=ODD[quirk]).start().client(**options)

    def test_wrong_count(self) -> None:
        """Seen by who gets the octets as they come: one element fewer than said."""
        client = self.client(Quirk.WRONG_COUNT).open()
        octets: list[bytes] = []
        association = client.association
        told = association.get
        association.get = lambda attributes: told(attributes, stream=True)
        real = client._link_events

        def link_events(events: list[Any]) -> Any:
            octets.extend(event.octets for event in events if hasattr(event, "octets"))
            return real(events)

        client._link_events = link_events
        client.get(LIST)
        joined = b"".join(octets)
        said, _ = decode_length(joined, 1)
        self.assertEqual(said, len(decode_object_list(joined)) + 1)
        association.get = told
        self.assertRaises(MeterError, client.get, LIST)

    def frames(self, quirk: Quirk, *requests: Any) -> list[Frame]:
        """What is answered to I frames of client 102 from nowhere."""
        transport = World(personality=ODD[quirk]).start().connect()
        found: list[Any] = []
        for number, request in enumerate(requests):
            field = control.information(number, number, final=True)
            octets = LLC_TO_METER + request.encode()
            frame = Frame(ServerAddress(0, 1).octets, client_address(102), field, octets)
            transport.protocol.dataReceived(frame.encode())
            found += FrameReassembly().feed(transport.value())
            transport.clear()
        return found

    def test_pre_established_without_snrm(self) -> None:
        requests = [GetRequestNormal(invoke, VOLTAGE) for invoke in (0xC1, 0xC2)]
        for number, frame in enumerate(self.frames(Quirk.PRE_ESTABLISHED, *requests)):
            self.assertEqual(frame.control, control.information(number, number + 1, final=True))
            found: Any = decode_apdu(frame.information[len(LLC_FROM_METER) :])
            self.assertTrue(2200 < found.result.value < 2400)
        (refused,) = self.frames(Quirk.NO_RELEASE, requests[0])
        self.assertIs(refused.kind, Kind.DM)

    def test_pre_established_with_snrm(self) -> None:
        transport = World(personality=ODD[Quirk.PRE_ESTABLISHED]).start().connect()
        link = HdlcLink(102, ServerAddress(0, 1))
        reassembly = FrameReassembly()
        asked = GetRequestNormal(0xC1, VOLTAGE).encode()
        events = link.connect()
        for _ in range(10):
            for event in events:
                match event:
                    case data_link.Transmit(octets):
                        transport.protocol.dataReceived(octets)
                    case data_link.ApduReceived(apdu):
                        self.assertIsInstance(decode_apdu(apdu), GetResponseNormal)
                        return
            told = [
                event
                for frame in reassembly.feed(transport.value())
                for event in link.receive(frame)
            ]
            transport.clear()
            connected = any(isinstance(event, data_link.LinkConnected) for event in told)
            events = link.send(asked) if connected else told
        self.fail("no answer")

    def test_pre_established_and_aarq(self) -> None:
        self.assertEqual(len(self.client(Quirk.PRE_ESTABLISHED).open().get(VOLTAGE)), 1)
