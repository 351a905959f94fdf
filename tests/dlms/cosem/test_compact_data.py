"""Compact data: values by their template; every octet here is made by the Green Book's rules for
compact-array, because no meter's is published.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.axdr.clock import DateTime
from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.capture import CaptureObject
from dlmsd.dlms.cosem.compact_data import Template, compact_buffer, template_attributes
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.errors import DecodeError

NAME = Obis.parse("0-0:66.0.1")
OWN = CaptureObject(AttributeDescriptor(62, NAME, 4))
CLOCK = CaptureObject(AttributeDescriptor(8, Obis.parse("0-0:1.0.0"), 2))
BOUGHT = CaptureObject(AttributeDescriptor(3, Obis.parse("1-0:1.8.0"), 2))
SERIAL = CaptureObject(AttributeDescriptor(1, Obis.parse("0-0:96.1.0"), 2))
COLUMNS = (OWN, CLOCK, BOUGHT, SERIAL)
# structure of 4: unsigned, date-time, double-long-unsigned, octet-string
DESCRIPTION = bytes.fromhex("0204 11 19 06 09")
MOMENT = bytes.fromhex("07E10A1405032B1EFF800000")
BUFFER = bytes.fromhex("07") + MOMENT + bytes.fromhex("0001E240 03 616263")


def octets(value: bytes) -> Data:
    return Data(Tag.OCTET_STRING, value)


def template(
    columns: tuple[CaptureObject, ...] = COLUMNS, description: bytes = DESCRIPTION, number: int = 7
) -> Template:
    array = Data(Tag.ARRAY, tuple(each.data for each in columns))
    return Template.of(NAME, array, Data(Tag.UNSIGNED, number), octets(description))


class TemplateTests(SynchronousTestCase):
    def refused(self, words: str, of: Template, buffer: bytes = BUFFER) -> None:
        error = self.assertRaises(DecodeError, of.row, octets(buffer))
        self.assertIn(words, str(error))

    def test_attributes(self) -> None:
        self.assertEqual(str(compact_buffer(NAME)), "62/0-0:66.0.1/2")
        self.assertEqual([one.attribute for one in template_attributes(NAME)], [3, 4, 5])

    def test_named_values(self) -> None:
        found = template().row(octets(BUFFER))
        self.assertEqual([column for column, _ in found], list(COLUMNS))
        number, moment, bought, serial = [value for _, value in found]
        self.assertEqual(number, Data(Tag.UNSIGNED, 7))
        self.assertEqual(moment, Data(Tag.DATE_TIME, DateTime.decode(MOMENT)))
        self.assertEqual(bought, Data(Tag.DOUBLE_LONG_UNSIGNED, 123456))
        self.assertEqual(serial, octets(b"abc"))

    def test_a_description_with_the_templates_number_before_it(self) -> None:
        for number in (7, 2):
            described = template(description=bytes((number,)) + DESCRIPTION, number=number)
            buffer = bytes((number,)) + BUFFER[1:]
            self.assertEqual(
                described.row(octets(buffer)), template(number=number).row(octets(buffer))
            )

    def test_structures_and_arrays_inside(self) -> None:
        scaled = CaptureObject(AttributeDescriptor(3, BOUGHT.attribute.obis, 3))
        list_of = CaptureObject(AttributeDescriptor(1, SERIAL.attribute.obis, 2))
        of = template((scaled, list_of), bytes.fromhex("0202 0202 0F 16 01 0003 11"))
        (_, unit), (_, numbers) = of.row(octets(bytes.fromhex("FF 1E 01 02 03")))
        parts = (Data(Tag.INTEGER, -1), Data(Tag.ENUM, 30))
        self.assertEqual(unit, Data(Tag.STRUCTURE, parts))
        self.assertEqual([each.value for each in numbers.value], [1, 2, 3])  # type: ignore[union-attr]

    def test_one_column_without_a_structure(self) -> None:
        ((_, value),) = template((BOUGHT,), b"\x06").row(octets(bytes(3) + b"\x05"))
        self.assertEqual(value, Data(Tag.DOUBLE_LONG_UNSIGNED, 5))

    def test_another_template(self) -> None:
        self.refused("another template", template(number=8))

    def test_what_does_not_fit(self) -> None:
        self.refused("holds nothing", template(), b"")
        self.refused("cut short", template(), BUFFER[:-1])
        self.refused("", template(), BUFFER + b"\x00")
        self.refused("2 rows", template(), BUFFER * 2)
        self.refused("4 values of 3", template(COLUMNS[:3]))
        for description in (b"", b"\x02", b"\x02\x04\x11", DESCRIPTION + b"\x00", b"\xff"):
            self.refused("", template(description=description))
        # It must not describe itself out of the buffer behind it.
        self.refused("", template(description=DESCRIPTION[:-1]), b"\x09" + BUFFER)
        error = self.assertRaises(DecodeError, template().row, Data(Tag.UNSIGNED, 1))
        self.assertIn("no octet-string", str(error))

    def test_what_is_no_template(self) -> None:
        array = Data(Tag.ARRAY, ())
        number = Data(Tag.UNSIGNED, 1)
        for parts in (
            (number, number, octets(DESCRIPTION)),
            (array, octets(b""), octets(DESCRIPTION)),
            (array, number, number),
        ):
            self.assertRaises(DecodeError, Template.of, NAME, *parts)
