"""ACCESS and selective access at the meter's end."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.axdr.data import Data, Tag
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
from dlmsd.dlms.xdlms.conformance import Conformance
from dlmsd.dlms.xdlms.exception_response import ServiceError
from dlmsd.dlms.xdlms.get import GetRequestNormal, GetRequestWithList
from dlmsd.dlms.xdlms.long_invoke import encode_long_invoke
from tests.simulator.plain import EVERYTHING, Talk
from tests.simulator.shelf import ECHO, LONG, LONG_VALUE, MISSING, NO_METHOD, VALUE, VOLTAGE
from tests.simulator.test_set import NEW, UNSUPPORTED

NOTHING = Data(Tag.NULL_DATA, None)
OK = DataAccessResult.SUCCESS
FROM_OCTET_198 = (198, NOTHING)
PART = Data(Tag.OCTET_STRING, b"\xc6\xc7")
ITEMS = (
    AccessGet(VOLTAGE),
    AccessGet(MISSING),
    AccessSet(VOLTAGE),
    AccessGet(LONG, FROM_OCTET_198),
    AccessAction(ECHO),
    AccessAction(NO_METHOD),
)
GIVEN = (NOTHING, NOTHING, NEW, NOTHING, VALUE, NOTHING)
VALUES = (VALUE, NOTHING, NOTHING, PART, VALUE, NOTHING)
OUTCOMES = (
    GetDone(OK),
    GetDone(DataAccessResult.OBJECT_UNDEFINED),
    SetDone(OK),
    GetDone(OK),
    ActionDone(ActionResult.SUCCESS),
    ActionDone(ActionResult.OBJECT_UNDEFINED),
)


class AccessTests(SynchronousTestCase):
    def test_all_kinds(self) -> None:
        talk = Talk().open()
        invoke = encode_long_invoke(70000)
        found = talk.ask(AccessRequest(invoke, ITEMS, GIVEN))
        self.assertEqual(found, AccessResponse(invoke, VALUES, OUTCOMES))
        self.assertEqual(talk.shelf.values[VOLTAGE], NEW)
        undefined = DataAccessResult.OBJECT_UNDEFINED
        expected = ((VOLTAGE, VALUE), (MISSING, undefined), (LONG, PART))
        self.assertEqual(talk.answer.results, expected)

    def test_self_descriptive(self) -> None:
        invoke = encode_long_invoke(1, self_descriptive=True)
        found = Talk().open().ask(AccessRequest(invoke, ITEMS, GIVEN))
        self.assertEqual(found, AccessResponse(invoke, VALUES, OUTCOMES, ITEMS))

    def test_break_on_error(self) -> None:
        talk = Talk().open()
        invoke = encode_long_invoke(1, break_on_error=True)
        found = talk.ask(AccessRequest(invoke, ITEMS, GIVEN))
        self.assertEqual(found, AccessResponse(invoke, VALUES[:2], OUTCOMES[:2]))
        self.assertEqual(talk.shelf.values[VOLTAGE], VALUE)

    def test_unconfirmed(self) -> None:
        talk = Talk().open()
        request = AccessRequest(encode_long_invoke(1, confirmed=False), ITEMS, GIVEN)
        self.assertIsNone(talk.ask(request))
        self.assertEqual(talk.shelf.values[VOLTAGE], NEW)

    def test_too_long(self) -> None:
        request = AccessRequest(encode_long_invoke(1), (AccessGet(LONG),), (NOTHING,))
        found = Talk().open(max_pdu=100).ask(request)
        self.assertIs(found.service_error, ServiceError.PDU_TOO_LONG)

    def test_not_agreed_upon(self) -> None:
        talk = Talk().open(EVERYTHING & ~Conformance.ACCESS)
        self.assertEqual(talk.ask(AccessRequest(0, ITEMS, GIVEN)), UNSUPPORTED)


class SelectiveTests(SynchronousTestCase):
    def test_normal_and_list(self) -> None:
        talk = Talk().open()
        request = GetRequestNormal(0xC1, LONG, FROM_OCTET_198)
        self.assertEqual(talk.ask(request).result, PART)
        listed = GetRequestWithList(0xC1, (VOLTAGE, LONG, LONG), (None, FROM_OCTET_198, None))
        self.assertEqual(talk.ask(listed).results, (VALUE, PART, LONG_VALUE))

    def test_not_agreed_upon(self) -> None:
        talk = Talk().open(EVERYTHING & ~Conformance.SELECTIVE_ACCESS)
        refused = DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
        self.assertIs(talk.ask(GetRequestNormal(0xC1, LONG, FROM_OCTET_198)).result, refused)
        item = AccessGet(LONG, FROM_OCTET_198)
        found = talk.ask(AccessRequest(encode_long_invoke(0), (item,), (NOTHING,)))
        self.assertEqual(found.outcomes, (GetDone(refused),))
