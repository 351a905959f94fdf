"""Selective access: the Access that a GET takes, and back."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.axdr.clock import ClockStatus, DateTime
from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.capture import CaptureObject
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.xdlms.get import GetRequestNormal
from dlmsd.dlms.xdlms.selective import (
    CLOCK,
    EntryDescriptor,
    ObjectIdList,
    RangeDescriptor,
    range_value,
)
from dlmsd.errors import DecodeError
from tests.dlms.xdlms.test_get import DATA, ENTRIES, data
from tests.vectors import services as vectors

PROFILE = AttributeDescriptor(7, Obis.parse("1-0:99.1.0"), 2)
ENERGY = CaptureObject(AttributeDescriptor(3, Obis.parse("1-1:1.8.0"), 2), 3)
BOGOTA = timezone(timedelta(hours=-5))
MIDNIGHT = datetime(2026, 3, 1, tzinfo=BOGOTA)


class RangeTests(SynchronousTestCase):
    def test_the_published_one(self) -> None:
        request = GetRequestNormal.decode(vectors.GET_RANGE)
        assert request.access is not None
        selection = RangeDescriptor.of(request.access)
        self.assertEqual(selection.restricting, CLOCK)
        self.assertEqual(selection.columns, ())
        start = DateTime.decode(selection.from_value.value)
        self.assertEqual((start.date.year, start.deviation), (2018, -120))
        again = GetRequestNormal(request.invoke, PROFILE, selection.access)
        self.assertEqual(again.encode(), vectors.GET_RANGE)

    def test_values(self) -> None:
        octets = range_value(MIDNIGHT).value
        self.assertEqual(octets.hex(), "07ea0301070000000001 2c00".replace(" ", ""))
        self.assertEqual(DateTime.decode(octets).to_datetime(), MIDNIGHT)

    def test_values_without_deviation(self) -> None:
        sent = DateTime.decode(range_value(MIDNIGHT, deviation=False).value)
        self.assertEqual((sent.deviation, sent.status), (None, None))
        self.assertEqual(sent.to_datetime(BOGOTA), MIDNIGHT)
        self.assertEqual(range_value(MIDNIGHT, deviation=False).value[-3:].hex(), "8000ff")
        with_it = DateTime.decode(range_value(MIDNIGHT).value)
        self.assertEqual((with_it.deviation, with_it.status), (300, ClockStatus(0)))

    def test_columns(self) -> None:
        selection = RangeDescriptor(data("0F01"), data("0F02"), ENERGY, (CLOCK, ENERGY))
        request = GetRequestNormal(0xC1, PROFILE, selection.access)
        again = GetRequestNormal.decode(request.encode())
        assert again.access is not None
        self.assertEqual(RangeDescriptor.of(again.access), selection)

    def test_what_is_wrong_is_named(self) -> None:
        for access, words in (
            ((2, data("00")), "access selector 2, not 1"),
            ((1, data("00")), "a range is null-data, not structure"),
            ((1, data("0200")), "a range has 0 elements, not 4"),
            ((1, data("0204 00 00 00 0100")), "a capture object is null-data"),
            ((1, data("0204 0204 120008 0903000001 0F02 120000 00 00 0100")), "six octets"),
        ):
            error = self.assertRaises(DecodeError, RangeDescriptor.of, access)
            self.assertIn(words, str(error))

    @given(st.integers(0, 255), DATA)
    def test_anything_else_is_an_error(self, selector: int, parameters: Data) -> None:
        for kind in (RangeDescriptor, EntryDescriptor):
            self.assertRaises(DecodeError, kind.of, (selector, parameters))


class EntryTests(SynchronousTestCase):
    def test_of_and_access(self) -> None:
        selection = EntryDescriptor(1, 5)
        self.assertEqual(selection.access, ENTRIES)
        self.assertEqual(EntryDescriptor.of(ENTRIES), selection)
        self.assertEqual(EntryDescriptor.of((2, data("0204 1101 1102 1103 1104"))).to_column, 4)

    def test_what_is_wrong_is_named(self) -> None:
        minus = (2, Data(Tag.STRUCTURE, (data("0FFF"),) * 4))
        error = self.assertRaises(DecodeError, EntryDescriptor.of, minus)
        self.assertIn("from_entry is -1", str(error))
        text = (2, Data(Tag.STRUCTURE, (data("0301"),) * 4))
        self.assertIn("boolean", str(self.assertRaises(DecodeError, EntryDescriptor.of, text)))


class ObjectIdTests(SynchronousTestCase):
    """Blue Book, Association LN: object_Id_list is an array of class_id and logical_name."""

    def test_of_and_access(self) -> None:
        selection = ObjectIdList(((15, Obis.parse("0-0:40.0.0")), (8, Obis.parse("0-0:1.0.0"))))
        ids = "0102 0202 12000F 09060000280000FF 0202 120008 09060000010000FF"
        self.assertEqual(selection.access, (3, data(ids)))
        self.assertEqual(ObjectIdList.of((3, data(ids))), selection)

    def test_what_is_wrong_is_named(self) -> None:
        for access, words in (
            ((1, data("0100")), "access selector 1, not 3"),
            ((3, data("0101 0201 120008")), "object_id has 1 elements"),
            ((3, data("0101 0202 120008 090100")), "six octets"),
        ):
            error = self.assertRaises(DecodeError, ObjectIdList.of, access)
            self.assertIn(words, str(error))
