"""ACCESS: requests and responses. The published ones are British (GBCS); else our own."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dlmsd.dlms.axdr.clock import DateTime
from dlmsd.dlms.cosem.method import MethodDescriptor
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.xdlms.access import (
    AccessAction,
    AccessGet,
    AccessRequest,
    AccessResponse,
    AccessSet,
    ActionDone,
    GetDone,
    SetDone,
)
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.dlms.xdlms.long_invoke import (
    breaks_on_error,
    encode_long_invoke,
    is_confirmed,
    is_high_priority,
    is_self_descriptive,
    long_invoke_id,
)
from dlmsd.errors import LocalError
from tests.dlms.axdr.trees import date_times
from tests.dlms.xdlms.test_action import METHODS, RESET
from tests.dlms.xdlms.test_get import ACCESSES, ATTRIBUTES, CLOCK, DATA, VOLTAGE, data
from tests.dlms.xdlms.three_ways import ApduTestCase
from tests.vectors import security, services

NULL = data("00")
ITEMS = st.one_of(
    st.builds(AccessGet, ATTRIBUTES, ACCESSES),
    st.builds(AccessSet, ATTRIBUTES, ACCESSES),
    st.builds(AccessAction, METHODS),
)
OUTCOMES = st.one_of(
    st.builds(GetDone, st.integers(0, 255).map(DataAccessResult)),
    st.builds(SetDone, st.integers(0, 255).map(DataAccessResult)),
    st.builds(ActionDone, st.integers(0, 255).map(ActionResult)),
)
INVOKES = st.integers(0, 2**32 - 1)
EMPTY_INVOKE = 0xC0000007
MOMENT = DateTime.decode(bytes.fromhex("07E60615030A1E00FF800000"))


class LongInvokeTests(ApduTestCase):
    def test_bits(self) -> None:
        self.assertEqual(encode_long_invoke(7), 0xC0000007)
        self.assertEqual(encode_long_invoke(0x01000007, confirmed=False), 0x80000007)
        self.assertEqual(encode_long_invoke(0, high_priority=False), 0x40000000)
        every = encode_long_invoke(0xFFFFFF, self_descriptive=True, break_on_error=True)
        self.assertEqual(every, 0xF0FFFFFF)

    @given(st.integers(0, 2**24 - 1), *[st.booleans()] * 4)
    def test_round_trip(
        self, number: int, descriptive: bool, breaks: bool, confirmed: bool, high: bool
    ) -> None:
        invoke = encode_long_invoke(
            number,
            self_descriptive=descriptive,
            break_on_error=breaks,
            confirmed=confirmed,
            high_priority=high,
        )
        self.assertEqual(
            (
                long_invoke_id(invoke),
                is_self_descriptive(invoke),
                breaks_on_error(invoke),
                is_confirmed(invoke),
                is_high_priority(invoke),
            ),
            (number, descriptive, breaks, confirmed, high),
        )


class PublishedTests(ApduTestCase):
    def test_a_request(self) -> None:
        start = security.GBCS_COMMAND.index(services.ACCESS_REQUEST)
        self.assertGreater(start, 0)
        resets = [Obis.parse(f"0-0:19.10.{number}") for number in range(3)]
        request = AccessRequest(
            0x20000001,
            tuple(AccessAction(MethodDescriptor(112, obis, 2)) for obis in resets),
            (data("0500000000"),) * 3,
        )
        self.assert_three_ways(services.ACCESS_REQUEST, request)
        self.assertTrue(breaks_on_error(request.invoke))

    def test_its_response(self) -> None:
        done = ActionDone(ActionResult.SUCCESS)
        response = AccessResponse(0x20000001, (NULL,) * 3, (done,) * 3)
        self.assert_three_ways(services.ACCESS_RESPONSE, response)

    def test_a_response_to_a_write(self) -> None:
        response = AccessResponse(0x200003EB, (NULL,), (SetDone(DataAccessResult.SUCCESS),))
        self.assert_three_ways(services.ACCESS_RESPONSE_SET, response)


class RequestTests(ApduTestCase):
    def test_every_kind_of_item(self) -> None:
        octets = (
            "D9 C0000007 00 05"
            "01 0008 0000010000FF 02"
            "02 0008 0000010000FF 02"
            "03 0003 0101010800FF 01"
            "04 0003 0101200700FF 02 01 00"
            "05 0003 0101200700FF 02 02 0301"
            "05 00 0F01 0F00 00 1105"
        )
        request = AccessRequest(
            EMPTY_INVOKE,
            (
                AccessGet(CLOCK),
                AccessSet(CLOCK),
                AccessAction(RESET),
                AccessGet(VOLTAGE, (1, NULL)),
                AccessSet(VOLTAGE, (2, data("0301"))),
            ),
            (NULL, data("0F01"), data("0F00"), NULL, data("1105")),
        )
        self.assert_three_ways(bytes.fromhex(octets), request)

    def test_with_a_date_time(self) -> None:
        octets = "D9 C0000007 0C 07E60615030A1E00FF800000 00 00"
        request = AccessRequest(EMPTY_INVOKE, (), (), MOMENT)
        self.assert_three_ways(bytes.fromhex(octets), request)

    def test_what_is_wrong_is_named(self) -> None:
        self.assertRaises(LocalError, AccessRequest, 0, (AccessGet(CLOCK),), ())
        for octets, words in (
            ("D9 00000000 00 01 06", "choice 6, at byte 7"),
            ("D9 00000000 00 01 00", "choice 0, at byte 7"),
            ("D9 00000000 05 0000000000", "date-time has 5 bytes"),
            ("D9 00000000 00 00 01 00", "1 values for 0 items"),
            ("D9 00000000 00 84FFFFFFFF", "choice of an item is cut short"),
        ):
            self.assert_refused(AccessRequest, bytes.fromhex(octets), words)

    @given(INVOKES, st.lists(st.tuples(ITEMS, DATA), max_size=5), st.none() | date_times)
    def test_round_trip(self, invoke: int, pairs: list[Any], moment: Any) -> None:
        items, values = zip(*pairs, strict=True) if pairs else ((), ())
        request = AccessRequest(invoke, items, values, moment)
        self.assertEqual(AccessRequest.decode(request.encode()), request)


class ResponseTests(ApduTestCase):
    def test_every_kind_of_outcome(self) -> None:
        octets = "DA C0000007 00 00 03 0601020304 00 00 03 01 00 02 03 03 0B"
        response = AccessResponse(
            EMPTY_INVOKE,
            (data("0601020304"), NULL, NULL),
            (
                GetDone(DataAccessResult.SUCCESS),
                SetDone(DataAccessResult.READ_WRITE_DENIED),
                ActionDone(ActionResult.OBJECT_UNAVAILABLE),
            ),
        )
        self.assert_three_ways(bytes.fromhex(octets), response)

    def test_that_repeats_what_was_asked(self) -> None:
        octets = "DA D0000007 00 01 01 01 0008 0000010000FF 02 01 00 01 01 0B"
        response = AccessResponse(
            0xD0000007,
            (NULL,),
            (GetDone(DataAccessResult.OBJECT_UNAVAILABLE),),
            (AccessGet(CLOCK),),
        )
        self.assert_three_ways(bytes.fromhex(octets), response)

    def test_what_is_wrong_is_named(self) -> None:
        self.assertRaises(LocalError, AccessResponse, 0, (NULL,), ())
        self.assert_refused(
            AccessResponse, bytes.fromhex("DA 00000000 00 00 01 00 01 04 00"), "choice 4,"
        )
        self.assert_refused(
            AccessResponse, bytes.fromhex("DA 00000000 00 00 01 00 00"), "0 outcomes for 1"
        )

    @given(
        INVOKES,
        st.lists(st.tuples(DATA, OUTCOMES), max_size=5),
        st.lists(ITEMS, max_size=3),
        st.none() | date_times,
    )
    def test_round_trip(self, invoke: int, pairs: Any, items: Any, moment: Any) -> None:
        values, outcomes = zip(*pairs, strict=True) if pairs else ((), ())
        response = AccessResponse(invoke, values, outcomes, tuple(items), moment)
        self.assertEqual(AccessResponse.decode(response.encode()), response)
