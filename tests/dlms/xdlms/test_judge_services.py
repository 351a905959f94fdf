"""dlms-cosem 21.3.2 as independent judge of SET, ACTION, pushes and selection by range.

What it cannot judge, and why:

* SET and ACTION with lists or in blocks, ACCESS, general block transfer, short names,
  EventNotification and InformationReport: it has none of them
* selective access in a SET: it refuses it
* unknown results: it refuses them
* the date-time of a DataNotification, written by it: it writes 1 for the length 12; read by
  it, the tag that Kaifa puts before it: it takes it for the length
* a deviation of 0, read by it: it takes it for "not specified"
* columns in a range: it writes none
* a weekday in a date-time: it writes "not specified"; the clock status: it drops it
* selection by entry: its encoder is not there
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from attrs import evolve
from dlms_cosem import cosem, enumerations
from dlms_cosem.cosem import selective_access
from dlms_cosem.protocol import xdlms
from dlms_cosem.protocol.xdlms.data_notification import LongInvokeIdAndPriority
from hypothesis import given
from hypothesis import strategies as st

from dlmsd.dlms.axdr.clock import DateTime
from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.dlms.axdr.data import encode as encode_data
from dlmsd.dlms.cosem.method import MethodDescriptor
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.action import ActionAnswer, ActionRequestNormal, ActionResponseNormal
from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.dlms.xdlms.apdu import decode_apdu
from dlmsd.dlms.xdlms.get import GetRequestNormal
from dlmsd.dlms.xdlms.long_invoke import encode_long_invoke
from dlmsd.dlms.xdlms.notification import DataNotification
from dlmsd.dlms.xdlms.selective import RangeDescriptor, range_value
from dlmsd.dlms.xdlms.set import SetRequestNormal, SetResponseNormal
from tests.dlms.xdlms.test_get import DATA
from tests.dlms.xdlms.test_judge import (
    ACCESS_RESULTS,
    INVOKES,
    PLACES,
    JudgeTestCase,
    our_attribute,
    our_invoke,
    their_attribute,
)
from tests.vectors import services as vectors

ACTION_RESULTS = st.sampled_from(sorted(ActionResult))
Invoke = tuple[int, bool, bool]
Place = tuple[int, bytes, int]


def their_method(place: Place) -> cosem.CosemMethod:
    return cosem.CosemMethod(place[0], cosem.Obis.from_bytes(place[1]), place[2])


def our_method(place: Place) -> MethodDescriptor:
    return MethodDescriptor(int(place[0]), Obis(place[1]), place[2])


class SetTests(JudgeTestCase):
    @given(INVOKES, PLACES, DATA)
    def test_request(self, invoke: Invoke, place: Place, value: Data) -> None:
        theirs = xdlms.SetRequestNormal(
            their_attribute(place),
            encode_data(value),
            invoke_id_and_priority=xdlms.InvokeIdAndPriority(*invoke),
        )
        self.assert_agree(SetRequestNormal(our_invoke(invoke), our_attribute(place), value), theirs)

    @given(INVOKES, ACCESS_RESULTS)
    def test_response(self, invoke: Invoke, result: DataAccessResult) -> None:
        theirs = xdlms.SetResponseNormal(
            enumerations.DataAccessResult(int(result)), xdlms.InvokeIdAndPriority(*invoke)
        )
        self.assert_agree(SetResponseNormal(our_invoke(invoke), result), theirs)


class ActionTests(JudgeTestCase):
    @given(INVOKES, PLACES, st.none() | DATA)
    def test_request(self, invoke: Invoke, place: Place, parameters: Data | None) -> None:
        theirs = xdlms.ActionRequestNormal(
            their_method(place),
            None if parameters is None else encode_data(parameters),
            xdlms.InvokeIdAndPriority(*invoke),
        )
        ours = ActionRequestNormal(our_invoke(invoke), our_method(place), parameters)
        self.assert_agree(ours, theirs)

    @given(INVOKES, ACTION_RESULTS, st.none() | DATA | ACCESS_RESULTS)
    def test_response(
        self, invoke: Invoke, result: ActionResult, data: Data | DataAccessResult | None
    ) -> None:
        status = enumerations.ActionResultStatus(int(result))
        theirs_invoke = xdlms.InvokeIdAndPriority(*invoke)
        theirs: object
        if data is None:
            theirs = xdlms.ActionResponseNormal(status, theirs_invoke)
        elif isinstance(data, DataAccessResult):
            error = enumerations.DataAccessResult(int(data))
            theirs = xdlms.ActionResponseNormalWithError(status, error, theirs_invoke)
        else:
            theirs = xdlms.ActionResponseNormalWithData(status, encode_data(data), theirs_invoke)
        self.assert_agree(
            ActionResponseNormal(our_invoke(invoke), ActionAnswer(result, data)), theirs
        )

    def test_the_names_of_the_results(self) -> None:
        self.assertEqual(
            {result.name: int(result) for result in ActionResult},
            {result.name: int(result) for result in enumerations.ActionResultStatus},
        )


class NotificationTests(JudgeTestCase):
    @given(st.integers(0, 2**24 - 1), *[st.booleans()] * 4)
    def test_long_invoke(
        self, number: int, high: bool, confirmed: bool, descriptive: bool, breaks: bool
    ) -> None:
        theirs = LongInvokeIdAndPriority(number, high, confirmed, descriptive, breaks)
        ours = encode_long_invoke(
            number,
            high_priority=high,
            confirmed=confirmed,
            self_descriptive=descriptive,
            break_on_error=breaks,
        )
        self.assertEqual(ours.to_bytes(4, "big"), theirs.to_bytes())

    @given(st.integers(0, 2**24 - 1), DATA)
    def test_without_a_date_time(self, number: int, body: Data) -> None:
        invoke = LongInvokeIdAndPriority(number)
        theirs = xdlms.DataNotification(invoke, None, encode_data(body))
        self.assert_agree(DataNotification(number, None, body), theirs)

    @given(DATA, st.datetimes(datetime(2000, 1, 1), datetime(2099, 1, 1)), st.integers(1, 720))
    def test_with_a_date_time_read_by_it(self, body: Data, moment: datetime, minutes: int) -> None:
        for east in (minutes, -minutes):
            zone = timezone(timedelta(minutes=east))
            sent = moment.replace(tzinfo=zone, microsecond=0)
            ours = DataNotification(7, DateTime.from_datetime(sent), body)
            theirs = xdlms.DataNotification.from_bytes(ours.encode())
            self.assertEqual(theirs.date_time, sent)
            self.assertEqual(theirs.body, encode_data(body))

    def test_the_published_ones(self) -> None:
        for octets in (vectors.PUSH_PLAIN, vectors.PUSH_AIDON):
            self.assert_agree(decode_apdu(octets), xdlms.DataNotification.from_bytes(octets))


class RangeTests(JudgeTestCase):
    @given(PLACES, st.datetimes(datetime(2000, 1, 1), datetime(2099, 1, 1)))
    def test_a_request(self, place: Place, moment: datetime) -> None:
        start = moment.replace(tzinfo=UTC, microsecond=0)
        end = start + timedelta(days=1)
        clock = (enumerations.CosemInterface.CLOCK, bytes((0, 0, 1, 0, 0, 255)), 2)
        theirs = xdlms.GetRequestNormal(
            their_attribute(place),
            xdlms.InvokeIdAndPriority(),
            selective_access.RangeDescriptor(
                selective_access.CaptureObject(their_attribute(clock)), start, end
            ),
        )
        selection = RangeDescriptor(range_value(start), range_value(end))
        ours = GetRequestNormal(our_invoke((1, True, True)), our_attribute(place), selection.access)
        read = GetRequestNormal.decode(theirs.to_bytes())
        assert read.access is not None
        again = RangeDescriptor.of(read.access)
        self.assertEqual(again.restricting, selection.restricting)
        for mine, his in (
            (selection.from_value, again.from_value),
            (selection.to_value, again.to_value),
        ):
            sent = DateTime.decode(mine.value)
            same = evolve(sent, date=evolve(sent.date, weekday=None))
            self.assertEqual(his, Data(Tag.OCTET_STRING, same.encode()))
        plain = evolve(selection, from_value=again.from_value, to_value=again.to_value)
        ours = evolve(ours, access=plain.access, invoke=read.invoke)
        self.assertEqual(ours.encode(), theirs.to_bytes())
