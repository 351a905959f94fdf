"""Short names of attributes and methods."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.axdr.data import Data, Tag, decode
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


class RightsTests(SynchronousTestCase):
    """access_rights_list: self-made, by the Blue Book's words on Association SN."""

    def names(self, version: int) -> ShortNames:
        own = bytes.fromhex(f"0204 10FA00 12000C 11{version:02X} 0906 0000280000FF")
        listed, _ = decode(
            b"\x01\x02" + own + bytes.fromhex("0204 108000 120003 1100 0906 0100010800FF")
        )
        return ShortNames.of(listed)

    def rights(self, names: ShortNames, mode: int, base: str = "8000") -> bytes:
        attributes = f"0101 0203 0F02 16{mode:02X} 00"
        return bytes.fromhex(f"0101 0203 10{base} {attributes} 0101 0202 0F01 1601")

    def test_from_which_version_it_is_there(self) -> None:
        told = [self.names(version).rights_told for version in range(5)]
        self.assertEqual(told, [False, False, True, True, True])
        self.assertFalse(ShortNames().rights_told)

    def test_of_an_object(self) -> None:
        names = self.names(2)
        (one,) = names.rights(self.rights(names, 1))
        self.assertEqual((one.class_id, str(one.obis), one.base_name), (3, "1-0:1.8.0", 0x8000))
        self.assertTrue(one.readable(2) and one.invocable(1))
        self.assertFalse(one.writable(2) or one.readable(3) or one.invocable(2))

    def test_what_a_mode_is_depends_on_the_version(self) -> None:
        for version, writable in ((2, True), (3, True), (4, False)):
            names = self.names(version)
            (one,) = names.rights(self.rights(names, 5))
            self.assertEqual(one.writable(2), writable)

    def test_of_no_listed_object(self) -> None:
        names = self.names(2)
        self.assertEqual(names.rights(self.rights(names, 1, "1234")), ())

    def test_what_is_none(self) -> None:
        names = self.names(2)
        for octets in (b"", b"\x09\x00", b"\x01\x01\x11\x01", self.rights(names, 1)[:-1]):
            self.assertRaises(DecodeError, names.rights, octets)
