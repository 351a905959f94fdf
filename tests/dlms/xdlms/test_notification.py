"""What meters send unasked: published pushes, and the variants they have."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dlmsd.dlms.axdr.clock import ClockStatus, Date, DateTime, Time
from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.dlms.xdlms.notification import (
    DataNotification,
    DataNotificationConfirm,
    EventNotificationRequest,
)
from tests.dlms.axdr.trees import date_times
from tests.dlms.xdlms.test_get import ATTRIBUTES, CLOCK, DATA, data
from tests.dlms.xdlms.three_ways import ApduTestCase
from tests.vectors import services as vectors

MOMENT = DateTime(Date(2020, 2, 3, 1), Time(15, 27, 10), None, ClockStatus(0))
LIST_1 = Data(Tag.STRUCTURE, (Data(Tag.DOUBLE_LONG_UNSIGNED, 0x37),))


class DataNotificationTests(ApduTestCase):
    def test_without_a_date_time(self) -> None:
        body = data(vectors.PUSH_PLAIN[6:].hex())
        self.assert_three_ways(vectors.PUSH_PLAIN, DataNotification(475, None, body))

    def test_aidon(self) -> None:
        body = data(vectors.PUSH_AIDON[6:].hex())
        self.assert_three_ways(vectors.PUSH_AIDON, DataNotification(0x40000000, None, body))
        self.assertEqual(len(body.value), 12)

    def test_kaifa_has_a_tag_before_the_date_time(self) -> None:
        push = DataNotification(0x40000000, MOMENT, LIST_1)
        self.assert_three_ways(vectors.PUSH_KAIFA, push, encodes=False)
        standard = vectors.PUSH_KAIFA[:5] + vectors.PUSH_KAIFA[6:]
        self.assert_three_ways(standard, push)

    def test_a_date_time_of_another_length(self) -> None:
        octets = bytes.fromhex("0F00000000 05 0102030405 00")
        self.assert_refused(DataNotification, octets, "date-time has 5 bytes", "at byte 5")
        # Nine octets are no date-time, and no tag before one.
        octets = bytes.fromhex("0F00000000 09 010203040506070809 00")
        self.assert_refused(DataNotification, octets, "date-time has 9 bytes")

    @given(st.integers(0, 2**32 - 1), st.none() | date_times, DATA)
    def test_round_trip(self, invoke: int, moment: Any, body: Data) -> None:
        push = DataNotification(invoke, moment, body)
        self.assertEqual(DataNotification.decode(push.encode()), push)


class ConfirmTests(ApduTestCase):
    """data-notification-confirm [16]: a long-invoke-id-and-priority and a date-time."""

    def test_both_forms(self) -> None:
        confirm = DataNotificationConfirm(0x40000007)
        self.assert_three_ways(bytes.fromhex("10 40000007 00"), confirm)
        confirm = DataNotificationConfirm(0xC0000007, MOMENT)
        octets = bytes.fromhex("10 C0000007 0C 07E40203010F1B0AFF800000")
        self.assert_three_ways(octets, confirm)

    def test_only_a_confirmed_service_wants_one(self) -> None:
        self.assertIsNone(DataNotification(0x80000007, None, LIST_1).confirmation)
        wants = DataNotification(0x40000007, MOMENT, LIST_1)
        self.assertEqual(wants.confirmation, DataNotificationConfirm(0x40000007))

    @given(st.integers(0, 2**32 - 1), st.none() | date_times)
    def test_round_trip(self, invoke: int, moment: Any) -> None:
        confirm = DataNotificationConfirm(invoke, moment)
        self.assertEqual(DataNotificationConfirm.decode(confirm.encode()), confirm)


class EventNotificationTests(ApduTestCase):
    def test_both_forms(self) -> None:
        octets = "C2 00 0008 0000010000FF 02 0301"
        event = EventNotificationRequest(None, CLOCK, data("0301"))
        self.assert_three_ways(bytes.fromhex(octets), event)
        octets = "C2 01 0C 07E40203010F1B0AFF800000 0008 0000010000FF 02 0301"
        event = EventNotificationRequest(MOMENT, CLOCK, data("0301"))
        self.assert_three_ways(bytes.fromhex(octets), event)

    @given(st.none() | date_times, ATTRIBUTES, DATA)
    def test_round_trip(self, moment: Any, attribute: Any, value: Data) -> None:
        event = EventNotificationRequest(moment, attribute, value)
        self.assertEqual(EventNotificationRequest.decode(event.encode()), event)
