"""Short names of attributes and methods."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.method import MethodDescriptor
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.cosem.short_names import OBJECT_LIST_SN, ShortNames, named_objects
from dlmsd.errors import DecodeError

REGISTER = Obis.parse("1-0:1.8.0")
CLOCK = Obis.parse("0-0:1.0.0")


def entry(base: int, class_id: int, obis: Obis) -> Data:
    """object_list_element of Association SN."""
    return Data(
        Tag.STRUCTURE,
        (
            Data(Tag.LONG, base),
            Data(Tag.LONG_UNSIGNED, class_id),
            Data(Tag.UNSIGNED, 0),
            Data(Tag.OCTET_STRING, obis.raw),
        ),
    )


LIST = Data(
    Tag.ARRAY,
    (entry(0x2BC0, 8, CLOCK), entry(-0x7FF8, 3, REGISTER), entry(-0x600, 12, OBJECT_LIST_SN.obis)),
)


class ShortNamesTests(SynchronousTestCase):
    def test_before_the_list_only_the_association(self) -> None:
        names = ShortNames()
        self.assertEqual(names.attribute(OBJECT_LIST_SN), 0xFA08)
        self.assertIsNone(names.attribute(AttributeDescriptor(3, REGISTER, 2)))

    def test_attributes_lie_eight_apart(self) -> None:
        names = ShortNames.of(LIST)
        self.assertEqual(names.attribute(AttributeDescriptor(8, CLOCK, 1)), 0x2BC0)
        self.assertEqual(names.attribute(AttributeDescriptor(8, CLOCK, 2)), 0x2BC8)
        self.assertEqual(names.attribute(AttributeDescriptor(3, REGISTER, 3)), 0x8018)
        self.assertEqual(names.attribute(OBJECT_LIST_SN), 0xFA08)

    def test_methods_by_class(self) -> None:
        names = ShortNames.of(LIST)
        self.assertEqual(names.method(MethodDescriptor(3, REGISTER, 1)), 0x8030)
        self.assertEqual(names.method(MethodDescriptor(8, CLOCK, 6)), 0x2BC0 + 0x88)
        self.assertEqual(names.method(MethodDescriptor(12, OBJECT_LIST_SN.obis, 8)), 0xFA58)
        self.assertIsNone(names.method(MethodDescriptor(15, OBJECT_LIST_SN.obis, 1)))

    def test_another_class_is_another_object(self) -> None:
        self.assertIsNone(ShortNames.of(LIST).attribute(AttributeDescriptor(4, REGISTER, 2)))

    def test_objects_without_rights(self) -> None:
        clock, register, _ = named_objects(LIST)
        self.assertEqual((clock.class_id, clock.obis, clock.base_name), (8, CLOCK, 0x2BC0))
        self.assertEqual((register.version, register.base_name), (0, 0x8008))
        self.assertIsNone(register.attributes)

    def test_what_is_no_list(self) -> None:
        for wrong in (
            Data(Tag.UNSIGNED, 1),
            Data(Tag.ARRAY, (Data(Tag.UNSIGNED, 1),)),
            Data(Tag.ARRAY, (Data(Tag.STRUCTURE, (Data(Tag.LONG, 1),) * 4),)),
        ):
            with self.assertRaises(DecodeError):
                ShortNames.of(wrong)
            with self.assertRaises(DecodeError):
                named_objects(wrong)
