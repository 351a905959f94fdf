"""General block transfer at the meter's end: APDU by APDU, and against dlmsd's own client."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.cosem.object_list import ASSOCIATION_LN
from dlmsd.dlms.hdlc.negotiation import LinkParameters
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.action import ActionRequestNormal
from dlmsd.dlms.xdlms.apdu import decode_apdu
from dlmsd.dlms.xdlms.block import GeneralBlockTransfer
from dlmsd.dlms.xdlms.exception_response import ExceptionResponse
from dlmsd.dlms.xdlms.get import GetRequestNormal, GetResponseNormal
from dlmsd.errors import LocalError
from dlmsd.simulator.faults import Fault, FaultKind
from dlmsd.simulator.personality import GBT, GBT_WRAPPER, SECURE
from tests.simulator.client import Client, World, register
from tests.simulator.plain import Talk
from tests.simulator.secure import ClientEnd
from tests.simulator.shelf import ECHO, LONG, LONG_VALUE, VALUE, VOLTAGE

GET_LONG = GetRequestNormal(0xC1, LONG)
GET = GetRequestNormal(0xC2, VOLTAGE)
LIST = register("0-0:40.0.0", 2, ASSOCIATION_LN)
MANY = tuple(register(f"1-1:{c}.7.0") for c in (32, 52, 72)) * 12


def block(number: int, acknowledged: int, data: bytes = b"", **changes: Any) -> Any:
    values = {"last": True, "streaming": False, "window": 2, **changes}
    return GeneralBlockTransfer(
        values["last"], values["streaming"], values["window"], number, acknowledged, data
    )


class ApduTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.talk = Talk(GBT_WRAPPER).open()

    def ask(self, request: Any) -> list[Any]:
        self.talk.answer = self.talk.association.receive(1, request.encode())
        return [decode_apdu(apdu) for apdu in self.talk.answer.apdus]

    def test_what_fits_has_no_blocks(self) -> None:
        self.assertEqual(self.ask(GET), [GetResponseNormal(0xC2, VALUE)])

    def test_a_long_answer(self) -> None:
        (first,) = self.ask(GET_LONG)
        self.assertTrue(120 < len(first.encode()) <= 128)
        self.assertEqual((first.block_number, first.acknowledged, first.window), (1, 0, 6))
        self.assertFalse(first.last or first.streaming)
        self.assertEqual(self.talk.answer.results, ())
        (second,) = self.ask(block(1, 1))
        self.assertEqual((second.block_number, second.acknowledged), (2, 1))
        self.assertTrue(second.last)
        self.assertEqual(first.data + second.data, GetResponseNormal(0xC1, LONG_VALUE).encode())
        self.assertEqual(self.talk.answer.results, ((LONG, LONG_VALUE),))

    def test_a_stream(self) -> None:
        """As long as the client's window."""
        self.talk = Talk(evolve(GBT_WRAPPER, max_response=50)).open()
        self.ask(GET_LONG)
        found = self.ask(block(1, 1, window=3))
        self.assertEqual([one.block_number for one in found], [2, 3, 4])
        self.assertEqual([one.streaming for one in found], [True, True, False])

    def test_a_lost_block_comes_again(self) -> None:
        self.talk = Talk(evolve(GBT_WRAPPER, max_response=50)).open()
        self.ask(GET_LONG)
        self.ask(block(1, 1, window=3))
        again = self.ask(block(2, 2, window=3))
        self.assertEqual([one.block_number for one in again], [3, 4, 5])

    def test_a_request_in_one_block_is_answered_in_blocks(self) -> None:
        (found,) = self.ask(block(1, 0, GET.encode()))
        answer = GetResponseNormal(0xC2, VALUE).encode()
        self.assertEqual(found, block(1, 1, answer, window=6))

    def test_a_request_in_blocks(self) -> None:
        octets = GET_LONG.encode()
        parts = octets[:5], octets[5:9], octets[9:]
        self.assertEqual(self.ask(block(1, 0, parts[0], last=False, streaming=True)), [])
        (confirmed,) = self.ask(block(2, 0, parts[1], last=False))
        self.assertEqual((confirmed.block_number, confirmed.acknowledged), (1, 2))
        self.assertEqual((confirmed.window, confirmed.data), (6, b""))
        self.assertFalse(confirmed.last)
        found = self.ask(block(3, 1, parts[2]))
        self.assertEqual([one.block_number for one in found], [2, 3])
        self.assertEqual([one.acknowledged for one in found], [3, 3])
        answer = GetResponseNormal(0xC1, LONG_VALUE).encode()
        self.assertEqual(b"".join(one.data for one in found), answer)

    def test_a_request_block_that_was_lost(self) -> None:
        octets = GET.encode()
        self.ask(block(1, 0, octets[:5], last=False, streaming=True))
        (confirmed,) = self.ask(block(3, 0, octets[9:]))
        self.assertEqual(confirmed.acknowledged, 1)
        self.ask(block(2, 1, octets[5:9], last=False, streaming=True))
        self.assertTrue(self.talk.answer.results)

    def test_a_repeated_request_is_carried_out_once(self) -> None:
        request = block(1, 0, ActionRequestNormal(0xC1, ECHO, LONG_VALUE).encode())
        first = self.ask(request)
        self.assertEqual(self.ask(request), first)
        self.assertEqual(self.talk.shelf.invoked, [LONG_VALUE])

    def test_a_repeated_request_repeats_the_answer(self) -> None:
        first = self.ask(block(1, 0, GET_LONG.encode()))
        self.assertEqual(self.ask(block(1, 0, GET_LONG.encode())), first)
        other = self.ask(block(1, 0, GET.encode()))
        self.assertEqual(decode_apdu(other[0].data), GetResponseNormal(0xC2, VALUE))

    def test_the_same_request_after_the_answer_was_heard(self) -> None:
        request = block(1, 0, ActionRequestNormal(0xC1, ECHO).encode())
        for _ in range(2):
            (answer,) = self.ask(request)
            self.assertEqual(self.ask(block(2, answer.block_number)), [])
        self.assertEqual(len(self.talk.shelf.invoked), 2)

    def test_a_whole_request_in_between(self) -> None:
        self.ask(GET_LONG)
        self.assertEqual(self.ask(GET), [GetResponseNormal(0xC2, VALUE)])
        self.assertEqual(self.ask(block(1, 1)), [])

    def test_nonsense_inside(self) -> None:
        (found,) = self.ask(block(1, 0, b"\xff\xff"))
        self.assertIsInstance(decode_apdu(found.data), ExceptionResponse)
        (found,) = self.ask(block(1, 0, block(1, 0, b"x").encode()))
        self.assertIsInstance(decode_apdu(found.data), ExceptionResponse)

    def test_no_block(self) -> None:
        self.talk.answer = self.talk.association.receive(1, b"\xe0\x80")
        self.assertIsInstance(decode_apdu(self.talk.answer.apdu), ExceptionResponse)
        talk = Talk().open()
        self.assertIsInstance(talk.ask(block(1, 0, GET.encode())), ExceptionResponse)

    @given(st.binary(max_size=40), st.integers(0, 3), st.integers(0, 9), st.integers(0, 9))
    def test_whatever_comes_the_next_request_is_served(
        self, data: bytes, control: int, number: int, acknowledged: int
    ) -> None:
        talk = Talk(GBT_WRAPPER).open()
        last, streaming = bool(control & 1), bool(control & 2)
        for request in (GET_LONG, GET):
            odd = block(number, acknowledged, data, last=last, streaming=streaming)
            talk.association.receive(1, odd.encode())
            talk.association.receive(1, request.encode())
            talk.association.receive(1, odd.encode())
        self.assertEqual(talk.ask(GET), GetResponseNormal(0xC2, VALUE))


class WireTests(SynchronousTestCase):
    def client(self, personality: Any, **options: Any) -> Client:
        self.world = World(personality=personality).start()
        if personality.framing == "wrapper":
            options["wrapper"] = personality.logical_device
        return self.world.client(**options).open()

    def reads(self, client: Client) -> None:
        """A long answer; a long request; both; each recorded once."""
        for attributes in ((LIST,), MANY, (*MANY, LIST)):
            before = len(self.world.entries)
            values = client.get(*attributes)
            self.assertEqual(len(values), len(attributes))
            self.assertFalse([one for one in values if isinstance(one, DataAccessResult)])
            self.assertEqual(len(self.world.entries), before + 1)

    def test_over_wrapper(self) -> None:
        for window in (1, 2, 63):
            client = self.client(GBT_WRAPPER, window=window)
            self.reads(client)
            self.assertEqual(client.timeouts, 0)

    def test_over_hdlc(self) -> None:
        large = LinkParameters(128, 128, 7, 7)
        for link in (LinkParameters(), LinkParameters(40, 40, 1, 1), large):
            for window in (1, 5):
                self.reads(self.client(evolve(GBT, link=link), window=window, parameters=large))

    def test_ciphered(self) -> None:
        personality = evolve(
            SECURE,
            conformance=GBT.conformance | SECURE.conformance,
            max_response=128,
            max_pdu=256,
            transfer_window=3,
        )
        association = ClientEnd(personality).association(window=4)
        self.reads(self.client(personality, association=association))

    def test_lost_and_doubled(self) -> None:
        for kind in (FaultKind.LOST_BLOCK, FaultKind.DOUBLED_BLOCK):
            for fault in (Fault(kind, every=3), Fault(kind, every=7), Fault(kind, every=10)):
                client = self.client(GBT_WRAPPER, window=4)
                self.world.simulation.inject([fault])
                values = client.get(LIST)
                (meter,) = self.world.simulation.meters
                self.assertGreater(meter.faults.struck[kind], 3)
                self.world.simulation.inject([])
                self.assertEqual(values, client.get(LIST))

    def test_hdlc_loses_no_block(self) -> None:
        for kind in (FaultKind.LOST_BLOCK, FaultKind.DOUBLED_BLOCK):
            world = World(personality=GBT)
            self.assertRaises(LocalError, world.simulation.inject, [Fault(kind, every=2)])

    def test_without_it_there_are_blocks_of_get(self) -> None:
        client = self.client(GBT_WRAPPER)
        self.assertEqual(len(client.get(LIST)), 1)
        tags = {bytes(frame.apdu[:2]) for frame in client.frames}
        self.assertIn(b"\xc4\x02", tags)
